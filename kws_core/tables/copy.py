"""Copies of servers that people keep."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kws_core.tables.base import Base, index_where
from kws_core.tables.states import COPY_TRANSITIONS, ON_DISK, CopyState, IllegalMoveError
from kws_core.values import owner_tag

if TYPE_CHECKING:
    from kws_core.tables.rental import Rental

log = logging.getLogger(__name__)


class Copy(Base):
    """The disk of one server as it was when the copy was made: an image on one node, for its owner alone."""

    __tablename__ = "copies"
    __table_args__ = (
        Index("ix_copies_state", "state", "node", "next_check_at"),
        index_where("state IN ('wanted', 'making')", "uq_copies_under_way", "rental_id", unique=True),
        Index("ix_copies_owner_state", "owner", "state"),
    )

    id: Mapped[str] = mapped_column(String(10), primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id"))
    owner: Mapped[str] = mapped_column(String(32))
    state: Mapped[CopyState]
    node: Mapped[str] = mapped_column(String(64))
    at_end: Mapped[bool] = mapped_column(default=False)  # its rental ends when it is kept
    for_move: Mapped[bool] = mapped_column(default=False)  # not to be kept: it goes with the move
    failure: Mapped[str | None] = mapped_column(
        String(24)
    )  # why there is none: a Refusal, or a word of copies/
    detail: Mapped[str | None] = mapped_column(Text)  # the node's words, for the log and the admin
    image_id: Mapped[str | None] = mapped_column(String(64))  # on the node, once it was asked
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the image
    keys: Mapped[list[str]] = mapped_column(default=list)  # comments of KWS's keys that are on the disk
    requested_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]  # when the node was asked for it
    kept_at: Mapped[datetime | None]
    placed_at: Mapped[datetime | None]  # when it was brought to another node than that of its server
    keep_until: Mapped[date]  # its last day
    keep_set_at: Mapped[datetime]  # when that was last chosen
    gone_at: Mapped[datetime | None]
    missing: Mapped[int] = mapped_column(default=0)  # checks in a row that did not find it
    next_check_at: Mapped[datetime]

    rental: Mapped[Rental] = relationship(lazy="joined", innerjoin=True)

    @property
    def mark(self) -> str:
        """What its image is called and carries on the node."""
        return owner_tag(self.id)

    @property
    def name(self) -> str:
        """What people call it: the name of the server that it was made from."""
        return self.rental.name

    @property
    def on_disk(self) -> bool:
        """Whether the node may hold something of it."""
        return self.state in ON_DISK

    def move_to(self, state: CopyState, now: datetime) -> None:
        """Change the state, make it due, and log one line. There is no other way to change it.

        Raises:
            IllegalMoveError: If ``COPY_TRANSITIONS`` doesn't allow it.
        """
        if state not in COPY_TRANSITIONS[self.state]:
            raise IllegalMoveError(f"copy {self.id}: {self.state} -> {state}")
        why = f" ({self.failure})" if self.failure else ""
        log.info("copy %s of rental %s: %s -> %s%s", self.id, self.rental_id, self.state, state, why)
        self.state, self.next_check_at = state, now

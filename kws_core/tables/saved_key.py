"""Public keys that people saved, and the files in which KWS brought them private ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base, index_where

LONGEST_NAME = 60  # characters


class SavedKey(Base):
    """One public key of one person."""

    __tablename__ = "saved_keys"
    __table_args__ = (
        Index("uq_saved_keys_owner_name", "owner", "name", unique=True),
        Index("uq_saved_keys_owner_fingerprint", "owner", "fingerprint", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    public_key: Mapped[str] = mapped_column(Text)  # one clean line of authorized_keys
    fingerprint: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]

    @property
    def type(self) -> str:
        """The key type, such as ``ssh-ed25519``."""
        return self.public_key.split()[0]


class KeyFile(Base):
    """A private key's file in somebody's DM, until it is removed there; KWS has only its id."""

    __tablename__ = "key_files"
    __table_args__ = (
        index_where("removed_at IS NULL", "ix_key_files_there", "sent_at"),
        Index("ix_key_files_rental", "rental_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # Slack's
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(32))  # in whose DM it is
    channel: Mapped[str] = mapped_column(String(32))  # these two: where PuTTY's file is shown with it
    thread: Mapped[str] = mapped_column(String(32))
    sent_at: Mapped[datetime]
    saved_at: Mapped[datetime | None]  # since when its owner has it elsewhere
    removed_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]

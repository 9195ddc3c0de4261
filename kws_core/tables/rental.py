"""The state of every rental, as data: tables, statuses and the transitions that are allowed; what admins are asked.

``Rental.move_to`` is the only door through which a status changes; it checks ``TRANSITIONS`` and writes
the event that is audit trail and outbox in one. Times are aware UTC; dates are in the lab's zone.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from kws_core.errors import Refusal
from kws_core.tables.base import SYSTEM, Base, index_where
from kws_core.tables.details import EventDetails
from kws_core.tables.details.asks import Allowance, AskedFor
from kws_core.tables.event import Event
from kws_core.tables.network import Network, Site
from kws_core.tables.states import (
    LIVE,
    TRANSITIONS,
    Access,
    AskDecision,
    AskKind,
    HostKeySource,
    IllegalMoveError,
    PlacementState,
    Power,
    Reason,
    Status,
)
from kws_core.values import Kind, ResizeEnd, Size, owner_tag

log = logging.getLogger(__name__)


class Rental(Base):
    """One server (or container) lent to one person until the end of ``ends_on`` in the lab's zone."""

    __tablename__ = "rentals"
    __table_args__ = (
        index_where(
            "status NOT IN ('ending', 'ended') AND replaces IS NULL",
            "uq_rentals_live_name",
            "name",
            unique=True,
        ),
        Index("ix_rentals_owner_status", "owner", "status"),
        Index("ix_rentals_status_ends_on", "status", "ends_on"),
        index_where("network_id IS NOT NULL", "ix_rentals_network", "network_id"),
        index_where("move_at IS NOT NULL", "ix_rentals_move_at", "move_at"),
        index_where("status = 'waiting'", "ix_rentals_waiting", "created_at"),
        Index("ix_rentals_ready_at", "ready_at"),
        Index("ix_rentals_ended_at", "ended_at"),
    )

    id: Mapped[str] = mapped_column(String(10), primary_key=True)
    request_key: Mapped[str] = mapped_column(String(255), unique=True)  # one form makes one rental
    kind: Mapped[Kind]
    name: Mapped[str] = mapped_column(String(63))
    owner: Mapped[str] = mapped_column(String(32))
    image: Mapped[str] = mapped_column(String(255))
    login: Mapped[str] = mapped_column(String(64))
    size: Mapped[str] = mapped_column(String(64))
    vcpus: Mapped[int]
    ram_mb: Mapped[int]
    disk_gb: Mapped[int]
    open_ports: Mapped[list[dict[str, Any]]]
    ends_on: Mapped[date]
    end_set_at: Mapped[datetime]  # when ends_on was last chosen
    starts_on: Mapped[date | None]  # its first day, where one was chosen
    wait_until: Mapped[date | None]  # the last day on which it may still get room
    planned_node: Mapped[str | None] = mapped_column(String(64))  # where it is promised room from starts_on
    status: Mapped[Status]
    reason: Mapped[Reason | None]
    access: Mapped[Access]
    public_key: Mapped[str | None] = mapped_column(Text)
    key_fingerprint: Mapped[str | None] = mapped_column(String(64))
    key_file: Mapped[str | None] = mapped_column(
        String(32)
    )  # Slack file id, known before the file is visible
    key_sent_at: Mapped[datetime | None]
    key_number: Mapped[int] = mapped_column(default=1)  # which of the keys that KWS made for it
    rekey: Mapped[dict[str, Any] | None]  # a new key is wanted: what held before (rentals/key_rotation.py)
    key_put_at: Mapped[datetime | None]  # when the node was given the new key
    password_hash: Mapped[str | None] = mapped_column(String(255))
    cloud_init: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the person's own part, parsed
    command: Mapped[list[str]] = mapped_column(default=list)  # containers only, as is the next
    environment: Mapped[dict[str, Any]] = mapped_column(default=dict)
    network_id: Mapped[str | None] = mapped_column(ForeignKey("networks.id", ondelete="SET NULL"))
    pinned: Mapped[bool] = mapped_column(default=False)  # an admin chose the node: it moves nowhere
    switched_off: Mapped[bool] = mapped_column(default=False)  # by its owner
    to_start: Mapped[bool] = mapped_column(default=False)  # restored, and not started yet
    copy_id: Mapped[str | None] = mapped_column(String(10))  # of the copy that its disk is made from
    old_keys: Mapped[list[str]] = mapped_column(
        default=list
    )  # comments of KWS's keys on the disk of that copy
    copy_at_end: Mapped[bool] = mapped_column(default=False)  # before it ends a copy is made
    replaces: Mapped[str | None] = mapped_column(String(10))  # the rental whose place it is to take
    replaced_by: Mapped[str | None] = mapped_column(String(10))  # the rental that takes its place, or took it
    move_at: Mapped[datetime | None]  # when its owner wants it moved
    reset_number: Mapped[int] = mapped_column(default=0)  # of the last rebuild that was wanted of a node
    reset_at: Mapped[datetime | None]  # since when it is being reset, None while it is not
    reset_tries: Mapped[int] = mapped_column(default=0)  # rebuilds for this reset that came to nothing
    host_keys: Mapped[list[str]] = mapped_column(default=list)
    host_keys_from: Mapped[HostKeySource | None]
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]  # since when it is kept for the grace period
    ended_at: Mapped[datetime | None]
    dm_channel: Mapped[str | None] = mapped_column(String(32))
    card_ts: Mapped[str | None] = mapped_column(String(32))  # the progress message
    version: Mapped[int] = mapped_column()

    network: Mapped[Network | None] = relationship(lazy="selectin")
    site: Mapped[Site | None] = relationship(
        lazy="joined", cascade="all, delete-orphan", passive_deletes=True
    )
    placements: Mapped[list[Placement]] = relationship(
        back_populates="rental", order_by="Placement.id", lazy="selectin", cascade="all, delete-orphan"
    )
    events: WriteOnlyMapped[Event] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own way

    @property
    def mark(self) -> str:
        """What everything of this rental carries on a node."""
        return owner_tag(self.id)

    @property
    def wanted_size(self) -> Size:
        """The size as it was when rented, whatever nodes.toml says now."""
        return Size(self.size, self.vcpus, self.ram_mb, self.disk_gb)

    @wanted_size.setter
    def wanted_size(self, size: Size) -> None:
        self.size, self.vcpus, self.ram_mb, self.disk_gb = size.name, size.vcpus, size.ram_mb, size.disk_gb

    @property
    def waits_until(self) -> date:
        """The last day on which it is of use to begin with it."""
        return min(self.wait_until or self.ends_on, self.ends_on)

    @property
    def largest_size(self) -> Size:
        """The larger of what it has and what it is to get, in everything."""
        was, new = self.wanted_size, (self.placement and self.placement.new_size) or self.wanted_size
        figures = ((was.vcpus, new.vcpus), (was.ram_mb, new.ram_mb), (was.disk_gb, new.disk_gb))
        return Size(was.name, *map(max, figures))

    @property
    def wanted_image(self) -> str:
        """What its node must have already to be chosen: nothing where a copy is brought there."""
        return self.image if self.copy_id is None else ""

    @property
    def placement(self) -> Placement | None:
        """The placement on the rental's node, None once it is leaving."""
        return next((p for p in self.placements if p.state is PlacementState.ACTIVE), None)

    @property
    def awaits_slot(self) -> bool:
        """Whether it is to be built and its node was not asked for the machine yet."""
        unbuilt = self.status in (Status.REQUESTED, Status.BUILDING)
        return unbuilt and self.placement is not None and self.placement.server_at is None

    @property
    def power(self) -> Power:
        """What its machine does, as its node shows it; of use while it is ready."""
        held = self.placement
        if self.reset_at is not None:
            return Power.RESETTING
        if self.resizing:
            return Power.RESIZING
        if held is None or not (held.powered_off or held.act_at):
            return Power.ON
        if held.act_at is None:
            return Power.OFF
        if held.powered_off:
            return Power.OFF if self.switched_off else Power.STARTING
        return Power.STOPPING if self.switched_off else Power.ON

    @property
    def movable(self) -> bool:
        """Whether KWS can make another one like it. Of what was imported nobody can see whether its owner gets in."""
        return self.kind is Kind.SERVER and self.access is not Access.NONE

    @property
    def moving(self) -> bool:
        """Whether another one is made to take its place: its machine is stopped, and stays as it is."""
        return self.live and self.replaced_by is not None

    @property
    def resizing(self) -> bool:
        """Whether its machine gets another size where it is, which is neither confirmed nor given up yet."""
        return self.placement is not None and self.placement.resize_at is not None

    @property
    def live(self) -> bool:
        """Whether it still counts as the person's."""
        return self.status in LIVE

    @property
    def key_settled(self) -> bool:
        """Whether the owner is known to have what opens the machine, so that it may be made."""
        if self.access is Access.GENERATED and self.rekey is None:
            return self.public_key is not None and self.key_sent_at is not None
        return True

    def move_to(
        self,
        status: Status,
        now: datetime,
        *,
        event: EventDetails,
        actor: str = SYSTEM,
        reason: Reason | None = None,
    ) -> Event:
        """Change the status, write the event, and log one line. There is no other way to change it.

        Raises:
            IllegalMoveError: If ``TRANSITIONS`` doesn't allow it.
        """
        if status not in TRANSITIONS[self.status]:
            raise IllegalMoveError(f"rental {self.id}: {self.status} -> {status}")
        log.info(
            "rental %s %s: %s -> %s%s",
            self.id,
            self.name,
            self.status,
            status,
            f" ({reason})" if reason else "",
        )
        self.status = status
        if reason is not None:
            self.reason = reason
        return self.record(event, now, actor=actor)

    def record(
        self, details: EventDetails, now: datetime, *, actor: str = SYSTEM, key: str | None = None
    ) -> Event:
        """Add a line to the history; it is delivered to the owner by the outbox. A rental has a ``key`` once."""
        event = Event(at=now, kind=details.kind, actor=actor, data=details.to_json(), tries=0, key=key)
        self.events.add(event)
        return event


class Placement(Base):
    """One try of a rental on one node; it holds capacity there until it is seen gone."""

    __tablename__ = "placements"
    __table_args__ = (
        Index("ix_placements_node_state", "node", "state", "next_look_at"),
        Index("ix_placements_state", "state", "next_look_at"),
        Index("uq_placements_rental_node", "rental_id", "node", unique=True),
        index_where("state = 'held'", "uq_placements_held", "rental_id", unique=True),
        index_where("resize_at IS NOT NULL", "ix_placements_resizing", "node"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    node: Mapped[str] = mapped_column(String(64))
    state: Mapped[PlacementState]
    refusal: Mapped[str | None] = mapped_column(String(24))
    detail: Mapped[str | None] = mapped_column(Text)  # the node's words, for the log and the admin
    floating_ip: Mapped[str | None] = mapped_column(String(64))
    floating_ip_id: Mapped[str | None] = mapped_column(String(64))
    fixed_ip: Mapped[str | None] = mapped_column(String(64))
    port_id: Mapped[str | None] = mapped_column(String(64))
    image_at: Mapped[datetime | None]  # of a rental from a copy: since when the node has its image
    image_refusal: Mapped[str | None] = mapped_column(String(24))  # why the node doesn't get it
    server_id: Mapped[str | None] = mapped_column(String(64))
    server_at: Mapped[datetime | None]  # when the server was asked for
    active_at: Mapped[datetime | None]  # when the node was first seen to run it: its build slot is free again
    held_at: Mapped[datetime]
    left_at: Mapped[datetime | None]  # since when it is to be deleted there
    down_since: Mapped[datetime | None]  # first of the failures in a row
    tries: Mapped[int] = mapped_column(default=0)
    remains: Mapped[str | None] = mapped_column(Text)  # kinds of what a pass of deletion left, for the admin
    missing: Mapped[int] = mapped_column(default=0)  # looks in a row at a ready machine that found none
    powered_off: Mapped[bool] = mapped_column(default=False)  # the node shows that it is stopped
    let_in: Mapped[str | None] = mapped_column(Text)  # what its security group lets in for the proxy
    act_at: Mapped[datetime | None]  # when a start, stop or reboot was asked for that is not seen yet
    rebuild_at: Mapped[datetime | None]  # since when its node is asked to rebuild the machine
    rebuilt_at: Mapped[datetime | None]  # since when the node has the rebuilt one
    resize_at: Mapped[datetime | None]  # since when its machine is to get another size, None while it is not
    resize_to: Mapped[dict[str, Any] | None]  # that size, for which room is held beside the one that it has
    resize_taken_at: Mapped[datetime | None]  # since when the node is at it
    resized_at: Mapped[datetime | None]  # since when the machine has the size
    resize_end: Mapped[ResizeEnd | None]  # what was decided, before the node is asked for it
    cpu_seconds: Mapped[float | None]  # CPU time that its server had used, as its node says
    cpu_read_at: Mapped[datetime | None]  # when that was read
    cpu_idle_since: Mapped[datetime | None]  # since when it has used next to none, as far as that is known
    resume_at: Mapped[datetime | None]  # since when its node is back, which may have lost what ran there
    next_check_at: Mapped[datetime] = mapped_column("next_look_at")
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(64))

    rental: Mapped[Rental] = relationship(back_populates="placements", lazy="raise")

    def leave(self, now: datetime) -> None:
        """From here on it is deleted there until the node shows nothing."""
        self.state, self.left_at = PlacementState.DELETING, now
        self.next_check_at, self.tries, self.down_since = now, 0, None

    @property
    def new_size(self) -> Size | None:
        """The size that its machine is to get."""
        return Size(**self.resize_to) if self.resize_to else None

    @property
    def ambiguous(self) -> bool:
        """Whether the node was asked for something and nobody knows what came of it."""
        unanswered = self.refusal is None and self.server_at is not None and self.server_id is None
        rebuilding = self.rebuild_at is not None and self.rebuilt_at is None
        return self.refusal == Refusal.DOWN or unanswered or rebuilding


class Ask(Base):
    """What an admin is asked to allow beyond the policy: for a rental that waits for it (ASKED), or one that there is."""

    __tablename__ = "asks"
    __table_args__ = (
        Index("ix_asks_rental", "rental_id"),
        index_where("done_at IS NULL", "ix_asks_open", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    what: Mapped[AskKind]
    wanted: Mapped[dict[str, Any]]  # as asked.to_json() made it
    reason: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(32))
    asked_at: Mapped[datetime]
    reminders: Mapped[int] = mapped_column(default=0)  # how often the admins were asked again
    reminded_at: Mapped[datetime]  # when they were asked last
    unanswered_told_at: Mapped[datetime | None]  # when the person was told that nobody has answered that
    decision: Mapped[AskDecision | None]
    decided_by: Mapped[str | None] = mapped_column(String(32))
    granted: Mapped[dict[str, Any] | None]  # as allowance.to_json() made it
    note: Mapped[str | None] = mapped_column(Text)  # the admin's reason
    expires_at: Mapped[datetime | None]  # until when KWS tries to do what was approved
    done_at: Mapped[datetime | None]  # since when there is nothing left to decide or to do

    rental: Mapped[Rental] = relationship(lazy="joined", innerjoin=True)

    @cached_property
    def asked(self) -> AskedFor:
        """What was asked for."""
        return AskedFor.from_json(self.wanted)

    @property
    def allowance(self) -> Allowance:
        """What was approved; what was asked for, while nothing is."""
        return self.asked.wanted if self.granted is None else Allowance.from_json(self.granted)

    @property
    def open(self) -> bool:
        """Whether it is still to be decided."""
        return self.decision is None and self.done_at is None

"""The rentals that wait for room, as rows of figures: a plan for a hundred of them needs no objects."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.scheduling.placement import PlacementRequest
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status
from kws_core.values import Kind, Size

_ANY = select(Rental.id).where(Rental.status == Status.WAITING).limit(1)
_WAITING = (
    select(
        Rental.id, Rental.name, Rental.owner, Rental.kind, Rental.image, Rental.copy_id, Rental.size, Rental.vcpus,
        Rental.ram_mb, Rental.disk_gb, Rental.created_at, Rental.starts_on, Rental.ends_on, Rental.wait_until,
        Rental.planned_node, Rental.pinned,
    )
    .where(Rental.status == Status.WAITING)
    .order_by(Rental.created_at, Rental.id)
)  # fmt: skip


class Waiter(NamedTuple):
    """A rental that waits, as far as it matters to a plan."""

    id: str
    name: str
    owner: str
    kind: Kind
    image: str
    copy_id: str | None
    size: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    created_at: datetime
    starts_on: date | None
    ends_on: date
    wait_until: date | None
    planned_node: str | None
    pinned: bool

    @property
    def waits_until(self) -> date:
        """As Rental.waits_until."""
        return min(self.wait_until or self.ends_on, self.ends_on)

    def request(self, left: frozenset[str]) -> PlacementRequest:
        """As request_of() a rental of which something is still being deleted on the nodes that it ``left``."""
        image = self.image if self.copy_id is None else ""
        size = Size(self.size, self.vcpus, self.ram_mb, self.disk_gb)
        only = self.planned_node if self.pinned else None
        return PlacementRequest(self.kind, image, size, left, only)


def anybody_waits(session: Session) -> bool:
    """Whether there is anything to plan for."""
    return session.scalar(_ANY) is not None


def waiters(session: Session) -> dict[str, Waiter]:
    """All of them by id, the oldest first."""
    return {row.id: Waiter._make(row) for row in session.execute(_WAITING)}


def request_of(rental: Rental) -> PlacementRequest:
    """What a rental that waits asks of a node: of none where something of it is still being deleted."""
    only = rental.planned_node if rental.pinned else None
    left = frozenset(p.node for p in rental.placements if p.state is not PlacementState.DELETED)
    return PlacementRequest(rental.kind, rental.wanted_image, rental.wanted_size, left, only)

"""Rentals that are ready without having been built, and a process that dies at a chosen commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from harness.world import MINA, World
from sqlalchemy import select

from kws_core.expiry import key_prefix
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.base import new_id
from kws_core.tables.details.events import Ready, Warned
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.job_run import JobRun
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Status
from kws_core.values import Kind

LONG_AGO = timedelta(days=30)
GRACE = "grace_hours = 24"
QUIET = "quiet = [{ from = 2026-12-03, to = 2026-12-05 }]"
NGINX: dict[str, Any] = {"kind": Kind.CONTAINER, "image": "nginx:latest", "ports": "80"}


def node_of(world: World, rental: Rental) -> FakeNode:
    """The node that the rental is on, or was."""
    return world.nodes[world.look(rental).placements[-1].node]


def lent(
    world: World, name: str = "web01", days: int = 0, *, node: str = "node1", warned: bool = True
) -> Rental:
    """A rental that has been ready for a month and lasts so many days more; its node shows nothing of it."""
    since, last = world.clock() - LONG_AGO, world.day(days)
    rental = Rental(
        id=new_id(), request_key=name, kind=Kind.SERVER, name=name, owner=MINA.id, image="debian-12",
        login="debian", size="small", vcpus=1, ram_mb=512, disk_gb=5, open_ports=[], ends_on=last,
        end_set_at=since, status=Status.READY, access=Access.NONE, created_at=since, ready_at=since,
    )  # fmt: skip
    held = Placement(
        node=node, state=PlacementState.ACTIVE, held_at=since, server_id=name, floating_ip="203.0.113.9",
        next_check_at=world.clock() + 2 * LONG_AGO,
    )  # fmt: skip
    rental.placements.append(held)
    with world.store.write() as session:
        session.add(rental)
        rental.record(Ready(node), since)
        if warned:
            for before in (7, 3, 1):
                rental.record(Warned(before, last), since, key=f"{key_prefix(last)}{before}")
    world.clock.at, now = since, world.clock.at
    world.deliver_all()
    world.clock.at = now
    return rental


def status(world: World, *rentals: Rental) -> list[str]:
    """Where they are."""
    return [world.look(rental).status.value for rental in rentals]


def when(world: World, rental: Rental, kind: EventKind) -> list[datetime]:
    """At which times that happened to it."""
    return [event.at for event in world.rental_queries.history(rental.id) if event.kind is kind]


def passes(world: World) -> list[date]:
    """The dates in the ledger."""
    with world.store.read() as session:
        return list(session.scalars(select(JobRun.day).order_by(JobRun.day)))


class Killed(BaseException):
    """The process is dead: no ``except Exception`` sees it."""


class Mortal:
    """Makes the world's process die at a commit, just before it or just after."""

    def __init__(self, world: World, patch: Any) -> None:
        self.points = 0
        self.die_at: int | None = None
        for kind in ("write", "note"):
            patch.setattr(world.store, kind, self._mortal(getattr(world.store, kind)))

    def _mortal(self, real: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        @contextmanager
        def transaction(**how: Any) -> Iterator[Any]:
            with real(**how) as database:
                yield database
                self._point()
            self._point()

        return transaction

    def _point(self) -> None:
        self.points += 1
        if self.points == self.die_at:
            raise Killed


def ready(world: World, name: str = "web01", **form: Any) -> Rental:
    """A machine that runs until the end of today, and its owner knows."""
    rental = world.rent(name, **{"ends_on": world.day(0), **form})
    world.settle(5)
    world.deliver_all()
    assert status(world, rental) == ["ready"]
    return world.look(rental)


def night(world: World, ticks: int = 3) -> None:
    """Midnight, and what follows at once."""
    world.midnight()
    world.nightly.tick()
    world.settle(ticks)
    world.deliver_all()

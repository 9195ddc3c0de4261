"""Where a room is waited for, forms are decided in short transactions: all who send one wait for the same lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from harness.world import World
from sqlalchemy import event
from sqlalchemy.orm import Session

from kws_core.errors import ErrorCode, FormError
from kws_core.people import Actor
from kws_core.rentals.waiting import Waiting
from kws_core.tables.states import Status

HELD, WAITING = 4, 12
MOST = 8  # statements of a form that is to wait: the checks, what is free, and two rows


@pytest.fixture
def full(make_world: Callable[..., World]) -> World:
    """A lab without room, where many wait."""
    world = make_world(1, vcpus=HELD, ram_mb=512 * HELD)
    for number in range(HELD + WAITING):
        world.clock.advance(seconds=1)
        rental = world.rent(f"s{number}", Actor(f"U0P{number}"), wait=True)
        assert rental.status is (Status.REQUESTED if number < HELD else Status.WAITING)
    return world


@contextmanager
def locked(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement in a transaction that writes."""
    seen: list[str] = []
    inside: list[Session] = []
    write = world.store.write

    @contextmanager
    def watched(**how: Any) -> Iterator[Session]:
        with write(**how) as session:
            inside.append(session)
            yield session
            session.flush()
            inside.clear()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if inside:
            seen.append(statement)

    monkeypatch.setattr(world.store, "write", watched)
    event.listen(world.store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(world.store.engine, "before_cursor_execute", note)


def test_a_form_is_refused_without_the_lock(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(full, monkeypatch) as seen, pytest.raises(FormError) as refused:
        full.rent("late", Actor("U0LATE"))
    assert refused.value.fields["size"].code is ErrorCode.NO_ROOM
    assert seen == []


def test_who_joins_the_line_is_planned_before_the_lock(full: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(full, monkeypatch) as seen:
        rental = full.rent("late", Actor("U0LATE"), wait=True)
    assert rental.status is Status.WAITING
    assert 0 < len(seen) <= MOST, seen


def test_nobody_is_placed_without_room_and_nothing_is_locked(
    full: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(full, monkeypatch) as seen:
        assert Waiting(full.context).serve() == []
    assert seen == []

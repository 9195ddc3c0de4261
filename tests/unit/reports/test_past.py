"""What has happened is added up once, and is the same for every process at every moment."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from harness.world import MINA, World
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kws_core.reports.past import LATE, Past, Sums
from kws_core.tables.rental import Rental
from kws_core.values import Kind

MINUTE = timedelta(minutes=1)


def read(world: World, past: Past) -> Sums:
    with world.store.read() as session:
        return past.read(session, world.clock())


def give_back(world: World, rental: Rental) -> None:
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()


def become_ready_at(world: World, rental: Rental, moment: datetime) -> None:
    with world.store.write() as session:
        session.execute(update(Rental).where(Rental.id == rental.id).values(ready_at=moment))


@pytest.mark.parametrize("pause", [MINUTE, LATE + MINUTE])
def test_a_process_that_remembers_counts_as_one_that_has_just_begun(world: World, pause: timedelta) -> None:
    past, names = Past(), iter("abcdefgh")
    for _ in range(3):
        rental = world.ready(next(names))
        give_back(world, rental)
        assert read(world, past) == read(world, Past())
        world.clock.advance(seconds=pause.total_seconds())
        assert read(world, past) == read(world, Past())
    everything = read(world, past)
    assert everything.ended == {Kind.SERVER: 3}
    assert sum(times.number for times in everything.builds.values()) == 3


def test_what_is_committed_late_is_counted_once(world: World) -> None:
    """Another replica's transaction took long, or its clock is behind."""
    rental, past = world.ready(), Past()
    become_ready_at(world, rental, world.clock() + timedelta(days=1))
    world.clock.advance(hours=1)
    read(world, past)
    become_ready_at(world, rental, world.clock() - 10 * MINUTE)
    for _ in range(3):
        assert sum(times.number for times in read(world, past).builds.values()) == 1
        world.clock.advance(seconds=LATE.total_seconds())


def test_what_was_added_up_is_not_read_again(world: World) -> None:
    give_back(world, world.ready())
    past = Past()
    world.clock.advance(seconds=LATE.total_seconds())
    before = read(world, past)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(world.store.engine, "before_cursor_execute", note)
    assert read(world, past) == before
    event.remove(world.store.engine, "before_cursor_execute", note)
    assert len(asked) == 2
    with world.store.engine.connect() as connection:
        for statement, parameters in asked:
            assert connection.exec_driver_sql(statement, parameters).all() == []
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            assert re.search("ix_rentals_(ready|ended)_at", str(plan))


def test_an_error_counts_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    give_back(world, world.ready())
    world.clock.advance(seconds=LATE.total_seconds())
    past, execute, asked = Past(), Session.execute, []

    def fail(session: Session, *arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        if len(asked) == 2:
            raise OperationalError("", None, Exception("gone"))
        return execute(session, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "execute", fail)
        with pytest.raises(OperationalError):
            read(world, past)
    assert read(world, past) == read(world, Past())

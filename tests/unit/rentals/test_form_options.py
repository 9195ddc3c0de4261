"""What a form shows is remembered, and is never older than what any replica has committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from harness.world import ADMIN, JOON, MINA, World, make_config
from sqlalchemy import event, insert

from bot.text.i18n import texts_for
from bot.views import rent_form
from kws_core.context import Context
from kws_core.copies.service import Copies
from kws_core.database.form_stamp import form_stamp
from kws_core.database.store import Store
from kws_core.forms import ssh_keys
from kws_core.moves.service import Moves
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.rentals.extension import Extensions
from kws_core.rentals.saved_keys import KeyRing
from kws_core.rentals.service import RentalService
from kws_core.scheduling import capacity
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.values import Size

LINE = ssh_keys.generate("laptop").public
OTHER_LINE = ssh_keys.generate("phone").public


@pytest.fixture
def replica(world: World) -> Iterator[World]:
    """Another process on the same database."""
    store = Store(str(world.store.engine.url))
    yield replace(world, context=Context(world.config, store, world.clock), store=store)
    store.close()


def drawn(service: RentalService, config: Any) -> dict[str, Any]:
    """The form as Mina sees it, with all of its fields."""
    shown = rent_form.Shown(more=True)
    view = rent_form.build(service.offer(MINA), config.policy, texts_for("en-US", "en"), shown)
    return dict(view.to_dict())


def hide_image(other: World) -> None:
    with other.store.write() as session:
        record = capacity.record_of(session, "node1")
        images = [replace(one, hidden=one.name == "debian-12") for one in capacity.load_images(record)]
        capacity.note_images(session, "node1", images)


def lose_node(other: World) -> None:
    with other.store.write() as session:
        capacity.note_failure(session, "node1", "gone", other.clock())


def measure_node(other: World) -> None:
    with other.store.write() as session:
        record = capacity.record_of(session, "node1")
        measured = capacity.load_capacity(record)
        assert measured
        full = replace(
            measured, vcpus=64, used_vcpus=62, ram_mb=65536, used_ram_mb=0, disk_gb=900, used_disk_gb=0
        )
        capacity.note_answer(session, "node1", capacity.load_images(record), full, [], other.clock())


def drain_node(other: World) -> None:
    NodeMaintenance(other.context).drain(ADMIN, "node1", where="test")


def save_key(other: World) -> None:
    KeyRing(other.context).add(MINA, "tablet", OTHER_LINE)


def replace_key(other: World) -> None:
    """SQLite gives the new row the old one's id."""
    ring = KeyRing(other.context)
    ring.remove(MINA, ring.named(MINA, "laptop").id)
    ring.add(MINA, "desk", LINE)


def rent_more(other: World) -> None:
    other.rent("web02")


def rent_of_another(other: World) -> None:
    """Only what is free is different."""
    other.rent("web02", JOON)


def make_network(other: World) -> None:
    wanted = {"network": NEW_NETWORK, "network_name": "mine", "cidr": "10.77.0.0/24"}
    other.rent("web02", **wanted)


def give_back(other: World) -> None:
    service = RentalService(other.context)
    service.return_rental(MINA, service.offer(MINA).mine[0].id)


def transfer(other: World) -> None:
    rental = RentalService(other.context).offer(MINA).mine[0]
    Extensions(other.context).transfer(ADMIN, rental.id, JOON.id)


def begin_resize(other: World) -> None:
    rental = RentalService(other.context).offer(MINA).mine[0]
    Moves(other.context).start(MINA, rental.id, size=Size("large", 2, 2048, 20))


def ask_for_copy(other: World) -> None:
    rental = RentalService(other.context).offer(MINA).mine[0]
    Copies(other.context).request(MINA, rental.id)


CHANGES = [
    hide_image, lose_node, measure_node, drain_node, save_key, replace_key, rent_more, rent_of_another, make_network,
    give_back, transfer, begin_resize,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_form_shows_what_another_replica_changed(
    world: World, replica: World, change: Callable[[World], None]
) -> None:
    KeyRing(world.context).add(MINA, "laptop", LINE)
    world.ready("web01")
    service = world.rental_service
    before = drawn(service, world.config)
    assert drawn(service, world.config) == before
    change(replica)
    after = drawn(service, world.config)
    assert after != before
    assert after == drawn(RentalService(world.context), world.config)


def test_a_copy_is_offered_as_soon_as_it_is_kept(world: World, replica: World) -> None:
    world.ready("web01")
    service = world.rental_service
    assert not service.offer(MINA).copies
    ask_for_copy(replica)
    world.settle(30)
    assert [copy.rental.name for copy in service.offer(MINA).copies] == ["web01"]
    Copies(replica.context).delete(MINA, service.offer(MINA).copies[0].id)
    assert not service.offer(MINA).copies


def test_nobody_sees_what_is_another_persons(world: World) -> None:
    KeyRing(world.context).add(MINA, "laptop", LINE)
    world.rent("web01")
    service = world.rental_service
    for _ in range(2):
        assert [r.name for r in service.offer(MINA).mine] == ["web01"]
        joons = service.offer(JOON)
        assert not joons.mine
        assert not joons.keys


def test_a_new_policy_needs_no_change_of_any_row(world: World) -> None:
    service = world.rental_service
    assert {room.vcpus for room in service.offer(MINA).rooms} == {8}
    world.context.config = make_config(3, vcpus=4, policy="default_days = 3")
    offer = service.offer(MINA)
    assert [room.vcpus for room in offer.rooms] == [4, 4, 4]


def test_days_are_those_of_today(world: World) -> None:
    service = world.rental_service
    first = service.offer(MINA)
    world.clock.advance(days=1)
    assert service.offer(MINA).last_end == first.last_end + timedelta(days=1)


def test_where_nothing_has_changed_one_statement_is_asked(world: World) -> None:
    world.ready("web01")
    service = world.rental_service
    service.offer(MINA)
    with world.store.write() as session:
        capacity.note_ping(session, "node1", 12, world.clock())
    asked: list[str] = []
    event.listen(
        world.store.engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement)
    )
    service.offer(MINA)
    assert len(asked) == 1


def test_while_nothing_changes_it_is_the_same_for_all_who_have_nothing(world: World) -> None:
    service = world.rental_service
    first = service.offer(MINA)
    assert service.offer(JOON) is service.offer(MINA) is first
    world.rent("web01", JOON)
    joons = service.offer(JOON)
    assert joons is service.offer(JOON)
    assert joons is not service.offer(MINA) is not first


def test_an_event_that_is_committed_late_is_seen(world: World) -> None:
    """PostgreSQL gives ids when rows are written, not when they are committed."""
    rental = world.rent("web01")
    row = {
        "rental_id": rental.id,
        "at": world.clock(),
        "kind": EventKind.BUILDING,
        "actor": "kws",
        "data": {},
        "tries": 0,
        "undeliverable": False,
    }
    with world.store.write() as session:
        session.execute(insert(Event).values(id=900, **row))
    before = form_stamp(world.store, MINA.id)
    with world.store.write() as session:
        session.execute(insert(Event).values(id=899, **row))
    assert form_stamp(world.store, MINA.id).lab != before.lab

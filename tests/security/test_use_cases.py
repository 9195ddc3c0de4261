"""The core by itself: every use case that takes a person, tried by everybody. It must not lean on the handlers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.sampling import every
from harness.world import ADMIN, WEB, Inline, World
from sqlalchemy import select

from kws_core.asks.service import Asks
from kws_core.copies.service import Copies
from kws_core.errors import FormError, UserError
from kws_core.forms import ssh_keys
from kws_core.moves.service import Moves
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.rentals import key_rotation, reset
from kws_core.rentals.access import allowed
from kws_core.rentals.admission import RentForm
from kws_core.rentals.extension import Extensions
from kws_core.rentals.key_files import KeyFiles
from kws_core.rentals.lab_calendar import LabCalendar
from kws_core.rentals.machine_actions import Operations
from kws_core.rentals.saved_keys import KeyRing
from kws_core.scheduling.capacity import record_of
from kws_core.scheduling.idle import StillNeeded
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.copy import Copy
from kws_core.tables.details.outage_events import MonthUsed
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import Access, CopyState
from kws_core.values import Size
from kws_core.web.service import SiteForm, Sites

ROOT = Path(__file__).parents[2]
MINA, JOON = Actor("U0MINA00001"), Actor("U0JOON00001")
EVERYBODY = {"owner": MINA, "other": JOON, "admin": ADMIN}
OWN, OWNER, KEEPERS, ADMINS = {"owner", "other", "admin"}, {"owner"}, {"owner", "admin"}, {"admin"}

# the person asks for mina's rental, her saved key, or her copy
Case = Callable[[World, Actor, Rental, int], Any]


def _operations(world: World) -> Operations:
    return Operations(world.context, world.nodes, lambda node, sort: Inline())


def _form(world: World, **more: Any) -> RentForm:
    return RentForm("web02", "debian-12", "small", world.day(1), **more)


def _copies(world: World) -> tuple[Copies, str]:
    """The use cases of copies, and the id of mina's."""
    return Copies(world.context), Copies(world.context).of(MINA)[0].id


def _on_copy(name: str) -> Case:
    """What is done with mina's copy."""

    def act(world: World, who: Actor, _rental: Rental, _key: int) -> Any:
        use_cases, copy = _copies(world)
        return getattr(use_cases, name)(who, copy)

    return act


def _recover(world: World, who: Actor, rental: Rental, _key: int) -> Any:
    """Its node isn't responding, and the copy of it is on another one."""
    held = world.look(rental).placement
    assert held
    with world.store.write() as session:
        record_of(session, held.node).failing_since = world.clock()
        for copy in session.scalars(select(Copy)).unique():
            copy.node = next(name for name in world.nodes if name != held.node)
    return Moves(world.context).recover(who, rental.id)


def _asks(world: World) -> tuple[Asks, int]:
    """The use cases of requests, and the id of mina's, which nobody has answered."""
    (ask,) = Asks(world.context).open()
    return Asks(world.context), ask.id


def _ask(world: World, rental: Rental) -> None:
    """Mina asks for more days; two days later nobody has answered."""
    assert Asks(world.context).extend(MINA, rental.id, world.day(120), "exam", via="x")
    with world.store.write() as session:
        for ask in session.scalars(select(Ask)).unique():
            ask.unanswered_told_at = world.clock()


def _tell_of_a_month(world: World, rental: Rental) -> None:
    """Mina is told what she used."""
    with world.store.write() as session:
        month = MonthUsed(world.context.today(), rental.owner, 1, 2.5, 60.0)
        session.get_one(Rental, rental.id).record(month, world.clock(), key="month:2026-11")


def _month(world: World, rental: Rental) -> int:
    history = world.rental_queries.history(rental.id)
    return next(event.id for event in history if event.kind is EventKind.MONTH_USED)


USE_CASES: dict[str, tuple[set[str], Case]] = {
    "service.offer": (OWN, lambda w, who, r, k: w.rental_service.offer(who)),
    "service.request": (OWN, lambda w, who, r, k: w.rental_service.request(who, _form(w), "second")),
    "service.request, a chosen node": (
        ADMINS,
        lambda w, who, r, k: w.rental_service.request(who, _form(w, node="node2"), "x"),
    ),
    "service.request, her key": (
        OWNER,
        lambda w, who, r, k: w.rental_service.request(who, _form(w, access=Access.OWN_KEY, saved_key=k), "x"),
    ),
    "service.request, her network": (
        OWNER,
        lambda w, who, r, k: w.rental_service.request(who, _form(w, network=r.network_id), "x"),
    ),
    "service.request, her copy": (
        OWNER,
        lambda w, who, r, k: w.rental_service.request(who, _form(w, copy=_copies(w)[1]), "x"),
    ),
    "service.request, a copy of her server": (
        KEEPERS,
        lambda w, who, r, k: _copies(w)[0].request(who, r.id),
    ),
    "service.terms": (KEEPERS, lambda w, who, r, k: _copies(w)[0].terms(who, r.id)),
    "service.plan": (KEEPERS, lambda w, who, r, k: _copies(w)[0].plan(who, r.id, True)),
    "service.of": (OWN, lambda w, who, r, k: _copies(w)[0].of(who)),
    "service.get": (KEEPERS, _on_copy("get")),
    "service.prolong": (KEEPERS, _on_copy("prolong")),
    "service.delete": (KEEPERS, _on_copy("delete")),
    "service.terms, a move": (KEEPERS, lambda w, who, r, k: Moves(w.context).terms(who, r.id)),
    "service.terms, another size": (
        KEEPERS,
        lambda w, who, r, k: Moves(w.context).terms(who, r.id, w.config.size("large")),
    ),
    "service.start": (KEEPERS, lambda w, who, r, k: Moves(w.context).start(who, r.id)),
    "service.start, another size": (
        KEEPERS,
        lambda w, who, r, k: Moves(w.context).start(who, r.id, size=w.config.size("large")),
    ),
    "service.plan, a move": (KEEPERS, lambda w, who, r, k: Moves(w.context).plan(who, r.id, w.clock())),
    "service.plan, no move": (KEEPERS, lambda w, who, r, k: Moves(w.context).plan(who, r.id, None)),
    "service.recover": (KEEPERS, _recover),
    "service.recover_node": (
        ADMINS,
        lambda w, who, r, k: Moves(w.context).recover_node(who, "node1", via="x"),
    ),
    "service.sizes": (KEEPERS, lambda w, who, r, k: Moves(w.context).sizes(who, r.id)),
    "service.extend": (KEEPERS, lambda w, who, r, k: _asks(w)[0].extend(who, r.id, w.day(20), None, via="x")),
    "service.resize": (
        KEEPERS,
        lambda w, who, r, k: _asks(w)[0].resize(who, r.id, Size("large", 2, 2048, 20), None, via="x"),
    ),
    "service.again": (KEEPERS, lambda w, who, r, k: _asks(w)[0].again(who, _asks(w)[1], via="x")),
    "service.ask": (ADMINS, lambda w, who, r, k: _asks(w)[0].ask(who, _asks(w)[1])),
    "service.approve": (ADMINS, lambda w, who, r, k: _asks(w)[0].approve(who, _asks(w)[1], via="x")),
    "service.decline": (ADMINS, lambda w, who, r, k: _asks(w)[0].decline(who, _asks(w)[1], via="x")),
    "service.start, beyond the policy": (
        ADMINS,
        lambda w, who, r, k: Moves(w.context).start(
            who, r.id, size=Size("huge", 8, 8192, 20), beyond_policy=True
        ),
    ),
    "extension.extend, as it was approved": (
        ADMINS,
        lambda w, who, r, k: Extensions(w.context).extend(who, r.id, w.day(99), via="x", beyond_policy=True),
    ),
    "service.terms, of her web address": (KEEPERS, lambda w, who, r, k: Sites(w.context).terms(who, r.id)),
    "service.change": (KEEPERS, lambda w, who, r, k: Sites(w.context).change(who, r.id, SiteForm(port=8080))),
    "service.take_off": (ADMINS, lambda w, who, r, k: Sites(w.context).take_off(who, r.id, "phishing")),
    "service.put_back": (ADMINS, lambda w, who, r, k: Sites(w.context).put_back(who, r.id)),
    "lab_calendar.days": (OWN, lambda w, who, r, k: LabCalendar(w.context).days(who)),
    "queries.my_rentals": (OWN, lambda w, who, r, k: w.rental_queries.my_rentals(who)),
    "queries.month_used": (OWNER, lambda w, who, r, k: w.rental_queries.month_used(who, _month(w, r))),
    "queries.rental": (KEEPERS, lambda w, who, r, k: w.rental_queries.rental(who, r.id)),
    "queries.rental_named": (OWNER, lambda w, who, r, k: w.rental_queries.rental_named(who, r.name)),
    "service.return_rental": (KEEPERS, lambda w, who, r, k: w.rental_service.return_rental(who, r.id)),
    "access.allowed": (KEEPERS, lambda w, who, r, k: allowed(r, who)),
    "extension.extend": (
        KEEPERS,
        lambda w, who, r, k: Extensions(w.context).extend(who, r.id, w.day(20), via="x"),
    ),
    "extension.extend, beyond the policy": (
        ADMINS,
        lambda w, who, r, k: Extensions(w.context).extend(who, r.id, w.day(400), via="x", note="exam"),
    ),
    "extension.limit": (KEEPERS, lambda w, who, r, k: Extensions(w.context).limit(who, r.id)),
    "extension.hit": (ADMINS, lambda w, who, r, k: Extensions(w.context).hit(who, r.id, w.day(20))),
    "extension.restore": (
        KEEPERS,
        lambda w, who, r, k: _unless(Extensions(w.context).restore, "not_stopped", who, r.id),
    ),
    "extension.transfer": (ADMINS, lambda w, who, r, k: Extensions(w.context).transfer(who, r.id, JOON.id)),
    "machine_actions.act": (
        KEEPERS,
        lambda w, who, r, k: _operations(w).act(who, r.id, MachineAction.REBOOT, lambda _: None),
    ),
    "machine_actions.console": (
        KEEPERS,
        lambda w, who, r, k: _operations(w).console(who, r.id, lambda _: None),
    ),
    "key_rotation.ask": (KEEPERS, lambda w, who, r, k: key_rotation.ask(w.context, who, r.id)),
    "reset.terms": (KEEPERS, lambda w, who, r, k: reset.terms(w.context, who, r.id)),
    "reset.ask": (KEEPERS, lambda w, who, r, k: reset.ask(w.context, who, r.id, 0, r.name)),
    "saved_keys.list": (OWN, lambda w, who, r, k: KeyRing(w.context).list(who)),
    "saved_keys.get": (OWNER, lambda w, who, r, k: KeyRing(w.context).get(who, k)),
    "saved_keys.named": (OWNER, lambda w, who, r, k: KeyRing(w.context).named(who, "laptop")),
    "saved_keys.add": (
        OWN,
        lambda w, who, r, k: KeyRing(w.context).add(who, "new", ssh_keys.generate("n").public),
    ),
    "saved_keys.remove": (OWNER, lambda w, who, r, k: KeyRing(w.context).remove(who, k)),
    "idle.keep": (OWNER, lambda w, who, r, k: StillNeeded(w.context).keep(who, r.id, via="x")),
    "key_files.saved": (OWNER, lambda w, who, r, k: KeyFiles(w.context).saved(who, r.id)),
    "node_maintenance.drain": (
        ADMINS,
        lambda w, who, r, k: NodeMaintenance(w.context).drain(who, "node1", where="x"),
    ),
    "node_maintenance.drain, and move what is there": (
        ADMINS,
        lambda w, who, r, k: NodeMaintenance(w.context).drain(
            who, "node1", where="x", move=True, until=w.day(3)
        ),
    ),
    "node_maintenance.undrain": (
        ADMINS,
        lambda w, who, r, k: NodeMaintenance(w.context).undrain(who, "node1", where="x"),
    ),
    "admission.examine": (OWN, lambda w, who, r, k: w.rental_service.request(who, _form(w), "second")),
}
REFUSALS = {"rental_gone", "rental_unknown", "saved_key_gone", "saved_key_unknown", "network_gone", "node_admins", "admins_only", "copy_gone"}  # fmt: skip


def _unless(act: Callable[..., Any], code: str, *args: Any) -> Any:
    """That refusal comes only to who may ask."""
    try:
        return act(*args)
    except UserError as error:
        if error.code != code:
            raise
        return None


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A lab with a proxy."""
    return make_world(web=WEB)


@pytest.mark.parametrize("name", every(9, [(name,) for name in USE_CASES]))
def test_a_use_case_asks_who_it_is(world: World, name: str) -> None:
    may, act = USE_CASES[name]
    network = {"network": "new", "network_name": "mina-net", "cidr": "10.77.0.0/24"}
    rental = world.ready(who=MINA, **network)
    key = KeyRing(world.context).add(MINA, "laptop", ssh_keys.generate("laptop").public)
    Copies(world.context).request(MINA, rental.id)
    world.settle()
    _ask(world, rental)
    _tell_of_a_month(world, rental)
    before = world.kinds(rental)
    for role in sorted(EVERYBODY.keys() - may):
        with pytest.raises(UserError) as refused:
            act(world, EVERYBODY[role], rental, key.id)
        error = refused.value
        codes = {one.code for one in error.fields.values()} if isinstance(error, FormError) else {error.code}
        assert codes <= REFUSALS, (role, codes)
        assert world.kinds(rental) == before and len(KeyRing(world.context).list(MINA)) == 1
        assert [copy.state for copy in Copies(world.context).of(MINA)] == [CopyState.KEPT]
    role = "owner" if "owner" in may else sorted(may)[0]
    act(world, EVERYBODY[role], rental, key.id)


def test_what_is_ones_own_is_all_that_one_is_shown(world: World) -> None:
    rental = world.ready(who=MINA, network="new", network_name="mina-net", cidr="10.77.0.0/24")
    KeyRing(world.context).add(MINA, "laptop", ssh_keys.generate("laptop").public)
    Copies(world.context).request(MINA, rental.id)
    world.settle()
    for who in (JOON, ADMIN):
        offer = world.rental_service.offer(who)
        assert (offer.mine, offer.keys, offer.networks, offer.copies) == ([], [], [], [])
        assert Copies(world.context).of(who) == []
        assert world.rental_queries.my_rentals(who) == [] and KeyRing(world.context).list(who) == []
    offer = world.rental_service.offer(MINA)
    assert ([r.id for r in offer.mine], [c.name for c in offer.copies]) == ([rental.id], [rental.name])


def test_every_use_case_that_takes_a_person_has_a_row() -> None:
    there = set()
    for path in sorted((ROOT / "kws_core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = [*node.args.args, *node.args.kwonlyargs]
                if any(a.annotation and ast.unparse(a.annotation).strip("'\"") == "Actor" for a in arguments):
                    there.add(f"{path.stem}.{node.name}")
    assert there == {name.partition(",")[0] for name in USE_CASES}

"""Faults 5, 6, 8-10 and 13-15 of the system that KWS replaces, those of asking: each test bites on its fault.

The others are in test_faults_of_the_original.py.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from harness.drawn_forms import sent_view
from harness.night_kit import lent, ready, status
from harness.openstack_stub import Answer, Stub
from harness.world import JOON, MINA, Inline, World
from openstack.exceptions import ConflictException
from slack_bolt import Respond

from bot.handlers.rent import Rent
from bot.slack import payloads
from bot.slack.dispatcher import Dispatcher
from bot.slack.payloads import SentUser, SlashCommand, ViewSubmission
from bot.text.i18n import Texts
from bot.views import ids, rent_form, rental_card, rental_forms
from bot.views.form_fields import SentView
from kws_core.errors import FormError, NodeDown, NodeRefused, Refusal, UserError
from kws_core.forms import ssh_keys
from kws_core.forms.passwords import Secret
from kws_core.nodes import Node
from kws_core.nodes.values import Address, Image, ServerSpec
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.rentals.service import RentalService
from kws_core.tables.states import Access
from kws_core.values import Kind, Size

MakeWorld = Callable[..., World]
ONE_IN_SEOUL = datetime(2026, 12, 1, 16, 0, tzinfo=UTC)  # 01:00 on the 2nd
SECRET = "HttpException: 500, http://10.9.8.7:8774/v2.1 Quota for admin_project"
SPEC = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), "#cloud-config\n{}\n")


@pytest.mark.parametrize("kinds", [(Kind.SERVER, Kind.SERVER), (Kind.CONTAINER, Kind.SERVER)])
def test_fault_05_the_limit_of_memory_is_void(make_world: MakeWorld, kinds: tuple[Kind, Kind]) -> None:
    """'A 6 GB PC passes any RAM request. Containers are not counted at all.'"""
    world = make_world(nodes=1, vcpus=64)
    for kind, name, who in zip(kinds, ("first", "second"), (MINA, JOON), strict=True):
        image = {"image": "nginx:latest", "ports": "80"} if kind is Kind.CONTAINER else {}
        if name == "first":
            world.rent(name, who, size="huge", kind=kind, **image)
            world.settle(5)
            continue
        with pytest.raises(FormError) as caught:
            world.rent(name, who, size="small", kind=kind, **image)
        assert caught.value.fields["size"].code == "no_room"


def _picked(view: Any, name: str = "") -> tuple[str, SentView]:
    """The date that the form proposes, and the form as Slack sends it when nothing is changed."""
    drawn = view.to_dict()
    (block,) = [block for block in drawn["blocks"] if block.get("block_id") == ids.Field.ENDS_ON]
    proposed = block["element"]["initial_date"]
    values: dict[str, Any] = {
        "name": {"value": name},
        "image": {"selected_option": {"value": "debian-12"}},
        "size": {"selected_option": {"value": "small"}},
        "ends_on": {"selected_date": proposed},
    }
    state = {field: {ids.Action.VALUE.value: value} for field, value in values.items()}
    return proposed, sent_view(drawn, values=state)


def test_fault_06_dates_shift_by_a_day_in_korea_before_nine(world: World) -> None:
    """'date.toISOString().split("T")[0]: before 09:00 KST the date sent is yesterday's.'"""
    world.clock.at = ONE_IN_SEOUL
    policy, texts = world.config.policy, Texts("ko")
    proposed, view = _picked(rent_form.build(world.rental_service.offer(MINA), policy, texts), "web01")
    assert proposed == "2026-12-16"  # 14 days from the 2nd
    rental = world.rental_service.request(MINA, rent_form.parse(view), "view:1")
    assert rental.ends_on == date(2026, 12, 16)
    assert world.context.expiry.ends_at(rental).isoformat() == "2026-12-17T00:00:00+09:00"
    outlook = world.context.expiry.outlook(rental, (), world.clock())
    proposed, view = _picked(rental_forms.extension(rental, outlook, texts))
    assert proposed == "2026-12-23"
    until = rental_forms.parse_extension(view).until
    assert Extensions(world.context).extend(MINA, rental.id, until, via="form").ends_on == date(2026, 12, 23)
    assert world.rent("today", ends_on=date(2026, 12, 2))
    with pytest.raises(FormError):
        world.rent("over", ends_on=date(2026, 12, 1))


def test_fault_08_without_the_key_there_is_no_extension_and_no_return(world: World) -> None:
    """'Both prove ownership by logging in … anyone may list everything; password is unsalted SHA-256.'"""
    password = Secret("correct horse battery staple")
    first = ready(world, access=Access.PASSWORD, password=password)
    second = ready(world, "web02", who=JOON, access=Access.PASSWORD, password=password)
    for fake in world.nodes.values():
        fake.go_down()
        fake.calls.clear()
    world.restart()
    Extensions(world.context).extend(MINA, first.id, world.day(3), via="test")
    world.rental_service.return_rental(MINA, first.id)
    assert status(world, first) == ["ending"]
    assert [call for fake in world.nodes.values() for call in fake.calls] == []
    assert [rental.name for rental in world.rental_queries.my_rentals(MINA)] == ["web01"]
    with pytest.raises(UserError):
        world.rental_queries.rental(MINA, second.id)
    assert str(first.password_hash).startswith("$6$") and first.password_hash != second.password_hash


def test_fault_09_an_extension_has_no_limit_and_an_end_may_be_in_the_past(world: World) -> None:
    """'Extension has no upper limit; start/end order is not checked; end date may be in the past.'"""
    rental = lent(world, days=5)
    for days, code in ((91, "end_late"), (3650, "end_late"), (-1, "end_past"), (4, "end_not_later")):
        with pytest.raises(UserError) as caught:
            Extensions(world.context).extend(MINA, rental.id, world.day(days), via="test")
        assert caught.value.code == code
    for days, code in ((91, "end_late"), (-1, "end_past")):
        with pytest.raises(FormError) as form:
            world.rent("new", ends_on=world.day(days))
        assert form.value.fields["ends_on"].code == code


def test_fault_10_a_key_pair_left_over_from_a_failed_try_is_used(
    world: World, stub: Stub, node: Node
) -> None:
    """'Found by name and used: its private key is then None.'"""
    rental = world.rent()
    lost = ssh_keys.generate("lost with the process")
    world.reconciler.tick()
    assert world.outbox.offer_key(rental.id, lost.public, lost.fingerprint, "F-lost")
    world.restart()
    world.settle()
    after = world.look(rental)
    assert after.placement
    (delivered,) = world.keys[rental.id]
    user_data = world.nodes[after.placement.node].user_data(rental.mark)
    assert delivered in user_data and lost.public not in user_data
    stub.on("GET", "/os-keypairs", Answer(200, {"keypairs": [{"keypair": {"name": "kws-1"}}]}))
    node.ensure_server(SPEC, Address("p1", "a1", "203.0.113.9"))
    assert "key_name" not in stub.sent("POST", "/servers")["server"]


def test_fault_13_two_requests_at_once_get_the_same_last_place(make_world: MakeWorld) -> None:
    """'No reservation of capacity; SELECT-then-INSERT name check.'"""
    world = make_world(nodes=1, vcpus=3, max_rentals=9)

    def ask(name: str) -> bool:
        with suppress(FormError):
            return bool(world.rent(name, Actor(f"U0{name}{next(numbers)}")))
        return False

    numbers = itertools.count()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, ["same"] * 8)) == 1
        assert sum(pool.map(ask, [f"web{number}" for number in range(8)])) == 2


def test_fault_14_images_are_read_from_the_first_node_only(world: World) -> None:
    """'cannot differ by node'"""
    world.nodes["node2"].offered.append(Image(id="x", name="fedora-43"))
    world.clock.advance(minutes=2)
    world.tick()
    assert "fedora-43" in [image.name for image in world.rental_service.offer(MINA).images]
    assert world.rent("web01", image="fedora-43").placements[0].node == "node2"


def test_fault_15_any_exception_is_shown_to_the_student(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """'str(e) of any exception is shown to the student.'"""

    def fails(*_: Any, **__: Any) -> None:
        raise ConflictException(SECRET)

    told: list[str] = []
    directory = SimpleNamespace(
        texts_of=lambda user: Texts("en"),
        authorize_known=lambda user: (MINA, Texts("en")),
        authorize=lambda *_: fails(),
        client=None,
    )
    desk = Dispatcher(world.context, directory, Inline())  # type: ignore[arg-type]
    respond = Respond(response_url="https://hooks.slack.com/commands/1")
    monkeypatch.setattr(Respond, "__call__", lambda self, **said: told.append(str(said)))
    command = SlashCommand(
        command="/kws", user_id=MINA.id, team_id="T1", trigger_id="t", response_url=str(respond.response_url)
    )
    desk.dispatch(lambda request: None, command, respond)  # type: ignore[arg-type]
    monkeypatch.setattr(RentalService, "request", fails)
    form = ViewSubmission(type="view_submission", user=SentUser(id=MINA.id), view=sent_view())
    submit = desk.form(Rent(desk).submitted, at=ids.Field.NAME)
    submit(lambda **said: told.append(str(said)), {payloads.KEY: form})
    monkeypatch.undo()
    for one in world.nodes.values():
        one.fail_next("ensure_address", NodeDown(one.name, Refusal.DOWN, SECRET))
        one.fail_next("ensure_server", NodeRefused(one.name, Refusal.QUOTA, SECRET), times=9)
    rental = world.rent()
    world.settle(20)
    card = rental_card.card(
        world.look(rental), world.rental_queries.history(rental.id), world.clock(), Texts("en")
    )
    told += [
        str([block.to_dict() for block in card.blocks]),
        str([asdict(n.room) for n in world.rental_queries.nodes()]),
    ]
    assert len(told) == 4
    for word in ("HttpException", "10.9.8.7", "admin_project", "Traceback", "ConflictException"):
        assert not [text for text in told if word in text]
    references = [
        record.getMessage().split()[1].rstrip(":")
        for record in caplog.records
        if record.levelno >= logging.ERROR
    ]
    assert len(references) == 2
    for reference, text in zip(references, told, strict=False):
        assert reference in text, "what the person is told is found in the log"

"""Rights that end while a form or a button is on the screen: what counts is who somebody is at the click."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness.sampling import every
from security.bench import ADMINS, Bench, form
from security.who_may import TABLE

from bot.views import ids
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental
from slack_workspace import Person


@pytest.fixture
def bench(make_module_bench: Callable[..., Bench]) -> Bench:
    """One of its own for each test: rights are taken away in it."""
    bench = make_module_bench()
    for name in ("mina", "joon", "admin"):
        bench.send(bench.command(bench.person(name), "help"))
    return bench


def rented(bench: Bench) -> Rental:
    mina = bench.person("mina")
    bench.service.rental_service.request(
        Actor(mina.id), RentForm("web01", "debian-12", "small", bench.service.context.today()), "first"
    )
    bench.settle()
    return bench.rental("web01")


def dismissed(bench: Bench, minutes: int = 6) -> None:
    """The admin is in the user group no more; Slack is asked again after five minutes."""
    bench.workspace.state.groups[ADMINS].users.clear()
    bench.clock.advance(minutes=minutes)


def sent(bench: Bench, person: Person, callback: str, metadata: str, **fields: object) -> str:
    with bench.watching(person) as seen:
        bench.send(bench.submit(person, form(callback, metadata % {"url": bench.url(person)}, **fields)))
    return str(seen["said"])


DESK = [
    row
    for row in TABLE
    if any(word.startswith(("view:desk", "view:drain", "view:image")) for word in row.covers)
]


@pytest.mark.parametrize("row", every(7, [(row,) for row in DESK]), ids=str)
def test_who_is_an_admin_no_more_sends_the_open_form(bench: Bench, row: object) -> None:
    rented(bench)
    admin = bench.person("admin")
    payload = row.sends(bench, admin)  # type: ignore[attr-defined]
    dismissed(bench)
    before, acts = bench.rows(), bench.acts()
    with bench.watching(admin) as seen:
        bench.send(payload)
    assert "Only admins can do that" in seen["said"]
    assert bench.rows() == before and bench.acts() == acts


@pytest.mark.thorough
def test_a_form_that_is_judged_at_once_believes_slack_for_ten_minutes(bench: Bench) -> None:
    """There is no time to ask Slack in it: an old word about the group counts for nothing."""
    rental = rented(bench)
    admin, until = bench.person("admin"), {"date": (rental.ends_on.replace(day=20)).isoformat()}
    bench.clock.advance(minutes=6)
    bench.send(bench.command(admin, "help"))  # Slack is asked anew
    bench.workspace.state.groups[ADMINS].users.clear()
    bench.clock.advance(minutes=11)
    assert "isn't yours" in sent(bench, admin, ids.View.EXTEND, rental.id, ends_on=until)
    assert bench.rental("web01").ends_on == rental.ends_on


def test_an_admin_of_the_group_may_use_those_forms(bench: Bench) -> None:
    rental = rented(bench)
    admin, until = bench.person("admin"), rental.ends_on.replace(day=20)
    assert sent(bench, admin, ids.View.EXTEND, rental.id, ends_on={"date": until.isoformat()}).strip() == ""
    assert bench.rental("web01").ends_on == until


def test_a_rental_that_was_handed_over_meanwhile(bench: Bench) -> None:
    """The form of the owner before is open, and so is the old card with its buttons."""
    rental, mina, joon = rented(bench), bench.person("mina"), bench.person("joon")
    Extensions(bench.service.context).transfer(Actor("U0ADMIN001", admin=True), rental.id, joon.id)
    bench.settle(3)
    before, until = bench.rows(), {"date": rental.ends_on.replace(day=20).isoformat()}
    assert "isn't yours" in sent(bench, mina, ids.View.EXTEND, rental.id, ends_on=until)
    for action in (
        ids.Action.RETURN,
        ids.Action.REBOOT,
        ids.Action.CONSOLE,
        ids.Action.NEW_KEY,
        ids.Action.HISTORY,
    ):
        with bench.watching(mina) as seen:
            bench.send(bench.click(mina, action, block=f"card-{rental.id}", value=rental.id))
        assert "isn't yours" in seen["said"], action
    assert bench.rows() == before
    with bench.watching(joon) as seen:
        bench.send(bench.click(joon, ids.Action.REBOOT, value=rental.id))
    assert "Rebooting" in seen["said"]


@pytest.mark.thorough
def test_who_becomes_a_guest_is_out_within_half_a_day(bench: Bench) -> None:
    """What Slack says of a person counts for twelve hours."""
    joon = bench.person("joon")
    joon.user.is_restricted = True
    bench.clock.advance(hours=12, minutes=1)
    with bench.watching(joon) as seen:
        bench.send(bench.command(joon, "rent"))
    assert "Only workspace members can use KWS" in seen["said"] and seen["forms"] == []

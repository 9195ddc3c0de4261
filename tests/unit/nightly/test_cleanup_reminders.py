"""No rental is deleted unwarned: Slack away, people away, extended, handed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.night_kit import lent, passes, status
from harness.world import ADMIN, JOON, MINA, World

from kws_core.errors import UserError
from kws_core.outbox.pending_messages import Outbox
from kws_core.rentals.extension import Extensions
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason

MakeWorld = Callable[..., World]


def extend(world: World, rental: Rental, days: int, who: object = MINA) -> Rental:
    return Extensions(world.context).extend(who, rental.id, world.day(days), via="test")  # type: ignore[arg-type]


def refused(world: World, rental: Rental, days: int, who: object = MINA) -> str:
    with pytest.raises(UserError) as caught:
        extend(world, rental, days, who)
    return caught.value.code


def nights(world: World, number: int, *, slack: bool) -> None:
    """So many midnights, with a tick each morning and each evening."""
    for _ in range(number):
        world.midnight(minutes=1)
        for _ in range(2):
            world.nightly.tick()
            if slack:
                world.deliver_all()
            world.clock.advance(hours=10)


# -- warnings


def test_each_warning_is_written_once(world: World) -> None:
    rental = lent(world, days=10, warned=False)
    last = rental.ends_on
    nights(world, 10, slack=True)
    assert world.warned(rental) == [f"warned:{last}:{days}" for days in (7, 3, 1)]
    assert status(world, rental) == ["ready"]
    nights(world, 1, slack=True)
    assert status(world, rental) == ["ending"]


def test_two_replicas_write_a_warning_once(world: World) -> None:
    rental = lent(world, days=1, warned=False)
    first, second = world.nightly, type(world.nightly)(world.context)
    assert first.remind(world.clock()) == [rental.id]
    assert second.remind(world.clock()) == []
    assert not second._remind(rental.id, world.clock()), "also when both had read that it is to be written"
    assert len(world.warned(rental)) == 1


def test_what_was_overlooked_is_not_made_up_for(world: World) -> None:
    rental = lent(world, days=2, warned=False)
    world.nightly.tick()
    assert world.warned(rental) == [f"warned:{rental.ends_on}:3"]


def test_only_what_is_in_use_is_warned(world: World) -> None:
    rental = lent(world, days=1, warned=False)
    world.rental_service.return_rental(MINA, rental.id)
    waiting = world.rent("new", ends_on=world.day(0))
    world.clock.advance(hours=1)
    world.nightly.tick()
    assert world.warned(rental) == world.warned(waiting) == []


def test_what_is_over_and_was_never_warned_is_kept_and_warned_at_once(world: World) -> None:
    rental = lent(world, warned=False)
    world.midnight(2, hours=14)
    world.restart()
    world.nightly.tick()
    assert status(world, rental) == ["ready"]
    assert world.warned(rental) == [f"warned:{rental.ends_on}:1"]
    world.deliver_all()
    world.midnight()  # ten hours later
    world.nightly.tick()
    assert status(world, rental) == ["ready"]
    world.clock.advance(hours=13)
    world.nightly.tick()
    assert status(world, rental) == ["ready"], "the pass of this date was run"
    world.midnight()
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


def test_it_goes_when_the_warning_said(world: World) -> None:
    """Told at 20:00 that it goes in two nights; a pass caught up at noon between keeps the word."""
    rental = lent(world, warned=False)
    world.clock.advance(hours=8)
    world.nightly.tick()
    world.deliver_all()
    told = world.context.expiry.deleted_at(rental, world.rental_queries.history(rental.id), world.clock())
    world.midnight(hours=12)
    world.restart()
    world.nightly.tick()
    assert len(passes(world)) == 2
    assert status(world, rental) == ["ready"]
    world.midnight()
    world.nightly.tick()
    assert status(world, rental) == ["ending"]
    assert world.clock() == told


def test_while_slack_is_away_nothing_is_deleted(world: World) -> None:
    rental, told = lent(world, days=1, warned=False), lent(world, "told", 1)
    nights(world, 9, slack=False)
    assert status(world, rental, told) == ["ready", "ending"]
    assert len(world.warned(rental)) == 1, "however long it takes"
    world.deliver_all()
    world.midnight(minutes=1)
    world.nightly.tick()
    assert status(world, rental) == ["ready"]
    world.midnight(minutes=1)
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


def test_a_short_rental_is_kept_until_its_ready_message_was_seen(world: World) -> None:
    rental = world.ready(ends_on=world.day(0))
    nights(world, 2, slack=False)
    assert world.warned(rental) == []
    assert status(world, rental) == ["ready"]
    world.deliver_all()
    nights(world, 1, slack=True)
    assert status(world, rental) == ["ending"]


def test_what_never_gets_ready_needs_no_warning(make_world: MakeWorld) -> None:
    world = make_world(fakes={"boot_seconds": 10**6})
    world.clock.advance(hours=11, minutes=55)
    rental = world.rent(ends_on=world.day(0))
    world.settle(4)
    world.midnight()
    world.nightly.tick()
    world.settle(4)
    assert status(world, rental) == ["building"]
    world.clock.advance(minutes=16)
    world.settle(130)
    assert status(world, rental) == ["ended"]
    assert world.look(rental).reason is Reason.NO_ANSWER
    assert world.left() == {}


def test_somebody_who_cannot_be_reached_loses_it_at_its_date(world: World) -> None:
    rental = lent(world, days=1, warned=False)
    outbox = Outbox(world.context)
    world.nightly.tick()
    outbox.unreachable(rental.id, "user_disabled")
    world.midnight(hours=11)
    world.nightly.tick()
    outbox.unreachable(rental.id, "user_disabled")
    (told,) = world.notices("unreachable")
    assert told == {"rental": rental.id, "name": "web01", "owner": MINA.id, "why": "user_disabled"}
    assert status(world, rental) == ["ready"]
    world.midnight()
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


# -- extended


def test_an_extension_gets_warnings_of_its_own(world: World) -> None:
    rental = lent(world)
    extended = extend(world, rental, 10)
    world.deliver_all()
    nights(world, 10, slack=True)
    last = extended.ends_on
    assert world.warned(rental)[3:] == [f"warned:{last}:3", f"warned:{last}:1"]
    assert status(world, rental) == ["ready"]
    nights(world, 1, slack=True)
    assert status(world, rental) == ["ending"]


def test_an_old_warning_is_none_for_the_new_date(world: World) -> None:
    """It reaches the owner only after the extension, when Slack is back."""
    rental = lent(world, days=1, warned=False)
    world.nightly.tick()
    extend(world, rental, 2)
    world.deliver_all()
    world.midnight(3)
    world.nightly.tick()
    keys = world.warned(rental)
    assert [str(key).split(":")[1] for key in keys] == [str(rental.ends_on), str(world.day(-1))]
    assert status(world, rental) == ["ready"], "the second one was not delivered twelve hours before"


def test_extending_twice_is_extending_once(world: World) -> None:
    rental = lent(world)
    first = extend(world, rental, 5)
    world.clock.advance(hours=1)
    second = extend(world, rental, 5)
    assert world.kinds(rental).count("extended") == 1
    assert (second.ends_on, second.end_set_at) == (first.ends_on, first.end_set_at)


def test_how_far_an_extension_may_go(world: World) -> None:
    rental = lent(world, days=3)
    assert refused(world, rental, 2) == "end_not_later"
    assert refused(world, rental, -1) == "end_past"
    assert refused(world, rental, 91) == "end_late"
    assert extend(world, rental, 90).ends_on == world.day(90)
    with pytest.raises(UserError) as caught:
        Extensions(world.context).extend(MINA, rental.id, None, via="test")
    assert caught.value.code == "end_missing"


def test_whose_rental_may_be_extended(world: World) -> None:
    rental = lent(world)
    assert refused(world, rental, 5, JOON) == "rental_gone"
    assert extend(world, rental, 5, ADMIN).ends_on == world.day(5)
    event = world.rental_queries.history(rental.id)[-1]
    assert (event.kind, event.actor) == (EventKind.EXTENDED, ADMIN.id)


def test_what_is_ending_is_not_extended(world: World) -> None:
    rental = lent(world)
    world.midnight()
    world.nightly.tick()
    assert refused(world, rental, 5) == "too_late_to_extend"
    world.tick()
    assert status(world, rental) == ["ended"]
    assert refused(world, rental, 5) == "too_late_to_extend"


def test_what_is_over_but_kept_can_still_be_extended(world: World) -> None:
    rental = lent(world, warned=False)
    nights(world, 2, slack=False)
    extend(world, rental, 0)
    world.deliver_all()
    assert status(world, rental) == ["ready"]
    nights(world, 1, slack=True)
    assert status(world, rental) == ["ending"], (
        "for the rest of that day: the message about it is the warning"
    )


def test_an_extension_in_the_quiet_days_moves_with_them(make_world: MakeWorld) -> None:
    world = make_world(policy="quiet = [{ from = 2026-12-05, to = 2026-12-08 }]")
    rental = lent(world, days=1, warned=False)
    extend(world, rental, 5)  # the 6th: it lasts to the 9th
    nights(world, 8, slack=True)
    assert world.warned(rental) == [f"warned:2026-12-09:{days}" for days in (3, 1)]
    (warning,) = [e for e in world.rental_queries.history(rental.id) if e.key == "warned:2026-12-09:1"]
    assert warning.data == {"days": 1, "last_day": "2026-12-09"}
    assert status(world, rental) == ["ready"]
    nights(world, 1, slack=True)
    assert status(world, rental) == ["ending"]


# -- handed over


@pytest.mark.parametrize("reached", [True, False])
def test_whoever_gets_a_rental_is_warned_too(world: World, reached: bool) -> None:
    """A warning that the one before had, or could not be reached with, is none for the new owner."""
    rental = lent(world, days=0, warned=False)
    world.nightly.tick()
    if reached:
        world.deliver_all()
    else:
        Outbox(world.context).unreachable(rental.id, "user_disabled")
    world.clock.advance(hours=11)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    moved = world.rental_queries.rental(JOON, rental.id)
    world.clock.advance(minutes=1)
    world.nightly.tick()
    world.deliver_all()
    world.midnight()
    world.nightly.tick()
    assert status(world, moved) == ["ready"]
    assert len([e for e in world.rental_queries.history(rental.id) if e.kind is EventKind.WARNED]) == 2
    world.midnight()
    world.nightly.tick()
    assert status(world, moved) == ["ending"]


def test_a_transfer_keeps_the_end_and_is_for_admins(world: World) -> None:
    rental = lent(world, days=5)
    with pytest.raises(UserError) as caught:
        Extensions(world.context).transfer(MINA, rental.id, JOON.id)
    assert caught.value.code == "admins_only"
    moved = Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    assert (moved.owner, moved.ends_on) == (JOON.id, rental.ends_on)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    assert world.kinds(moved).count("transferred") == 1
    assert world.clock() - moved.end_set_at > timedelta(days=29)

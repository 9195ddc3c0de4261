"""What people ask the admins for beyond the policy, until it is granted, declined, or of no use any longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.carrying import CarryingLab
from harness.world import ADMIN, JOON, MINA, World
from sqlalchemy import select

from kws_core.asks.service import Asks
from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.outbox.alert_outbox import AlertOutbox
from kws_core.people import Actor
from kws_core.rentals.admission import CUSTOM, NEW_NETWORK
from kws_core.rentals.extension import Extensions
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import AskAlert
from kws_core.tables.details.asks import Allowance
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import AskDecision, CopyState, Reason, Status
from kws_core.values import Size

OTHER_ADMIN = Actor("U0ADMIN002", admin=True)
LARGE, HUGE = Size("large", 2, 2048, 20), Size("huge", 8, 8192, 20)
WHY = "for the exam"
POLICY = "max_vcpus_per_user = 2"


class Lab:
    """A world with the admins' requests."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asks = Asks(world.context)

    def ask(self, name: str = "web01", who: Actor = MINA, **changes: Any) -> Rental:
        """A rental that waits for an admin: it lasts longer than the policy allows."""
        rental = self.world.rent(name, who, **{"ends_on": self.world.day(120), "ask": WHY, **changes})
        assert rental.status is Status.ASKED
        return rental

    def of(self, rental: Rental) -> Ask:
        """What was asked last about it."""
        with self.world.store.read() as session:
            rows = session.scalars(select(Ask).where(Ask.rental_id == rental.id).order_by(Ask.id)).unique()
            return list(rows)[-1]

    def alerts(self) -> list[AskAlert]:
        """What the admins read, the oldest first."""
        with self.world.store.read() as session:
            found = [row.details for row in session.scalars(select(AdminAlert).order_by(AdminAlert.id))]
        return [one for one in found if isinstance(one, AskAlert)]

    def refused(self, act: Callable[[], object]) -> ErrorCode:
        """Why it isn't done."""
        with pytest.raises(UserError) as caught:
            act()
        error = caught.value
        return next(iter(error.fields.values())).code if isinstance(error, FormError) else error.code

    def later(self, **by: float) -> None:
        """So much later, and all is looked after."""
        self.world.clock.advance(**by)
        self.asks.follow_up(self.world.clock())


@pytest.fixture
def lab(make_world: Callable[..., World]) -> Lab:
    return Lab(make_world(policy=POLICY))


# -- renting


def test_what_is_beyond_the_policy_waits_for_an_admin(lab: Lab) -> None:
    rental = lab.ask(size="huge", vcpus=None, ports="25, 80", node="node2")
    world = lab.world
    assert world.kinds(rental) == ["asked"]
    rental = world.look(rental)
    assert (rental.placement, rental.pinned) == (None, True)
    (alert,) = lab.alerts()
    assert (alert.name, alert.owner, alert.reason, alert.decision) == ("web01", MINA.id, WHY, None)
    beyond = {one.code: (one.wanted, one.limit) for one in alert.asked.beyond}
    assert beyond == {
        "end_late": (120, 90),
        "quota_vcpus": (8, 2),
        "ports_forbidden": (25, None),
        "node_admins": (None, None),
    }
    assert [one.node for one in alert.free] == ["node1", "node2"]
    assert alert.asked.wanted == Allowance.of(world.day(120), HUGE)
    world.settle(120)
    assert world.look(rental).status is Status.ASKED
    assert world.left() == {}


def test_approved_it_is_built_as_it_was_typed(lab: Lab) -> None:
    rental = lab.ask(size="huge", node="node2", ports="25", cloud_init="packages: [nginx]")
    lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")
    lab.world.settle(60)
    rental = lab.world.look(rental)
    assert rental.status is Status.READY
    assert lab.world.kinds(rental)[:3] == ["asked", "ask_approved", "wait_over"]
    assert rental.placement
    assert rental.placement.node == "node2"
    assert (rental.vcpus, rental.ends_on) == (8, lab.world.day(120))
    assert rental.open_ports == [{"first": 25, "last": 25, "protocol": "tcp"}]
    assert rental.cloud_init == {"packages": ["nginx"]}
    (alert,) = lab.alerts()
    assert (alert.decision, alert.by) == ("approved", ADMIN.id)


def test_approved_without_room_it_waits_like_any_other(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(1, vcpus=2, policy=POLICY))
    other = lab.world.ready("other", JOON, size="large")
    rental = lab.ask(size="large")
    lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")
    lab.world.settle(60)
    assert lab.world.look(rental).status is Status.WAITING
    lab.world.rental_service.return_rental(JOON, other.id)
    lab.world.settle(120)
    assert lab.world.look(rental).status is Status.READY


def test_an_admin_may_allow_less(lab: Lab) -> None:
    rental = lab.ask(size="huge")
    less = Allowance.of(lab.world.day(100), LARGE)
    lab.asks.approve(ADMIN, lab.of(rental).id, less, note="that will do", via="form")
    lab.world.settle(60)
    rental = lab.world.look(rental)
    assert (rental.status, rental.size, rental.vcpus) == (Status.READY, "large", 2)
    assert rental.ends_on == lab.world.day(100)
    ask = lab.of(rental)
    assert (ask.decision, ask.note, ask.allowance) == (AskDecision.LESS, "that will do", less)


@pytest.mark.parametrize(
    ("days", "size"), [(121, None), (None, Size("whale", 9, 8192, 20)), (None, None), (120, HUGE)]
)
def test_only_less(lab: Lab, days: int | None, size: Size | None) -> None:
    ask = lab.of(lab.ask(size="huge"))
    less = Allowance.of(lab.world.day(days) if days else None, size)
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, less, via="form")) == "ask_not_less"
    past = Allowance(lab.world.day(-1))
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, past, via="form")) == "end_past"
    assert lab.of(ask.rental).open


def test_declined_it_is_over(lab: Lab) -> None:
    rental = lab.ask(network=NEW_NETWORK, network_name="mine", cidr="192.168.50.0/24")
    lab.asks.decline(ADMIN, lab.of(rental).id, note="too long", via="form")
    rental = lab.world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.DECLINED)
    assert lab.world.kinds(rental) == ["asked", "ask_declined", "ended"]
    assert lab.world.rental_service.offer(MINA).networks == []
    assert lab.world.rent().name == "web01"  # its name is free again


def test_one_form_asks_once(lab: Lab) -> None:
    first, second = lab.ask(), lab.ask()
    assert first.id == second.id
    assert len(lab.alerts()) == 1


def test_a_reason_is_needed_and_everything_else_must_be_right(lab: Lab) -> None:
    def refused(**changes: Any) -> dict[str, str]:
        with pytest.raises(FormError) as caught:
            lab.ask(**changes)
        return {name: error.code for name, error in caught.value.fields.items()}

    assert refused(ask=None) == {"ends_on": "end_late"}
    assert refused(ask=" ") == {"ask": "ask_reason"}
    assert refused(ask="x" * 301) == {"ask": "ask_long"}
    assert refused(name="Bad!", ends_on=lab.world.day(4000)) == {"name": "name_invalid", "ends_on": "end_far"}
    custom = {"size": CUSTOM, "vcpus": 9, "ram_mb": 8192, "disk_gb": 20}
    assert refused(**custom) == {"vcpus": "number_range"}
    assert refused(node="node9") == {"node": "node_unknown"}
    assert refused(node="node2", ask=None, ends_on=lab.world.day(1)) == {"node": "node_admins"}
    assert lab.alerts() == []


def test_what_the_policy_alone_forbids_can_be_asked_for(lab: Lab) -> None:
    with pytest.raises(FormError) as caught:
        lab.ask(ask=None, size="huge")
    assert caught.value.askable
    with pytest.raises(FormError) as caught:
        lab.ask(ask=None, size="huge", name="Bad!")
    assert not caught.value.askable
    custom: dict[str, Any] = {"size": CUSTOM, "vcpus": 8, "ram_mb": 512, "disk_gb": 20}
    assert lab.ask(**custom).vcpus == 8


def test_within_the_policy_nobody_is_asked(lab: Lab) -> None:
    assert lab.world.rent(ask=WHY).status is Status.REQUESTED
    assert lab.alerts() == []


def test_nobody_asks_without_end(lab: Lab) -> None:
    for number in range(3):
        lab.ask(f"web{number}")
    assert lab.refused(lambda: lab.ask("web9")) == "asks_full"
    lab.asks.decline(ADMIN, lab.of(lab.world.rental_queries.my_rentals(MINA)[0]).id, via="notice")
    assert lab.ask("web9")


def test_it_counts_as_the_persons_and_can_be_withdrawn(lab: Lab) -> None:
    rental = lab.ask(size="large")
    assert lab.refused(lambda: lab.world.rent("web02", size="small")) == "quota_vcpus"
    assert lab.refused(lambda: lab.world.rent("web01", JOON)) == "name_taken"
    lab.world.rental_service.return_rental(MINA, rental.id)
    assert lab.world.look(rental).status is Status.ENDED
    assert lab.refused(lambda: lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")) == "ask_over"
    lab.later(minutes=1)
    assert lab.of(rental).decision is AskDecision.OVER
    assert lab.alerts()[0].decision == "over"
    assert lab.world.rent("web02", size="large")


def test_nothing_else_is_done_with_it_meanwhile(lab: Lab) -> None:
    rental = lab.ask()
    extensions = Extensions(lab.world.context)
    code = lab.refused(lambda: extensions.extend(MINA, rental.id, lab.world.day(80), via="test"))
    assert code == "ask_undecided"
    assert lab.refused(lambda: lab.asks.extend(MINA, rental.id, lab.world.day(200), WHY, via="x")) == code


def test_a_wish_lapses_after_its_last_day(lab: Lab) -> None:
    rental = lab.ask(size="huge", ends_on=lab.world.day(3))
    lab.world.midnight(4, minutes=1)
    lab.world.nightly.tick()
    assert lab.world.look(rental).reason is Reason.LAPSED
    assert lab.of(rental).decision is AskDecision.OVER


def test_a_copy_stays_while_a_server_from_it_is_asked_for(lab: Lab) -> None:
    copies = Copies(lab.world.context)
    kept = copies.request(MINA, lab.world.ready().id)
    CarryingLab(lab.world).settle(30)
    rental = lab.ask("again", image=None, copy=kept.id)
    assert lab.refused(lambda: copies.delete(MINA, kept.id)) == "copy_in_use"
    lab.asks.decline(ADMIN, lab.of(rental).id, via="notice")
    assert copies.delete(MINA, kept.id).state is CopyState.DELETING


# -- a first day


def test_a_first_day_is_promised_when_it_is_approved(lab: Lab) -> None:
    rental = lab.ask(starts_on=lab.world.day(10))
    assert rental.planned_node is None
    lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")
    rental = lab.world.look(rental)
    assert rental.status is Status.WAITING
    assert rental.planned_node is not None


def test_room_that_has_gone_meanwhile_is_no_promise(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(1, vcpus=2, policy=POLICY))
    rental = lab.ask(size="large", starts_on=lab.world.day(10))
    lab.world.ready("other", JOON, size="small", ends_on=lab.world.day(60))
    assert lab.refused(lambda: lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")) == "ask_not_free"
    assert lab.of(rental).open
    lab.asks.approve(ADMIN, lab.of(rental).id, Allowance.of(size=Size("small", 1, 512, 5)), via="form")
    assert lab.world.look(rental).planned_node == "node1"


def test_a_first_day_that_has_come_meanwhile(lab: Lab) -> None:
    rental = lab.ask(starts_on=lab.world.day(2))
    lab.later(days=3)
    lab.asks.approve(ADMIN, lab.of(rental).id, via="notice")
    lab.world.settle(60)
    assert lab.world.look(rental).status is Status.READY


# -- extending


def test_an_extension_is_asked_for_and_done(lab: Lab) -> None:
    rental, until = lab.world.ready(), lab.world.day(120)
    assert lab.refused(lambda: lab.asks.extend(MINA, rental.id, until, None, via="form")) == "end_late"
    ask = lab.asks.extend(MINA, rental.id, until, WHY, via="form")
    assert ask is not None
    assert lab.world.look(rental).ends_on == lab.world.day(14)
    lab.asks.approve(ADMIN, ask.id, via="notice")
    assert lab.world.look(rental).ends_on == until
    assert lab.world.kinds(rental)[-3:] == ["asked", "ask_approved", "extended"]
    assert lab.of(rental).done_at is not None
    (alert,) = lab.alerts()
    assert (alert.what, alert.by, alert.asked.had) == ("extend", ADMIN.id, Allowance(lab.world.day(14)))


def test_within_the_policy_it_is_extended_at_once(lab: Lab) -> None:
    rental = lab.world.ready()
    assert lab.asks.extend(MINA, rental.id, lab.world.day(20), WHY, via="form") is None
    assert lab.world.look(rental).ends_on == lab.world.day(20)


def test_less_of_an_extension(lab: Lab) -> None:
    rental = lab.world.ready()
    ask = lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="form")
    assert ask
    early = Allowance(lab.world.day(14))
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, early, via="form")) == "end_not_later"
    lab.asks.approve(ADMIN, ask.id, Allowance(lab.world.day(100)), via="form")
    assert lab.world.look(rental).ends_on == lab.world.day(100)


def test_an_extension_that_is_declined_changes_nothing(lab: Lab) -> None:
    rental = lab.world.ready()
    ask = lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="form")
    assert ask
    lab.asks.decline(ADMIN, ask.id, via="form")
    rental = lab.world.look(rental)
    assert (rental.status, rental.ends_on) == (Status.READY, lab.world.day(14))
    assert lab.world.kinds(rental)[-1] == "ask_declined"


def test_one_request_about_a_rental_at_a_time(lab: Lab) -> None:
    rental = lab.world.ready()

    def ask(days: int, reason: str = WHY) -> Ask | None:
        return lab.asks.extend(MINA, rental.id, lab.world.day(days), reason, via="form")

    first, again = ask(120), ask(120)
    assert first
    assert again
    assert first.id == again.id
    assert lab.refused(lambda: ask(130)) == "ask_open"
    assert lab.refused(lambda: ask(130, "")) == "ask_open"
    lab.asks.decline(ADMIN, first.id, via="form")
    assert lab.refused(lambda: ask(130, "")) == "ask_reason"
    assert ask(130)


def test_what_can_not_be_done_at_once_is_done_later(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(1, vcpus=2, policy=POLICY))
    world = lab.world
    mine = world.ready("web01", MINA, ends_on=world.day(50))
    exam = world.rent("exam", JOON, size="large", starts_on=world.day(70), ends_on=world.day(80))
    ask = lab.asks.extend(MINA, mine.id, world.day(120), WHY, via="form")
    assert ask
    lab.asks.approve(ADMIN, ask.id, via="notice")
    lab.later(minutes=1)
    assert world.kinds(mine)[-2:] == ["ask_approved", "ask_delayed"], "told once"
    assert world.look(mine).ends_on == world.day(50)
    until = ask.allowance.until
    world.rental_service.return_rental(JOON, exam.id)
    lab.later(minutes=1)
    assert world.look(mine).ends_on == until
    assert lab.of(mine).done_at is not None


def test_what_can_not_be_done_within_a_week_is_told(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(1, vcpus=2, policy=POLICY))
    world = lab.world
    mine = world.ready("web01", MINA, ends_on=world.day(50))
    world.rent("exam", JOON, size="large", starts_on=world.day(70), ends_on=world.day(80))
    ask = lab.asks.extend(MINA, mine.id, world.day(120), WHY, via="form")
    assert ask
    lab.asks.approve(ADMIN, ask.id, via="notice")
    lab.later(days=6, hours=23)
    assert world.kinds(mine)[-1] == "ask_delayed"
    lab.later(hours=2)
    assert world.kinds(mine)[-1] == "ask_failed"
    assert lab.of(mine).done_at is not None


# -- another size


def test_a_size_is_asked_for_and_changed(lab: Lab) -> None:
    rental = lab.world.ready()
    assert lab.refused(lambda: lab.asks.resize(MINA, rental.id, HUGE, None, via="form")) == "quota_vcpus"
    ask = lab.asks.resize(MINA, rental.id, HUGE, WHY, via="form")
    assert ask
    assert not lab.world.look(rental).moving
    lab.asks.approve(ADMIN, ask.id, via="notice")
    assert lab.world.look(rental).moving
    CarryingLab(lab.world).settle(180)
    old = lab.world.look(rental)
    assert old.replaced_by
    new = lab.world.rental_queries.rental(MINA, old.replaced_by)
    assert (new.status, new.size) == (Status.READY, "huge")
    lab.later(minutes=1)
    assert lab.of(rental).done_at is not None


def test_less_of_a_size(lab: Lab) -> None:
    rental = lab.world.ready(size="medium")
    ask = lab.asks.resize(MINA, rental.id, HUGE, WHY, via="form")
    assert ask
    small = Allowance.of(size=Size("small", 1, 512, 5))
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, small, via="form")) == "disk_shrinks"
    lab.asks.approve(ADMIN, ask.id, Allowance.of(size=Size("half", 4, 4096, 20)), via="form")
    held = lab.world.look(rental).placement
    assert held
    assert held.new_size == Size("half", 4, 4096, 20)


def test_a_size_that_no_node_can_ever_give(lab: Lab) -> None:
    rental = lab.world.ready()
    whale = Size("whale", 9, 9000, 20)
    assert lab.refused(lambda: lab.asks.resize(MINA, rental.id, whale, WHY, via="form")) == "size_large"
    thin = Size("thin", 8, 8192, 1)
    assert lab.refused(lambda: lab.asks.resize(MINA, rental.id, thin, WHY, via="form")) == "disk_shrinks"
    assert lab.alerts() == []


def test_a_size_without_room_now_is_tried_until_there_is(lab: Lab) -> None:
    world = lab.world
    rental = world.ready()
    others = [world.ready(name, who, size="large") for name, who in (("a", JOON), ("b", ADMIN))]
    assert len({world.look(one).placement.node for one in others}) == 2  # type: ignore[union-attr]
    ask = lab.asks.resize(MINA, rental.id, HUGE, WHY, via="form")
    assert ask
    lab.asks.approve(ADMIN, ask.id, via="notice")
    assert world.kinds(rental)[-1] == "ask_delayed"
    for one in others:
        world.rental_service.return_rental(Actor(one.owner), one.id)
    world.settle(60)
    lab.later(minutes=1)
    assert world.look(rental).moving


def test_a_request_follows_a_server_that_is_moved(lab: Lab) -> None:
    rental = lab.world.ready()
    ask = lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="form")
    assert ask
    lab.asks.moves.start(MINA, rental.id, size=LARGE)
    CarryingLab(lab.world).settle(180)
    lab.later(minutes=1)
    until = ask.asked.wanted.until
    lab.asks.approve(ADMIN, ask.id, via="notice")
    (mine,) = [one for one in lab.world.rental_queries.my_rentals(MINA) if one.live]
    assert (mine.size, mine.ends_on) == ("large", until)


# -- deciding


def test_the_first_of_two_admins_decides(lab: Lab) -> None:
    ask = lab.of(lab.ask())
    lab.asks.approve(ADMIN, ask.id, via="notice")
    for act in (lab.asks.approve, lab.asks.decline):
        with pytest.raises(UserError) as caught:
            act(OTHER_ADMIN, ask.id, via="notice")
        assert caught.value.code is ErrorCode.ASK_DECIDED
        assert (caught.value.data["person"], caught.value.data["decision"]) == (ADMIN.id, "approved")
    assert lab.of(ask.rental).decided_by == ADMIN.id


def test_only_admins_decide_and_only_the_owner_asks_again(lab: Lab) -> None:
    ask = lab.of(lab.ask())
    for who in (MINA, JOON):
        assert lab.refused(lambda who=who: lab.asks.approve(who, ask.id, via="x")) == "admins_only"  # type: ignore[misc]
        assert lab.refused(lambda who=who: lab.asks.decline(who, ask.id, via="x")) == "admins_only"  # type: ignore[misc]
        assert lab.refused(lambda who=who: lab.asks.ask(who, ask.id)) == "admins_only"  # type: ignore[misc]
    lab.later(hours=49)
    assert lab.refused(lambda: lab.asks.again(JOON, ask.id, via="x")) == "rental_gone"
    rental = lab.world.ready("other", JOON)
    assert (
        lab.refused(lambda: lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="x"))
        == "rental_gone"
    )
    assert lab.refused(lambda: lab.asks.resize(MINA, rental.id, HUGE, WHY, via="x")) == "rental_gone"
    assert lab.asks.ask(ADMIN, ask.id).id == ask.id
    assert lab.refused(lambda: lab.asks.approve(ADMIN, 999, via="x")) == "button_stale"


def test_for_somebody_who_has_left_nothing_is_approved(lab: Lab) -> None:
    ask = lab.of(lab.ask())
    lab.world.members.note_departure(MINA.id, left=True)
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, via="notice")) == "ask_owner_left"
    lab.asks.decline(ADMIN, ask.id, via="notice")
    assert lab.world.look(ask.rental).status is Status.ENDED


def test_a_policy_that_has_changed_meanwhile_is_no_obstacle(lab: Lab) -> None:
    rental = lab.world.ready()
    ask = lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="form")
    assert ask
    policy = lab.world.config.policy.model_copy(update={"max_days": 5, "default_days": 5})
    lab.world.config = lab.world.config.model_copy(update={"policy": policy})
    lab.world.restart()
    Asks(lab.world.context).approve(ADMIN, ask.id, via="notice")
    assert lab.world.look(rental).ends_on == lab.world.day(120)


def test_a_rental_that_has_ended_meanwhile(lab: Lab) -> None:
    rental = lab.world.ready()
    ask = lab.asks.extend(MINA, rental.id, lab.world.day(120), WHY, via="form")
    assert ask
    lab.world.rental_service.return_rental(MINA, rental.id)
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, via="notice")) == "ask_over"
    assert lab.refused(lambda: lab.asks.decline(ADMIN, ask.id, via="notice")) == "ask_over"
    lab.later(minutes=1)
    assert lab.of(rental).decision is AskDecision.OVER
    assert lab.refused(lambda: lab.asks.approve(ADMIN, ask.id, via="notice")) == "ask_over"


def test_a_crash_between_the_decision_and_the_act(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    rental, until = lab.world.ready(), lab.world.day(120)
    ask = lab.asks.extend(MINA, rental.id, until, WHY, via="form")
    assert ask

    def die(*args: object, **how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lab.asks.extensions, "extend", die)
        with pytest.raises(KeyboardInterrupt):
            lab.asks.approve(ADMIN, ask.id, via="notice")
    lab.world.restart()
    assert lab.world.look(rental).ends_on == lab.world.day(14)
    lab.world.nightly.tick()
    assert lab.world.look(rental).ends_on == until
    lab.world.nightly.tick()
    assert lab.world.kinds(rental).count("extended") == 1


# -- no answer


def test_what_nobody_answers_is_told_and_can_be_asked_again(lab: Lab) -> None:
    rental = lab.ask()
    ask = lab.of(rental)
    assert lab.refused(lambda: lab.asks.again(MINA, ask.id, via="notice")) == "ask_open"
    lab.later(hours=47)
    assert lab.world.kinds(rental) == ["asked"]
    lab.later(hours=1)
    lab.later(hours=1)
    assert lab.world.kinds(rental) == ["asked", "ask_unanswered"]
    assert len(lab.alerts()) == 1
    lab.asks.again(MINA, ask.id, via="notice")
    assert [one.again for one in lab.alerts()] == [False, True]
    assert lab.refused(lambda: lab.asks.again(MINA, ask.id, via="notice")) == "ask_open"
    lab.later(hours=49)
    assert lab.world.kinds(rental) == ["asked", "ask_unanswered", "asked", "ask_unanswered"]
    lab.asks.approve(ADMIN, ask.id, via="notice")
    assert [one.decision for one in lab.alerts()] == ["approved", "approved"], "both messages say so"
    assert lab.refused(lambda: lab.asks.again(MINA, ask.id, via="notice")) == "ask_decided"


def test_the_admins_messages_are_delivered_again_when_they_say_something_else(lab: Lab) -> None:
    ask, box = lab.of(lab.ask()), AlertOutbox(lab.world.context)
    (notice,) = box.due()
    box.delivered(notice)
    assert list(box.due()) == []
    lab.asks.decline(ADMIN, ask.id, via="notice")
    (edited,) = box.due()
    box.delivered(notice)  # what was read before the decision
    assert [one.id for one in box.due()] == [edited.id]
    box.delivered(edited)
    assert list(box.due()) == []


def test_the_open_ones_are_listed(lab: Lab) -> None:
    first, second = lab.ask("web01"), lab.ask("web02", JOON)
    assert [one.rental.name for one in lab.asks.open()] == ["web01", "web02"]
    lab.asks.decline(ADMIN, lab.of(second).id, via="notice")
    assert [one.rental_id for one in lab.asks.open()] == [first.id]


# -- by itself

AUTO = """
[policy.auto_approve]
days = 30
vcpus = 2
"""


def test_a_little_more_is_approved_at_once(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(policy=POLICY + AUTO))
    world = lab.world
    with pytest.raises(FormError):
        world.rent(ends_on=world.day(120))
    rental = world.rent(ends_on=world.day(120), ask=WHY)
    assert rental.status is Status.REQUESTED
    assert world.kinds(rental) == ["requested", "ask_approved"]
    (alert,) = lab.alerts()
    assert (alert.decision, alert.by) == ("approved", "kws")
    assert lab.ask("far", ends_on=world.day(121))
    assert lab.ask("port", ends_on=world.day(1), ports="25", size="small")


def test_a_little_more_for_what_there_is(make_world: Callable[..., World]) -> None:
    lab = Lab(make_world(policy=POLICY + AUTO))
    world = lab.world
    rental = world.ready()
    ask = lab.asks.extend(MINA, rental.id, world.day(120), WHY, via="form")
    assert ask
    assert ask.decided_by == "kws"
    assert world.look(rental).ends_on == world.day(120)
    assert lab.asks.resize(MINA, rental.id, Size("four", 4, 2048, 20), WHY, via="form")
    assert world.look(rental).resizing
    assert [one.kind for one in world.rental_queries.history(rental.id)].count(EventKind.ASK_APPROVED) == 2
    assert lab.of(rental).done_at is not None


def test_it_stops_at_once_when_it_is_late(lab: Lab) -> None:
    """What was approved for a rental that ends before it can be done is closed."""
    world = lab.world
    rental = world.ready()
    ask = lab.asks.resize(MINA, rental.id, HUGE, WHY, via="form")
    assert ask
    world.nodes["node1"].go_down()
    world.nodes["node2"].go_down()
    world.settle(60)
    lab.asks.approve(ADMIN, ask.id, via="notice")
    assert world.kinds(rental)[-1] == "ask_delayed"
    world.rental_service.return_rental(MINA, rental.id)
    lab.later(minutes=1)
    assert lab.of(rental).done_at is not None
    assert world.clock() - lab.of(rental).asked_at < timedelta(hours=1)

"""What must hold of requests to the admins: one answer for each, nothing without it, and what is approved is granted or told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from kws_core.asks.service import TRIED, UNANSWERED
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import UNPLACED, AskDecision, AskKind, Reason, Status

if TYPE_CHECKING:
    from life.lab import Lab

SOON = timedelta(minutes=1)  # the minute's tick looks after it
ASKS = frozenset(
    {EventKind.ASKED, EventKind.ASK_APPROVED, EventKind.ASK_DECLINED, EventKind.ASK_UNANSWERED,
     EventKind.ASK_DELAYED, EventKind.ASK_FAILED}
)  # fmt: skip
APPROVED = (AskDecision.APPROVED, AskDecision.LESS)


def to_rent(event: Event) -> bool:
    """Whether it is about a request to rent: then it is a status of the rental."""
    return event.kind in ASKS and event.data.get("what") == AskKind.RENT


def all_asks(lab: Lab) -> list[Ask]:
    """Also those that are done."""
    with lab.store.read() as session:
        return list(session.scalars(select(Ask).order_by(Ask.id)).unique())


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it, at any time."""
    by_id, asks = {rental.id: rental for rental in rentals}, all_asks(lab)
    open_ones = Counter(ask.rental_id for ask in asks if ask.open)
    assert [rental for rental, number in open_ones.items() if number > 1] == []
    for ask in asks:
        rental, first = by_id[ask.rental_id], lab.memory.decided.setdefault(ask.id, ask.decision)
        if first is None:
            lab.memory.decided[ask.id] = ask.decision
        else:
            assert ask.decision is first, f"request {ask.id} was {first}, and then {ask.decision}"
        _check_told(lab, ask, rental, events)
        if ask.what is AskKind.RENT:
            _check_rent(ask, rental)
        elif ask.decision in APPROVED and ask.done_at is not None:
            _check_granted(ask, rental, rentals, events)
        elif ask.decision in APPROVED and ask.expires_at and lab.followed_up_at > ask.expires_at - TRIED:
            kinds = [event.kind for event in events[rental.id]]
            told = EventKind.ASK_DELAYED in kinds or not rental.live
            assert told, f"request {ask.id} is approved, not done, and nobody is told"
    for rental in rentals:
        if rental.status is Status.ASKED:
            mine = [ask for ask in asks if ask.rental_id == rental.id and ask.open]
            assert len(mine) == 1, f"nobody decides about {rental.name}"
        if rental.status in UNPLACED:
            assert not rental.placements, f"{rental.name} waits, and is on a node"


def _check_told(lab: Lab, ask: Ask, rental: Rental, events: Mapping[str, Sequence[Event]]) -> None:
    """Each answer is an event, which the owner reads; so is that there is none for long."""
    history = [event for one in _line(rental, events) for event in one]
    kinds = Counter(event.kind for event in history)
    answers = {AskDecision.DECLINED: EventKind.ASK_DECLINED} | dict.fromkeys(APPROVED, EventKind.ASK_APPROVED)
    if ask.decision in answers:
        assert kinds[answers[ask.decision]], f"request {ask.id} was {ask.decision}, and nobody is told"
    if (
        ask.open
        and lab.clock() - ask.reminded_at > UNANSWERED
        and lab.followed_up_at > ask.reminded_at + UNANSWERED
    ):
        assert ask.unanswered_told_at is not None or not rental.live, f"request {ask.id} is forgotten"


def _check_rent(ask: Ask, rental: Rental) -> None:
    """It is built as it was approved, and not without."""
    if ask.decision in APPROVED:
        assert rental.status is not Status.ASKED, f"{rental.name} is approved, and waits for it"
        size = ask.allowance.whole_size
        assert size is None or rental.wanted_size == size, f"{rental.name} has another size than was approved"
    elif ask.decision is AskDecision.DECLINED:
        assert (rental.live, rental.reason) == (False, Reason.DECLINED), f"{rental.name} was declined"
    else:
        assert not rental.placements, f"{rental.name} is built, and nobody has allowed it"


def _check_granted(
    ask: Ask, rental: Rental, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]
) -> None:
    """It was done, unless it was told that it can't be; or the rental ended first."""
    kinds = [event.kind for event in events[rental.id]]
    if EventKind.ASK_FAILED in kinds or not rental.live:
        return
    if ask.what is AskKind.EXTEND:
        until = ask.allowance.until
        assert until is None or rental.ends_on >= until, f"{rental.name} was to last until {until}"
    else:
        begun = any(event.kind is EventKind.MOVE_STARTED for event in events[rental.id])
        assert begun or any(one.replaced_by == rental.id for one in rentals), f"{rental.name} has no new size"


def _line(rental: Rental, events: Mapping[str, Sequence[Event]]) -> list[Sequence[Event]]:
    """Its history; of one that was moved, those of all that it was are among the events of the others."""
    return [*events.values()] if rental.id not in events else [events[rental.id], *_others(rental, events)]


def _others(rental: Rental, events: Mapping[str, Sequence[Event]]) -> list[Sequence[Event]]:
    moved = (EventKind.MOVE_STARTED, EventKind.MOVE_DONE)
    return [one for key, one in events.items() if key != rental.id and any(e.kind in moved for e in one)]


def check_settled(lab: Lab) -> None:
    """Long after: nothing that was approved is still to be done."""
    for ask in all_asks(lab):
        if ask.decision in APPROVED and ask.done_at is None:
            assert ask.expires_at is not None, f"request {ask.id} is approved, and nobody does it"
            late = lab.clock() - ask.expires_at
            assert late <= SOON, f"request {ask.id} should have been done {late} ago"

"""What must hold of ends: nobody's machine goes early or unwarned, an end that was given stays, a night is one night.

Told with what people have seen, not with what the rows say of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from life import ask_rules, move_rules
from sqlalchemy import select

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.job_run import JobRun
from kws_core.tables.rental import Rental
from kws_core.tables.states import AskDecision

if TYPE_CHECKING:
    from life.lab import Lab

NOTICE = timedelta(hours=12)
NEW_ENDS = (EventKind.EXTENDED, EventKind.RESTORED)
SETS_OUT = (EventKind.EXPIRED, EventKind.STOPPED)


@dataclass
class TtlCache:
    """What was seen at earlier checks."""

    judged: set[int] = field(default_factory=set)  # ends, by event
    asked: dict[str, date] = field(default_factory=dict)  # the end that was asked for first, by rental
    promised: dict[str, date] = field(default_factory=dict)  # the end that a person was told is accepted
    copies: set[int] = field(default_factory=set)  # events of copies and ends that were judged
    decided: dict[int, AskDecision | None] = field(default_factory=dict)  # by request
    nights: dict[date, datetime] = field(default_factory=dict)  # when the pass of a date was finished


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it."""
    _check_nights(lab)
    firsts = move_rules.before(rentals)
    for rental in rentals:
        if rental.replaces is not None:  # its end is that of the one whose place it is to take
            continue
        history = events[rental.id]
        asked = lab.memory.asked.setdefault(rental.id, _first_end(rental, history))
        if rental.id in firsts:
            assert asked == firsts[rental.id].ends_on, "its end is another one since it was moved"
        assert rental.ends_on == _end_at(lab, rental, history), "the end is not the one that was given last"
        assert rental.ends_on >= lab.memory.promised.get(rental.id, rental.ends_on), "an extension is lost"
        for number, event in enumerate(history):
            if event.kind in SETS_OUT and event.id not in lab.memory.judged:
                lab.memory.judged.add(event.id)
                _judge(lab, rental, history[: number + 1])


def _check_nights(lab: Lab) -> None:
    with lab.store.read() as session:
        runs = {run.day: run.finished_at for run in session.scalars(select(JobRun)) if run.finished_at}
    for day, finished in runs.items():
        assert lab.memory.nights.setdefault(day, finished) == finished, f"the pass of {day} ran twice"


def _first_end(rental: Rental, history: Sequence[Event]) -> date:
    was = [event.data["was"] for event in history if event.kind in NEW_ENDS]
    return date.fromisoformat(was[0]) if was else rental.ends_on


def _end_at(lab: Lab, rental: Rental, history: Sequence[Event]) -> date:
    """The end that held after these events."""
    given = [event.data["until"] for event in history if event.kind in NEW_ENDS or _allowed(event)]
    return date.fromisoformat(given[-1]) if given else lab.memory.asked[rental.id]


def _allowed(event: Event) -> bool:
    """Whether an admin said how long it may be rented."""
    return event.kind is EventKind.ASK_APPROVED and ask_rules.to_rent(event)


def _judge(lab: Lab, rental: Rental, history: Sequence[Event]) -> None:
    """Whether the last of these events, which sets the machine on its way, was right."""
    event, before = history[-1], [one.kind for one in history[:-1]]
    if EventKind.STOPPED in before and before[::-1].index(EventKind.STOPPED) < _back_to(
        before, EventKind.RESTORED
    ):
        stopped = next(one for one in reversed(history[:-1]) if one.kind is EventKind.STOPPED)
        grace = timedelta(hours=lab.config.policy.grace_hours)
        assert event.at - stopped.at >= grace, f"{rental.name}: its grace time was cut short"
        return
    end = _end_at(lab, rental, history)
    today = event.at.astimezone(lab.config.kws.zone).date()
    assert today > end, f"{rental.name} was to last to the end of {end}, and went on {today}"
    assert EventKind.READY in before, f"{rental.name} was still being built"
    assert _warned(lab, rental, history, end), f"{rental.name} went unwarned"


def _back_to(kinds: Sequence[EventKind], wanted: EventKind) -> int:
    return kinds[::-1].index(wanted) if wanted in kinds else len(kinds)


def _warned(lab: Lab, rental: Rental, history: Sequence[Event], end: date) -> bool:
    """Whether the owner saw a warning of this end in time; of a short rental that it is ready, or longer."""
    event = history[-1]
    for seen in lab.slack.seen:
        if seen.rental != rental.id or seen.at > event.at:
            continue
        warning = (
            seen.kind is EventKind.WARNED and seen.last_day == end.isoformat() and seen.owner == rental.owner
        )
        if warning and (seen.given_up or seen.at <= event.at - NOTICE):
            return True
        if seen.kind in (EventKind.READY, *NEW_ENDS) and _short(lab, history, end):
            return True
    return False


def _short(lab: Lab, history: Sequence[Event], end: date) -> bool:
    """Whether there were less than twelve hours from ready, or from the last change of the end, to the end."""
    since = max(one.at for one in history if one.kind in (EventKind.READY, *NEW_ENDS))
    return lab.context.expiry.midnight(end + timedelta(days=1)) - since < NOTICE

"""Requests to the admins, each with what must have come of it; swept as the rest of ``cases.py``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from crash.cases import Case, found_as, person, rent_server, told_of
from crash.lab import CrashLab
from harness import aftermath
from sqlalchemy import select

from bot.views import ids
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Ask
from kws_core.tables.states import AskDecision, Status
from slack_workspace import visible_text

POLICY = "max_vcpus_per_user = 2"
LATE = 120  # days


def late(lab: CrashLab) -> str:
    return (lab.service.context.today() + timedelta(days=LATE)).isoformat()


def asks(lab: CrashLab) -> list[Ask]:
    """All that there ever were."""
    with lab.service.store.read() as session:
        return list(session.scalars(select(Ask).order_by(Ask.id)).unique())


def told(lab: CrashLab) -> list[dict[str, Any]]:
    """The messages to the admins about requests."""
    notices = [m for m in lab.messages() if aftermath.first_block(m).startswith(ids.ADMIN_NOTICE)]
    return [m for m in notices if "raised_hand" in str(m)]


def ask_to_rent(lab: CrashLab) -> None:
    """The form, beyond the policy; then the reason."""
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws rent")
        if joon.open_view is None or lab.line.killed:
            return
        joon.fill_form({"name": "web01", "image": "debian-12", "size": "huge", "ends_on": late(lab)})
        joon.submit()
        if joon.open_view is not None and "'ask'" in str(joon.open_view) and not lab.line.killed:
            joon.fill_form({"ask": "for the exam"})
            joon.submit()

    lab.do(deed, lambda: joon.open_view is None and bool(asks(lab)))
    lab.settle()


def ask_to_extend(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws extend web01")
        if joon.open_view is None or lab.line.killed:
            return
        joon.fill_form({"ends_on": late(lab)})
        joon.submit()
        if joon.open_view is not None and "'ask'" in str(joon.open_view) and not lab.line.killed:
            joon.fill_form({"ask": "for the exam"})
            joon.submit()

    lab.do(deed, lambda: joon.open_view is None and bool(asks(lab)))
    lab.settle()


def ready_and_asked(lab: CrashLab) -> None:
    rent_server(lab)
    ask_to_extend(lab)


def approve(lab: CrashLab) -> None:
    """By the button of the message, which is gone as soon as it is seen to be done."""
    admin = lab.workspace.person("admin")
    _decide(lab, lambda: admin.click(ids.Action.ASK_APPROVE, message=told(lab)[0]["ts"]))


def approve_less(lab: CrashLab) -> None:
    fields = {ids.Field.SIZE: "large", ids.Field.NOTE: "enough"}
    _decide(lab, lambda: _in_a_form(lab, ids.Action.ASK_LESS, fields))


def decline(lab: CrashLab) -> None:
    _decide(lab, lambda: _in_a_form(lab, ids.Action.ASK_DECLINE, {ids.Field.NOTE: "too much"}))


def _in_a_form(lab: CrashLab, action: str, fields: dict[Any, str]) -> None:
    admin = lab.workspace.person("admin")
    if admin.open_view is None:
        admin.click(action, message=told(lab)[0]["ts"])
    if admin.open_view is not None and not lab.line.killed:
        admin.fill_form(fields)
        admin.submit()


def _decide(lab: CrashLab, deed: Callable[[], Any]) -> None:
    lab.do(deed, lambda: asks(lab)[0].decision is not None)
    lab.night()  # the minute's tick does what was approved, if the process died before it did
    lab.settle(60)


def unanswered(lab: CrashLab) -> None:
    """Two days pass; then the owner asks again, and an admin approves it."""
    joon = person(lab)
    lab.clock.advance(hours=49)
    lab.night()

    def again() -> None:
        message = next(m for m in joon.dm() if ids.Action.ASK_AGAIN in str(m))
        joon.click(ids.Action.ASK_AGAIN, message=message["ts"])

    lab.do(again, lambda: asks(lab)[0].reminders == 1)
    lab.settle()
    approve(lab)


def decided(lab: CrashLab, decision: AskDecision, messages: int = 1) -> list[str]:
    """It was decided once, is done, and all messages to the admins say so."""
    (ask,) = asks(lab)
    wrong = [] if (ask.decision, ask.done_at is None) == (decision, False) else [f"it is {ask.decision}"]
    wrong += [] if len(told(lab)) == messages else [f"{len(told(lab))} messages to the admins"]
    wrong += ["a button is left" for m in told(lab) if ids.Action.ASK_APPROVE in str(m)]
    bells = [m for m in person(lab).dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    answers = [m for m in bells if "approved" in visible_text(m) or "declined" in visible_text(m)]
    return wrong + ([] if len(answers) == 1 else [f"{len(answers)} answers in the DM"])


def granted(lab: CrashLab) -> list[str]:
    rental = lab.rental()
    wrong = (
        [] if (rental.size, rental.ends_on.isoformat()) == ("huge", _until(lab)) else ["it is another one"]
    )
    wrong += told_of(lab, EventKind.ASKED, 1) + told_of(lab, EventKind.ASK_APPROVED, 1)
    return wrong + decided(lab, AskDecision.APPROVED) + found_as(lab, Status.READY)


def granted_less(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().size == "large" else [f"its size is {lab.rental().size}"]
    return wrong + decided(lab, AskDecision.LESS) + found_as(lab, Status.READY)


def declined(lab: CrashLab) -> list[str]:
    wrong = told_of(lab, EventKind.ASK_DECLINED, 1) + told_of(lab, EventKind.ENDED, 1)
    return wrong + decided(lab, AskDecision.DECLINED) + found_as(lab, Status.ENDED)


def extended(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().ends_on.isoformat() == _until(lab) else [f"it ends on {lab.rental().ends_on}"]
    return wrong + decided(lab, AskDecision.APPROVED) + told_of(lab, EventKind.EXTENDED, 1)


def granted_at_last(lab: CrashLab) -> list[str]:
    wrong = told_of(lab, EventKind.ASK_UNANSWERED, 1) + told_of(lab, EventKind.ASKED, 2)
    return wrong + decided(lab, AskDecision.APPROVED, messages=2) + found_as(lab, Status.READY)


def _until(lab: CrashLab) -> str:
    until = asks(lab)[0].asked.wanted.until
    return until.isoformat() if until else ""


def _both(lab: CrashLab) -> None:
    ask_to_rent(lab)
    approve(lab)


CASES: tuple[Case, ...] = (
    Case("ask: rent, approved", _both, granted, policy=POLICY),
    Case("ask: rent, approved in part", approve_less, granted_less, ask_to_rent, policy=POLICY),
    Case("ask: rent, declined", decline, declined, ask_to_rent, policy=POLICY),
    Case("ask: extend, approved", approve, extended, ready_and_asked, policy=POLICY),
    Case("ask: nobody answers, then again", unanswered, granted_at_last, ask_to_rent, policy=POLICY),
)

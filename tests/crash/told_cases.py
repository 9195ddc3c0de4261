"""What KWS tells people by itself: of a node's outage, and of a month; ``cases.py`` has the rest."""

from __future__ import annotations

from crash.cases import Case, accepted, found_as, person, rent_server, told_of
from crash.lab import CrashLab

from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Status
from slack_workspace import visible_text

LAST_DAY = "2027-01-20"


def outage(lab: CrashLab) -> None:
    """Twelve minutes; the machines run on."""
    node = lab.nodes["node1"]
    node.go_down(power=True)
    lab.settle(20)
    lab.clock.advance(minutes=11)
    lab.settle(20)
    node.come_back()
    lab.settle(150)


def heard_of_it(lab: CrashLab) -> list[str]:
    told = told_of(lab, EventKind.NODE_SILENT, 1) + told_of(lab, EventKind.NODE_BACK, 1)
    return [
        *told,
        *found_as(lab, Status.READY),
        *shown(lab, "manage web01"),
        *shown(lab, "use web01 as before"),
    ]


def rent_until_january(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws rent server")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({"name": "web01", "image": "debian-12", "ends_on": LAST_DAY})
            joon.submit()

    lab.do(deed, lambda: accepted(lab))
    lab.settle()


def month(lab: CrashLab) -> None:
    lab.noon(31, hour=9)
    lab.night()


def told_of_the_month(lab: CrashLab) -> list[str]:
    return told_of(lab, EventKind.MONTH_USED, 1) + shown(lab, "Your usage in December 2026")


def shown(lab: CrashLab, text: str) -> list[str]:
    """What is wrong unless exactly one message says so."""
    times = sum(text in visible_text(message) for message in person(lab).dm())
    return [] if times == 1 else [f"{text!r} is shown {times} times"]


CASES = [
    Case("tell of an outage", outage, heard_of_it, rent_server),
    Case("tell of a month", month, told_of_the_month, rent_until_january, "key_file_days = 90"),
]

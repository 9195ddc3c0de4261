"""Copies of servers, each with what must have come of it; swept as the rest of ``cases.py``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from crash.cases import Case, found_as, person, rent_server, told_of
from crash.lab import CrashLab
from harness import aftermath

from bot.views import ids
from kws_core.nodes.image_store import ACTIVE
from kws_core.people import Actor
from kws_core.scheduling.capacity import record_of
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import CopyState, Status
from slack_workspace import visible_text

SHOWN = "rental_copy"  # the button of the question


def keep(lab: CrashLab) -> None:
    """From the card's button through the question."""
    joon = person(lab)

    def deed() -> None:
        if not any(f"'{SHOWN}'" in str(m) for m in joon.ephemeral()):
            joon.click("rental_copy_ask")
        if not lab.line.killed and any(f"'{SHOWN}'" in str(m) for m in joon.ephemeral()):
            joon.click(SHOWN, message=joon.ephemeral()[-1]["ts"])

    lab.do(deed, lambda: bool(lab.copies()))
    lab.settle()


def slowly(lab: CrashLab) -> None:
    """A server whose node takes a few seconds to copy it."""
    rent_server(lab)
    for node in lab.nodes.values():
        node.shelf.copy_time = timedelta(seconds=5)


def kept(lab: CrashLab) -> list[str]:
    """One copy, of which its owner was told once; where its image is, everything else asks."""
    states = [copy.state for copy in lab.copies()]
    wrong = [] if states == [CopyState.KEPT] else [f"copies are {states}"]
    notices = [m for m in person(lab).dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    bells = [m for m in notices if "Copy kept" in visible_text(m)]
    wrong += [] if len(bells) == 1 else [f"{len(bells)} messages that it is kept"]
    return wrong + told_of(lab, EventKind.COPY_WANTED, 1) + told_of(lab, EventKind.COPY_KEPT, 1)


def kept_of_a_server(lab: CrashLab) -> list[str]:
    return kept(lab) + found_as(lab, Status.READY)


# -- at the end


def a_week_before(lab: CrashLab) -> None:
    slowly(lab)
    lab.watch = gone_too_early(lab)
    for days in (7, 4):
        lab.noon(days)
        lab.night()


def gone_too_early(lab: CrashLab) -> Callable[[], list[str]]:
    """Whether a machine is gone of which a copy was promised that is not there."""

    promised: dict[str, str] = {}

    def look() -> list[str]:
        promised.update((rental.mark, rental.name) for rental in lab.rentals() if rental.copy_at_end)
        machines = {mark for node in lab.nodes.values() for mark in node.machines()}
        there = any([ACTIVE] in aftermath.copy_images(node).values() for node in lab.nodes.values())
        gone = [name for mark, name in promised.items() if mark not in machines]
        return [] if there else [f"{name} was deleted before its copy was there" for name in gone]

    return look


def copy_at_the_end(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        asking = next(m for m in reversed(joon.dm()) if "rental_copy_at_end" in str(m))
        joon.click("rental_copy_at_end", message=asking["ts"])

    lab.do(deed, lambda: lab.rental().copy_at_end)
    lab.settle()
    lab.noon(2)
    lab.night()
    lab.noon(2, hour=0)
    lab.night()
    lab.night()


def kept_and_ended(lab: CrashLab) -> list[str]:
    summaries = [m for m in lab.messages() if "admin-notice-" in str(m.get("blocks"))]
    wrong = [f"told the admins: {visible_text(m)}" for m in summaries]
    wrong += told_of(lab, EventKind.COPY_PLANNED, 1) + told_of(lab, EventKind.EXPIRED, 1)
    return wrong + kept(lab) + found_as(lab, Status.ENDED) + told_of(lab, EventKind.ENDED, 1)


# -- brought back and deleted


def only_the_copy(lab: CrashLab) -> None:
    """Its server has ended, and its node takes nothing new."""
    rent_server(lab)
    keep(lab)
    owner = lab.rental().owner
    lab.service.rental_service.return_rental(Actor(owner), lab.rental().id, via="form")
    lab.settle()
    assert kept(lab) + found_as(lab, Status.ENDED) == []
    with lab.service.store.write() as session:
        record_of(session, lab.copies()[0].node).drained = True


def bring_back(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None and not any("copy_bring_back" in str(m) for m in joon.ephemeral()):
            joon.command("/kws copies")
        if joon.open_view is None and not lab.line.killed:
            joon.click("copy_bring_back")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({"name": "web02"})
            joon.submit()

    lab.do(deed, lambda: joon.open_view is None and len(lab.rentals()) == 2)
    lab.settle(20)
    for _ in range(
        2
    ):  # the sweep comes 5 minutes after a start and then every hour, and may find it still needed
        lab.clock.advance(hours=1)
        lab.settle()


def came_back(lab: CrashLab) -> list[str]:
    (copy,) = lab.copies()
    back = lab.rental("web02")
    wrong = [] if back.copy_id == copy.id else [f"made from copy {back.copy_id}"]
    where = [p.node for p in back.placements]
    wrong += [] if copy.node not in where and len(where) == 1 else [f"created on {where}"]
    machine = {mark for node in lab.nodes.values() for mark in node.machines()}
    wrong += [] if machine == {back.mark} else [f"machines: {machine}"]
    return wrong + kept(lab) + found_as(lab, Status.ENDED, Status.READY) + told_of(lab, EventKind.READY, 2)


def one_kept(lab: CrashLab) -> None:
    rent_server(lab)
    keep(lab)


def delete(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if not any("copy_delete" in str(m) for m in joon.ephemeral()):
            joon.command("/kws copies")
        if not lab.line.killed:
            joon.click("copy_delete", confirm=True)

    lab.do(deed, lambda: lab.copies()[0].state in (CopyState.DELETING, CopyState.GONE))
    lab.settle(30)


def deleted(lab: CrashLab) -> list[str]:
    states = [copy.state for copy in lab.copies()]
    wrong = [] if states == [CopyState.GONE] else [f"copies are {states}"]
    return wrong + found_as(lab, Status.READY) + told_of(lab, EventKind.COPY_DELETED, 1)


CASES = (
    Case("keep a copy", keep, kept_of_a_server, slowly),
    Case("copy at the end", copy_at_the_end, kept_and_ended, a_week_before),
    Case("bring a copy back", bring_back, came_back, only_the_copy),
    Case("delete a copy", delete, deleted, one_kept),
)

"""Moves of servers, each with what must have come of it; swept as the rest of ``cases.py``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from crash.cases import Case, accepted, found_as, person, rent_server, told_of
from crash.lab import CrashLab
from harness import aftermath
from harness.moving import MoveWatch
from sqlalchemy import select

from bot.views import ids
from kws_core.errors import NodeRefused, Refusal
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import NodeEmptyingAlert
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status
from kws_core.values import ResizeEnd
from slack_workspace import visible_text

ASKED = f"'{ids.Action.MOVE}'"  # the button of the question
NIGHT = 3  # o'clock
DAY = "2026-12-04"  # of the maintenance


def first(lab: CrashLab) -> Rental:
    """The one that was rented."""
    return min(lab.rentals(), key=lambda rental: rental.created_at)


def slowly(lab: CrashLab) -> None:
    """A server whose node takes a few seconds to copy it; what may not be at any moment is looked for from now on."""
    rent_server(lab)
    for node in lab.nodes.values():
        node.shelf.copy_time = timedelta(seconds=2)
    watch = MoveWatch()
    lab.watch = lambda: watch.look(lab.rentals(), lab.nodes, lab.copies(), lab.clock())


def begun(lab: CrashLab) -> bool:
    return first(lab).replaced_by is not None


def move(lab: CrashLab) -> None:
    """/kws move, through the question."""
    joon = person(lab)

    def deed() -> None:
        if not any(ASKED in str(m) for m in joon.ephemeral()):
            joon.command("/kws move web01")
        if not lab.line.killed and any(ASKED in str(m) for m in joon.ephemeral()):
            joon.click(ids.Action.MOVE, message=joon.ephemeral()[-1]["ts"])

    lab.do(deed, lambda: begun(lab))
    lab.settle(24)


def hours_pass(lab: CrashLab) -> None:
    """The sweep comes 5 minutes after a start and then every hour: what was brought to a node goes."""
    for _ in range(2):
        lab.clock.advance(hours=1)
        lab.settle(4)


def moved(lab: CrashLab) -> list[str]:
    """One is gone, and the other one is there, of which its owner was told once."""
    hours_pass(lab)
    old, new = first(lab), next(r for r in lab.rentals() if r.replaced_by is None)
    wrong = [] if old.replaced_by == new.id else [f"replaced by {old.replaced_by}"]
    wrong += [] if new.power is Power.ON else [f"its power is {new.power}"]
    wrong += found_as(lab, *sorted_by_name(old, new))
    wrong += told_of(lab, EventKind.MOVE_STARTED, 1) + told_of(lab, EventKind.MOVE_DONE, 1)
    notices = [m for m in person(lab).dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    bells = [m for m in notices if "web01 is running" in visible_text(m)]
    wrong += [] if len(bells) == 2 else [f"{len(bells)} messages that it is running"]
    return wrong + told_of(lab, EventKind.MOVE_FAILED, 0) + told_of(lab, EventKind.READY, 2)


def sorted_by_name(old: Rental, new: Rental) -> list[Status]:
    """What is to be found, in the order in which the two are listed."""
    wanted = {old.id: Status.ENDED, new.id: Status.READY}
    return [wanted[rental.id] for rental in sorted((old, new), key=lambda r: (r.name, r.created_at))]


def elsewhere(lab: CrashLab) -> list[str]:
    """On another node, of the same size."""
    old, new = first(lab), next(r for r in lab.rentals() if r.replaced_by is None)
    nodes = {p.node for p in old.placements} & {p.node for p in new.placements}
    wrong = [f"moved from {nodes} to {nodes}"] if nodes else []
    return wrong + ([] if new.size == old.size else [f"its size is {new.size}"]) + moved(lab)


# -- another size


def changing(lab: CrashLab) -> bool:
    """It is getting another size, or has it."""
    rental = first(lab)
    return rental.resizing or rental.size == "large" or begun(lab)


def resize(lab: CrashLab) -> None:
    """/kws resize, through the form."""
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws resize web01")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({ids.Field.SIZE: "large"})
            joon.submit()

    lab.do(deed, lambda: accepted(lab) and changing(lab))
    lab.settle(24)


def restarts_slowly(lab: CrashLab) -> None:
    """A server whose node takes a few seconds to give it another size."""
    slowly(lab)
    for node in lab.nodes.values():
        node.times = replace(node.times, resize=timedelta(seconds=2), boot=timedelta(seconds=2))


def told_of_size(lab: CrashLab, **times: int) -> list[str]:
    """Each kind of event about its size, and the messages that its owner got of them."""
    kinds = {
        kind.value: kind
        for kind in (EventKind.RESIZE_STARTED, EventKind.RESIZE_DONE, EventKind.RESIZE_FAILED)
    }
    wrong = [one for name, kind in kinds.items() for one in told_of(lab, kind, times.get(name, 0))]
    notices = [m for m in person(lab).dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    bells = [m for m in notices if "size is now" in visible_text(m) or "change the size" in visible_text(m)]
    wanted = times.get("resize_done", 0) + times.get("resize_failed", 0)
    return wrong + ([] if len(bells) == wanted else [f"{len(bells)} messages of its size, not {wanted}"])


def on_the_node(lab: CrashLab, size: str, *asked: object) -> list[str]:
    """It is the same server, runs with that size, and its node was asked just so."""
    rental = first(lab)
    held = rental.placement
    wrong = [] if held is not None and not rental.resizing else ["its size is still being changed"]
    wrong += (
        [] if (rental.size, rental.power) == (size, Power.ON) else [f"it is {rental.size}, {rental.power}"]
    )
    node = lab.nodes[held.node if held else "node1"]
    shown = node.machines()[rental.mark]
    wrong += [] if shown.resize is None else ["its new size waits to be confirmed"]
    wrong += [] if shown.size and shown.size.vcpus == rental.vcpus else [f"the node shows {shown.size}"]
    did = [what for mark, what in node.resized if mark == rental.mark]
    return wrong + ([] if did == list(asked) else [f"its node did {did}"]) + found_as(lab, Status.READY)


def resized_in_place(lab: CrashLab) -> list[str]:
    wrong = on_the_node(lab, "large", lab.config.size("large"), ResizeEnd.CONFIRM)
    return wrong + told_of_size(lab, resize_started=1, resize_done=1) + told_of(lab, EventKind.READY, 1)


def unable(lab: CrashLab) -> None:
    """Nodes that say yes to another size, and find out that they can't."""
    slowly(lab)
    for node in lab.nodes.values():
        node.resizes = False


def resized_through_a_copy(lab: CrashLab) -> list[str]:
    new = next(r for r in lab.rentals() if r.replaced_by is None)
    made = [node.spec(new.mark).size.name for node in lab.nodes.values() if new.mark in node.machines()]
    wrong = [] if (new.size, made) == ("large", ["large"]) else [f"its size is {new.size}, {made}"]
    return wrong + told_of_size(lab, resize_started=1, resize_failed=1) + moved(lab)


def locked_out(lab: CrashLab) -> None:
    """A server that answers nobody once it was restarted."""
    restarts_slowly(lab)
    for node in lab.nodes.values():
        node.times = replace(node.times, boot=timedelta(days=1))


def resize_in_vain(lab: CrashLab) -> None:
    resize(lab)
    lab.clock.advance(hours=2)
    lab.settle(4)
    for node in lab.nodes.values():
        node.times = replace(node.times, boot=timedelta(0))
    lab.settle(24)


def has_its_old_size(lab: CrashLab) -> list[str]:
    wrong = on_the_node(lab, "small", lab.config.size("large"), ResizeEnd.REVERT)
    return wrong + told_of_size(lab, resize_started=1, resize_failed=1)


# -- one that fails


def refused(lab: CrashLab) -> None:
    """No node makes another server."""
    slowly(lab)
    for node in lab.nodes.values():
        node.fail_next("ensure_server", NodeRefused(node.name, Refusal.NO_HOST, "no"), times=50)


def stays(lab: CrashLab) -> list[str]:
    """The first one runs again, and its owner was told once why."""
    hours_pass(lab)
    old = first(lab)
    wrong = [] if old.status is Status.READY else [f"it is {old.status}"]
    wrong += [] if (old.power, old.replaced_by) == (Power.ON, None) else [f"its power is {old.power}"]
    others = [r.status for r in lab.rentals() if r.id != old.id]
    wrong += [] if others == [Status.ENDED] else [f"the other one is {others}"]
    notices = [m for m in person(lab).dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    bells = [m for m in notices if "move" in visible_text(m).lower()]
    wrong += [] if len(bells) == 1 else [f"{len(bells)} messages that it failed"]
    return wrong + told_of(lab, EventKind.MOVE_FAILED, 1) + told_of(lab, EventKind.READY, 1)


# -- at night


def planned(lab: CrashLab) -> None:
    slowly(lab)
    moves = Moves(lab.service.context)
    moves.plan(Actor(first(lab).owner), first(lab).id, moves.tonight(), via="notice")
    lab.settle()


def at_three(lab: CrashLab) -> None:
    lab.noon(1, hour=NIGHT)
    lab.night()
    lab.settle(20)


def drain(lab: CrashLab) -> None:
    """An admin empties the node, whose server is moved in the night of the day."""
    admin = lab.workspace.person("admin")
    held = first(lab).placement
    node = held.node if held else ""

    def deed() -> None:
        if admin.open_view is None:
            admin.command(f"/kws admin nodes drain {node}")
        if admin.open_view is not None and not lab.line.killed:
            admin.fill_form({"tell": ["move"], "until": DAY, "reason": "new disk"})
            admin.submit()

    lab.do(deed, lambda: admin.open_view is None and first(lab).move_at is not None)
    lab.settle()
    while lab.clock().date().isoformat() < DAY:
        lab.noon(1, hour=NIGHT)
    lab.night()
    lab.settle(24)
    lab.night()  # a later minute: what has become of it is told


def emptied(lab: CrashLab) -> list[str]:
    lab.night()
    alerts = [m for m in lab.messages() if "admin-notice-" in str(m.get("blocks"))]
    wrong = [] if len(alerts) == 1 else [f"{len(alerts)} messages to the admins"]
    with lab.service.store.read() as session:
        found = [alert.details for alert in session.scalars(select(AdminAlert))]
    done = [d for d in found if isinstance(d, NodeEmptyingAlert) and (d.moved, d.finished) == (1, True)]
    return wrong + ([] if len(done) == 1 else [f"alerts: {found}"]) + elsewhere(lab)


CASES: tuple[Case, ...] = (
    Case("move a server", move, elsewhere, slowly),
    Case("resize a server", resize, resized_in_place, restarts_slowly),
    Case("resize: its owner is locked out", resize_in_vain, has_its_old_size, locked_out),
    Case("resize: through a copy", resize, resized_through_a_copy, unable),
    Case("move: one that fails", move, stays, refused),
    Case("move: planned for 03:00", at_three, elsewhere, planned),
    Case("move: drain a node", drain, emptied, slowly),
)

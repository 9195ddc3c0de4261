"""What admins do, each with what must have come of it; swept as the rest of ``cases.py``."""

from __future__ import annotations

from typing import Any

from crash.cases import Case, found_as, one_ready, person, rent_server, told_of
from crash.lab import CrashLab
from harness import aftermath
from harness.image_kit import qcow2
from harness.world import ADMIN

from bot.views import ids
from kws_core.images.table import same, usable
from kws_core.nodes.image_store import CHUNK, ImageSpec
from kws_core.reports.audit import Audit
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Status
from slack_workspace import visible_text

IMAGES = {"alpine": "node1", "rocky-9": "node2"}  # and the node that has it
DONE, STOPPED = "같은 체크섬", "중지되었습니다"  # how the message of a copy ends; admins read Korean here
ENDS = (DONE, STOPPED)
GRACE = "grace_hours = 24"
MINA_IN_SLACK = "U0MINA0001"

# -- images


def one_image_on_each_node(lab: CrashLab) -> None:
    for name, node in IMAGES.items():
        shelf = lab.nodes[node].shelf
        shelf.fill(shelf.create(ImageSpec(name, "qcow2")), [qcow2(CHUNK * 3 // 2)])


def sync_images(lab: CrashLab) -> None:
    admin = lab.workspace.person("admin")
    lab.do(
        lambda: admin.command("/kws admin images sync"),
        lambda: any(DONE in str(message) for message in _syncs(lab)),
    )
    lab.settle()


def all_have_all(lab: CrashLab) -> list[str]:
    """Each node has each image once, whole and with the same bytes, and no message says that it goes on."""
    wrong = [f"a message stays: {m['text']}" for m in _syncs(lab) if not any(end in str(m) for end in ENDS)]
    for name, node in IMAGES.items():
        kept = {n: _named(lab, n, name) for n in lab.nodes}
        (source,) = kept[node]
        wrong += [f"{n} has {len(found)} of {name}" for n, found in kept.items() if len(found) != 1]
        copies = [copy for found in kept.values() for copy in found]
        wrong += [
            f"{name} is {c.stored.status}, {c.stored.properties}" for c in copies if not usable(c.stored)
        ]
        if any(copy.content != source.content or not same(copy.stored, source.stored) for copy in copies):
            wrong.append(f"not everywhere the same bytes of {name}")
    acts = [line for line in Audit(lab.service.context).trail() if line.what == "image.sync"]
    return wrong + ([] if len(acts) >= len(IMAGES) else [f"{len(acts)} lines in the trail"])


def _named(lab: CrashLab, node: str, name: str) -> list[Any]:
    """Everything of that image on a node, also what is to become it."""
    return [kept for kept in lab.nodes[node].shelf.everything().values() if kept.stored.name.endswith(name)]


def _syncs(lab: CrashLab) -> list[dict[str, Any]]:
    return [m for m in lab.messages() if aftermath.first_block(m).startswith(ids.IMAGE_SYNC)]


# -- rentals and nodes; the desk's own clicks are what "extend" and "return" do as well, so the use cases are called


def hand_over(lab: CrashLab) -> None:
    lab.do(
        lambda: lab.service.terms.transfer(ADMIN, lab.rental().id, MINA_IN_SLACK),
        lambda: lab.rental().owner == MINA_IN_SLACK,
    )
    lab.settle()


def handed_over(lab: CrashLab) -> list[str]:
    wrong = told_of(lab, EventKind.TRANSFERRED, 1)
    cards = [m for m in lab.workspace.person("mina").dm() if aftermath.first_block(m).startswith(ids.CARD)]
    wrong += [] if len(cards) == 1 else [f"the new owner has {len(cards)} cards"]
    lab.handed_away = person(lab).dm()
    old = [m for m in lab.handed_away if "rental_return" in str(m)]
    return [
        *wrong,
        *aftermath.shown_twice(lab.handed_away),
        *(f"has buttons: {visible_text(m)}" for m in old),
    ]


def stopped(lab: CrashLab) -> None:
    rent_server(lab)
    for days in (7, 4, 2):
        lab.noon(days)
        lab.night()
    lab.noon(2, hour=0)
    lab.night()
    assert lab.rental().status is Status.STOPPED


def restore(lab: CrashLab) -> None:
    joon = person(lab)
    asking = next(m for m in reversed(joon.dm()) if "rental_restore" in str(m))
    lab.do(
        lambda: joon.click("rental_restore", message=asking["ts"]),
        lambda: lab.rental().status is Status.READY,
    )
    lab.settle(30)


def restored(lab: CrashLab) -> list[str]:
    return one_ready(lab) + told_of(lab, EventKind.STOPPED, 1) + told_of(lab, EventKind.RESTORED, 1)


def end(lab: CrashLab) -> None:
    lab.do(
        lambda: lab.service.rental_service.return_rental(
            ADMIN, lab.rental().id, via="home", note="The course is over."
        ),
        lambda: lab.rental().status in (Status.ENDING, Status.ENDED),
    )
    lab.settle()


def one_ended(lab: CrashLab) -> list[str]:
    return (
        found_as(lab, Status.ENDED) + told_of(lab, EventKind.RETURNED, 1) + told_of(lab, EventKind.ENDED, 1)
    )


def drain(lab: CrashLab) -> None:
    admin = lab.workspace.person("admin")
    fields = {"tell": ["tell"], "until": "2026-12-10", "reason": "new disk"}

    def deed() -> None:
        if admin.open_view is None:
            admin.command("/kws admin nodes drain node1")
        if admin.open_view is not None and not lab.line.killed:
            admin.fill_form(fields)
            admin.submit()

    lab.do(deed, lambda: admin.open_view is None and lab.service.rental_queries.nodes()[0].room.drained)
    lab.settle()


def drained(lab: CrashLab) -> list[str]:
    bells = [m for m in person(lab).dm() if "new disk" in str(m) and m.get("subtype") == "thread_broadcast"]
    wrong = [] if len(bells) == 1 else [f"{len(bells)} bells about the node"]
    return wrong + one_ready(lab)


CASES = (
    Case("copy images", sync_images, all_have_all, one_image_on_each_node),
    Case("transfer", hand_over, handed_over, rent_server),
    Case("restore in the grace period", restore, restored, stopped, GRACE),
    Case("end by an admin", end, one_ended, rent_server),
    Case("node in maintenance", drain, drained, rent_server),
)

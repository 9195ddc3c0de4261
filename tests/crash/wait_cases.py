"""Rentals that wait for room, or for their first day; ``cases.py`` has the rest."""

from __future__ import annotations

from datetime import timedelta

from crash.cases import Case
from crash.lab import CrashLab
from harness.world import ADMIN

from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason, Status

FIRST_DAY = 3


def joon(lab: CrashLab) -> Actor:
    return Actor(lab.workspace.person("joon").id)


def ask(lab: CrashLab, name: str, size: str, who: Actor, **more: object) -> None:
    """The form, which makes one rental however often it is sent."""
    last = lab.service.context.today() + timedelta(days=30)
    values = {"name": name, "image": "debian-12", "size": size, "ends_on": last, **more}

    def deed() -> None:
        lab.service.rental_service.request(who, RentForm(**values), f"view:{name}")  # type: ignore[arg-type]

    lab.do(deed, lambda: any(r.name == name for r in lab.rentals()))


def full(lab: CrashLab) -> None:
    """Each node has one that is as large as itself."""
    for number in (1, 2):
        ask(lab, f"full{number}", "huge", Actor(lab.workspace.person("mina").id if number == 1 else ADMIN.id))
    lab.settle()


def wait(lab: CrashLab, **more: object) -> None:
    ask(lab, "web01", "small", joon(lab), wait=True, **more)
    lab.settle(4)


def room_comes(lab: CrashLab) -> None:
    wait(lab)
    one = lab.rental("full1")

    def deed() -> None:
        lab.service.rental_service.return_rental(ADMIN, one.id)

    lab.do(deed, lambda: not lab.rental("full1").live)
    lab.settle(90)


def mine(lab: CrashLab, status: Status, **times: int) -> list[str]:
    """What the one that waited is, and how often each thing happened to it."""
    rental = lab.rental()
    history = [event.kind for event in lab.service.rental_queries.history(rental.id)]
    wrong = [] if rental.status is status else [f"it is {rental.status}, not {status}"]
    for kind, number in times.items():
        found = history.count(EventKind(kind))
        wrong += [] if found == number else [f"{found} events {kind}, not {number}"]
    return wrong


def served(lab: CrashLab) -> list[str]:
    return mine(lab, Status.READY, wait_started=1, wait_over=1, ready=1)


def full_and_waited_for(lab: CrashLab) -> None:
    full(lab)
    wait(lab)


def leave(lab: CrashLab) -> None:
    one = lab.rental()
    lab.do(lambda: lab.service.rental_service.return_rental(joon(lab), one.id), lambda: not lab.rental().live)
    lab.settle()


def left(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().reason is Reason.RETURNED else [f"it ended as {lab.rental().reason}"]
    return wrong + mine(lab, Status.ENDED, returned=1, wait_over=0, ended=1)


def wait_a_day(lab: CrashLab) -> None:
    full(lab)
    wait(lab, wait_until=lab.service.context.today())


def day_is_over(lab: CrashLab) -> None:
    lab.noon(1)
    lab.settle(70)


def lapsed(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().reason is Reason.LAPSED else [f"it ended as {lab.rental().reason}"]
    return wrong + mine(lab, Status.ENDED, wait_lapsed=1, wait_over=0)


def reserve_and_come(lab: CrashLab) -> None:
    first = lab.service.context.today() + timedelta(days=FIRST_DAY)
    ask(lab, "web01", "huge", joon(lab), starts_on=first)
    lab.settle(4)
    lab.clock.at = lab.service.context.expiry.midnight(first) - timedelta(minutes=10)
    lab.settle(70)


def before_its_day(lab: CrashLab) -> list[str]:
    rental: Rental = lab.rental()
    assert rental.starts_on
    over = lab.service.context.expiry.midnight(rental.starts_on)
    late = rental.ready_at is None or rental.ready_at >= over
    return mine(lab, Status.READY, wait_started=1, wait_over=1, wait_late=0) + (
        ["it is late"] if late else []
    )


def full_and_unused(lab: CrashLab) -> None:
    full_and_waited_for(lab)
    lab.noon(8)
    for node in lab.nodes.values():
        node.diagnostics = False
    lab.settle()


def kinds(lab: CrashLab, name: str = "full1") -> list[EventKind]:
    return [event.kind for event in lab.service.rental_queries.history(lab.rental(name).id)]


def ask_and_answer(lab: CrashLab) -> None:
    """Both owners are asked; one says that it is still needed, and one returns it."""

    def look() -> None:
        for node in lab.nodes:
            lab.service.reconciler.idle.look(node)

    lab.do(look, lambda: all(EventKind.IDLE_ASKED in kinds(lab, name) for name in ("full1", "full2")))
    lab.settle()
    mina, admin = lab.workspace.person("mina"), lab.workspace.person("admin")
    lab.do(lambda: mina.click("rental_still_needed"), lambda: EventKind.IDLE_KEPT in kinds(lab))
    lab.settle()
    ts = next(m["ts"] for m in admin.dm() if "rental_still_needed" in str(m))
    lab.do(
        lambda: admin.click("rental_return", message=ts, confirm=True), lambda: not lab.rental("full2").live
    )
    lab.settle(90)


def answered(lab: CrashLab) -> list[str]:
    expected = {
        "full1": {EventKind.IDLE_ASKED: 1, EventKind.IDLE_KEPT: 1, EventKind.RETURNED: 0},
        "full2": {EventKind.IDLE_ASKED: 1, EventKind.IDLE_KEPT: 0, EventKind.RETURNED: 1},
        "web01": {EventKind.IDLE_ASKED: 0, EventKind.WAIT_OVER: 1, EventKind.READY: 1},
    }
    wrong = []
    for name, times in expected.items():
        found = {kind: kinds(lab, name).count(kind) for kind in times}
        wrong += [] if found == times else [f"{name}: {found}"]
    still = [who for who in ("mina", "admin") if "rental_still_needed" in str(lab.workspace.person(who).dm())]
    return wrong + [f"{who} is still asked" for who in still]


CASES = (
    Case(
        "ask whether it is needed",
        ask_and_answer,
        answered,
        before=full_and_unused,
        policy="key_file_days = 30",
    ),
    Case("wait for room", room_comes, served, before=full),
    Case("leave the queue", leave, left, before=full_and_waited_for),
    Case("wait too long", day_is_over, lapsed, before=wait_a_day),
    Case("a first day", reserve_and_come, before_its_day),
)

"""A row of the fault matrix: what strikes where, and how a run of it is judged."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness import aftermath

from bot.views import ids
from faults.bench import Bench, RealBench, TooLongError
from faults.sights import Sights
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.tables.states import Status

ALL = os.environ.get("KWS_FAULTS") == "all"
MORE_DAYS = 120  # beyond the policy
FIRST_DAY = 2  # days from the day of a reservation
SOON = timedelta(minutes=15)  # before 00:00 of it; it is being built by then
HOLDERS = ("U0MINA0001", "U0GUEST001")  # of all that the nodes have, where somebody is to wait
REST = 600.0  # seconds within which what was left behind is cleared away
REAL_REST = 90.0


@dataclass(frozen=True)
class Row:
    """``play`` makes the fault strike in the way ``strike``, and waits until people have what they wanted.

    ``noisy``: the log may have errors. ``database``: where the database is, "" for an ordinary SQLite file.
    """

    fault: str
    where: str
    play: Callable[[Bench, Any], None]
    strikes: Sequence[Any] = ("",)
    nodes: int = 2
    real: bool = False
    noisy: bool = False
    database: str = ""
    web: str = ""  # lines of [web]

    def chosen(self) -> Sequence[Any]:
        """All strikes with KWS_FAULTS=all, else the first."""
        return self.strikes if ALL else self.strikes[:1]


@dataclass
class Outcome:
    """What came of a row's strikes."""

    row: Row
    seen: dict[str, None] = field(default_factory=dict)
    left: dict[str, None] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    since: str = "start"
    problems: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        """As the table has it."""
        seen = " / ".join(self.seen) or "nothing unusual"
        left = "; ".join(self.left)
        if self.problems:
            left = f"**VIOLATED ({len(self.problems)})**: {self.problems[0][:150]}"
        unit = "s, real" if self.row.real else "s"
        worst = f"{max(self.took):.0f} {unit} after its {self.since}" if self.took else "never"
        return [
            cell.replace("|", "\\|").replace("\n", " ")
            for cell in (self.row.fault, self.row.where, seen, left, worst)
        ]


def play(
    row: Row,
    strike: Any,
    outcome: Outcome,
    usual: Sights,
    folder: Path,
    database: Path,
    url: str,
    prop: Any = None,
) -> None:
    """One run, judged; ``prop`` is what the database is on."""
    bench = (RealBench if row.real else Bench)(folder, database, row.nodes, url, web=row.web)
    bench.prop = prop
    rest = REAL_REST if row.real else REST
    problems: list[str] = []
    try:
        try:
            row.play(bench, strike)
            bench.until(bench.at_rest, rest)
            bench.pass_time(0.2 if row.real else 12)
        except Exception as error:  # the other rows shall have their place in the table
            problems.append(str(error) if isinstance(error, TooLongError | AssertionError) else repr(error))
        bench.look()
        outcome.seen.update(dict.fromkeys(bench.sights.unusual(usual)))
        left = bench.where()
        problems += bench.problems(quiet=not row.noisy)
        if bench.took is None:
            problems.append("it never recovered")
        else:
            outcome.took.append(bench.took)
            outcome.since = bench.since
        problems += _after_all(bench, rest)
        outcome.left.setdefault(left)
    finally:
        bench.close()
    outcome.problems += [f"{strike}: {problem}" for problem in problems]


def _after_all(bench: Bench, rest: float) -> list[str]:
    """Everything is returned, and its copies are deleted: then nothing may be left on any node."""
    bench.return_rental()
    bench.delete_copies()
    try:
        bench.until(lambda: not bench.rentals() or (bench.told(Status.ENDED) and bench.settled()), rest)
        bench.until(lambda: not bench.leftovers(), rest)
    except TooLongError as error:
        return [f"after its return: {error} {bench.leftovers()}"]
    return []


def keep_a_copy(bench: Bench) -> None:
    """Joon asks for one from his card, through the question."""
    before = len(bench.copies())
    bench.joon.click("rental_copy_ask", where="message")
    bench.workspace.wait_for(lambda: "'rental_copy'" in str(bench.joon.ephemeral()), 10)
    bench.joon.click("rental_copy", message=bench.joon.ephemeral()[-1]["ts"])
    bench.workspace.wait_for(lambda: len(bench.copies()) > before, 10)


def reset(bench: Bench, **fields: str) -> None:
    """Joon has his server reset from its card."""
    bench.joon.click("rental_reset", where="message")
    bench.workspace.wait_for(lambda: bench.joon.open_view, 10)
    bench.joon.fill_form({"name": "web01", **fields})
    bench.sights.form(bench.joon.submit())
    bench.workspace.wait_for(lambda: any(rental.reset_number for rental in bench.rentals()), 10)


def move(bench: Bench) -> None:
    """Joon has his server moved, through the question."""
    bench.joon.command("/kws move web01")
    bench.workspace.wait_for(lambda: "'rental_move'" in str(bench.joon.ephemeral()), 10)
    bench.joon.click("rental_move", message=bench.joon.ephemeral()[-1]["ts"])
    bench.workspace.wait_for(lambda: any(rental.replaced_by for rental in bench.rentals()), 10)


def resize(bench: Bench) -> None:
    """Joon chooses a larger size, by the form of his card."""
    bench.joon.click("rental_size", where="message")
    bench.workspace.wait_for(lambda: bench.joon.open_view, 10)
    bench.joon.fill_form({"size": "large"})
    bench.sights.form(bench.joon.submit())
    changes = lambda: any(r.resizing or r.replaced_by or r.size == "large" for r in bench.rentals())  # noqa: E731
    bench.workspace.wait_for(changes, 10)


def ask(bench: Bench) -> None:
    """Joon wants more days than the policy allows, and says why."""
    until = bench.service.context.today() + timedelta(days=MORE_DAYS)
    bench.joon.command("/kws extend web01")
    bench.workspace.wait_for(lambda: bench.joon.open_view, 10)
    bench.joon.fill_form({"ends_on": until.isoformat()})
    bench.joon.submit()
    bench.joon.fill_form({"ask": "for the exam"})
    bench.sights.form(bench.joon.submit())
    bench.workspace.wait_for(bench.service.nightly.asks.open, 10)


def requests_shown(bench: Bench) -> list[dict[str, Any]]:
    """The messages to the admins about requests."""
    notices = [m for m in bench.admin.dm() if aftermath.first_block(m).startswith(ids.ADMIN_NOTICE)]
    return [m for m in notices if "raised_hand" in str(m)]


def approve(bench: Bench) -> None:
    """An admin approves it by the button of the message."""
    bench.admin.click(ids.Action.ASK_APPROVE, message=requests_shown(bench)[0]["ts"])
    bench.workspace.wait_for(lambda: not bench.service.nightly.asks.open(), 10)


def fill(bench: Bench) -> None:
    """Every node lends all that it has to other people."""
    last = bench.service.context.today() + timedelta(days=14)
    for holder, node in zip(HOLDERS, bench.clouds, strict=False):
        form = RentForm(f"full-{node}", "debian-12", "huge", last)
        bench.service.rental_service.request(Actor(holder), form, f"view:{node}")
    bench.until(lambda: bench.told(Status.READY, Status.ENDED), 120)


def wait_for_room(bench: Bench) -> None:
    """Joon submits the form, is asked what to do, and waits."""
    bench.rent()
    shown = [block["block_id"] for block in bench.joon.open_view["blocks"]]
    bench.joon.fill(next(block for block in shown if block.startswith(ids.Field.ROOM)), "wait")
    bench.sights.form(bench.joon.submit())
    bench.until(lambda: bench.told(Status.READY, Status.ENDED, Status.WAITING), 60)


def make_room(bench: Bench, node: str = "node1") -> None:
    """The server that has all of that node is returned."""
    for rental in bench.rentals():
        if rental.live and rental.name == f"full-{node}":
            bench.service.rental_service.return_rental(Actor(rental.owner), rental.id)


def reserve(bench: Bench) -> datetime:
    """Joon reserves a server by words; when its first day begins."""
    first = bench.service.context.today() + timedelta(days=FIRST_DAY)
    bench.joon.command(f"/kws rent web01 debian-12 small {first}..{first + timedelta(days=5)}")
    bench.until(lambda: any(rental.starts_on for rental in bench.rentals()), 60)
    bench.until(lambda: not bench.undelivered(), 60)
    return bench.service.context.expiry.midnight(first)


def go_to(bench: Bench, moment: datetime) -> None:
    """Time goes there."""
    bench.clock.at = moment
    bench.pass_time(20)
    bench.service.nightly.tick()


def list_copies(bench: Bench) -> str:
    """What /kws copies shows Joon; the time stamp of the answer."""
    bench.joon.command("/kws copies")
    bench.workspace.wait_for(lambda: "copy_bring_back" in str(bench.joon.ephemeral()), 10)
    return str(bench.joon.ephemeral()[-1]["ts"])


def usual_sights(folder: Path, database: Path) -> Sights:
    """What people see of a rental's whole life when nothing goes wrong, with either bench."""
    sights = Sights()
    sights.lines["web01 · Queued"] = None  # how a card begins; it is gone before most can look
    for kind in (Bench, RealBench):
        place = folder / kind.__name__
        place.mkdir()
        bench = kind(place, database)
        try:
            bench.rent()
            bench.until(lambda bench=bench: bench.told(Status.READY), 60)  # type: ignore[misc]
            bench.look()
            if not bench.real:
                keep_a_copy(bench)
                bench.until(bench.at_rest, 60)
                list_copies(bench)
                bench.look()
                ask(bench)
                bench.until(lambda bench=bench: requests_shown(bench), 60)  # type: ignore[misc]
                bench.look()
                approve(bench)
                bench.until(bench.at_rest, 60)
                bench.look()
                reset(bench)
                bench.until(lambda bench=bench: all(r.reset_at is None for r in bench.rentals()), 60)  # type: ignore[misc]
                bench.until(bench.at_rest, 60)
                resize(bench)
                bench.until(lambda bench=bench: not any(r.resizing for r in bench.rentals()), 60)  # type: ignore[misc]
                bench.until(bench.at_rest, 60)
                move(bench)
                bench.until(lambda bench=bench: not any(r.moving for r in bench.rentals()), 120)  # type: ignore[misc]
                bench.until(bench.at_rest, 120)
            bench.return_rental()
            bench.until(lambda bench=bench: bench.told(Status.ENDED) and bench.settled(), 60)  # type: ignore[misc]
            bench.look()
            if not bench.real:
                fill(bench)
                wait_for_room(bench)
                bench.look()
                make_room(bench)
                bench.until(lambda bench=bench: bench.told(Status.READY, Status.ENDED), 120)  # type: ignore[misc]
                bench.look()
                bench.return_rental()
                bench.until(lambda bench=bench: bench.told(Status.ENDED) and bench.settled(), 120)  # type: ignore[misc]
                midnight = reserve(bench)
                bench.look()
                go_to(bench, midnight - SOON)
                bench.until(lambda bench=bench: bench.told(Status.READY, Status.ENDED), 900)  # type: ignore[misc]
                bench.look()
            sights.lines |= bench.sights.lines
        finally:
            bench.close()
    return sights

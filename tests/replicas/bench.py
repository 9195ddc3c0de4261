"""Days in the life of several replicas that are killed at random: people at noon, warnings in the morning, midnight."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from harness import aftermath
from harness.node_line import NodeServer
from harness.replica_process import lab_time
from harness.world import make_config
from replicas.crew import Crew, Wake
from replicas.people import Student
from sqlalchemy import func, or_, select

from bot.views.home import MOST_CARDS
from kws_core.database.store import Store
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import AlertKind
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.job_run import JobRun
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status
from slack_workspace import Workspace
from slack_workspace.people import User, default_users

CONFIG: dict[str, Any] = {
    "vcpus": 400, "max_rentals": 300, "max_builds": 8, "ram_mb": 400000, "disk_gb": 9000,
    "policy": "max_vcpus_per_user = 300\nmax_ram_mb_per_user = 400000",
}  # fmt: skip
NODES = 3
BY_NIGHT = 8  # kills while people are warned, and again round midnight
FAKES = {
    "vcpus": 400,
    "ram_mb": 10**6,
    "disk_gb": 10**5,
    "addresses": 900,
    "build_seconds": 0.4,
    "boot_seconds": 0.3,
}


@dataclass(frozen=True)
class Setting:
    """How hard it is; ``pause`` are the least and the most seconds between two kills."""

    replicas: int
    people: int
    days: int
    kills: int
    pause: tuple[float, float]
    beat: float = 5.0
    dead_after: float = 30.0
    nights: bool = True
    aimed: float = 0.5  # share of the kills that fall amid an act on a node
    mutant: str | None = None
    seed: int = 7


@dataclass
class Outcome:
    """The row of the table, and what was broken."""

    setting: Setting
    kills: int
    rentals: int
    acts: int
    recoveries: list[float]
    violations: list[str]

    def row(self) -> list[object]:
        """As in docs/explanation/reliability.md."""
        times = self.recoveries or [0.0]
        seconds = [f"{median(times):.1f} s", f"{max(times):.1f} s"]
        return [
            self.setting.replicas,
            f"{self.setting.dead_after:.0f} s",
            self.kills,
            self.rentals,
            self.acts,
            len(self.violations),
            *seconds,
        ]


class Bench:
    """``run()`` plays it all."""

    def __init__(self, folder: Path, url: str, setting: Setting) -> None:
        self.setting = setting
        self.dice = random.Random(setting.seed)
        self.store = Store(url)
        self.config = make_config(NODES, **CONFIG)
        self.names = [f"p{number}" for number in range(setting.people)]
        users = [User(f"U0P{number:07d}", name) for number, name in enumerate(self.names)]
        self.workspace = Workspace(users=[*default_users(), *users], ack_timeout=1.5).start()
        self.nodes = {n.name: FakeNode(n.name, self.now, **FAKES) for n in self.config.nodes}
        self.line = NodeServer(folder, self.nodes, self.dice)
        self.crew = Crew(folder, self._order(url), self.line, self.dice, setting.aimed)
        self.wake = self.crew.wake = Wake(self.store)
        self.wrong: list[str] = []
        patience = setting.dead_after * 6 + 60
        self.students = [Student(self.workspace, self.store, name, patience) for name in self.names]

    def _order(self, url: str) -> dict[str, Any]:
        environment = {
            "bot_token": self.workspace.bot_token, "app_token": self.workspace.app_token,
            "slack_api_url": self.workspace.api_url, "database_url": url,
        }  # fmt: skip
        return {
            "environment": environment, "nodes": NODES, "config": CONFIG, "line": self.line.address,
            "beat": self.setting.beat, "dead_after": self.setting.dead_after, "mutant": self.setting.mutant,
        }  # fmt: skip

    def now(self) -> datetime:
        """The same clock as the replicas'."""
        return lab_time(self.crew.offset if hasattr(self, "crew") else 0.0)

    def run(self) -> Outcome:
        """Every day of the setting, then what is wrong."""
        self.wake.begin()
        try:
            for number in range(self.setting.days):
                self._day(number)
        except AssertionError as error:
            self.wrong.append(f"given up: {str(error)[:400]}")
        finally:
            self.wake.end()
            self.crew.close()
        self.wrong += self._problems()
        outcome = Outcome(
            self.setting,
            self.crew.kills,
            len(self.rentals()),
            self.line.acts,
            self.wake.recoveries,
            self.wrong,
        )
        self.close()
        return outcome

    def close(self) -> None:
        """Slack, the nodes and our own connections."""
        self.workspace.stop()
        self.line.close()
        self.store.close()

    # -- a day

    def _day(self, number: int) -> None:
        today = self.now().astimezone(self.config.kws.zone).date() + timedelta(days=2 if number else 0)
        self._jump(today, 12, 0)
        with ThreadPoolExecutor(len(self.names)) as threads:
            wanted = self.crew.kills + self.setting.kills // self.setting.days
            days = [threads.submit(one.day, today, lambda: self.crew.kills < wanted) for one in self.students]
            try:
                self._kill_while(lambda: any(not day.done() for day in days), wanted)
            finally:
                wanted = 0  # whatever happened, they go home
            for day in days:
                day.result()
        self._settle(lambda: [*self._open_ends(), *self._old_homes()])
        if self.setting.nights:
            self._night(today)

    def _night(self, today: date) -> None:
        """The morning of the last day, when people are warned, and the midnight after it."""
        self._jump(today + timedelta(days=1), 9, 30)
        self._kill_while(lambda: not self._warned(today + timedelta(days=1)), self.crew.kills + BY_NIGHT)
        self._settle()
        self._jump(today + timedelta(days=1), 23, 59, 57)
        self._kill_while(lambda: not self._night_told(today + timedelta(days=2)), self.crew.kills + BY_NIGHT)
        self._settle()

    def _jump(self, day: date, hour: int, minute: int, second: int = 0) -> None:
        """All are killed; when they live again it is later."""
        self.crew.kill_all()
        self.wake.forget()
        goal = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.config.kws.zone)
        self.crew.offset += (goal - self.now()).total_seconds()
        self.crew.start(self.setting.replicas)

    def _kill_while(self, going_on: Callable[[], bool], upto: int) -> None:
        """One is killed and another started, until there were so many kills; then the rest is waited for."""
        deadline = (
            time.monotonic() + self.setting.dead_after * 8 + 120 + self.setting.kills * self.setting.pause[1]
        )
        while going_on():
            assert time.monotonic() < deadline, "it does not come to an end"
            time.sleep(self.dice.uniform(*self.setting.pause))
            if self.crew.kills < upto:
                self.crew.kill()
                self.crew.start()

    def _settle(self, ends: Callable[[], list[str]] | None = None) -> None:
        """Nobody is killed any more, until nothing is left to do."""
        deadline = time.monotonic() + self.setting.dead_after * 3 + 60
        while open_ends := (ends or self._open_ends)():
            assert time.monotonic() < deadline, (
                f"not settled: {open_ends}; held by the dead: {self.wake.placement()}"
            )
            time.sleep(0.2)

    def _open_ends(self) -> list[str]:
        with self.store.read() as session:
            counts = {
                "events untold": select(func.count()).where(Event.delivered_at.is_(None)),
                "notices undelivered": select(func.count()).where(AdminAlert.delivered_at.is_(None)),
                "placements leaving": select(func.count()).where(Placement.state == PlacementState.DELETING),
                "rentals on their way": select(func.count()).where(Rental.status.not_in(aftermath.SETTLED)),
                "passes unfinished": select(func.count(JobRun.day)).where(
                    or_(JobRun.finished_at.is_(None), JobRun.told_at.is_(None))
                ),
            }
            found = {what: session.scalar(query) for what, query in counts.items()}
        dead = ["held by the dead"] if self.wake.placement() else []
        return [f"{number} {what}" for what, number in found.items() if number] + dead

    def _old_homes(self) -> list[str]:
        """App Homes that do not show what is."""
        found = []
        for student in self.students:
            mine = [r for r in self.rentals() if r.owner == student.person.id]
            live = sorted(
                (r for r in mine if r.status is not Status.ENDED), key=lambda r: (r.ends_on, r.created_at)
            )
            shown = {r.name for r in mine if f"*{r.name}*" in str(student.person.home)}
            if shown != {r.name for r in live[:MOST_CARDS]}:
                found.append(f"the Home of {student.name} is not what is")
        return found

    def _warned(self, last_day: date) -> bool:
        """Whether everybody whose rental ends on that day has been told so."""
        with self.store.read() as session:
            due = select(Rental.id).where(Rental.ends_on == last_day, Rental.status == Status.READY)
            told = select(Event.rental_id).where(
                Event.kind == EventKind.WARNED, Event.delivered_at.is_not(None)
            )
            return set(session.scalars(due)) <= set(session.scalars(told))

    def _night_told(self, day: date) -> bool:
        with self.store.read() as session:
            run = session.get(JobRun, ("night", day))
            return run is not None and run.told_at is not None

    # -- what is wrong

    def rentals(self) -> list[Rental]:
        """All that there ever were."""
        with self.store.read() as session:
            return list(session.scalars(select(Rental).order_by(Rental.name)))

    def _problems(self) -> list[str]:
        rentals = self.rentals()
        return [
            *self.line.met,
            *aftermath.on_nodes(rentals, self.nodes),
            *aftermath.shown_twice(aftermath.messages(self.workspace)),
            *aftermath.wrong_keys(rentals, self.workspace, self.nodes),
            *self._said_twice(),
            *self._nights(),
            *self._late(),
            *self._complaints(),
            *(f"Slack: {violation}" for violation in self.workspace.violations),
        ]

    def _said_twice(self) -> list[str]:
        """What happens to a rental once is in its history once, and so is each of its cards in Slack."""
        once = (EventKind.REQUESTED, EventKind.READY, EventKind.EXPIRED, EventKind.RETURNED, EventKind.ENDED)
        with self.store.read() as session:
            query = select(Event.rental_id, Event.kind, func.count()).where(Event.kind.in_(once))
            rows = session.execute(query.group_by(Event.rental_id, Event.kind).having(func.count() > 1))
            found = [f"{row[0]}: {row[2]} times {row[1].value}" for row in rows]
        cards = Counter(map(aftermath.first_block, aftermath.messages(self.workspace)))
        return found + [f"{r.name} has no card" for r in self.rentals() if not cards[f"card-{r.id}"]]

    def _nights(self) -> list[str]:
        """Each pass ran to its end once, and the admins were told once."""
        passes = Counter(re.findall(r"nightly cleanup of (\S+):", self.crew.logs()))
        found = [f"nightly cleanup of {day} ran {times} times" for day, times in passes.items() if times > 1]
        with self.store.read() as session:
            told = session.scalar(select(func.count()).where(AdminAlert.kind == AlertKind.NIGHT)) or 0
            runs = session.scalars(select(JobRun)).all()
        nights = sum(bool(run.marked) for run in runs)
        return found + ([] if told == nights else [f"{told} summaries of {nights} nights"])

    def _complaints(self) -> list[str]:
        """What a replica itself thought to be a bug: deadlocks, collisions of rows and the like."""
        said = re.findall(r"^\S+ \S+ ERROR (.*)", self.crew.logs(), re.MULTILINE)
        return [f"in the log: {line}" for line in dict.fromkeys(said)]

    def _late(self) -> list[str]:
        most = self.setting.dead_after + 4 * self.setting.beat + 3
        slow = [f"free only after {seconds:.0f} s" for seconds in self.wake.recoveries if seconds > most]
        return slow + [f"{who} is dead and holds something" for who in self.wake.placement()]

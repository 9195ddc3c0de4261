"""Nine o'clock: a class of people rents within a minute; what each of them noticed, and what became of it."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.world import NODE, TOML
from sqlalchemy import select

from kws_core.database.store import Store
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status
from slack_workspace import Workspace
from slack_workspace.people import User, default_users

TESTS = Path(__file__).parent.parent
NODES = 4
LOOK = 0.05  # seconds between two looks of a person
WORST_ACK = 0.5  # seconds
TYPED = {"image": "debian-12", "size": "small"}
UNDER_WAY = (Status.WAITING, Status.REQUESTED, Status.BUILDING, Status.ENDING)
READY = ":large_green_circle:"  # what the message begins with that says so
SEES = 10.0  # seconds that a person waits for the form


@dataclass(frozen=True)
class Setting:
    """``people`` come in ``seconds``; one in ten of them asks for three. ``speed``: nodes are so much faster."""

    people: int
    seconds: float
    speed: float = 1.0
    max_builds: int = 4
    vcpus: int = 56  # of each node: a few people find no room
    tiers: bool = False  # Slack's limits per method and minute
    waits: bool = False  # who finds no room waits for it, and people return what they have had for a while
    seed: int = 9


@dataclass
class Noticed:
    """What one person noticed of one wish."""

    name: str
    owner: str
    acks: list[float] = field(default_factory=list)  # of commands, clicks, and forms, seconds
    sent: list[float] = field(
        default_factory=list
    )  # of those: of forms, which are decided before they are acknowledged
    form: float | None = None  # seconds until it was open
    again: int = 0  # times that the person was asked to type the command again
    refused: str = ""
    waited: bool = False  # took "Wait for it"
    trouble: str = ""


@dataclass
class Outcome:
    """The row of the table, and what was broken."""

    setting: Setting
    database: str
    noticed: list[Noticed]
    rentals: Sequence[Rental]
    load: float
    limited: int
    busiest: dict[str, int]
    told: list[float]  # seconds from ready to the message that says so
    violations: list[str] = field(default_factory=list)
    jain: float = 0.0

    @property
    def acks(self) -> list[float]:
        """Of all commands, clicks, and forms, seconds."""
        return [ack for one in self.noticed for ack in one.acks]

    @property
    def sent(self) -> list[float]:
        """Of the forms alone."""
        return [ack for one in self.noticed for ack in one.sent]

    def row(self) -> list[object]:
        """As in docs/explanation/reliability.md."""
        ready = [seconds(r.ready_at, r.created_at) for r in self.rentals if r.ready_at]
        return [
            self.database,
            self.setting.people,
            len(self.noticed),
            spread(self.acks),
            spread(self.sent),
            spread([n.form for n in self.noticed if n.form is not None]),
            spread(ready, "{:.0f}"),
            spread(self.told, "{:.0f}"),
            sum(one.again for one in self.noticed),
            sum(bool(n.refused) for n in self.noticed),
            sum(one.waited for one in self.noticed),
            len(self.violations),
            f"{self.jain:.2f}",
            " / ".join(f"{worst:.0f}" for worst in worst_waits(self.rentals)),
            self.limited,
            ", ".join(f"{m} {n}" for m, n in self.busiest.items()),
            f"{self.load:.1f}",
        ]


class Morning:
    """``run()`` plays it all."""

    def __init__(self, folder: Path, url: str, setting: Setting) -> None:
        self.setting = setting
        self.folder = folder
        self.url = url
        self.dice = random.Random(setting.seed)
        self.store = Store(url)
        users = [
            User(f"U0L{n:07d}", f"p{n}", locale=self.dice.choice(["ko-KR", "en-US"]))
            for n in range(setting.people)
        ]
        self.workspace = Workspace(users=[*default_users(), *users]).start()
        self.workspace.faults.limit_rate(1.0)
        if setting.tiers:
            self.workspace.faults.limit_tiers()
        self.noticed: list[Noticed] = []
        self._guard = threading.Lock()

    def run(self) -> Outcome:
        """The rush, until all is built, then what is wrong."""
        bot = self._start()
        began = time.monotonic()
        try:
            self.workspace.wait_connected(2, 30)
            self._until(self._offered, 30)
            self._rush()
            load = os.getloadavg()[0]
            self._until(lambda: not self._open_ends(), 1500)
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(40)
        calls = [call for call in self.workspace.calls if call.at]
        self.workspace.stop()
        rentals = self._rentals()
        wrong = self._wrong(rentals)
        (self.folder / "wrong.txt").write_text("\n".join(wrong))
        print(f"all was ready after {time.monotonic() - began:.0f} s")
        limited = sum(self.workspace.faults.limited.values())
        kind = "PostgreSQL" if "postgres" in self.url else "SQLite"
        outcome = Outcome(
            self.setting,
            kind,
            self.noticed,
            rentals,
            load,
            limited,
            busiest(calls),
            self._told(rentals),
            wrong,
            self._jain(rentals),
        )
        self.store.close()
        print(
            f"{kind}: {len(outcome.acks)} acknowledged: {spread(outcome.acks)}; forms: {spread(outcome.sent)}"
        )
        return outcome

    def _start(self) -> subprocess.Popen[bytes]:
        policy = "max_vcpus_per_user = 8"
        config = TOML.format(max_rentals=3, zone="Asia/Seoul", policy=policy)
        for n in range(NODES):
            config += NODE.format(
                name=f"node{n + 1}", vcpus=self.setting.vcpus, ram_mb=10**6, disk_gb=10**4,
                max_builds=self.setting.max_builds,
            )  # fmt: skip
        environment = {
            "bot_token": self.workspace.bot_token, "app_token": self.workspace.app_token,
            "slack_api_url": self.workspace.api_url, "database_url": self.url,
        }  # fmt: skip
        order = {
            "environment": environment, "config": config, "speed": self.setting.speed,
            "log": str(self.folder / "bot.log"),
        }  # fmt: skip
        path = self.folder / "order.json"
        path.write_text(json.dumps(order))
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        return subprocess.Popen(
            [sys.executable, "-m", "harness.load_process", str(path)], env={**os.environ, "PYTHONPATH": paths}
        )

    def _offered(self) -> bool:
        """Whether the bot knows what its nodes have."""
        log = self.folder / "bot.log"
        if not log.exists():
            return False
        try:
            with self.store.read() as session:
                from kws_core.database import queries

                return sum(bool(r.images) for r in queries.node_records(session)) == NODES
        except Exception:
            return False  # no tables yet

    # -- the rush

    def _rush(self) -> None:
        threads = []
        for n in range(self.setting.people):
            at = self.dice.uniform(0, self.setting.seconds)
            think = self.dice.uniform(2, 8) / self.setting.speed
            wishes = 3 if n % 10 == 0 else 1
            threads.append(threading.Thread(target=self._visit, args=(f"p{n}", at, think, wishes)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _visit(self, name: str, at: float, think: float, wishes: int) -> None:
        person = self.workspace.person(name)
        time.sleep(at)
        for number in range(wishes):
            seen = Noticed(f"{name}-{number}", person.id)
            with self._guard:
                self.noticed.append(seen)
            try:
                self._rent(person, seen, think)
            except Exception as error:
                seen.trouble = repr(error)[:200]

    def _rent(self, person: Any, seen: Noticed, think: float) -> None:
        while not self._form(person, seen):
            time.sleep(think)
        time.sleep(think)
        person.fill_form({**TYPED, "name": seen.name})
        outcome = self._submit(person, seen)
        if outcome.error:
            seen.trouble = f"form: {outcome.error}"
        elif outcome.errors:
            seen.refused = " ".join(outcome.errors.values())
            person.close()
        elif question := asked(person.open_view):
            time.sleep(think)
            self._answer(person, seen, question)

    def _submit(self, person: Any, seen: Noticed) -> Any:
        outcome = person.submit()
        seen.acks.append(outcome.seconds)
        seen.sent.append(outcome.seconds)
        return outcome

    def _answer(self, person: Any, seen: Noticed, question: str) -> None:
        """There is no room: this person goes."""
        seen.refused = question
        person.close()

    def _form(self, person: Any, seen: Noticed) -> bool:
        """Types the command; False when the answer is a sentence that says to type it again."""
        begun, said = time.monotonic(), len(person.ephemeral())
        outcome = person.command("/kws rent")
        seen.acks.append(outcome.seconds)
        if outcome.error:
            raise TimeoutError(f"command: {outcome.error}")
        self._until(lambda: person.open_view is not None or len(person.ephemeral()) > said, SEES)
        if person.open_view is None:
            assert "/kws rent" in str(person.ephemeral()[-1]), person.ephemeral()[-1]
            seen.again += 1
            return False
        seen.form = time.monotonic() - begun
        return True

    def _until(self, what: Callable[[], object], seconds_: float) -> None:
        deadline = time.monotonic() + seconds_
        while not what():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds_:.0f} s not yet")
            time.sleep(LOOK)

    def _open_ends(self) -> bool:
        time.sleep(0.5)
        with self.store.read() as session:
            building = select(Rental.id).where(Rental.status.in_(UNDER_WAY))
            untold = select(Event.id).where(Event.delivered_at.is_(None))
            return bool(session.scalars(building).first() or session.scalars(untold).first())

    # -- what is wrong

    def _wrong(self, rentals: Sequence[Rental]) -> list[str]:
        return [*self._lost(rentals), *self._slow(), *self._places(rentals), *self._complaints()]

    def _jain(self, rentals: Sequence[Rental]) -> float:
        return jain(rentals)

    def _rentals(self) -> list[Rental]:
        with self.store.read() as session:
            return list(session.scalars(select(Rental)))

    def _lost(self, rentals: Sequence[Rental]) -> list[str]:
        """Each wish was refused with a sentence, or its machine is ready and its owner knows, with one key."""
        by_name = {rental.name: rental for rental in rentals}
        wrong = [f"{n.name}: {n.trouble}" for n in self.noticed if n.trouble]
        for one in self.noticed:
            rental = by_name.get(one.name)
            if one.refused and rental is not None:
                wrong.append(f"{one.name} was refused and is there")
            elif not one.refused and not one.trouble:
                wrong += self._untold(one, rental)
        return wrong

    def _untold(self, one: Noticed, rental: Rental | None) -> list[str]:
        if rental is None or rental.ready_at is None or rental.status not in (Status.READY, Status.ENDED):
            return [f"{one.name} is {rental.status if rental else 'lost'}"]
        person, bells = self.workspace.person(one.name.partition("-")[0]), self._bells(one.name)
        keys = [f for f in person.files() if f["name"].endswith(one.name)]
        wrong = [] if len(bells) == 1 else [f"{one.name}: {len(bells)} bells"]
        return wrong + ([] if len(keys) == 1 else [f"{one.name}: {len(keys)} keys"])

    def _bells(self, name: str) -> list[dict[str, Any]]:
        """The messages that say that a rental is ready."""
        bells = [
            m
            for m in self.workspace.person(name.partition("-")[0]).dm()
            if m.get("subtype") == "thread_broadcast"
        ]
        return [m for m in bells if m["text"].startswith(f"{READY} {name} ")]

    def _told(self, rentals: Sequence[Rental]) -> list[float]:
        bells = [
            (r.ready_at, notification) for r in rentals if r.ready_at for notification in self._bells(r.name)
        ]
        return [float(notification["ts"]) - at.timestamp() for at, notification in bells]

    def _slow(self) -> list[str]:
        acks = [(one.name, ack) for one in self.noticed for ack in one.acks]
        return [f"{name}: acknowledged after {a:.2f} s" for name, a in acks if a > WORST_ACK]

    def _places(self, rentals: Sequence[Rental]) -> list[str]:
        """The places that people with one wish were told never grow."""
        greedy = {r.owner for r in rentals if r.name.endswith("-1")}
        told: dict[str, list[int]] = defaultdict(list)
        with self.store.read() as session:
            query = select(Event).where(Event.kind == EventKind.QUEUED).order_by(Event.id)
            for event in session.scalars(query):
                told[event.rental_id].append(event.data["position"])
        return [
            f"{r.name}: places {told[r.id]}"
            for r in rentals
            if r.owner not in greedy and told[r.id] != sorted(told[r.id], reverse=True)
        ]

    def _complaints(self) -> list[str]:
        """What the bot itself thought to be a bug, and what Slack would refuse."""
        lines = (self.folder / "bot.log").read_text().splitlines()
        said = [line[24:200] for line in lines if " ERROR " in line]
        return [*said, *(f"Slack: {violation}" for violation in self.workspace.violations)]


def seconds(later: Any, earlier: Any) -> float:
    """Between two moments."""
    return float((later - earlier).total_seconds())


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Median, 99th percentile and most, in seconds."""
    if len(values) < 2:
        return "-"
    most = sorted(values)
    ninety_nine = most[min(len(most) - 1, int(len(most) * 0.99))]
    return " / ".join(form.format(one) for one in (statistics.median(most), ninety_nine, most[-1])) + " s"


def _begun(rentals: Sequence[Rental]) -> list[tuple[Any, Rental]]:
    found = [(p.server_at, r) for r in rentals for p in r.placements if p.state is PlacementState.ACTIVE]
    return sorted(((at, r) for at, r in found if at is not None), key=lambda pair: pair[0])


def worst_waits(rentals: Sequence[Rental]) -> tuple[float, float, float]:
    """Longest from asking to the begin of the build: of those with one wish, and first and third wish of three."""
    three = {r.owner for r in rentals if r.name.endswith("-1")}
    groups: dict[str, list[float]] = {"one": [0.0], "first": [0.0], "third": [0.0]}
    for at, rental in _begun(rentals):
        wait = seconds(at, rental.created_at)
        if rental.owner not in three:
            groups["one"].append(wait)
        elif rental.name.endswith("-0"):
            groups["first"].append(wait)
        elif rental.name.endswith("-2"):
            groups["third"].append(wait)
    return max(groups["one"]), max(groups["first"]), max(groups["third"])


def jain(rentals: Sequence[Rental]) -> float:
    """Jain's index of builds begun per person, when the last person's first is begun: 1 is all alike."""
    return alike([rental.owner for _, rental in _begun(rentals)])


def alike(owners: Sequence[str]) -> float:
    """Jain's index of how often each of them had been served, when the last had been for the first time."""
    got: Counter[str] = Counter()
    everybody = set(owners)
    for owner in owners:
        got[owner] += 1
        if len(got) == len(everybody):
            break
    return sum(got.values()) ** 2 / (len(got) * sum(n * n for n in got.values())) if got else 0.0


def asked(view: Any) -> str:
    """The id of the form's question what to do where there is no room; "" if it isn't asked."""
    blocks = [block["block_id"] for block in view["blocks"]] if view else []
    return next((block for block in blocks if block.startswith("room_")), "")


def busiest(calls: Sequence[Any]) -> dict[str, int]:
    """The most calls of a method in any 60 seconds, of the methods that were called most."""
    at: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        at[call.method].append(call.at)
    most = {m: max(sum(t <= o < t + 60 for o in times) for t in times) for m, times in at.items()}
    return dict(sorted(most.items(), key=lambda pair: -pair[1])[:4])

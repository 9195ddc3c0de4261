"""Many deaths on the way of a warning: none is lost, none is shown twice. ``make restarts`` has a thousand."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.world import Clock, Inline, make_config
from slack_sdk import WebClient
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from bot.delivery.owners import Notifier
from bot.slack.directory import Directory
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.nightly.cleanup import Nightly
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.admission import RentForm
from kws_core.rentals.extension import Extensions
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace import Workspace

pytestmark = pytest.mark.thorough
RESTARTS = int(os.environ.get("KWS_RESTARTS", "60"))
PEOPLE = ("U0MINA0001", "U0JOON0001")


class Killed(BaseException):
    """The process dies here: nobody catches it."""


@dataclass
class Fate:
    """Kills at the n-th call to Slack or commit from now, before or after it takes effect."""

    dice: random.Random
    left: int | None = None
    deaths: int = 0
    where: Counter[str] = field(default_factory=Counter)

    def arm(self) -> None:
        self.left = self.dice.randint(0, 60)

    def spare(self) -> None:
        self.left = None

    def pass_by(self, where: str) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left, self.deaths = None, self.deaths + 1
            self.where[where] += 1
            raise Killed(where)


class MortalStore(Store):
    """Dies round commits."""

    fate: Fate

    @contextmanager
    def write(self, **how: Any) -> Iterator[Session]:
        with super().write(**how) as session:
            yield session
            self.fate.pass_by("before a commit")
        self.fate.pass_by("after a commit")

    @contextmanager
    def note(self) -> Iterator[Connection]:
        with super().note() as connection:
            yield connection
            self.fate.pass_by("before a commit")
        self.fate.pass_by("after a commit")


class MortalClient(WebClient):
    """Dies round calls to Slack."""

    fate: Fate

    def api_call(self, api_method: str, **arguments: Any) -> Any:
        self.fate.pass_by(f"before {api_method}")
        answer = super().api_call(api_method, **arguments)
        self.fate.pass_by(f"after {api_method}")
        return answer


class Bot:
    """What is in the memory of one process."""

    def __init__(self, store: Store, client: WebClient, node: FakeNode, clock: Clock) -> None:
        self.context = Context(make_config(1, max_rentals=9), store, clock)
        self.notifier = Notifier(self.context, client, Directory(self.context, client), Inline())
        self.nightly = Nightly(self.context)
        self.terms = Extensions(self.context)
        self.members = Members(self.context)
        self.rental_service = RentalService(self.context)
        self.rental_queries = RentalQueries(self.context)
        self.reconciler = Reconciler(self.context, {node.name: node}, lambda node, sort: Inline())
        self.reconciler.start()

    def tick(self) -> None:
        self.nightly.tick()
        self.notifier.tick()


class Lab:
    """Bots that die and are started again over one database and one workspace."""

    def __init__(self, folder: Path, workspace: Workspace, seed: int) -> None:
        self.clock = Clock()
        self.fate = Fate(random.Random(seed))
        self.store = MortalStore(f"sqlite:///{folder / 'kws.db'}")
        self.store.fate = self.fate
        self.client = MortalClient(workspace.bot_token, base_url=workspace.api_url)
        self.client.fate = self.fate
        self.node = FakeNode("node1", self.clock, vcpus=64, ram_mb=65536)
        self.workspace = workspace
        self.bot = self.born()
        self.promised: set[tuple[str, str, int]] = set()

    def born(self) -> Bot:
        return Bot(self.store, self.client, self.node, self.clock)

    def live(self) -> None:
        """One process after the other dies, until one lives through a minute."""
        died = True
        while died:
            self.clock.advance(minutes=1)
            self.fate.arm()
            try:
                self.bot.tick()
                died = False
            except Killed:
                self.fate.spare()
                self.bot = self.born()
            self.fate.spare()
        self.note_promises()

    def build(self) -> None:
        """What was rented becomes ready."""
        for _ in range(12):
            self.bot.reconciler.tick()
            self.bot.tick()
            self.clock.advance(seconds=1)

    def wait_for_a_warning(self) -> None:
        """Until the next moment at which somebody is to be warned."""
        ends = self.bot.context.expiry
        ahead = [m.at for r in self.rentals() for m in ends.reminders(r) if m.at > self.clock.at]
        if ahead:
            self.clock.at = min(ahead) + timedelta(minutes=self.fate.dice.randint(0, 90))

    def extend(self) -> None:
        """What ends soon lasts longer, which re-arms its warnings."""
        soon = self.bot.context.today() + timedelta(days=1)
        for rental in self.rentals():
            if rental.ends_on <= soon:
                until = rental.ends_on + timedelta(days=self.fate.dice.randint(10, 30))
                self.bot.terms.extend(Actor(rental.owner), rental.id, until, via="test")

    def rent(self, number: int) -> None:
        owner = PEOPLE[number % 2]
        self.bot.members.remember_person(owner, locale="en-US", guest=False, stranger=False)
        ends_on = self.bot.context.today() + timedelta(days=14)
        form = RentForm(name=f"web{number}", image="debian-12", size="small", ends_on=ends_on)
        self.bot.rental_service.request(Actor(owner), form, f"view:{number}")

    def note_promises(self) -> None:
        """What everybody must have been told by now: the moments that passed since the end was set."""
        ends = self.bot.context.expiry
        for rental in self.rentals():
            for reminder in ends.reminders(rental):
                if reminder.at <= self.clock.at:
                    self.promised.add((rental.id, reminder.last_day.isoformat(), reminder.days))

    def rentals(self) -> list[Rental]:
        return [r for r in self.bot.rental_queries.all_rentals() if r.status is Status.READY]

    def shown(self) -> Counter[tuple[str, str, int]]:
        """Every warning that stands in somebody's messages, by what it is about."""
        meant = {}
        for rental in self.bot.rental_queries.all_rentals():
            for event in self.bot.rental_queries.history(rental.id):
                if event.kind is EventKind.WARNED:
                    meant[f"notice-{event.id}"] = (rental.id, event.data["last_day"], event.data["days"])
        found: Counter[tuple[str, str, int]] = Counter()
        for person in PEOPLE:
            for message in self.workspace.state.dm(person).messages:
                block = (message.get("blocks") or [{}])[0].get("block_id")
                if block in meant:
                    found[meant[block]] += 1
        return found


@pytest.mark.timeout(60 + 2 * RESTARTS)
def test_deaths_lose_no_warning_and_show_none_twice(tmp_path: Path, empty_database: Path) -> None:
    shutil.copy(empty_database, tmp_path / "kws.db")
    with Workspace() as workspace:
        lab = Lab(tmp_path, workspace, seed=20261201)
        lab.bot.reconciler.tick()
        for number in range(6):
            lab.rent(number)
        lab.build()
        assert len(lab.rentals()) == 6
        while lab.fate.deaths < RESTARTS:
            lab.wait_for_a_warning()
            lab.live()
            lab.extend()
            lab.live()
        assert lab.shown() == Counter(lab.promised)
        assert len(lab.fate.where) > 5, "it died in many places"
        assert len(lab.rentals()) == 6, "nobody's rental ended: all were extended in time"
        assert workspace.violations == []

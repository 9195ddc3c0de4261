"""A lab whose processes die, fall asleep and overtake each other, and what people do in it."""

from __future__ import annotations

import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from functools import cache
from math import ceil
from pathlib import Path

from harness.caddy_kit import FakeCaddy
from harness.moving import MoveWatch
from harness.names import NameWatch
from harness.world import SECOND, WEB, Clock, World, make_config, next_due
from life import (
    ask_rules,
    copy_rules,
    end_rules,
    idle_rules,
    move_rules,
    reset_rules,
    resize_rules,
    rules,
    told_rules,
    wait_rules,
    web_rules,
)
from life.process import Acting, Killed, Process, Transactions
from life.slack import Slack
from sqlalchemy import select, text

from kws_core.copies.service import Copies
from kws_core.database.store import Store
from kws_core.errors import UserError
from kws_core.forms import ssh_keys
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Status

MORNING = time(9)


@cache
def empty_database() -> bytes:
    """The schema, migrated once."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Store(f"sqlite:///{folder}/kws.db")
        fresh.upgrade()
        fresh.close()
        return (Path(folder) / "kws.db").read_bytes()


@cache
def own_key() -> str:
    """A person's own public key."""
    return ssh_keys.generate("laptop").public


class Complaints(logging.Handler):
    """Every traceback that product code swallowed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        self.found.append(record.getMessage() + (f": {record.exc_info[1]!r}" if record.exc_info else ""))


class Lab(World):
    """A World of one or more processes. People's acts go through the first."""

    def __init__(
        self,
        folder: Path,
        nodes: int = 2,
        *,
        processes: int = 1,
        grace_hours: int = 0,
        build: float = 0,
        boot: float = 0,
        delete: float = 0,
        max_builds: int = 2,
        vcpus: int = 8,
        max_rentals: int = 4,
        web: bool = False,
    ) -> None:
        (folder / "kws.db").write_bytes(empty_database())
        self.url, self.alone = f"sqlite:///{folder / 'kws.db'}", processes == 1
        config = make_config(
            nodes, vcpus=vcpus, max_builds=max_builds, max_rentals=max_rentals,
            policy=f"grace_hours = {grace_hours}",
            web=f"{WEB}\nby_default = false" if web else "",
        )  # fmt: skip
        clock = Clock()
        fakes = {
            section.name: FakeNode(
                section.name, clock, vcpus=64, ram_mb=65536,
                build_seconds=build, boot_seconds=boot, delete_seconds=delete,
            )
            for section in config.nodes
        }  # fmt: skip
        self.acting, self.transactions, self.slack = Acting(), Transactions(), Slack()
        self.caddy, self.names = FakeCaddy(), NameWatch()
        self.config, self.clock, self.nodes = config, clock, fakes
        self.processes: list[Process] = []
        self.dead: dict[str, int] = {}  # whose names → seconds that somebody has lived since
        self.asleep: dict[int, datetime] = {}  # stopped in their tracks until then
        for number in range(processes):
            self._born(number)
        one = self.processes[0]
        super().__init__(config, one.store, clock, fakes, one.context, one.outbox, one.reconciler)
        self._first()
        self.vanished: set[str] = set()
        self.memory = end_rules.TtlCache()
        self.followed_up_at = clock()  # when somebody last looked after what is due
        self.moves = MoveWatch()
        self.complaints = Complaints()
        logging.getLogger("kws_core").addHandler(self.complaints)
        self.tick()

    def close(self) -> None:
        """Frees the file and the log."""
        logging.getLogger("kws_core").removeHandler(self.complaints)
        for process in self.processes:
            process.store.close()

    # -- processes

    def _born(self, number: int) -> None:
        made = Process(
            number,
            self.url,
            self.config,
            self.clock,
            self.nodes,
            self.caddy,
            self.acting,
            self.transactions,
            self.alone,
        )
        self.processes[number : number + 1] = [made]
        made.start()

    def _first(self) -> None:
        """World's names are the first process's."""
        one = self.processes[0]
        self.store, self.context, self.outbox = one.store, one.context, one.outbox
        self.reconciler, self.nightly, self.fate = one.reconciler, one.nightly, one.fate

    def restart(self, number: int = 0) -> None:
        """That process has died, and a new one has taken its place."""
        old = self.processes[number]
        old.store.close()
        self.dead[old.who] = 0
        self.asleep.pop(number, None)
        self.transactions.open = 0
        self.acting.now = {place: who for place, who in self.acting.now.items() if who != old.who}
        self._born(number)
        self._first()

    def mortal(self, act: Callable[[], object], die_in: int | None = None, number: int = 0) -> bool:
        """Does ``act``; True when that process died of it (and was started again)."""
        fate = self.processes[number].fate
        fate.die_in = die_in
        try:
            act()
        except Killed:
            self.restart(next(p.number for p in self.processes if p.fate.dead))
            return True
        finally:
            fate.calm()
        return False

    def awake(self) -> list[Process]:
        """Those that work now."""
        now = self.clock()
        return [p for p in self.processes if self.asleep.get(p.number, now) <= now]

    # -- time

    def tick(self) -> None:
        """What is due at the nodes; keys are brought by ``deliver_keys`` alone."""
        for process in self.awake():
            process.work()

    def deliver_keys(self) -> None:
        """Everything that people are to be told."""
        for process in self.awake():
            self.slack.tell_all(process)

    def settle(self, ticks: int = 12) -> None:
        """Ticks and messages, a second apart; the seconds in which nothing is due are left out."""
        while ticks > 0:
            self.tick()
            self.deliver_keys()
            web_rules.follow(self)
            seconds = min(ticks, self._until_due()) if ticks > 1 else 1
            self.clock.advance(seconds=seconds)
            if self.awake():
                self.dead = {who: lived + seconds for who, lived in self.dead.items()}
            ticks -= seconds

    def _until_due(self) -> int:
        """Whole seconds until somebody has something to do, or wakes up."""
        now = self.clock()
        wakes = [moment for moment in self.asleep.values() if moment > now]
        return ceil((min([next_due(self.store, now), *wakes]) - now) / SECOND)

    def night_tick(self, number: int = 0) -> None:
        """The minute's tick of one process."""
        process = self.processes[number % len(self.processes)]
        if process in self.awake():
            process.nightly.tick()
            self.followed_up_at = self.clock()

    def goes_to(self, moment: datetime) -> None:
        """Time passes; at each 00:00 and 09:00 on the way everybody has their turn."""
        while self.clock() < moment:
            self.clock.at = min(moment, self._next_hour())
            self.tick()
            for process in self.awake():
                process.nightly.tick()
                self.followed_up_at = self.clock()
                self.settle(1)
            self.settle(1)

    def _next_hour(self) -> datetime:
        """The next 00:00 or 09:00 in the lab, and a second."""
        zone = self.config.kws.zone
        day = self.clock().astimezone(zone).date()
        hours = [
            datetime.combine(day + timedelta(days=n), at, zone) for n in (0, 1) for at in (time(0), MORNING)
        ]
        return min(
            one for one in (h.astimezone(UTC) + timedelta(seconds=1) for h in hours) if one > self.clock()
        )

    # -- what there is

    def every_rental(self) -> list[Rental]:
        """Also those that are over."""
        with self.store.read() as session:
            return list(session.scalars(select(Rental).order_by(text("rentals.rowid"))))

    def every_copy(self) -> list[Copy]:
        """Also those that are gone."""
        with self.store.read() as session:
            return list(session.scalars(select(Copy).order_by(text("copies.rowid"))).unique())

    def every_event(self) -> dict[str, list[Event]]:
        """Every rental's history, oldest first."""
        found: defaultdict[str, list[Event]] = defaultdict(list)
        with self.store.read() as session:
            for one in session.scalars(select(Event).order_by(Event.id)):
                found[one.rental_id].append(one)
        return found

    def check(self) -> None:
        """Everything that must hold at any time."""
        rentals, events = self.every_rental(), self.every_event()
        assert self.complaints.found == []
        assert self.acting.clashes == []
        rules.check_placements(self, rentals)
        rules.check_capacity(self, rentals)
        rules.check_machines(self, rentals, events)
        rules.check_histories(rentals, events)
        rules.check_the_dead(self)
        end_rules.check(self, rentals, events)
        copy_rules.check(self, rentals, events)
        reset_rules.check(self, rentals, events)
        move_rules.check(self, rentals, events)
        resize_rules.check(self, rentals, events)
        web_rules.check(self, rentals)
        ask_rules.check(self, rentals, events)
        wait_rules.check(self, rentals, events)
        idle_rules.check(self, rentals, events)
        told_rules.check(events)
        twice = [shown for shown in (*self.slack.posted.values(), *self.slack.warned.values()) if shown > 1]
        assert twice == [], "a message is shown twice"

    def end_well(self) -> None:
        """Everything is mended and returned, time passes: nothing is left anywhere."""
        for process in self.processes:
            process.fate.calm()
        self.asleep.clear()
        self.slack.silent = False
        self.slack.away.clear()
        self.caddy.down = self.caddy.refuses = False
        for node in self.nodes.values():
            node.come_back()
            node.faults.clear()
            node.breaks.clear()
        for rental in self.every_rental():
            self.rental_service.return_rental(Actor(rental.owner), rental.id)
        for number in range(80):
            self.tick()
            self._delete_copies()
            over = all(rental.status is Status.ENDED for rental in self.every_rental())
            if over and not self.left() and all(not copy.on_disk for copy in self.every_copy()):
                break
            rest = 61 if number < 60 else 900  # what was brought to a node waits for the sweep of the hour
            self.clock.advance(seconds=1 if number % 3 else rest)
        for _ in range(8):
            self.tick()
            self.clock.advance(seconds=1)
        self.check()
        web_rules.check_settled(self)
        assert self.left() == {}
        assert {copy.state for copy in self.every_copy()} <= {CopyState.GONE}
        assert {rental.status for rental in self.every_rental()} <= {Status.ENDED}

    def _delete_copies(self) -> None:
        """Everybody deletes theirs."""
        for copy in self.every_copy():
            if copy.state is not CopyState.GONE:
                with suppress(UserError):  # a server is being created from it
                    Copies(self.context).delete(Actor(copy.owner), copy.id)

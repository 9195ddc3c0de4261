"""The whole bot between nodes over HTTP and the local Slack workspace; faults are timed and looked at from outside.

``Bench`` lets simulated seconds pass (the injected clock, all threads are the test's); ``RealBench`` has the bot's own
threads, and its seconds are real.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from harness import aftermath
from harness.by_hand import PICTURE, begin, parts_by_hand
from harness.caddy_kit import FakeCaddy
from harness.cloud_server import CloudServer, utc_now
from harness.cloud_stock import Times
from harness.moving import MoveWatch
from harness.names import NameWatch
from harness.openstack_stub import write_clouds
from harness.world import SECOND, Clock, make_config, next_due
from openstack.config import OpenStackConfig
from sqlalchemy import select

from bot.service import Parts, Service
from faults.sights import Sights
from kws_core.config import Environment
from kws_core.copies.service import Copies
from kws_core.nodes.openstack.driver import OpenStackDriver
from kws_core.nodes.pool import Pool
from kws_core.people import Actor
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status
from slack_workspace import Workspace

log = logging.getLogger(__name__)

LINGER = timedelta(seconds=4)  # instead of two minutes, where they would be real ones
OURS = ("bot", "kws_core", "apscheduler")
BOLTS = "bot.slack"  # the library that we gave this name
CHORES = timedelta(seconds=10)  # between two looks for what the admins are to be told
SETTINGS = {"ready_check": "active", "connect_timeout": 1.0, "read_timeout": 1.0}


class TooLongError(Exception):
    """It did not happen in time."""


def at_once(target: Callable[[], object], name: str) -> Thread:
    """What a thread of its own would do, done now."""
    target()
    return Thread(name=name)


class Errors(logging.Handler):
    """What the bot itself logged as an error; its libraries tell of every cut connection."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == BOLTS or not record.name.startswith(OURS):
            return
        cause = record.exc_info[1] if record.exc_info else ""
        self.lines.append(f"{record.getMessage()} {cause!r}"[:200])


class Bench:
    """``strike`` and ``over`` mark a fault's begin and end, ``until`` lets time pass."""

    real = False

    def __init__(
        self,
        folder: Path,
        database: Path,
        nodes: int = 2,
        url: str = "",
        skew: float = 0.0,
        web: str = "",
    ) -> None:
        self.clock = Clock()
        self.config, self.caddy = _config(nodes, web), FakeCaddy()
        self.clouds = {
            node.name: CloudServer(node.name, self.now, Times(), number=number)
            for number, node in enumerate(self.config.nodes)
        }
        for cloud in self.clouds.values():
            cloud.skew = skew
        self.workspace = Workspace().start()
        self.errors = Errors()
        self.sights = Sights()
        self._chores_at = self.now()
        self.old_keys = 0  # files of keys that were replaced
        self.keys_saved = False  # elsewhere: their files are gone from Slack
        self.moves: MoveWatch | None = None  # where something moves
        self.names: NameWatch | None = None  # where something has names
        self.broken: set[str] = set()  # all that it ever said
        self.prop: Any = None  # what the database is on, where that is to fail
        self.joon, self.admin = self.workspace.person("joon"), self.workspace.person("admin")
        self.admin.user.locale = "en-US"  # the table is in English
        self._begin: float | None = None
        self._end: float | None = None
        self.took: float | None = None
        self.since = ""  # what ``took`` is counted from
        if not url:
            shutil.copy(database, folder / "kws.db")
            url = f"sqlite:///{folder / 'kws.db'}"
        self.database = folder / "kws.db"
        self._start(folder, url)

    def _start(self, folder: Path, url: str) -> None:
        clouds = write_clouds(folder, **{name: cloud.url for name, cloud in self.clouds.items()})
        config = OpenStackConfig(config_files=[str(clouds)], secure_files=[], load_envvars=False)
        self.pool = Pool(self.config, self.now, {"openstack": partial(OpenStackDriver, clouds=config)})
        environment = Environment(
            bot_token=self.workspace.bot_token,
            app_token=self.workspace.app_token,
            slack_api_url=self.workspace.api_url,
            database_url=url,
        )
        logging.getLogger().addHandler(self.errors)
        self.service = Service(self.config, environment, self.pool.nodes(), self.now, self._parts())
        self._animate()
        self.service.connect()
        self.workspace.wait_connected(2)

    def _parts(self) -> Parts:
        """All work is done by whoever lets time pass; what Slack's client waits, passes."""
        return parts_by_hand(
            lambda seconds: self.clock.advance(seconds=seconds), spawn=at_once, caddy=lambda _: self.caddy
        )

    def _animate(self) -> None:
        begin(self.service)

    def close(self) -> None:
        """Ends everything."""
        for cloud in self.clouds.values():
            cloud.well()
        self.service.stop()
        self.pool.close()
        self.workspace.stop()
        for cloud in self.clouds.values():
            cloud.close()
        logging.getLogger().removeHandler(self.errors)

    # -- time

    def now(self) -> Any:
        """The bot's time, and the nodes'."""
        return self.clock()

    def seconds(self) -> float:
        """The same as a number."""
        return float(self.now().timestamp())

    def strike(self) -> None:
        """The fault begins now."""
        self._begin = self.seconds()

    def over(self) -> None:
        """The fault is over now."""
        self._end = self.seconds()

    def loses(self, cloud: CloudServer, seconds: float, after: int = 0) -> None:
        """So many beats from now a node refuses connections, and is back that many seconds later."""
        for _ in range(after):
            self.beat()
        cloud.refuse()
        self.strike()
        self.pass_time(seconds)
        cloud.listen()
        self.over()

    def loses_slack(self, seconds: float) -> None:
        """Nothing of Slack answers from now on, for that many seconds; connections come back by themselves."""
        self.workspace.down()
        self.strike()
        self.pass_time(seconds)
        self.workspace.up()
        self.over()

    def recovers(self, done: Callable[[], Any], within: float) -> None:
        """Time passes until ``done``; how much since the fault began (or ended) is what recovery took."""
        self.until(done, within)
        since = self._begin if self._end is None else self._end
        assert since is not None
        self.took, self.since = max(0.0, self.seconds() - since), "start" if self._end is None else "end"

    def until(self, done: Callable[[], Any], within: float) -> None:
        """Lets time pass; TooLongError when it does not happen."""
        limit = self.seconds() + within
        while not done():
            if self.seconds() >= limit:
                raise TooLongError(f"not within {within:.0f} s: {[r.status.value for r in self.rentals()]}")
            self.work()
            if done():
                return
            self.advance(limit - self.seconds())

    def pass_time(self, seconds: float) -> None:
        """So many seconds."""
        limit = self.seconds() + seconds
        while self.seconds() < limit:
            self.beat(limit - self.seconds())

    def beat(self, most: float = 1.0) -> None:
        """What the loops do now; then a second passes, or several (``most``) if nothing is due in them."""
        self.work()
        self.advance(most)

    def work(self) -> None:
        """What the loops do now, errors included."""
        for loop in self.service.loops[:2]:
            loop.turn()
        self._chore(self.service.carrier.tick)
        self._chore(self.service.dispatcher.deliveries.write)
        self._chore(self.service.proxy.tick)
        if self.now() >= self._chores_at:
            self._chores_at = self.now() + CHORES
            self._chore(self.service.admin_notices.deliver_due)
            self._chore(self.service.key_files.remove_due)
        if self.moves is not None:
            self.broken |= set(self.moves.look(self.rentals(), self.clouds, self.copies(), self.now()))
        if self.names is not None:
            store, now = self.service.store, self.now()
            self.broken |= {*self.names.look(store, now), *self.names.follow(store, self.caddy, now)}
        self.look()

    def advance(self, most: float) -> None:
        """The clock goes to when something is due, by a second at least."""
        self.clock.at = min(self._due(), self.clock.at + timedelta(seconds=max(1.0, most)))

    def _due(self) -> datetime:
        try:
            if not self.service.notifier.outbox.due():
                return next_due(self.service.store, self.clock.at)
        except Exception as error:  # the database is what fails
            log.info("nobody knows what is due: %s", error)
        return self.clock.at + SECOND

    def _chore(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception:
            logging.getLogger("apscheduler").exception("a chore failed")  # as the scheduler does

    # -- people

    def rent(self, name: str = "web01") -> Any:
        """Joon types the command, fills in the form and submits it; what came of the submission."""
        self.joon.command("/kws rent")
        self.workspace.wait_for(lambda: self.joon.open_view)
        return self.submit(name)

    def submit(self, name: str = "web01") -> Any:
        """Fills in the open form and submits it."""
        self.joon.fill_form({"name": name, "image": "debian-12"})
        outcome = self.joon.submit()
        self.sights.form(outcome)
        return outcome

    def return_rental(self) -> None:
        """Joon returns all that is left; the buttons have stories of their own."""
        for rental in self.rentals():
            if rental.live:
                self.service.rental_service.return_rental(Actor(rental.owner), rental.id)

    def delete_copies(self) -> None:
        """Every copy that is left, by an admin."""
        for copy in self.copies():
            if copy.on_disk:
                Copies(self.service.context).delete(Actor("U0ADMIN001", admin=True), copy.id)

    def look(self) -> None:
        """Remembers what people see now."""
        self.sights.look(self.joon)
        self.sights.look(self.admin, "admins: ")

    # -- what is

    def rentals(self) -> list[Rental]:
        """All rentals that there ever were."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Rental).order_by(Rental.name)))

    def copies(self) -> list[Copy]:
        """All copies that there ever were."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Copy).order_by(Copy.requested_at)).unique())

    def placements(self) -> list[Placement]:
        """All placements."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Placement).order_by(Placement.id)))

    def told(self, *wanted: Status) -> bool:
        """Whether every rental is in one of these states, and nobody waits for a word of it."""
        rentals = self.rentals()
        resting = bool(rentals) and all(rental.status in wanted for rental in rentals)
        return resting and not self.undelivered()

    def undelivered(self) -> list[str]:
        """Rentals with news that are not told, due or not."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Event.rental_id).where(Event.delivered_at.is_(None))))

    def settled(self) -> bool:
        """Whether nothing is left of what was moved away or deleted, on any node."""
        held = [p for p in self.placements() if p.state is PlacementState.ACTIVE]
        return all(
            p.state in (PlacementState.DELETED, PlacementState.ACTIVE) for p in self.placements()
        ) and all(p.leased_until is None for p in held)

    def at_rest(self) -> bool:
        """Settled, and everybody has been told, the admins too."""
        copied = all(copy.state in aftermath.SETTLED_COPIES for copy in self.copies())
        told = not self.undelivered() and not self.service.admin_notices.box.due()
        return self.settled() and copied and told

    def problems(self, quiet: bool) -> list[str]:
        """Every rule that is broken now that all has settled; ``quiet``: errors in the log count."""
        rentals = self.rentals()
        found = [
            *sorted(self.broken),
            *aftermath.on_nodes(rentals, self.clouds, self.copies()), *aftermath.shown_twice(aftermath.messages(self.workspace)),
            *([] if self.keys_saved else aftermath.wrong_keys(rentals, self.workspace, self.clouds, self.old_keys)),
            *(f"untold: {rental}" for rental in self.undelivered()),
            *(f"admins untold: {notice.key}" for notice in self.service.admin_notices.box.due()),
            *(f"Slack: {violation}" for violation in self.workspace.violations),
            *(f"leased: placement {p.id}" for p in self.placements() if p.leased_until),
        ]  # fmt: skip
        return found + ([f"log: {line}" for line in self.errors.lines] if quiet else [])

    def leftovers(self) -> list[str]:
        """What any node has although everything was returned."""
        found = [f"{name} has {mark}" for name, cloud in self.clouds.items() for mark in cloud.resources()]
        return found + [f"{name} has a flavor" for name, cloud in self.clouds.items() if cloud.stock.flavors]

    def where(self) -> str:
        """The state of all rentals in a few words."""
        return ", ".join(_state(rental) for rental in self.rentals()) or "no rental"


class RealBench(Bench):
    """The bot with its own threads and its own time."""

    real = True

    def now(self) -> Any:
        return utc_now()

    def _parts(self) -> Parts:
        return Parts(draw=lambda data: PICTURE, goodbye=0.02)

    def _animate(self) -> None:
        self.service.reconciler.steps.releaser.linger = LINGER
        self.service.open()
        self.service.start()
        self.until(lambda: all(status.seen_at for status in self.service.rental_queries.nodes()), 30)

    def work(self) -> None:
        """Whatever happens by itself."""
        self.look()

    def advance(self, most: float) -> None:
        time.sleep(0.05)


def _config(nodes: int, web: str) -> Any:
    config = make_config(nodes, web=web)
    changed = {
        "openstack": config.openstack.model_copy(update=SETTINGS),
        "kws": config.kws.model_copy(update={"locale": "en"}),  # the table is in English
    }
    return config.model_copy(update=changed)


def _state(rental: Rental) -> str:
    if rental.status in (Status.READY, Status.STOPPED) and rental.placement:
        return f"{rental.status.value} on {rental.placement.node}"
    return rental.status.value

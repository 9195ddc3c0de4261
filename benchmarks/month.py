"""Whether the memory of `kws run` grows: a simulated month with 1,000 rentals a day in one process.

    python -m benchmarks.month [--days 33] [--rentals 1000] [--trace]

The whole service (`bot.service.Service`, its Bolt app and all that its loops and chores call) runs in this process on
SQLite and simulated nodes. Slack answers from memory and keeps nothing. Every thread is this one, and the clock jumps to
what is due next, so that a day takes seconds. Each day, people open the form and submit it, have their card, key, and
"ready" message, open their Home tabs, extend, and return; what is overdue ends in the nightly cleanup. RSS is read at the
end of each day, after a garbage collection. The slope is that of a line through all days after the first week: in that
week, caches that have a limit fill up, and everything has run once, the message of the 1st too. The last day is the next 1st.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from slack_bolt import BoltRequest
from sqlalchemy import select

from benchmarks.filled_lab import Inline
from benchmarks.local_bots import memory_of
from benchmarks.report import Report
from bot.ops.threads import NodeExecutors, Threads
from bot.service import Parts, Service
from bot.slack.client import CountingClient
from bot.views import ids
from kws_core.config import Config, Environment, parse_config
from kws_core.nodes.fake.node import FakeNode
from kws_core.reports.retention import forget
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace.block_kit.forms import values_of

START = datetime(2026, 11, 29, 23, 0, tzinfo=UTC)  # 8 o'clock in Seoul, on the day before the 1st
DAYS = 33  # until the next 1st, which looks back at a whole month
PEOPLE, NODES, BURST, HOMES = 200, 8, 50, 10
WEEK = 7
GOAL = 1.0  # MiB a week
KEPT = 0.5  # blocks of each rental: what keeps anything of each keeps one at least
TRACED = 20  # lines
TOKEN = "xoxb-month"
SHARED = "/dev/shm" if Path("/dev/shm").exists() else None  # noqa: S108 - a month on a disk is a month of syncs
SECOND = timedelta(seconds=1)
PATIENCE = 120  # seconds for a burst to be ready, or for a night to be over
OVERNIGHT, EXTENDED = "o", "e"  # what names begin with; the others are returned in the evening
TOML = """
[kws]
timezone = "Asia/Seoul"
admins = ["U0P0000000"]
[policy]
max_rentals_per_user = 1000
max_vcpus_per_user = 1000
max_ram_mb_per_user = 1000000
warn_days = [1]
[openstack]
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
"""
NODE = '[[nodes]]\nname = "node{n}"\ncloud = "node{n}"\nvcpus = 9000\nram_mb = 9000000\ndisk_gb = 90000\nmax_builds = 20\n'
Json = dict[str, Any]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


class Answers(BaseHTTPRequestHandler):
    """Takes what a command is answered with."""

    def do_POST(self) -> None:
        """As Slack does with a ``response_url``."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Slack:
    """Takes every call without a network, and keeps only the last form that was opened; answers come over HTTP."""

    def __init__(self, stack: ExitStack) -> None:
        self.form: Json = {}
        self.numbers = itertools.count(1)
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Answers))
        self.url = f"http://127.0.0.1:{server.server_port}/"
        stack.callback(server.shutdown)
        Thread(target=server.serve_forever, daemon=True).start()

    def answer(self, method: str, sent: Json) -> Json:
        """What every call is answered with."""
        if method == "views.open":
            self.form = sent["view"]
        number = next(self.numbers)
        user = {"id": "U", "team_id": "T1", "locale": "ko-KR"}
        return {
            "ok": True, "ts": f"{number}.0", "file_id": f"F{number}", "upload_url": self.url, "team_id": "T1",
            "messages": [], "channel": {"id": f"D{sent.get('users')}"}, "user": user, "view": {"id": f"V{number}", "hash": "1"},
        }  # fmt: skip


class Client(CountingClient):
    """The same without a network."""

    def __init__(self, slack: Slack) -> None:
        super().__init__(token=TOKEN, base_url=slack.url)
        self.slack = slack

    def api_call(self, api_method: str, **options: Any) -> Any:
        """As WebClient's."""
        return self.slack.answer(api_method, {**(options.get("params") or {}), **(options.get("json") or {})})


class NodesHere(NodeExecutors):
    """What is to be done on a node is done at once."""

    def __call__(self, node: str, sort: str) -> Executor:
        return Inline()


def threads_here(config: Config) -> Threads:
    """Everything is done by who asks for it."""
    return Threads(NodesHere(config), *(Inline() for _ in range(4)))


def spawn_here(target: Callable[[], object], name: str) -> Thread:
    """The same for a thread that may be left behind."""
    target()
    return Thread(name=name)


class Lab:
    """The service, and people who use it."""

    def __init__(self, folder: Path, slack: Slack) -> None:
        self.clock, self.slack = Clock(), slack
        config = parse_config(TOML + "".join(NODE.format(n=n + 1) for n in range(NODES)))
        self.nodes = {
            node.name: FakeNode(
                node.name, self.clock, vcpus=9000, ram_mb=9 * 10**6, disk_gb=9 * 10**4, addresses=9000
            )
            for node in config.nodes
        }
        environment = Environment(
            bot_token=TOKEN,
            app_token="",
            slack_api_url=slack.url,
            database_url=f"sqlite:///{folder / 'kws.db'}",
        )
        parts = Parts(
            client=lambda _: Client(slack),
            threads=threads_here,
            spawn=spawn_here,
            draw=lambda _: b"",
            upload=lambda url, data: None,
        )
        self.service = Service(config, environment, self.nodes, self.clock, parts)
        self.service.store.upgrade()
        self.service.reconciler.start()
        self.numbers = itertools.count(1)
        self.settle()

    # -- time

    def move_to(self, day: date, at: time) -> None:
        """The clock goes to that time of the lab's day; then its chores run."""
        zone = self.service.context.config.kws.zone
        self.clock.at = datetime.combine(day, at, zone).astimezone(UTC)
        self.service.nightly.tick()
        self.service.monthly.tick()
        self.settle()

    def settle(self) -> None:
        """Seconds pass until nothing is being created, deleted, or told.

        Raises:
            TimeoutError: If that takes too long.
        """
        until = self.clock.at + PATIENCE * SECOND
        while self._turn():
            if self.clock.at > until:
                raise TimeoutError("the lab doesn't settle")
            self.clock.at += SECOND

    def _turn(self) -> bool:
        """One tick of all loops and frequent chores; whether something is under way."""
        service = self.service
        service.reconciler.tick()
        service.notifier.tick()
        service.homes.tick()
        service.admin_notices.deliver_due()
        service.key_files.remove_due()
        service.carrier.tick()
        service.image_jobs.close_broken()
        service.dispatcher.deliveries.write()
        return bool(service.notifier.outbox.due()) or self._unsettled()

    def _unsettled(self) -> bool:
        moving = select(Rental.id).where(Rental.status.not_in((Status.READY, Status.ENDED))).limit(1)
        with self.service.store.read() as session:
            return session.scalar(moving) is not None

    # -- people

    def rent(self, prefix: str, ends_on: date) -> None:
        """Open the form, fill it in, and submit it.

        Raises:
            RuntimeError: If it is refused.
        """
        number = next(self.numbers)
        person = f"U0P{number % PEOPLE:07d}"
        self._send({
            "command": "/kws", "text": "rent", "user_id": person, "team_id": "T1", "channel_id": "C1",
            "trigger_id": f"t{number}", "response_url": f"{self.slack.url}answer",
        })  # fmt: skip
        blocks = self.slack.form["blocks"]
        values = values_of(blocks, {})
        values[ids.Field.NAME][ids.Action.VALUE]["value"] = f"{prefix}{number}"
        values[ids.Field.IMAGE][ids.Action.VALUE]["selected_option"] = {"value": "debian-12"}
        values[ids.Field.SIZE][ids.Action.VALUE]["selected_option"] = {"value": "small"}
        values[ids.Field.ENDS_ON][ids.Action.VALUE]["selected_date"] = ends_on.isoformat()
        view = {**self.slack.form, "id": f"V{number}", "hash": "1", "state": {"values": values}}
        answer = self._send({"type": "view_submission", "view": view, **self._by(person)})
        if answer:
            raise RuntimeError(f"the form was refused: {answer}")

    def click(self, rental: Rental, action: str, value: str, block: str) -> None:
        """A button of the rental's card, or of the message about its end."""
        message = {"ts": rental.card_ts, "blocks": [{"type": "section", "block_id": ids.CARD + rental.id}]}
        act = {"type": "button", "action_id": action, "block_id": block, "value": value}
        channel = {"id": rental.dm_channel}
        about = {"type": "block_actions", "message": message, "channel": channel, "actions": [act]}
        self._send({**about, **self._by(rental.owner)})

    def open_home(self, number: int) -> None:
        """The Home tab of one of the people; the first one is an admin."""
        event = {"type": "app_home_opened", "user": f"U0P{number:07d}", "tab": "home", "channel": "D1"}
        self._send({"type": "event_callback", "team_id": "T1", "event": event})

    def _by(self, person: str) -> Json:
        who = {"id": person, "team_id": "T1"}
        return {"user": who, "team": {"id": "T1"}, "trigger_id": f"t{next(self.numbers)}"}

    def _send(self, payload: Json) -> str:
        answer = self.service.app.dispatch(BoltRequest(body=payload, mode="socket_mode"))
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {answer.body}")
        return answer.body or ""

    # -- a day

    def day(self, day: date, rentals: int) -> None:
        """From the reminders in the morning to the end of the nightly cleanup."""
        self.move_to(day, time(9))
        self.extend(day)
        self.move_to(day, time(10))
        for number in range(rentals):
            prefix, days = (OVERNIGHT, 0) if number % 2 else ("r", 3)
            if number % 10 == 0:
                prefix, days = EXTENDED, 1
            self.rent(prefix, day + timedelta(days=days))
            if number % BURST == BURST - 1:
                self.settle()
        self.settle()
        self.move_to(day, time(18))
        for rental in self.mine("r"):
            self.click(rental, ids.Action.RETURN, rental.id, ids.CARD + rental.id)
        for number in range(HOMES):
            self.open_home(number)
        self.settle()
        forget(self.service.context)
        self.service.look_for_departures()
        self.service.metrics.page()
        self.move_to(day + timedelta(days=1), time(0))
        self.move_to(day + timedelta(days=1), time(0, 31))
        for node in self.nodes.values():  # what a simulated node keeps for tests isn't KWS's
            node.ever.clear()
            node.calls.clear()

    def extend(self, day: date) -> None:
        """Those of yesterday end today; they have a day more, once."""
        for rental in self.mine(EXTENDED):
            if self.clock() - rental.created_at < timedelta(days=1):
                until = ids.until_value(rental.id, day + timedelta(days=1))
                self.click(rental, f"{ids.Action.EXTEND_TO}:1", until, ids.EXTENSION + rental.id)

    def mine(self, prefix: str) -> list[Rental]:
        """What is ready of that sort."""
        ready = self.service.rental_queries.all_rentals()
        return [one for one in ready if one.name.startswith(prefix) and one.status is Status.READY]


@dataclass(frozen=True)
class Evening:
    """What the process holds at the end of a day."""

    rentals: int  # so far
    rss: float  # MiB
    blocks: int  # of Python's allocator
    database: float  # MiB on disk


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("month")
    with tempfile.TemporaryDirectory(prefix="kws-bench-", dir=SHARED) as folder, ExitStack() as stack:
        lab = Lab(Path(folder), Slack(stack))
        first, evenings, before = lab.service.context.today(), [], None
        for number in range(options.days):
            lab.day(first + timedelta(days=number), options.rentals)
            evenings.append(evening(Path(folder), (number + 1) * options.rentals))
            print(f"day {number + 1}: {evenings[-1].rss:.2f} MiB, {evenings[-1].blocks:,} blocks", flush=True)
            if options.trace and number == WEEK - 1:
                tracemalloc.start()
            if options.trace and number == 2 * WEEK - 1:
                before = tracemalloc.take_snapshot()
        if before is not None:
            print(*tracemalloc.take_snapshot().compare_to(before, "lineno")[:TRACED], sep="\n")
        lab.service.stop()
    tell(report, evenings, options.rentals)
    report.close()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--rentals", type=int, default=1000, help="a day")
    parser.add_argument(
        "--trace", action="store_true", help="show which lines keep what was allocated after two weeks"
    )
    return parser.parse_args()


def evening(folder: Path, rentals: int) -> Evening:
    """Read it; garbage doesn't count."""
    gc.collect()
    size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
    return Evening(rentals, memory_of("self")["RSS"], sys.getallocatedblocks(), size)


def tell(report: Report, evenings: Sequence[Evening], daily: int) -> None:
    """A line for each week, and the slopes after the first."""
    rows = []
    for number in range(0, len(evenings), WEEK):
        week, last = evenings[number : number + WEEK], evenings[number : number + WEEK][-1]
        days = f"{number + 1}–{number + len(week)}"
        spans = [last.rss, min(one.rss for one in week), max(one.rss for one in week)]
        rows.append([days, last.rentals, *(f"{one:.2f}" for one in spans), f"{last.blocks:,}", last.database])
    columns = [
        "days",
        "rentals",
        "RSS at the end, MiB",
        "lowest",
        "highest",
        "Python's blocks",
        "database, MiB",
    ]
    report.table(f"{len(evenings)} days with {daily:,} rentals each", columns, rows)
    later = evenings[WEEK:]
    if len(later) < WEEK:
        report.note("fewer than two weeks: too short for a slope")
        return
    weekly = statistics.linear_regression(range(len(later)), [one.rss for one in later]).slope * WEEK
    kept = statistics.linear_regression([one.rentals for one in later], [one.blocks for one in later]).slope
    report.ratio("RSS after the first week, MiB more each week", weekly, at_most=GOAL)
    report.ratio("blocks of memory that Python keeps of each rental", kept, at_most=KEPT)


if __name__ == "__main__":
    main()

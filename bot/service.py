"""The composition root: builds the whole bot, starts it, and stops it cleanly."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler

from bot.app import AppParts, build_app
from bot.delivery import departures, image_jobs
from bot.delivery.admins import AdminNotices
from bot.delivery.day_pictures import DayChartSender
from bot.delivery.homes import Homes
from bot.delivery.image_jobs import ImageJobs
from bot.delivery.key_files import KeyFileRemover
from bot.delivery.owners import Notifier
from bot.delivery.pictures import ChartSender, Draw, plot
from bot.ops.health import Health
from bot.ops.metrics import Metrics
from bot.ops.threads import LISTENERS, Threads
from bot.slack import files
from bot.slack.client import CountingClient, slack_client
from bot.slack.directory import Directory
from bot.slack.dispatcher import Dispatcher
from bot.slack.files import Upload
from bot.slack.messages import MessageClient
from bot.text.web_pages import pages
from kws_core.cluster.deliveries import WRITE_EVERY
from kws_core.cluster.heartbeat import Heartbeat
from kws_core.config import Config, Environment
from kws_core.context import Context, Spawn, spawn, utcnow
from kws_core.database.single_process import SoleProcess
from kws_core.database.store import Store
from kws_core.images.carrier import Carrier
from kws_core.images.service import Images
from kws_core.loop import Loop
from kws_core.nightly.cleanup import Nightly
from kws_core.nodes import Node
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.extension import Extensions
from kws_core.rentals.lab_calendar import LabCalendar
from kws_core.rentals.machine_actions import Operations
from kws_core.reports.metrics import figures
from kws_core.reports.monthly import MonthlyUsage
from kws_core.reports.past import Past
from kws_core.reports.retention import forget
from kws_core.web.caddy import Caddy
from kws_core.web.proxy import Proxy

log = logging.getLogger(__name__)

CONNECTIONS = 2  # Socket Mode: one may be refreshed or lost while the other serves
OPEN = 10.0  # seconds that a new connection gets before the monitor looks after it
CHORE: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}  # late is not lost
VITAL = 2  # of the loops, the first ones: without them nothing is built, deleted or told
DRAIN = 25.0  # seconds that work under way gets to finish at a stop


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is put together from, besides its configuration and nodes. Tests hand in others."""

    store: Callable[[str], Store] = Store
    client: Callable[[Environment], CountingClient] = slack_client
    threads: Callable[[Config], Threads] = Threads.of
    spawn: Spawn = spawn
    draw: Draw = plot
    upload: Upload = files.send
    caddy: Callable[[str], Caddy] = Caddy
    edit_every: float = image_jobs.EVERY
    goodbye: float = 0.3  # seconds that a connection gets to close


class Service:
    """The bot. ``nodes`` are the pool's or fakes; everything else is built here.

    APScheduler ticks the chores that may be late; what must not be lost are rows that the loops look for.
    """

    def __init__(
        self,
        config: Config,
        environment: Environment,
        nodes: Mapping[str, Node],
        now: Callable[[], datetime] = utcnow,
        parts: Parts = Parts(),
    ) -> None:
        self.environment = environment
        self.store = parts.store(environment.database_url)
        self.context = Context(config, self.store, now, parts.spawn)
        self.client = parts.client(environment)
        self.directory = Directory(self.context, self.client)
        self.threads = threads = parts.threads(config)
        self.reconciler = Reconciler(self.context, nodes, threads.nodes)
        self.notifier = Notifier(self.context, self.client, self.directory, threads.notifiers, parts.upload)
        self.key_files = KeyFileRemover(self.context, self.client)
        self.sole, self.pulse = SoleProcess(self.store), Heartbeat(self.context)
        self.dispatcher = Dispatcher(self.context, self.directory, threads.workers)
        self.members, self.rental_queries = self.dispatcher.members, self.dispatcher.rental_queries
        self.rental_service = self.dispatcher.rental_service
        self.proxy = Proxy(self.context, pages(config.kws.locale), parts.caddy)
        self.operations = Operations(self.context, nodes, threads.nodes)
        self.terms, self.nightly = Extensions(self.context), Nightly(self.context)
        self.monthly = MonthlyUsage(self.context)
        self.admin_notices = AdminNotices(self.context, self.directory, MessageClient(self.client))
        self.gallery, self.day_charts = self._charts(parts)
        images, post = Images(self.context, nodes), MessageClient(self.client)
        self.carrier = Carrier(self.context, nodes, images)
        self.image_jobs = ImageJobs(images, self.dispatcher, post, threads.images, parts.edit_every)
        self.homes = Homes(self.context, self.directory, self.client)
        self.app_parts = self._app_parts()
        self.app = build_app(self.app_parts)
        self.loops = self._loops()
        self.sockets = _sockets(self.app, environment.app_token)
        self.metrics, self.health = self._watched()
        self.client.failed = self.metrics.slack_failed
        self.scheduler = self._chores()
        self._stopping, self._goodbye = threading.Event(), parts.goodbye

    def _charts(self, parts: Parts) -> tuple[ChartSender, DayChartSender]:
        draw, upload, threads = parts.draw, parts.upload, self.threads.pictures
        days = LabCalendar(self.context).days
        return (
            ChartSender(self.rental_queries.nodes, threads, draw, upload=upload),
            DayChartSender(days, threads, draw, upload=upload),
        )

    def _app_parts(self) -> AppParts:
        return AppParts(
            self.dispatcher,
            self.operations,
            self.terms,
            self.admin_notices,
            self.gallery,
            self.day_charts,
            self.image_jobs,
            self.homes,
            self.client,
            self.environment.signing_secret,
        )

    def _loops(self) -> list[Loop]:
        return [
            Loop("reconciler", self.reconciler.tick, self.context.work),
            Loop("notifier", self.notifier.tick, self.context.mail),
            Loop("homes", self.homes.tick, threading.Event()),
            *([Loop("proxy", self.proxy.tick, threading.Event())] if self.context.config.web else []),
            *([] if self.store.single_process else [Loop("pulse", self.pulse.tick, threading.Event())]),
        ]

    def _chores(self) -> BackgroundScheduler:
        now, every = utcnow(), IntervalTrigger
        scheduler = BackgroundScheduler(timezone=UTC)
        scheduler.add_job(forget, every(hours=1), (self.context,), next_run_time=now)
        scheduler.add_job(self.nightly.tick, every(minutes=1), next_run_time=now, **CHORE)
        scheduler.add_job(self.monthly.tick, every(minutes=1), next_run_time=now, **CHORE)
        scheduler.add_job(self.admin_notices.deliver_due, every(seconds=10), **CHORE)
        scheduler.add_job(self.key_files.remove_due, every(seconds=5), **CHORE)
        scheduler.add_job(self.carrier.tick, every(seconds=2), **CHORE)
        noting = every(seconds=WRITE_EVERY.total_seconds())
        scheduler.add_job(self.dispatcher.deliveries.write, noting, **CHORE)
        scheduler.add_job(self.image_jobs.close_broken, every(seconds=10), next_run_time=now, **CHORE)
        scheduler.add_job(self.look_for_departures, every(seconds=departures.EVERY.total_seconds()), **CHORE)
        return scheduler

    def look_for_departures(self) -> None:
        """Ask Slack who has left; their rentals are listed to the admins."""
        departures.look(self.context, self.directory)

    def open(self) -> None:
        """Bring the database up to date, after which commands can be answered.

        Raises:
            StoreDown: If the database can't be used, or another process has it for itself.
        """
        self.sole.claim()
        self.store.upgrade()
        self.pulse.start()

    def start(self) -> None:
        """Begin to work; Slack and the nodes may still be away."""
        self.scheduler.start()
        self.reconciler.start()
        for loop in self.loops:
            loop.start()

    def connect(self, head_start: float = 0.0) -> None:
        """Open the Socket Mode connections, each as soon as Slack answers.

        Args:
            head_start: How many seconds to wait for the first of them.
        """
        connecting = [
            threading.Thread(target=self._connect, args=args, name=f"connect-{args[1]}", daemon=True)
            for args in zip(self.sockets, itertools.count(1))
        ]
        for thread in connecting:
            thread.start()
        for first in connecting[:1]:
            first.join(head_start)

    def _connect(self, socket: SocketModeHandler, number: int) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            try:
                _open(socket)
            except Exception as error:
                log.warning(
                    "can't connect to Slack (connection %d): %s; retrying in %.0f s", number, error, pause
                )
                self._stopping.wait(pause)
                pause = min(pause * 2, 30)
            else:
                log.info("connected to Slack (%d of %d)", number, len(self.sockets))
                return

    def connected(self) -> int:
        """How many Socket Mode connections are up."""
        return sum(bool(socket.client and socket.client.is_connected()) for socket in self.sockets)

    def connections(self) -> tuple[int, int]:
        """Socket Mode connections that are up, and how many are wanted (0 with --http)."""
        return self.connected(), len(self.sockets)

    def _watched(self) -> tuple[Metrics, Health]:
        """What tells those outside how it goes."""
        past = Past()
        metrics = Metrics(
            lambda: figures(self.context, past), self.loops, self.connections, self._proxy_works
        )
        return metrics, Health(self.loops[:VITAL], self.connections, self.store.ask, self._facts)

    def _proxy_works(self) -> bool | None:
        return not self.proxy.trouble if self.context.config.web else None

    def _facts(self) -> dict[str, str]:
        """What health tells besides: trouble of the proxy makes the bot no less well."""
        return {"proxy": self.proxy.trouble or "working"} if self.context.config.web else {}

    def status(self) -> str:
        """One line for those who watch the process from outside."""
        report = self.health.live()
        report = self.health.ready() if report.ok else report
        return "; ".join(report.wrong) or "working"

    def stop(self) -> None:
        """Takes nothing new, lets what is under way finish, gives the rest back."""
        deadline = time.monotonic() + DRAIN
        self._stopping.set()
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)
        closers = [threading.Thread(target=socket.close, daemon=True) for socket in self.sockets]
        for closer in closers:
            closer.start()  # websocket-client may sit in a select() for ten seconds when it is closed
        self.reconciler.stop()
        self.notifier.stop()
        self.homes.stop()
        self.image_jobs.stop()
        self.threads.shutdown(deadline, [socket.client.message_workers for socket in self.sockets])
        for closer in closers:
            closer.join(self._goodbye)
        for loop in self.loops:
            loop.stop(max(0.1, deadline - time.monotonic()))
        self.health.close()
        self.dispatcher.deliveries.write()
        self.pulse.stop()
        self.client.close()
        self.store.close()
        self.sole.release()
        log.info("stopped")


def _sockets(app: App, token: str) -> list[SocketModeHandler]:
    """None without a token: then Slack comes by HTTP."""
    wanted = CONNECTIONS if token else 0
    return [SocketModeHandler(app, token, concurrency=LISTENERS) for _ in range(wanted)]


def _open(socket: SocketModeHandler) -> None:
    """Connects; the SDK's monitor begins only then, otherwise it finds no session yet and connects once more."""
    opened = threading.Event()
    client = socket.client
    client.on_open_listeners.append(lambda _: opened.set())
    client.current_app_monitor_started = True
    socket.connect()  # type: ignore[no-untyped-call]
    opened.wait(OPEN)
    if not client.current_app_monitor.is_alive():
        client.current_app_monitor.start()

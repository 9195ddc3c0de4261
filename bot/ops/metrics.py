"""What Prometheus reads: figures of the database at each scrape, and counts of this process.

Nothing secret and nothing of a person: labels are nodes of nodes.toml, states, Slack's methods and error
codes; all of them are few.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from kws_core.loop import Loop
from kws_core.reports.metrics import Figures, Undelivered
from kws_core.reports.past import BUCKETS, BuildTimes
from kws_core.tables.states import Status
from kws_core.values import Kind

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
K = TypeVar("K", bound=tuple[str, ...])

MOST_CODES = 40  # of Slack's errors; the rest is "other"
SITE_STATES = ("served", "waiting", "closed")
RESOURCES = ("vcpus", "ram_mb", "disk_gb")
_CODE = re.compile(r"[a-z0-9_]{1,40}")


class Metrics:
    """A registry of its own. ``read`` gives the figures; ``connections``: Slack's that are up, and wanted.

    ``proxy_works``: None where there is no proxy.
    """

    def __init__(
        self,
        read: Callable[[], Figures],
        loops: Sequence[Loop],
        connections: Callable[[], tuple[int, int]],
        proxy_works: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._registry = CollectorRegistry()
        self._codes: set[str] = set()
        self._lock = Lock()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._slack_errors = Counter(
            "kws_slack_errors",
            "Slack Web API calls that failed after all retries, by method and error code.",
            ["method", "error"],
            registry=self._registry,
        )
        self._registry.register(_Lab(read))
        self._registry.register(_Process(loops, connections, proxy_works))

    def slack_failed(self, method: str, error: str) -> None:
        """Counts a call of Slack that failed."""
        self._slack_errors.labels(method, self._bounded(error)).inc()

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _bounded(self, code: str) -> str:
        with self._lock:
            if code not in self._codes:
                if len(self._codes) >= MOST_CODES or not _CODE.fullmatch(code):
                    return "other"
                self._codes.add(code)
        return code


class _Process(Collector):
    """This process: its connections and loops."""

    def __init__(
        self,
        loops: Sequence[Loop],
        connections: Callable[[], tuple[int, int]],
        proxy_works: Callable[[], bool | None],
    ) -> None:
        self._loops = loops
        self._proxy_works = proxy_works
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        up, wanted = self._connections()
        yield _gauge("kws_slack_connections", "Open Socket Mode connections.", up)
        yield _gauge(
            "kws_slack_connections_wanted",
            "Socket Mode connections that should be open; 0 with --http.",
            wanted,
        )
        loops = {(loop.name,): loop.since_tick() for loop in self._loops}
        yield _family(
            "kws_loop_idle_seconds",
            "Seconds since the loop last finished a pass; normally about 1.",
            ["loop"],
            loops,
        )
        works = self._proxy_works()
        if works is not None:
            yield _gauge(
                "kws_web_proxy_up", "Whether the proxy does what it should, at the last check.", works
            )
        yield _family("kws_build_info", "Version of KWS.", ["version"], {(_version(),): 1})


class _Lab(Collector):
    """The database's figures; where it does not answer only that is told."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        try:
            found = self._read()
        except Exception as error:
            log.warning("can't read values for /metrics: %s", error)
            yield _gauge("kws_database_up", "Whether the database is responding.", 0)
            return
        yield _gauge("kws_database_up", "Whether the database is responding.", 1)
        for part in (_rentals, _nodes, _rooms, _mail, _night, _web):
            yield from part(found)


def _rentals(found: Figures) -> Iterator[Metric]:
    states = {
        (kind.value, state.value): found.rentals.get((kind, state), 0) for kind in Kind for state in Status
    }
    yield _family("kws_rentals", "Rentals by kind and state.", ["kind", "state"], states)
    yield _gauge(
        "kws_waiting_seconds",
        "Seconds for which the longest waiting rental has waited for room; 0 if none waits.",
        _age(found.waiting_since, found.at),
    )
    builds = HistogramMetricFamily(
        "kws_build_seconds",
        "Seconds from asking the node for a machine until it was ready, over all rentals.",
        labels=["node"],
    )
    for node in _names(found):
        times = found.builds.get(node) or BuildTimes()
        builds.add_metric([node], _buckets(times), times.seconds)
    yield builds


def _nodes(found: Figures) -> Iterator[Metric]:
    seen = {(n.room.node,): n.seen_at.timestamp() for n in found.nodes if n.seen_at}
    yield _by_node(
        found, "kws_node_up", "Whether the node is responding.", {n.room.node: n.room.up for n in found.nodes}
    )
    yield _family("kws_node_seen_timestamp_seconds", "When the node last responded.", ["node"], seen)
    drained = {n.room.node: n.room.drained for n in found.nodes}
    yield _by_node(
        found, "kws_node_drained", "Whether the node is in maintenance and gets no new rentals.", drained
    )
    builds = {n.room.node: n.room.builds for n in found.nodes}
    yield _by_node(found, "kws_node_builds", "Machines that the node is creating.", builds)
    yield _by_node(found, "kws_deletions", "Rentals being deleted on the node.", found.deleting)
    yield _by_node(
        found,
        "kws_deletions_stuck",
        "Rentals that have been deleting on the node for over an hour.",
        found.stuck,
    )
    yield _by_node(found, "kws_leaks", "Orphaned resources on the node, by ownership tag.", found.leaks)


def _rooms(found: Figures) -> Iterator[Metric]:
    """vCPUs, MiB and GiB, as `kws nodes` shows them."""
    for which, text in (
        ("", "Resources of the node that KWS may allocate."),
        ("free_", "Resources of the node that are available."),
    ):
        values = {
            (status.room.node, resource): getattr(status.room, which + resource)
            for status in found.nodes
            for resource in RESOURCES
        }
        yield _family(f"kws_node_{which or 'lendable_'}resources", text, ["node", "resource"], values)


def _mail(found: Figures) -> Iterator[Metric]:
    boxes: Mapping[str, Undelivered] = {"owners": found.outbox, "admins": found.notices}
    waiting = {(box,): float(mail.number) for box, mail in boxes.items()}
    yield _family(
        "kws_outbox_messages", "Messages that haven't been delivered to Slack yet.", ["to"], waiting
    )
    ages = {(box,): _age(mail.oldest, found.at) for box, mail in boxes.items()}
    yield _family(
        "kws_outbox_age_seconds",
        "Age of the oldest undelivered message; 0 if all are delivered.",
        ["to"],
        ages,
    )


def _night(found: Figures) -> Iterator[Metric]:
    night = found.night
    if night.finished_at is not None:
        yield _gauge(
            "kws_night_pass_success_timestamp_seconds",
            "When the last nightly cleanup finished.",
            night.finished_at.timestamp(),
        )
    yield _gauge(
        "kws_night_pass_due_seconds",
        "How long today's nightly cleanup is overdue; 0 if it has run.",
        _age(night.due_since, found.at),
    )
    yield _gauge("kws_night_pass_ended", "Rentals that the last nightly cleanup ended.", night.ended)
    yield _gauge("kws_night_pass_failed", "Rentals that the last nightly cleanup couldn't end.", night.failed)


def _web(found: Figures) -> Iterator[Metric]:
    states = {(state,): found.sites.get(state, 0) for state in SITE_STATES}
    yield _family("kws_web_sites", "Web addresses of active rentals by state.", ["state"], states)


def _names(found: Figures) -> list[str]:
    return [status.room.node for status in found.nodes]


def _by_node(found: Figures, name: str, text: str, values: Mapping[str, float]) -> Metric:
    return _family(name, text, ["node"], {(node,): values.get(node, 0) for node in _names(found)})


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _family(name: str, text: str, labels: list[str], values: Mapping[K, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), float(value))
    return family


def _buckets(times: BuildTimes) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    counts = [(str(float(edge)), float(number)) for edge, number in zip(BUCKETS, times.within, strict=True)]
    return [*counts, ("+Inf", float(times.number))]


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _version() -> str:
    try:
        return version("kws")
    except PackageNotFoundError:
        return "unknown"

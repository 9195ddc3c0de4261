"""``kws run`` once everything is known to be right: starts the service, looks after it, stops it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.ops import ask_server, watch_server
from bot.ops.ask_server import AskPage
from bot.ops.http import serve
from bot.ops.supervisor import Supervisor
from bot.ops.watch_server import WatchPages
from bot.ops.web_server import DEFAULT_HOST, WebServer
from bot.service import Service
from kws_core.config import Config, Environment
from kws_core.errors import ConfigError, ListenError
from kws_core.nodes import Node
from kws_core.web.service import Sites

HEAD_START = 1.0  # seconds in which Slack's connection need not share the processor with the loops


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    @classmethod
    def of(cls, option: str, text: str) -> Listen:
        """Parse ``[HOST:]PORT``; without a host it is loopback.

        Raises:
            ConfigError: If it is neither.
        """
        host, _, port = text.rpartition(":")
        if not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ConfigError([f"{option}: {text!r} isn't [HOST:]PORT"])
        return cls(host or DEFAULT_HOST, int(port))


def run(
    config: Config,
    environment: Environment,
    nodes: Mapping[str, Node],
    http: Listen | None,
    watch: Listen | None,
    *,
    sweeps: bool = True,
    build: type[Service] = Service,
) -> None:
    """Run until SIGTERM or Ctrl-C. ``http``: Request URLs, ``watch``: health and metrics. ListenError: no such port.

    ``sweeps=False``: orphaned resources are left alone.
    """
    stop = stop_on_signals()
    service = build(config, environment, nodes)
    service.reconciler.sweeps = sweeps
    supervisor = Supervisor()
    servers = []
    if watch is not None:
        pages = WatchPages(service.health, service.metrics)
        servers.append(_listening(watch, lambda: watch_server.serve(pages, watch.port, watch.host)))
    service.open()
    if config.web is not None and config.web.tls == "acme":
        asked, page = (
            Listen.of("web.ask", config.web.ask),
            AskPage(Sites(service.context).may_have_certificate),
        )
        servers.append(_listening(asked, lambda: ask_server.serve(page, asked.port, asked.host)))
    if http is not None:
        secret = environment.signing_secret
        servers.append(_listening(http, lambda: serve(service.app, secret, http.port, http.host)))
    service.connect(HEAD_START)
    service.start()
    supervisor.ready(
        "started"
    )  # not when Slack answers: it may be away for hours, and that is no failed start
    supervisor.attend(stop, lambda: service.health.live().ok, service.status)
    supervisor.stopping()
    for server in servers:
        server.close()
    service.stop()


def _listening(where: Listen, start: Callable[[], WebServer]) -> WebServer:
    try:
        return start()
    except OSError as error:
        raise ListenError(f"can't listen on {where.host}:{where.port}: {error.strerror}") from error


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop

"""``kws run`` that kills itself with SIGKILL at a chosen call to the outside: ``python mortal_process.py``.

All else is as in ``kws run``. While there is a file ``kill.json`` in its folder, each call that changes something
(commit, request to a node, request to Slack) is a line in ``calls.log``; the call that the file names is the last one
of the process, just before it takes effect or just after. ``KWS_TEST_DAYS`` and ``KWS_TEST_HOURS`` move its clock.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from keystoneauth1.session import Session
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.cli.common import Outside
from bot.cli.main import main
from bot.service import Parts, Service
from kws_core.config import Config, Environment
from kws_core.context import utcnow
from kws_core.database.engine import driver_of
from kws_core.database.store import Store
from kws_core.nodes import Node

ORDER, LOG, DIED = Path("kill.json"), Path("calls.log"), Path("died.txt")
IDLE_THREADS = re.compile(r"-(ping|refresh)")  # they come at their own times, and only ask
QUESTIONS = frozenset({"apps.connections.open", "auth.test", "users.info", "conversations.history"})
ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


class Call(NamedTuple):
    """One that is under way; ``fatal``: the process does not outlive it."""

    name: str
    fatal: bool


class Fate:
    """Counts, and kills."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of = ""  # the act whose calls these are
        self._count = 0
        self._of_name: dict[str, int] = {}

    def before(self, name: str) -> Call | None:
        """A call is about to take effect; None where it does not count."""
        order = self._order()
        if order is None or IDLE_THREADS.search(threading.current_thread().name):
            return None
        with self._lock:
            if order["of"] != self._of:
                self._of, self._count, self._of_name = order["of"], 0, {}
            self._count += 1
            nth = self._of_name[name] = self._of_name.get(name, 0) + 1
            with LOG.open("a") as log:
                log.write(f"{name}\n")
            mine = order.get("number") == self._count or (order.get("name"), order.get("nth")) == (name, nth)
        if mine and order["side"] == "before":
            _die(f"before {name}")
        return Call(name, fatal=mine)

    def after(self, call: Call | None) -> None:
        """It has taken effect, and nobody here knows yet."""
        if call and call.fatal:
            _die(f"after {call.name}")

    def _order(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(ORDER.read_text())
        except FileNotFoundError:
            return None
        return found


def _die(where: str) -> None:
    DIED.write_text(where)
    os.kill(os.getpid(), signal.SIGKILL)


FATE = Fate()


class MortalStore(Store):
    """Its commits are calls; a transaction that wrote nothing is none."""

    @contextmanager
    def write(self, **how: Any) -> Iterator[Any]:
        """As Store's."""
        with super().write(**how) as session:
            begun = _changes(session)
            yield session
            session.flush()
            call = FATE.before("commit") if _changes(session) > begun else None
        FATE.after(call)

    @contextmanager
    def note(self) -> Iterator[Any]:
        """As Store's."""
        with super().note() as connection:
            begun = driver_of(connection).total_changes
            yield connection
            call = FATE.before("commit") if driver_of(connection).total_changes > begun else None
        FATE.after(call)


def _changes(session: Any) -> int:
    """Rows that this connection has changed so far (SQLite)."""
    changes: int = driver_of(session.connection()).total_changes
    return changes


def counted(real: Callable[..., Any], name_of: Callable[..., str | None]) -> Callable[..., Any]:
    """The same function, as a call; not where ``name_of`` has none."""

    def call(*args: Any, **more: Any) -> Any:
        name = name_of(*args, **more)
        under_way = FATE.before(name) if name else None
        result = real(*args, **more)
        FATE.after(under_way)
        return result

    return call


def _to_node(session: Session, url: str, method: str, **more: Any) -> str | None:
    if method in ("GET", "HEAD") or more.get("authenticated") is False or "/auth/tokens" in url:
        return None
    service = (more.get("endpoint_filter") or {}).get("service_type", "node")
    return f"{method} {service} {ID.sub('*', urlsplit(url).path)}"


def _to_slack(client: WebClient, api_method: str, **more: Any) -> str | None:
    return None if api_method in QUESTIONS else api_method


def _moved() -> datetime:
    days, hours = (float(os.environ.get(f"KWS_TEST_{unit}", "0")) for unit in ("DAYS", "HOURS"))
    return utcnow() + timedelta(days=days, hours=hours)


class MortalService(Service):
    """Its commits are counted, and its clock is moved."""

    def __init__(self, config: Config, environment: Environment, nodes: Mapping[str, Node]) -> None:
        super().__init__(config, environment, nodes, _moved, Parts(store=MortalStore))


class MortalOutside(Outside):
    """``kws run`` runs the service above."""

    def service(self) -> type[Service]:
        """As Outside's."""
        return MortalService


def plant() -> None:
    """Puts the counting in the place of the real calls."""
    Session.request = counted(Session.request, _to_node)  # type: ignore[method-assign]
    WebClient.api_call = counted(WebClient.api_call, _to_slack)  # type: ignore[method-assign]
    urllib.request.urlopen = counted(
        urllib.request.urlopen,
        lambda request, *_, **__: "upload" if "upload" in getattr(request, "full_url", "") else None,
    )
    WebhookClient.send_dict = counted(WebhookClient.send_dict, lambda *_, **__: "response_url")  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    sys.argv = ["kws", "run"]
    main(MortalOutside())

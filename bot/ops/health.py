"""Whether the bot is alive, and whether it can do its work; for probes of supervisors and balancers.

*Alive*: its loops come round; only if not does a restart help. *Well*: also connected to Slack, and the
database answers. While Slack or the database is away the bot is alive and not well: it waits by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from kws_core.loop import Loop

TICK_WITHIN = 30.0  # seconds; a tick is due every second
HANGS_AFTER = 90.0
DATABASE_ANSWERS_WITHIN = 3.0


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What is wrong, in words; empty: nothing."""

    wrong: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """``{"ok": …, "wrong": […], …}``."""
        return {"ok": self.ok, "wrong": list(self.wrong), **self.facts}


class Health:
    """``connected`` gives (connections that are up, wanted); ``ask_database`` raises when it does not answer.

    ``facts`` are told besides: what is wrong there makes the bot no less well.
    """

    def __init__(
        self,
        loops: Sequence[Loop],
        connected: Callable[[], tuple[int, int]],
        ask_database: Callable[[], None],
        facts: Callable[[], Mapping[str, str]] = dict,
        patience: float = DATABASE_ANSWERS_WITHIN,
    ) -> None:
        self._loops = loops
        self._connected = connected
        self._ask_database = ask_database
        self._facts = facts
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._lock = Lock()
        self._asked: Future[None] | None = None

    def live(self) -> HealthReport:
        """Alive: no loop hangs."""
        hanging = [loop for loop in self._loops if loop.since_turn() > HANGS_AFTER]
        return HealthReport(
            [f"the {loop.name} has been stuck for {loop.since_turn():.0f} s" for loop in hanging]
        )

    def ready(self) -> HealthReport:
        """Well: everything that the work needs."""
        up, wanted = self._connected()
        wrong = ["not connected to Slack"] if wanted and not up else []
        if not self._database_answers():
            wrong.append("the database isn't responding")
        late = [loop for loop in self._loops if loop.since_tick() > TICK_WITHIN]
        wrong += [f"the {loop.name} has done nothing for {loop.since_tick():.0f} s" for loop in late]
        facts = {"slack_connections": up, "slack_connections_wanted": wanted, **self._facts()}
        return HealthReport(wrong, facts)

    def close(self) -> None:
        """Drop its thread; a question that hangs is left behind."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _database_answers(self) -> bool:
        """Asked on a thread of its own, one question at a time: a probe never hangs with the database."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(self._ask_database)
            asked = self._asked
        try:
            asked.result(self._patience)
        except Exception:
            return False
        return True

"""The processes: started, killed (SIGKILL), and what they held at their death watched until it is free."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.node_line import NodeServer
from sqlalchemy import text

from kws_core.database.store import Store

TESTS = Path(__file__).parent.parent
LOOK = 0.1  # seconds
PATIENCE = 2.0  # seconds that an act is waited for
SETTLED_DEATH = 0.3  # seconds after which the database knows what the dead process had sent
ACTIVE = text(
    "SELECT leased_by, count(*) FROM placements WHERE leased_by IS NOT NULL GROUP BY 1 "
    "UNION ALL SELECT who, count(*) FROM leases GROUP BY 1"
)


class Crew:
    """Replicas on one database. ``order`` is what each is started with, ``aimed`` the share of kills amid an act."""

    def __init__(
        self, folder: Path, order: dict[str, Any], line: NodeServer, dice: random.Random, aimed: float
    ) -> None:
        self.folder = folder
        self.order = order
        self.line = line
        self.dice = dice
        self.aimed = aimed
        self.offset = 0.0
        self.alive: list[int] = []
        self.kills = 0
        self.births = 0
        self.wake: Wake | None = None
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
        self._maker = subprocess.Popen(
            [sys.executable, "-m", "harness.replica_process"], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, number: int = 1) -> None:
        """So many more live."""
        assert self._maker.stdin and self._maker.stdout
        for _ in range(number):
            self.births += 1
            log = self.folder / f"replica-{self.births:03d}.log"
            self._maker.stdin.write(json.dumps({**self.order, "offset": self.offset, "log": str(log)}) + "\n")
            self._maker.stdin.flush()
            self.alive.append(int(self._maker.stdout.readline()))

    def kill(self) -> None:
        """kill -9 of one of them: of any, or of one that is in the middle of an act on a node."""
        pid = self._at_work() if self.dice.random() < self.aimed else None
        pid = pid or self.dice.choice(self.alive)
        self.alive.remove(pid)
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        if self.wake and pid in self.line.who:
            self.wake.died(self.line.who[pid])

    def _at_work(self) -> int | None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if pids := self.line.at_work() & set(self.alive):
                return min(pids)
            time.sleep(0.001)
        return None

    def kill_all(self) -> None:
        """All at once, when nothing is left to do: the clock may go on now."""
        for pid in self.alive:
            os.kill(pid, signal.SIGKILL)
        self.alive = []

    def close(self) -> None:
        """Nobody is left."""
        self.kill_all()
        assert self._maker.stdin
        self._maker.stdin.close()
        self._maker.wait(10)

    def logs(self) -> str:
        """Everything that any of them ever said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("replica-*.log")))


@dataclass
class Wake:
    """For each dead process with something in its hands: the seconds until that was free."""

    store: Store
    recoveries: list[float] = field(default_factory=list)
    _dead: dict[str, float] = field(default_factory=dict)
    _holding: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Watches until ``end()``."""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more looks."""
        self._over.set()
        self._thread.join()

    def died(self, who: str) -> None:
        """From now on it is watched."""
        with self._guard:
            self._dead[who] = time.monotonic()

    def forget(self) -> None:
        """The clock jumps: what happens now says nothing."""
        with self._guard:
            self._dead.clear()
            self._holding.clear()

    def placement(self) -> dict[str, float]:
        """Dead processes that hold something still, and since when they are dead."""
        with self._guard:
            return {who: self._dead[who] for who in self._holding}

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            with self.store.read() as session:
                holding = {row[0] for row in session.execute(ACTIVE)}
            with self._guard:
                self._note(holding, time.monotonic())

    def _note(self, holding: set[str], now: float) -> None:
        for who, since in list(self._dead.items()):
            if now - since < SETTLED_DEATH:
                continue
            if who in holding:
                self._holding.add(who)
                continue
            if who in self._holding:
                self.recoveries.append(now - since)
                self._holding.discard(who)
            del self._dead[who]

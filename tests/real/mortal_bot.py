"""A bot that is killed at a chosen call and started again, and the people who use it meanwhile."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_process import BotProcess

from slack_workspace import Workspace

PROGRAM = Path(__file__).with_name("mortal_process.py")
UNTOLD = "SELECT 1 FROM events WHERE delivered_at IS NULL"
PATIENCE = 150.0  # seconds until an act has come to its end; the lab needs under ten


@dataclass(frozen=True)
class Death:
    """At which call of an act: its number, or the so-manieth of a name; ``side``: before or after it takes effect."""

    side: str
    number: int | None = None
    name: str = ""
    nth: int = 1

    def order(self) -> dict[str, Any]:
        """For mortal_process.py."""
        which = {"number": self.number} if self.number else {"name": self.name, "nth": self.nth}
        return {**which, "side": self.side}


class MortalBot:
    """``during`` is one act with its death; whoever is dead is started again, as systemd does it."""

    def __init__(self, bot: BotProcess, workspace: Workspace) -> None:
        self.bot, self.workspace = bot, workspace
        bot.program = [str(PROGRAM)]
        self.died: str | None = None
        self.calls: list[str] = []
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Starts it, and once more when it dies on the way."""
        self.bot.launch()
        self.until(lambda: self.workspace.connections >= 2, "it starts")

    def restart(self, **moved: float) -> None:
        """Stops it, and starts it ``days=`` and ``hours=`` later."""
        self.bot.stop()
        self.bot.environment |= {f"KWS_TEST_{unit.upper()}": str(much) for unit, much in moved.items()}

    def during(self, death: Death | None, act: Callable[[], None]) -> None:
        """Does it, with that death; ``calls`` are what was counted, ``died`` says where it did."""
        folder = self.bot.folder
        for name in ("calls.log", "died.txt"):
            (folder / name).unlink(missing_ok=True)
        draft = folder / "kill.json.new"
        order = death.order() if death else {"side": ""}
        draft.write_text(json.dumps({**order, "of": str(next(self._numbers))}))
        draft.rename(folder / "kill.json")
        self.died = None
        try:
            act()
        finally:
            (folder / "kill.json").unlink(missing_ok=True)
        time.sleep(0.3)  # a call that was at it while the file was there
        if self.revive():
            self.until(lambda: not self.rows(UNTOLD), "all is told")
        self._look()
        log = folder / "calls.log"
        self.calls = log.read_text().splitlines() if log.exists() else []

    def until(self, done: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Waits for it; a bot that has died meanwhile is started again."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"{what}: not in {seconds:.0f} s; {self.died or 'nobody died'}"
            self.revive()
            time.sleep(0.2)

    def revive(self) -> bool:
        """Starts it again if it is dead; whether it was."""
        assert self.bot.process
        if self.bot.process.poll() is None:
            return False
        self._look()
        assert self.died and self.bot.process.returncode == -9, self.bot.log.read_text()[-3000:]
        (self.bot.folder / "kill.json").unlink(missing_ok=True)
        self.bot.launch()
        self.until(lambda: self.workspace.connections >= 2, "it starts again")
        return True

    def _look(self) -> None:
        note = self.bot.folder / "died.txt"
        if note.exists():
            self.died = note.read_text()

    def does(self, deed: Callable[[], object], done: Callable[[], object], what: str) -> None:
        """Somebody does it, and again for as long as they see that it did not work."""
        for _ in range(5):
            deed()
            for _ in range(25):
                if done():
                    return
                if self.revive():
                    break
                time.sleep(0.2)
        raise AssertionError(f"{what}: it does not work, however often it is tried; {self.died}")

    def rows(self, query: str, *values: object) -> list[Mapping[str, Any]]:
        """From the bot's database."""
        with sqlite3.connect(f"file:{self.bot.folder / 'kws.db'}?mode=ro", uri=True) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, values)]

    def rental(self, name: str) -> Mapping[str, Any] | None:
        """The one of that name."""
        found = self.rows("SELECT * FROM rentals WHERE name = ?", name)
        assert len(found) <= 1, f"{len(found)} rentals called {name}"
        return found[0] if found else None

    def history(self, name: str) -> list[str]:
        """Its events, a word each."""
        query = "SELECT events.kind AS kind FROM events JOIN rentals ON rentals.id = rental_id WHERE name = ? ORDER BY events.id"
        return [row["kind"] for row in self.rows(query, name)]

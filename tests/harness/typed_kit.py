"""What a command that was typed left behind."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from harness.commands import GOOD
from harness.world import Clock

from bot.cli import main
from bot.cli.common import Outside
from bot.service import Service

NODES = GOOD + GOOD[GOOD.index("[[nodes]]") :].replace("node1", "node2").replace("lab-a", "lab-b")


@dataclass
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of --json."""
        found: list[dict[str, Any]] = json.loads(self.out)
        return found


class Surroundings(Outside):
    """A lab's nodes and clock. ``answer``: of whoever sits at the terminal; None: nobody does."""

    def __init__(self, pool: Any, clock: Clock) -> None:
        self.lab, self.clock = pool, clock
        self.answer: bool | None = None
        self.typed = ""
        self.asked: list[str] = []
        self.watched = False
        self.built: type[Service] = Service

    def now(self) -> datetime:
        return self.clock()

    def pool(self, settings: Any) -> Any:
        return self.lab

    def service(self) -> type[Service]:
        return self.built

    def asks(self) -> bool:
        return self.answer is not None

    def confirm(self, question: str) -> None:
        self.asked.append(question)
        if not self.answer:
            raise typer.Abort

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return self.typed

    def is_watched(self) -> bool:
        return self.watched


class Typed:
    """Runs commands in this process: in that folder, which gets a nodes.toml, in those surroundings."""

    def __init__(
        self, world: Surroundings, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "nodes.toml").write_text(NODES)
        patch.chdir(folder)
        for name in ("KWS_CONFIG", "KWS_DATABASE_URL", "KWS_LEGACY_URL"):
            patch.delenv(name, raising=False)
        self.world, self._patch, self._capsys = world, patch, capsys

    def __call__(self, *arguments: str) -> Result:
        self._patch.setattr(sys, "argv", ["kws", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main(self.world)
        out, err = self._capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

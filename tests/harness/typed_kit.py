"""What a command that was typed left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.world import Clock
from unit.bot.cli.test_main import GOOD

from bot.cli import main
from kws_core.context import Context

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


Typed = Callable[..., Result]


def typist(
    pool: type, folder: Path, clock: Clock, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Runs commands in this process: in that folder, which gets a nodes.toml, with that Pool and clock."""
    (folder / "nodes.toml").write_text(NODES)
    patch.chdir(folder)
    patch.setattr("kws_core.nodes.pool.Pool", pool)
    patch.setattr(Context.__init__, "__defaults__", (clock,))
    for name in ("KWS_CONFIG", "KWS_DATABASE_URL", "KWS_LEGACY_URL"):
        patch.delenv(name, raising=False)

    def run(*arguments: str) -> Result:
        patch.setattr(sys, "argv", ["kws", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    return run

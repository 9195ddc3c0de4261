"""What a command that was typed left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from test_cli import GOOD

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

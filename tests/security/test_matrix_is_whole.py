"""Nothing that can be asked for lacks its row in the matrix, and the documents show the matrix as it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from security.bench import Bench
from security.who_may import ROLES, TABLE
from slack_bolt import App

from bot.app import build_app
from bot.handlers import keys, nodes
from bot.handlers.admin import AdminCommands
from bot.handlers.commands import Commands
from bot.handlers.images import ImagesHandler
from bot.views import ids

DOCUMENT = Path(__file__).parents[2] / "docs/reference/permissions.md"
COVERED = {word.partition(" ")[0] for row in TABLE for word in row.covers}
LISTENS = ("action", "view", "command", "event", "shortcut", "options", "message", "function", "step", "use")


class Told:
    """What the bot registers while it is built."""

    def __init__(self) -> None:
        self.listeners: set[str] = set()
        self.commands: set[str] = set()
        self.admin: set[str] = set()
        self.images: set[str] = set()


@pytest.fixture
def told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The bot is built once more, and watched."""
    told = Told()
    for name in LISTENS:
        monkeypatch.setattr(App, name, _noting(told, name, getattr(App, name)))
    monkeypatch.setattr(Commands, "add", _adding(told.commands, Commands.add))
    monkeypatch.setattr(AdminCommands, "add", _adding(told.admin, AdminCommands.add))
    monkeypatch.setattr(ImagesHandler, "__init__", _keeping(told.images, ImagesHandler.__init__, "_words"))
    build_app(bench.service.app_parts)
    return told


def _noting(told: Told, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def listen(app: App, what: Any = None, *args: Any, **more: Any) -> Any:
        if isinstance(what, re.Pattern):
            what = what.pattern.removeprefix("^").removesuffix(":")
        if isinstance(what, dict):  # the elements of the form, by block
            told.listeners.add(f"field:{what['block_id']}")
        else:
            told.listeners.add(f"{kind}:{what}")
        return real(app, what, *args, **more)

    return listen


def _keeping(words: set[str], real: Callable[..., Any], table: str = "_table") -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        done = real(self, *args)
        words.update(getattr(self, table))
        return done

    return method


def _adding(words: set[str], real: Callable[..., Any]) -> Callable[..., Any]:
    def add(self: Any, name: str, *args: Any, **more: Any) -> None:
        real(self, name, *args, **more)
        words.update(self._table)

    return add


def test_every_listener_has_a_row(told: Told) -> None:
    assert told.listeners - {"command:/kws"} == {
        word for word in COVERED if word.startswith(("action:", "view:", "event:", "field:"))
    }


def test_every_word_that_can_be_typed_has_a_row(told: Told) -> None:
    typed = {f"command:{word}" for word in told.commands - {"admin"}}
    typed |= {f"admin:{word}" for word in told.admin}
    typed |= {f"images:{word}" for word in told.images} | {f"keys:{word}" for word in keys.WORDS.values()}
    typed |= {f"nodes:{word}" for word in re.findall(r'case "(\w+)"', inspect.getsource(nodes.Nodes.serve))}
    known = ("command:", "admin:", "images:", "keys:", "nodes:")
    assert typed == {word for word in COVERED if word.startswith(known)}


def test_every_id_has_a_row() -> None:
    ids_there = {f"action:{action}" for action in ids.Action if action is not ids.Action.VALUE}
    ids_there |= {f"view:{view}" for view in ids.View}
    assert ids_there == {word for word in COVERED if word.startswith(("action:", "view:"))}
    acts = {word.partition(" ")[2] for row in TABLE for word in row.covers if word.startswith("view:desk")}
    assert acts == {f"({act})" for act in ids.RentalAct}


def test_the_document_shows_the_matrix() -> None:
    assert as_markdown() in DOCUMENT.read_text(), "run: python -m security.test_matrix_is_whole (in tests/)"


def as_markdown() -> str:
    """The table as docs/reference/permissions.md has it."""
    head = f"| what is asked for | {' | '.join(ROLES)} |\n|---|{'---|' * len(ROLES)}\n"
    cell = lambda row, role: "yes" if role in row.may else "–"  # noqa: E731
    lines = [f"| {row.what} | {' | '.join(cell(row, role) for role in ROLES)} |\n" for row in TABLE]
    return head + "".join(lines)


if __name__ == "__main__":
    print(as_markdown(), end="")

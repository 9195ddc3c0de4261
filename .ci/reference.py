"""Write what the reference pages take from the code: commands, configuration keys, metrics, scopes, states.

A page marks each such block with ``<!-- generated: NAME -->`` and ``<!-- generated: end -->``. ``make reference``
rewrites the blocks; ``--check`` changes nothing and fails if one is out of date.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import click  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402
from typer.main import get_command  # noqa: E402

from bot.cli.main import app  # noqa: E402
from bot.handlers import admin, commands  # noqa: E402
from bot.ops.metrics import Metrics  # noqa: E402
from bot.slack import manifest  # noqa: E402
from bot.text import prose  # noqa: E402
from bot.text.i18n import Texts  # noqa: E402
from bot.views import ids  # noqa: E402
from kws_core import config  # noqa: E402
from kws_core.reports.metrics import Figures, Night, Undelivered  # noqa: E402
from kws_core.reports.past import BuildTimes  # noqa: E402
from kws_core.scheduling.capacity import NodeStatus  # noqa: E402
from kws_core.scheduling.placement import NodeCapacity  # noqa: E402
from kws_core.tables.states import TRANSITIONS, Status  # noqa: E402

BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n)(.*?)(<!-- generated: end -->)", re.S)
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def row(*cells: str) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in cells) + " |"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join([row(*head), "|" + "---|" * len(head), *(row(*cells) for cells in rows)]) + "\n"


# --- kws, the command ----------------------------------------------------------------------------------------


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below ``command`` with its full name, groups left out."""
    children: dict[str, click.Command] = getattr(command, "commands", {})
    if not children:
        yield path, command
    if getattr(command, "invoke_without_command", False):
        yield path, command
    for name, child in sorted(children.items()):
        yield from walk(child, f"{path} {name}")


def cli_commands() -> str:
    """Return a section per command of ``kws``: what it does, its usage, arguments, and options."""
    parts = []
    for path, command in walk(get_command(app), "kws"):
        context = click.Context(command, info_name=path)
        usage = re.sub(r"[{}]", "", " ".join([path, *command.collect_usage_pieces(context)]))
        about = inspect.cleandoc(command.help or "").replace("\n\n", "\n")
        rows = [
            [f"`{_plain(first)}`", re.sub(r"\s*\[([^\[]*)\]$", r" (\1)", second)]
            for parameter in command.params
            for first, second in [parameter.get_help_record(context) or _argument(parameter)]
            if first
        ]
        parts.append(f"### `{path}`\n\n{about}\n\n```text\n{usage}\n```\n")
        if rows:
            parts.append(table(["Option", "Meaning"], rows))
    return "\n".join(parts)


def _plain(option: str) -> str:
    """Return an option without Python's names of types; an argument is only its name."""
    if not option.startswith("-"):
        return re.sub(r"[{}]| .*", "", option)
    return re.sub(r" <int[^>]*>| <float[^>]*>", " N", option)


def _argument(parameter: Any) -> tuple[str, str]:
    text = getattr(parameter, "help", "") or ""
    return (parameter.make_metavar(click.Context(click.Command("kws"))), text) if text else ("", "")


# --- /kws in Slack -------------------------------------------------------------------------------------------


def _help_rows(text: str, aliases: dict[str, str]) -> list[list[str]]:
    """Return the lines of a help text, each with its Korean name."""
    korean = {english: alias for alias, english in aliases.items() if not alias.isascii()}
    rows = []
    for typed, about in re.findall(r"^`([^`]+)` – (.+)$", text, re.M):
        word = typed.removeprefix(f"{ids.COMMAND} ").removeprefix("admin ").split()[0]
        rows.append([f"`{typed}`", korean.get(word, ""), about[:1].upper() + about[1:]])
    return rows


def slack_commands() -> str:
    """Return what everybody can type in Slack."""
    rows = _help_rows(prose.help_text(ids.COMMAND, Texts("en")), commands.ALIASES)
    return table(["Type", "Korean", "What you get"], rows)


def slack_admin_commands() -> str:
    """Return what admins can type in Slack."""
    rows = _help_rows(prose.admin_help(ids.COMMAND, Texts("en")), admin.ALIASES)
    return table(["Type", "Korean", "What you get"], rows)


# --- nodes.toml ----------------------------------------------------------------------------------------------


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field of a section."""
    tree = ast.parse(inspect.getsource(model))
    assert isinstance(tree.body[0], ast.ClassDef)
    body = tree.body[0].body
    found = {}
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f'`"{one}"`' for one in get_args(annotation))
    if origin is tuple:
        return f"list of {_type(get_args(annotation)[0])}"
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f'`"{one.value}"`' for one in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    names = {"str": "text", "int": "integer", "float": "number", "bool": "boolean", "date": "date"}
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return _type(inner[0]) if inner else names[annotation.__name__]


def _limits(field: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = []
    for rule in field.metadata:
        found += [
            f"{sign} {getattr(rule, name)}"
            for name, sign in signs.items()
            if getattr(rule, name, None) is not None
        ]
    return ", ".join(found)


def _default(field: Any, optional: bool) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None or (optional and value == ()):
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(_toml(one) for one in value)}]`"
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return f'"{value.value}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


def mermaid() -> str:
    """Draw ``TRANSITIONS`` as the state diagram of the documents, between the fences that Markdown wants."""
    first = (Status.REQUESTED, Status.WAITING, Status.ASKED)
    lines = ["```mermaid", "stateDiagram-v2", *(f"    [*] --> {status}" for status in first)]
    for status, targets in TRANSITIONS.items():
        lines += [f"    {status} --> {target}" for target in sorted(targets, key=list(Status).index)]
    return "\n".join([*lines, f"    {Status.ENDED} --> [*]", "```"])


def keys_of(model: type[BaseModel]) -> Callable[[], str]:
    """Return a function that makes the table of a section's keys."""

    def made() -> str:
        told = meanings(model)
        rows = []
        for name, field in model.model_fields.items():
            kind = ", ".join(filter(None, [_type(field.annotation), _limits(field)]))
            rows.append([f"`{field.alias or name}`", kind, _default(field, "table" in kind), told[name]])
        return table(["Key", "Type and limits", "Default", "Meaning"], rows)

    return made


# --- metrics -------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Return every metric of ``/metrics`` with its labels and meaning."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    capacity = NodeCapacity("node1", frozenset(), frozenset(), 1, 1, 1, 1, 1, 1)
    status = NodeStatus(capacity, now, None, None, None)
    none = Undelivered(0, None)
    figures = Figures(
        now, {}, [status], {"node1": BuildTimes()}, {}, {}, {}, none, none, Night(None, now, 0, 0, None), {}
    )
    subject = Metrics(lambda: figures, [_Loop()], lambda: (2, 2), lambda: True)  # type: ignore[list-item]
    subject.slack_failed("chat.update", "ratelimited")
    page = subject.page().decode()
    rows = []
    for name, about, kind in re.findall(r"# HELP (\S+) (.*)\n# TYPE \S+ (\w+)", page):
        if name.startswith("kws_") and not name.endswith("_created"):
            line = next(line for line in page.splitlines() if re.match(rf"{name}(_bucket)?[{{ ]", line))
            labels = [one for one in re.findall(r"(\w+)=\"", line) if one != "le"]
            rows.append([f"`{name}`", kind, ", ".join(f"`{one}`" for one in labels), about])
    return table(["Metric", "Type", "Labels", "Meaning"], rows)


class _Loop:
    name = "reconciler"

    def since_tick(self) -> float:
        """Return a second."""
        return 1.0


MAKERS: dict[str, Callable[[], str]] = {
    "cli-commands": cli_commands,
    "slack-commands": slack_commands,
    "slack-admin-commands": slack_admin_commands,
    "keys-kws": keys_of(config.KwsSection),
    "keys-policy": keys_of(config.Policy),
    "keys-auto-approve": keys_of(config.AutoApprove),
    "keys-openstack": keys_of(config.OpenStackSection),
    "keys-web": keys_of(config.WebSection),
    "keys-sizes": keys_of(config.SizeEntry),
    "keys-nodes": keys_of(config.NodeSection),
    "metrics": metrics,
    "scopes": lambda: manifest.scope_table() + "\n",
    "states": mermaid,
}


def fresh(text: str) -> str:
    """Return a page with its blocks made again."""
    return BLOCK.sub(lambda found: found[1] + "\n" + MAKERS[found[2]]().strip("\n") + "\n\n" + found[4], text)


def stale() -> list[Path]:
    """Return the pages whose blocks don't say what the code says."""
    return [page for page in PAGES if (text := page.read_text()) != fresh(text)]


def main() -> int:
    """Rewrite the pages, or with ``--check`` name the stale ones."""
    pages = stale()
    for page in pages:
        print(page.relative_to(ROOT))
        if "--check" not in sys.argv:
            page.write_text(fresh(page.read_text()))
    return int(bool(pages) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())

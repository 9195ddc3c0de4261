"""What the commands share: options, the core, and how rows are printed."""

from __future__ import annotations

import getpass
import json
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.service import Service
    from kws_core.config import Config as Settings
    from kws_core.context import Context
    from kws_core.nodes.pool import Pool
    from kws_core.people import Actor

USAGE = 2  # exit code: wrong usage or configuration
FAILED = 1
LONGEST_USER = 28  # characters of a user's name in the trail
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Path of nodes.toml. Default: $KWS_CONFIG, then ./nodes.toml."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Outside:
    """What the commands reach the world with. Tests hand others to ``main``."""

    def now(self) -> datetime:
        """The time."""
        from kws_core.context import utcnow

        return utcnow()

    def pool(self, settings: Settings) -> Pool:
        """The nodes of the configuration."""
        from kws_core.nodes.pool import Pool

        return Pool(settings)

    def service(self) -> type[Service]:
        """What ``kws run`` runs."""
        from bot.service import Service

        return Service

    def asks(self) -> bool:
        """Whether somebody is there to be asked."""
        return sys.stdin.isatty()

    def confirm(self, question: str) -> None:
        """Asks; ends the command unless the answer is yes."""
        typer.confirm(question, abort=True, err=True)

    def ask(self, question: str) -> str:
        """What somebody types as the answer; "" for nothing."""
        return str(typer.prompt(question, default="", show_default=False, err=True))

    def is_watched(self) -> bool:
        """Whether somebody sees how far it is."""
        return sys.stderr.isatty()


OUTSIDE: ContextVar[Outside] = ContextVar("outside", default=Outside())  # noqa: B039 - it has no state


def outside() -> Outside:
    """The world of the command that runs."""
    return OUTSIDE.get()


def context_of(config: Path | None) -> Context:
    """The core on the configured database, which is brought up to date."""
    from kws_core.config import DEFAULT_DATABASE_URL, load_config
    from kws_core.context import Context
    from kws_core.database.store import Store

    settings = load_config(config)
    store = Store(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL)
    store.upgrade()
    return Context(settings, store, outside().now)


def who_types() -> Actor:
    """Anyone who may read the database is an admin; the trail has the name that the system knows."""
    from kws_core.people import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return Actor(f"cli:{name[:LONGEST_USER]}", admin=True)


def note_act(context: Context, what: str, **data: Any) -> None:
    """Into the audit trail."""
    from kws_core.reports.audit import Audit

    Audit(context).note(who_types().id, what, "cli", **data)


def tell_unusable(problems: Sequence[str] | None) -> None:
    """Say which nodes are down because their credentials don't work."""
    for problem in problems or ():
        typer.echo(f"kws: {problem}. KWS can't use this node until you fix it.", err=True)


def print_rows(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    """Print rows as JSON or as a table; ``nothing`` if there are none."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo(nothing)
    else:
        cells = [list(rows[0])] + [["-" if v is None else str(v) for v in row.values()] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row in cells:
            typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

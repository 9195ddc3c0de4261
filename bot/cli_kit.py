"""What the commands share: options, the core, and how rows are printed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kws_core.core import Core

USAGE = 2  # exit code: wrong usage or configuration
FAILED = 1
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="nodes.toml; else $KWS_CONFIG, else ./nodes.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def core_of(config: Path | None) -> Core:
    """The core on the configured database, which is brought up to date."""
    from kws_core.config import DEFAULT_DATABASE_URL, load_config
    from kws_core.core import Core
    from kws_core.store import Store

    settings = load_config(config)
    store = Store(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL)
    store.upgrade()
    return Core(settings, store)


def print_rows(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    """As JSON, else as a table; ``nothing`` where there is none."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo(nothing)
    else:
        cells = [list(rows[0])] + [["-" if v is None else str(v) for v in row.values()] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        for row in cells:
            typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

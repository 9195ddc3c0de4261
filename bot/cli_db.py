"""``kws db``: the database, and what comes into it from elsewhere."""

from __future__ import annotations

import os

import typer

db = typer.Typer(help="The database.", no_args_is_help=True, rich_markup_mode=None)


@db.command("upgrade")
def db_upgrade() -> None:
    """Brings the database to this version's tables; `kws run` does so itself at its start."""
    from kws_core.config import DEFAULT_DATABASE_URL
    from kws_core.store import Store

    Store(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL).upgrade()
    typer.echo("The database is up to date.")

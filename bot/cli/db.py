"""``kws db``: the database, and what comes into it from elsewhere."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.common import FAILED, Config, Json, context_of, outside, print_rows, tell_unusable

if TYPE_CHECKING:
    from kws_core.config import Config as Settings
    from kws_core.context import Context
    from kws_core.legacy.importer import ImportOptions, ImportOutcome

NOTHING = "The previous system has no rentals."

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        envvar="KWS_LEGACY_URL",
        help="Database of the previous system: mysql://user:password@host/kws",
    ),
]
Owners = Annotated[
    Path | None,
    typer.Option(
        "--owners", metavar="FILE", help="CSV file with lines of: name in the previous system,Slack user ID."
    ),
]
Others = Annotated[
    str | None,
    typer.Option("--others", metavar="USER", help="Slack user ID of the owner of all other rentals."),
]
NodeNames = Annotated[
    list[str] | None,
    typer.Option("--node", metavar="OLD=NEW", help="Node OLD is called NEW in nodes.toml. Can be repeated."),
]
Days = Annotated[
    int, typer.Option(min=2, max=365, help="Days to add to rentals that have ended or end within two days.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only report. Change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]

db = typer.Typer(help="Manage the database.", no_args_is_help=True, rich_markup_mode=None)


@db.command("upgrade")
def db_upgrade() -> None:
    """Upgrade the database to this version. `kws run` does this when it starts."""
    from kws_core.config import DEFAULT_DATABASE_URL
    from kws_core.database.store import Store

    Store(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL).upgrade()
    typer.echo("The database is up to date.")


@db.command("backup")
def db_backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to create.")],
) -> None:
    """Back up the SQLite database, even while the bot runs. For PostgreSQL, use pg_dump."""
    from bot.text.i18n import Texts
    from bot.text.units import file_size
    from kws_core.config import DEFAULT_DATABASE_URL
    from kws_core.database.backup import back_up

    size = back_up(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL, file)
    typer.echo(f"Saved and checked {file} ({file_size(size, Texts('en'))}).")


@db.command("import-legacy")
def import_legacy(
    url: Url,
    config: Config = None,
    owners: Owners = None,
    others: Others = None,
    node: NodeNames = None,
    days: Days = 7,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Import running servers and containers from the previous system, with their last days."""
    from kws_core.config import load_config
    from kws_core.legacy import source
    from kws_core.legacy.importer import LegacyImporter, Verdict

    settings = load_config(config)
    terms = _terms(owners, others, node or [], days)
    rows = source.read(url)
    pool = outside().pool(settings)
    tell_unusable(pool.check())
    try:
        with _context(config, settings, dry_run) as context:
            takeover = LegacyImporter(context, pool.importers(), terms)
            if not dry_run and not yes and outside().asks():
                would = takeover.run(rows, dry_run=True)
                print_rows(_shown(would), False, NOTHING)
                outside().confirm("Import the rentals marked `would import`?")
            outcomes = takeover.run(rows, dry_run=dry_run)
    finally:
        pool.close()
    print_rows(_shown(outcomes), as_json, NOTHING)
    if any(outcome.verdict is Verdict.NOT_TAKEN for outcome in outcomes):
        raise typer.Exit(FAILED)


@contextmanager
def _context(config: Path | None, settings: Settings, dry_run: bool) -> Iterator[Context]:
    """A core; in a dry run one that can change nothing."""
    from kws_core.config import DEFAULT_DATABASE_URL
    from kws_core.context import Context
    from kws_core.database.read_only import open_to_read

    if not dry_run:
        yield context_of(config)
        return
    with open_to_read(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL) as (store, _):
        yield Context(settings, store, outside().now)


def _terms(owners: Path | None, others: str | None, nodes: list[str], days: int) -> ImportOptions:
    """ConfigError with every mistake in the options and in the file of owners."""
    from kws_core.errors import ConfigError
    from kws_core.legacy.importer import SLACK_ID, ImportOptions

    problems = [f"--node: {pair!r} isn't OLD=NEW" for pair in nodes if not all(pair.partition("="))]
    if others is not None and not SLACK_ID.fullmatch(others):
        problems.append(f"--others: {others!r} isn't a Slack user ID. Example: U012ABCDEF")
    known: dict[str, str] = {}
    for number, fields in enumerate(_lines(owners), 1):
        if not fields or fields[0].startswith("#"):
            continue
        name, slack_id = [field.strip() for field in fields[:2]] if len(fields) == 2 else ("", "")
        if not name or not SLACK_ID.fullmatch(slack_id):
            problems.append(f"{owners}: line {number}: enter `name,Slack user ID`")
        elif known.setdefault(name, slack_id) != slack_id:
            problems.append(f"{owners}: line {number}: {name!r} has two Slack user IDs")
    if problems:
        raise ConfigError(problems)
    return ImportOptions(known, others, dict(pair.split("=", 1) for pair in nodes), days)


def _lines(path: Path | None) -> list[list[str]]:
    from kws_core.errors import ConfigError

    if path is None:
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")  # as spreadsheets write it
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: can't read it as UTF-8 text"]) from error
    return list(csv.reader(text.splitlines()))


def _shown(outcomes: list[ImportOutcome]) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.row.kind.value,
            "name": one.row.name,
            "user": one.row.user,
            "owner": one.owner or None,
            "node": one.node or one.row.node,
            "address": one.row.address or None,
            "until": one.until.isoformat() if one.until else None,
            "result": one.verdict.value,
            "rental": one.rental or None,
            "why": one.why or None,
        }
        for one in outcomes
    ]

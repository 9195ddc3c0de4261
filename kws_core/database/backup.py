"""A copy of the database while everything runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kws_core.database.engine import make_engine
from kws_core.errors import ConfigError, StoreDown


def back_up(url: str, target: Path) -> int:
    """Copy a SQLite database, as of one moment, into a new file and return its size in bytes.

    ConfigError for another database, which has its own tools, and for a file that is there.

    Raises:
        ConfigError: If the database isn't SQLite or isn't there, or the file exists.
        StoreDown: If the copy fails or is damaged.
    """
    parsed = make_engine(url).url
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(
            [f"{parsed.get_backend_name()} has its own backup tool. See docs/how-to/back-up-and-restore.md."]
        )
    source = Path(parsed.database or "")
    if not source.is_file():
        raise ConfigError([f"the database {source} doesn't exist"])
    if target.exists():
        raise ConfigError([f"{target} already exists"])
    try:
        target.touch(mode=0o600)
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as running,
            closing(sqlite3.connect(target)) as copy,
        ):
            running.backup(copy)
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    except (OSError, sqlite3.Error) as error:
        target.unlink(missing_ok=True)
        raise StoreDown(f"the backup failed: {error}") from error
    if verdict != "ok":
        raise StoreDown(f"the copy is damaged, and the database may be damaged too: {verdict}")
    return target.stat().st_size

"""SQLite serves one process: a lock beside the database, which the system takes back however the process ends."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from kws_core.database.store import Store
from kws_core.errors import StoreDown


class SoleProcess:
    """From ``claim()`` to ``release()`` no other process may work on the same SQLite file."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file: IO[bytes] | None = None

    def claim(self) -> None:
        """Lock the database for this process. On PostgreSQL there is nothing to lock.

        Raises:
            StoreDown: If another process works on it, or the lock file can't be written.
        """
        database = self._store.engine.url.database
        if not self._store.single_process or not database or database == ":memory:":
            return
        path = Path(f"{database.removeprefix('file:')}.lock")
        try:
            file = path.open("ab")
        except OSError as error:
            raise StoreDown(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StoreDown(
                f"another kws process is using {database}, and SQLite supports only one; "
                "for more, set KWS_DATABASE_URL to postgresql+psycopg://…"
            ) from error
        self._file = file

    def release(self) -> None:
        """Another may begin."""
        if self._file is not None:
            self._file.close()
            self._file = None

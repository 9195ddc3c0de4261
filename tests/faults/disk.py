"""A very small disk of its own, to be filled: a tmpfs, so only where root may mount one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

SIZE = "8m"
BLOCK = b"\0" * 4096


class SmallDisk:
    """``fill`` leaves no byte, ``empty`` gives it all back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True, capture_output=True
        )

    def fill(self) -> None:
        """SQLite's log is emptied first: what it has room for needs no disk."""
        with contextlib.closing(sqlite3.connect(self.folder / "kws.db", timeout=10)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(BLOCK)

    def empty(self) -> None:
        """There is room again."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """It is no more."""
        subprocess.run(["umount", "-l", self.folder], check=True)


def no_disk() -> str:
    """Why there can be none here; empty when there can."""
    return "" if os.geteuid() == 0 else "only root can mount a small disk to be filled"

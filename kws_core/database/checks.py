"""Whether the database can be used: there, of this version, writable, on a disk of its own machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from kws_core.database.engine import make_engine
from kws_core.database.schema import known_versions, version_of
from kws_core.errors import ConfigError
from kws_core.findings import Finding, fail, note, ok

MOUNTS = Path("/proc/mounts")
NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"}
)
LITTLE = 200 * 1024**2  # bytes free


def store_findings(url: str, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Every finding. Nothing is changed, and an SQLite file that is not there yet is not made."""
    try:
        engine = make_engine(url)
    except ConfigError as error:
        yield fail("database_url", problem="; ".join(error.problems))
        return
    shown = engine.url.render_as_string(hide_password=True)
    try:
        if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
            path = Path(str(engine.url.database)).resolve()
            yield from _file(path, mounts)
            if not path.exists():
                return
        yield from _opened(engine, shown)
    finally:
        engine.dispose()


def filesystem_of(path: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that the path is on, as the kernel calls it; "" where that is not known."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    found = [(Path(_unescaped(line[1])), line[2]) for line in lines if len(line) > 2]
    holding = [(len(point.parts), kind) for point, kind in found if path.is_relative_to(point)]
    return max(holding, default=(0, ""))[1]


def _unescaped(point: str) -> str:
    return point.replace("\\040", " ")


def _file(path: Path, mounts: Path) -> Iterator[Finding]:
    folder = path.parent
    if not folder.is_dir():
        yield fail("database_folder_missing", folder=str(folder))
        return
    if not os.access(folder, os.W_OK):  # SQLite keeps its log beside the file
        yield fail("database_folder_readonly", folder=str(folder))
        return
    kind = filesystem_of(path, mounts)
    if kind in NETWORK_FILESYSTEMS or kind.startswith("fuse."):
        yield fail("database_on_network", path=str(path), kind=kind)
    free = shutil.disk_usage(folder).free
    if free < LITTLE:
        yield fail("database_disk_full", folder=str(folder), free_mb=free // 1024**2)
    if not path.exists():
        yield ok("database_new", path=str(path))


def _opened(engine: Engine, shown: str) -> Iterator[Finding]:
    try:
        with engine.connect() as connection:
            version = version_of(connection)
    except DBAPIError as error:
        yield fail("database_silent", database=shown, why=_line(error))
        return
    yield _version(version, shown)
    try:
        with engine.connect() as connection:
            transaction = connection.begin()
            connection.exec_driver_sql("CREATE TABLE kws_doctor (tried INTEGER)")
            transaction.rollback()
    except DBAPIError as error:
        yield fail("database_readonly", database=shown, why=_line(error))
    else:
        yield ok("database_writable")


def _version(version: str, shown: str) -> Finding:
    known = known_versions()
    if version == known[-1]:
        return ok("database", database=shown)
    if version and version not in known:
        return fail("database_newer", database=shown, version=version)
    return note("database_older", database=shown, version=version or "-")


def _line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())[:300]

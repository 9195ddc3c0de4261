"""The database for who must change nothing in it, not even its version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from kws_core.database.engine import make_engine
from kws_core.database.schema import up_to_date
from kws_core.database.store import Store
from kws_core.errors import ConfigError, StoreDown


@contextmanager
def open_to_read(url: str) -> Iterator[tuple[Store, bool]]:
    """A Store to read from, and whether its database is there; one that is not there counts as empty.

    On SQLite every attempt to write fails.
    """
    parsed = make_engine(url).url
    if parsed.get_backend_name() != "sqlite":
        with _opened(Store(url)) as store:
            yield store, True
    elif parsed.database and Path(parsed.database).exists():
        name = f"file:{quote(str(Path(parsed.database).resolve()))}"
        reading = URL.create("sqlite", database=name, query={"mode": "ro", "uri": "true"})
        with _opened(Store(reading.render_as_string())) as store:
            yield store, True
    else:
        with TemporaryDirectory() as folder:
            empty = Store(f"sqlite:///{folder}/empty.db")
            empty.upgrade()
            with _opened(empty):
                yield empty, False


@contextmanager
def _opened(store: Store) -> Iterator[Store]:
    try:
        with store.engine.connect() as connection:
            current = up_to_date(connection)
        if not current:
            raise ConfigError(["the database is from another version of KWS. Run: kws db upgrade"])
        yield store
    except OperationalError as error:
        raise StoreDown(str(error.orig)) from error
    finally:
        store.close()

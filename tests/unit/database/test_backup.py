"""``kws db backup``: a copy that can be worked with, made while the bot writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.world import World

from kws_core.context import Context
from kws_core.database.backup import back_up
from kws_core.database.store import Store
from kws_core.errors import ConfigError, StoreDown
from kws_core.people import Actor
from kws_core.rentals.queries import RentalQueries


def test_a_copy_made_in_the_middle_of_a_write(world: World, tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path / 'kws.db'}", tmp_path / "copy.db"
    rental = world.ready("web01")
    with world.store.write() as session:  # not committed when the copy is made
        session.get_one(type(rental), rental.id).name = "half-done"
        session.flush()
        assert back_up(url, copy) == copy.stat().st_size
    restored = Store(f"sqlite:///{copy}")
    restored.upgrade()
    found = RentalQueries(Context(world.config, restored, world.clock)).rental(Actor(rental.owner), rental.id)
    assert (found.name, found.status, found.placement and found.placement.node) == (
        "web01",
        rental.status,
        rental.placement and rental.placement.node,
    )
    restored.close()
    assert copy.stat().st_mode & 0o077 == 0


def test_it_overwrites_nothing_and_says_what_is_wrong(world: World, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kws.db'}"
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ConfigError, match="already exists"):
        back_up(url, tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "x"
    with pytest.raises(ConfigError, match="doesn't exist"):
        back_up("sqlite:///nowhere.db", tmp_path / "new")
    with pytest.raises(ConfigError, match="own backup tool"):
        back_up("postgresql+psycopg://h/d", tmp_path / "new")
    (tmp_path / "broken.db").write_bytes(b"no database at all, but long enough to be read" * 100)
    with pytest.raises(StoreDown, match="the backup failed"):
        back_up(f"sqlite:///{tmp_path / 'broken.db'}", tmp_path / "new")
    assert not (tmp_path / "new").exists()

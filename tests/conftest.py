"""Fixtures for all tests: a clock that stands still, and worlds of fake nodes on real SQLite."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.sampling import THOROUGH
from harness.typed_kit import Surroundings, Typed
from harness.world import Clock, Inline, World, make_config
from hypothesis import settings
from sqlalchemy import Engine, create_engine

from kws_core.context import Context
from kws_core.database import engine
from kws_core.database.store import Store
from kws_core.nodes.fake.node import FakeNode
from kws_core.outbox.pending_messages import Outbox
from kws_core.reconcile.reconciler import Reconciler

gc.set_threshold(300_000, 50, 100)  # a tenth of the time went into looking through what the imports had made
settings.register_profile("fast", deadline=None, derandomize=True, max_examples=25)  # the same at each run
settings.register_profile("thorough", deadline=None, max_examples=200)  # a busy machine is no fault
settings.load_profile("thorough" if THOROUGH else "fast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the property tests."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.drawn)


def pytest_collection_finish() -> None:
    """What is there now stays to the end: the collector need not look at it again."""
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    """Noon in Seoul on 2026-12-01."""
    return Clock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without rows, to be copied: migrations are tried once, not with every test."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    store.close()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture(scope="session", autouse=True)
def one_dialect() -> Iterator[None]:
    """Every database on SQLite shares one cache of compiled statements, as the only one of a service has it."""
    first = create_engine("sqlite://", query_cache_size=10_000)
    first.connect().close()  # the dialect learns what SQLite can do

    def shared(url: Any, **how: Any) -> Engine:
        made = create_engine(url, **how)
        if made.dialect.name == first.dialect.name:
            made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "create_engine", shared)
        yield
    first.dispose()


@pytest.fixture(scope="session", autouse=True)
def no_disk() -> Iterator[None]:
    """No write waits for the disk: no test pulls the plug of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "SYNCHRONOUS", {False: "OFF", True: "OFF"})
        yield


@pytest.fixture
def make_world(tmp_path: Path, clock: Clock, empty_database: Path) -> Iterator[Callable[..., World]]:
    """Makes a World of ``nodes`` fakes; keyword arguments go to ``make_config``."""
    stores = []

    def make(nodes: int = 2, fakes: dict[str, Any] | None = None, **settings: Any) -> World:
        config = make_config(nodes, **settings)
        for old in tmp_path.glob(
            "kws.db*"
        ):  # of an earlier world, whose connections keep what they have open
            old.unlink()
        shutil.copy(empty_database, tmp_path / "kws.db")
        store = Store(f"sqlite:///{tmp_path / 'kws.db'}")
        stores.append(store)
        context = Context(config, store, clock)
        fake_nodes = {
            node.name: FakeNode(node.name, clock, vcpus=64, ram_mb=65536, **(fakes or {}))
            for node in config.nodes
        }
        reconciler = Reconciler(context, fake_nodes, lambda node, sort: Inline())
        world = World(config, store, clock, fake_nodes, context, Outbox(context), reconciler)
        reconciler.start()
        reconciler.tick()
        return world

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Two nodes of 8 vCPUs that have just told what they have."""
    return make_world()


@pytest.fixture
def typed(
    world: World,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """Runs the command in this process, on the world's nodes, database and clock."""

    class Pool:
        def check(self) -> list[str]:
            return []

        def unusable(self) -> dict[str, str]:
            return {}

        def credentials_files(self) -> list[str]:
            return ["clouds.yaml"]

        def close(self) -> None:
            pass

        def nodes(self) -> Any:
            return world.nodes

    return Typed(Surroundings(Pool(), clock), tmp_path, monkeypatch, capsys)

"""A bench per module: the matrix and the hostile payloads share one, since what is refused changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.sockets import hang_up
from harness.world import Clock, make_config
from security.bench import ADMINS, Bench, make_bench, with_admins


@pytest.fixture(scope="module")
def make_module_bench(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Callable[..., Bench]]:
    """Makes a Bench; keyword arguments go to ``make_config``."""
    benches: list[Bench] = []

    def make(**settings: Any) -> Bench:
        folder = tmp_path_factory.mktemp("bench")
        shutil.copy(empty_database, folder / "kws.db")
        config = with_admins(make_config(2, **{"max_rentals": 99, **settings}), ADMINS)
        benches.append(make_bench(folder, Clock(), config))
        return benches[-1]

    yield make
    for bench in benches:
        hang_up([socket.client for socket in bench.service.sockets], bench.workspace)
        bench.service.stop()
        bench.workspace.stop()
        assert bench.workspace.violations == []


@pytest.fixture(scope="module")
def bench(make_module_bench: Callable[..., Bench]) -> Bench:
    """A bot with two nodes."""
    return make_module_bench()

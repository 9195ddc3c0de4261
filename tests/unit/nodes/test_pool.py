"""Nodes of several drivers in one pool, and the registry that finds the drivers."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from kws_core.config import NodeSection, parse_config
from kws_core.errors import ConfigError
from kws_core.nodes.pool import Pool
from kws_core.nodes.registry import DRIVERS, load_driver
from kws_core.values import Kind

NODES = """
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
[[nodes]]
name = "toy"
driver = "fake"
kinds = ["server", "container"]
vcpus = 3
ram_mb = 4096
disk_gb = 40
[[nodes]]
name = "real"
cloud = "lab"
vcpus = 8
ram_mb = 8192
disk_gb = 100
[[nodes]]
name = "plain"
driver = "fake"
vcpus = 1
ram_mb = 512
disk_gb = 10
"""


def clouds_yaml(patch: pytest.MonkeyPatch, folder: Path, text: str) -> str:
    path = folder / "clouds.yaml"
    path.write_text(text)
    patch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    return str(path)


def test_each_node_is_of_the_driver_that_it_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = clouds_yaml(monkeypatch, tmp_path, "clouds: {lab: {}}")
    pool = Pool(parse_config(NODES), lambda: datetime(2026, 11, 1, tzinfo=UTC))
    pool.check()
    assert list(pool.nodes()) == ["toy", "real", "plain"]
    assert pool.credentials_files() == [file]
    assert set(pool.importers()) == set(pool.nodes())
    toy, plain = pool.nodes()["toy"], pool.nodes()["plain"]
    assert (toy.capacity().vcpus, plain.capacity().vcpus) == (3, 1)
    assert toy.machines([Kind.CONTAINER]) == {}
    pool.close()


def test_a_driver_tells_what_is_wrong_with_its_own_nodes_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = clouds_yaml(monkeypatch, tmp_path, "clouds: {other: {}}")
    with pytest.raises(ConfigError) as raised:
        Pool(parse_config(NODES)).check()
    assert raised.value.problems == [f"nodes.real.cloud: no entry 'lab' in {file}; it has other"]


def test_every_driver_that_nodes_toml_may_name_is_there() -> None:
    assert set(get_args(NodeSection.model_fields["driver"].annotation)) == set(DRIVERS)
    for name in DRIVERS:
        load_driver(name)(parse_config(NODES), (), lambda: datetime.now(UTC))


def test_simulated_nodes_need_nothing_of_openstack() -> None:
    fake = NODES.replace('cloud = "lab"', 'driver = "fake"')
    code = (
        "import sys; from kws_core.nodes.pool import Pool; from kws_core.config import parse_config\n"
        f"Pool(parse_config({fake!r})).nodes()['toy'].machines()\n"
        "print([name for name in sys.modules if 'openstack' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

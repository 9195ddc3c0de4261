"""The pool: lazy, one connection per node, and a dead node is told quickly."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from harness.contract_kit import config_for
from harness.openstack_stub import Stub, write_clouds

from kws_core.config import Config
from kws_core.errors import ConfigError, NodeDown, NodeRefused, Refusal
from kws_core.nodes.openstack.driver import OpenStackDriver
from kws_core.nodes.pool import Pool


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a place where connections are neither taken nor refused: a listener whose queue is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    queue = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        queue.append(client)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for client in queue:
        client.close()
    listener.close()


@pytest.fixture
def mute() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def pool_on(monkeypatch: pytest.MonkeyPatch, clouds: Path, config: Config) -> Pool:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    return Pool(config)


def driver_on(monkeypatch: pytest.MonkeyPatch, clouds: Path, config: Config) -> OpenStackDriver:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    return OpenStackDriver(config, config.nodes, lambda: datetime.now(UTC))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """How long each request may take to connect, and to be answered."""
    seen: list[tuple[float, float]] = []
    real = requests.Session.send

    def send(self: requests.Session, request: Any, **options: Any) -> Any:
        seen.append(options["timeout"])
        return real(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)
    return seen


@pytest.mark.timeout(60)  # the system's own patience is two minutes
def test_a_black_hole_is_told_within_the_connect_timeout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, black_hole: str, patience: list[tuple[float, float]]
) -> None:
    pool = pool_on(
        monkeypatch, write_clouds(tmp_path, hole=black_hole), config_for("hole", connect_timeout=0.3)
    )
    node = pool.nodes()["hole"]
    for call in (node.machines, node.marked):
        with pytest.raises(NodeDown) as raised:
            call()
        assert raised.value.reason == Refusal.DOWN
    assert {connect for connect, _ in patience} == {0.3}
    asked = len(patience)
    with pytest.raises(NodeDown, match="not asked"):
        node.capacity()
    assert len(patience) == asked


@pytest.mark.timeout(60)  # it would never say anything
def test_a_mute_server_is_told_within_the_read_timeout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mute: str, patience: list[tuple[float, float]]
) -> None:
    pool = pool_on(monkeypatch, write_clouds(tmp_path, mute=mute), config_for("mute", read_timeout=0.3))
    with pytest.raises(NodeDown):
        pool.nodes()["mute"].machines()
    assert {answer for _, answer in patience} == {0.3}


def test_a_refused_connection_is_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pool = pool_on(monkeypatch, write_clouds(tmp_path, dead="http://127.0.0.1:9"), config_for("dead"))
    with pytest.raises(NodeDown):
        pool.nodes()["dead"].machines()


def test_making_a_pool_imports_no_openstack_and_reads_nothing() -> None:
    code = (
        "import sys; from kws_core.nodes.pool import Pool; from kws_core.config import parse_config\n"
        "text = '[sizes]\\ns = {vcpus=1, ram_mb=64, disk_gb=1}\\n"
        '[[nodes]]\\nname="n"\\ncloud="c"\\nvcpus=1\\nram_mb=256\\ndisk_gb=1\'\n'
        "Pool(parse_config(text)).nodes()\n"
        "print([name for name in sys.modules if name in ('openstack', 'keystoneauth1', 'zunclient', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_cloud_is_named_with_those_that_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clouds = write_clouds(tmp_path, alpha="http://127.0.0.1:9", beta="http://127.0.0.1:9")
    pool = pool_on(monkeypatch, clouds, config_for("gamma"))
    line = f"nodes.gamma.cloud: no entry 'gamma' in {clouds}; it has alpha, beta"
    with pytest.raises(ConfigError) as raised:
        pool.check()
    assert raised.value.problems == [line]
    with pytest.raises(ConfigError):
        pool.nodes()["gamma"].raw()
    with pytest.raises(NodeDown) as down:  # the contract knows node errors only
        pool.nodes()["gamma"].machines()
    assert (down.value.reason, down.value.detail) == (Refusal.AUTH, line)


def test_clouds_yaml_that_is_no_yaml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: [unclosed")
    with pytest.raises(ConfigError) as raised:
        pool_on(monkeypatch, path, config_for("stub")).check()
    assert len(raised.value.problems) == 1


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()


def test_the_environment_does_not_leak_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stub: Stub
) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:9/v3")
    monkeypatch.setenv("OS_CLOUD", "elsewhere")
    monkeypatch.setenv("OS_USERNAME", "somebody")
    pool = pool_on(monkeypatch, stub.clouds_yaml(tmp_path), config_for("stub"))
    assert pool.nodes()["stub"].machines() == {}
    assert b"somebody" not in b"".join(stub.bodies)
    pool.close()


def test_one_connection_per_node_with_both_timeouts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stub: Stub
) -> None:
    config = config_for("stub", connect_timeout=1.5, read_timeout=7.0)
    pool = pool_on(monkeypatch, stub.clouds_yaml(tmp_path), config)
    connection = pool.nodes()["stub"].raw()
    assert connection is pool.nodes()["stub"].raw()
    assert connection.session.timeout == (1.5, 7.0)
    assert stub.requests == []
    assert list(pool.nodes()) == ["stub"]
    assert pool.nodes()["stub"] is pool.nodes()["stub"]


def test_no_container_service_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stub: Stub
) -> None:
    pytest.importorskip("zunclient")
    driver = driver_on(monkeypatch, stub.clouds_yaml(tmp_path), config_for("stub"))
    with pytest.raises(NodeRefused) as raised:
        _ = driver.connections["stub"].zun
    assert raised.value.reason == Refusal.MISSING


def test_zun_on_a_dead_node_is_down(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("zunclient")
    driver = driver_on(monkeypatch, write_clouds(tmp_path, dead="http://127.0.0.1:9"), config_for("dead"))
    with pytest.raises(NodeDown):
        _ = driver.connections["dead"].zun


def test_a_closed_pool_connects_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stub: Stub) -> None:
    pool = pool_on(monkeypatch, stub.clouds_yaml(tmp_path), config_for("stub"))
    node = pool.nodes()["stub"]
    first = node.raw()
    assert node.marked() == {}
    pool.close()
    assert node.marked() == {}
    assert node.raw() is not first
    pool.close()

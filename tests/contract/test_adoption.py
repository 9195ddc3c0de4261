"""What taking over sends to a node: the machine first, each thing once, and nothing that is another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import pool_on
from harness.openstack_stub import Answer, Stub

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.importer import Importer
from kws_core.nodes.values import MachineState
from kws_core.values import Kind

MARK, ADDRESS = "kws-abcdefghjk", "192.168.0.201"
FLAVOR = {"original_name": "kws_small", "vcpus": 1, "ram": 512, "disk": 5}
CHANGES = ("PUT", "PATCH", "DELETE", "POST")


def server(metadata: dict[str, str] | None = None, **other: Any) -> dict[str, Any]:
    nets = {"default": [{"addr": "10.0.0.5"}]}  # Nova has not heard of the floating IP yet
    plain = {"id": "s1", "name": "Web01", "status": "ACTIVE", "addresses": nets, "flavor": FLAVOR}
    return {**plain, "metadata": metadata or {}, **other}


def box(name: str = "nginx1", **other: Any) -> dict[str, Any]:
    nets = {"net-id": [{"addr": "192.168.0.77", "version": 4}]}
    return {
        "uuid": "c1",
        "name": name,
        "status": "Running",
        "labels": {},
        "cpu": 0.5,
        "memory": "512M",
        "addresses": nets,
        **other,
    }


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub(containers=True)
    ports = [
        {"id": "p1", "device_id": "s1"},
        {"id": "p2", "device_id": "s2"},
        {"id": "p3", "device_id": "c1"},
    ]
    floating = [
        {"id": "f1", "floating_ip_address": ADDRESS, "port_id": "p1"},
        {"id": "f2", "floating_ip_address": "192.168.0.202", "port_id": "p2"},
    ]
    stub.on("GET", "/ports", *[Answer(200, {"ports": ports})] * 3)
    stub.on("GET", "/floatingips", *[Answer(200, {"floatingips": floating})] * 3)
    yield stub
    stub.close()


@pytest.fixture
def adopter(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Importer]:
    with pool_on(stub, tmp_path, monkeypatch, read_timeout=2) as pool:
        yield pool.importers()["stub"]


def changes(stub: Stub) -> list[str]:
    """What was sent that changes something, in order."""
    return [
        f"{m} {p.rsplit('/', 2)[-2]}/{p.rsplit('/', 1)[-1]}"
        for m, p in stub.requests
        if m in CHANGES and "tokens" not in p
    ]


def test_strays_are_what_has_no_mark(stub: Stub, adopter: Importer) -> None:
    ours = server({"kws_rental": "abcdefghjk"}, id="s9")
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [server(), ours]}))
    (found,) = adopter.strays(Kind.SERVER)
    assert (found.id, found.name, found.state) == ("s1", "Web01", MachineState.ACTIVE)
    assert found.addresses == {"10.0.0.5", ADDRESS}
    assert (found.vcpus, found.ram_mb, found.disk_gb) == (1, 512, 5)
    taken = [
        box(),
        box(MARK, uuid="c2"),
        box(labels={"kws_rental": "x"}, uuid="c3"),
        box(status="Deleted", uuid="c4"),
    ]
    stub.on("GET", "/containers", Answer(200, {"containers": taken}))
    (found,) = adopter.strays(Kind.CONTAINER)
    assert (found.id, found.vcpus, found.ram_mb) == ("c1", 1, 512)
    assert found.addresses == {"192.168.0.77"}


def test_a_server_is_marked_before_its_port_and_address(stub: Stub, adopter: Importer) -> None:
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [server()]}))
    stub.on("POST", "/servers/s1/metadata", Answer(200, {}))
    stub.on("PUT", "/ports/p1", Answer(200, {"port": {}}))
    stub.on("PUT", "/floatingips/f1", Answer(200, {"floatingip": {}}))
    adopter.adopt(Kind.SERVER, "s1", MARK, "U1", ADDRESS)
    assert changes(stub) == ["POST s1/metadata", "PUT ports/p1", "PUT floatingips/f1"]
    assert stub.sent("POST", "/metadata") == {"metadata": {"kws_rental": "abcdefghjk", "kws_owner": "U1"}}
    assert stub.sent("PUT", "/floatingips/f1") == {"floatingip": {"description": MARK}}


def test_what_was_cut_off_goes_on_and_another_ones_is_left(stub: Stub, adopter: Importer) -> None:
    marked = {"servers": [server({"kws_rental": "abcdefghjk"})]}
    stub.on("GET", "/servers/detail", *[Answer(200, marked)] * 2)
    stub.on("PUT", "/ports/p1", Answer(200, {"port": {}}))
    stub.on("PUT", "/floatingips/f1", Answer(500), Answer(200, {"floatingip": {}}))
    with pytest.raises(NodeDown):
        adopter.adopt(Kind.SERVER, "s1", MARK, "U1", ADDRESS)
    assert changes(stub) == ["PUT ports/p1", "PUT floatingips/f1"]
    with pytest.raises(NodeRefused) as other:
        adopter.adopt(Kind.SERVER, "s1", "kws-zzzzzzzzzz", "U1", ADDRESS)
    with pytest.raises(NodeRefused) as gone:
        adopter.adopt(Kind.SERVER, "s1", MARK, "U1", ADDRESS)
    assert (other.value.reason, gone.value.reason) == (Refusal.INVALID, Refusal.MISSING)
    assert len(changes(stub)) == 2


def test_a_container_gets_the_mark_for_a_name(stub: Stub, adopter: Importer) -> None:
    stub.on(
        "GET", "/containers", Answer(200, {"containers": [box()]}), Answer(200, {"containers": [box(MARK)]})
    )
    stub.on("PATCH", "/containers/c1", Answer(200, box(MARK)))
    adopter.adopt(Kind.CONTAINER, "c1", MARK, "U1", "192.168.0.77")
    assert changes(stub) == ["PATCH containers/c1"]  # its port is Zun's
    assert stub.sent("PATCH", "/containers/c1") == {"name": MARK}
    adopter.adopt(Kind.CONTAINER, "c1", MARK, "U1", "192.168.0.77")
    assert len(changes(stub)) == 1

"""What ``kws doctor`` finds at a node that has one thing wrong, told by a stub of OpenStack; and at the fake."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import config_for
from harness.openstack_stub import IMAGE, Answer, Stub, write_clouds

from kws_core.findings import Finding, Result, Wanted
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.pool import Pool
from kws_core.nodes.values import Image
from kws_core.values import Kind, Size

SMALL = Size("small", 1, 512, 5)
PUBLIC = {"id": "n1", "name": "public", "router:external": True, "subnets": ["s0"]}
DEFAULT = {"id": "n2", "name": "default", "router:external": False, "subnets": ["s1"]}
SUBNET = {"id": "s1", "network_id": "n2", "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": True}
ROUTER = {"id": "r1", "name": "router", "external_gateway_info": {"network_id": "n1"}}
INTERFACE = {"id": "q1", "network_id": "n2", "device_id": "r1", "device_owner": "network:router_interface"}
AMPLE = {"limit": 1000, "used": 0, "reserved": 0}
QUOTA = dict.fromkeys(("port", "floatingip", "security_group", "security_group_rule"), AMPLE)
HYPERVISOR = {
    "vcpus": 16,
    "vcpus_used": 0,
    "memory_mb": 65536,
    "memory_mb_used": 0,
    "local_gb": 500,
    "local_gb_used": 0,
}
COMPUTE_UP = {"host": "pc1", "state": "up", "status": "enabled"}


def wanted(*kinds: Kind, sizes: tuple[Size, ...] = (SMALL,)) -> Wanted:
    return Wanted(kinds or (Kind.SERVER,), sizes, 8, 8192, 100)


Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def stub() -> Iterator[Stub]:
    """An OpenStack with all that nodes.toml names."""
    server = Stub(containers=True)
    yield server
    server.close()


@pytest.fixture
def look(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """``look()``: what is found, by code. Whatever the test did not order is as it should be."""
    pools = []

    def examine(want: Wanted | None = None, url: str = "", **auth: str) -> dict[str, Finding]:
        for path, body in (
            ("/v2.0/networks", {"networks": [PUBLIC, DEFAULT]}),
            ("/v2.0/subnets", {"subnets": [SUBNET]}),
            ("/v2.0/routers", {"routers": [ROUTER]}),
            ("/v2.0/ports", {"ports": [INTERFACE]}),
            ("/quotas/p1/details.json", {"quota": QUOTA}),
            ("/limits", {"limits": {"absolute": {"maxTotalInstances": 50, "totalInstancesUsed": 0}}}),
            ("/os-services", {"services": [COMPUTE_UP]}),
            ("/network-ip-availabilities/n1", {"network_ip_availability": {"total_ips": 50, "used_ips": 1}}),
            ("/os-hypervisors/detail", {"hypervisors": [HYPERVISOR]}),
        ):
            stub.on("GET", path, Answer(200, body))
        clouds = write_clouds(tmp_path, stub=url or stub.url)
        for old, new in auth.items():
            clouds.write_text(clouds.read_text().replace(old, new))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
        pools.append(Pool(config_for("stub", read_timeout=0.5)))
        findings = list(pools[-1].nodes()["stub"].diagnose(want or wanted()))
        return {finding.code: finding for finding in findings}

    yield examine
    for pool in pools:
        pool.close()


def failed(found: dict[str, Finding]) -> list[str]:
    return [code for code, finding in found.items() if finding.result is Result.FAIL]


def test_a_good_node_has_nothing_to_put_right(look: Look) -> None:
    found = look(wanted(Kind.SERVER, Kind.CONTAINER))
    assert failed(found) == []
    assert {
        "node_answers",
        "clock",
        "login",
        "nova",
        "flavors",
        "quotas",
        "router",
        "images",
        "containers",
    } <= set(found)
    assert found["role_member"].result is Result.NOTE


def test_an_admin_is_told_of_the_hardware(stub: Stub, look: Look) -> None:
    stub.roles = ["admin", "member"]
    found = look(wanted(sizes=(SMALL, Size("odd", 1, 640, 3))))
    assert failed(found) == []
    assert found["flavors_made"].data["sizes"] == "odd"
    assert found["hardware"].data["vcpus"] == 16
    assert "containers_unused" in found


def test_sizes_that_no_host_gives_are_named(stub: Stub, look: Look) -> None:
    stub.roles = ["admin", "member"]
    two = [{**HYPERVISOR, "vcpus": 4, "memory_mb": 2048}, {**HYPERVISOR, "vcpus": 2, "memory_mb": 8192}]
    stub.on("GET", "/os-hypervisors/detail", Answer(200, {"hypervisors": two}))
    sizes = (SMALL, Size("wide", 4, 4096, 5), Size("fat", 3, 2049, 5), Size("fits", 4, 2048, 5))
    found = look(wanted(sizes=sizes))
    assert found["sizes_too_large"].result is Result.NOTE
    assert found["sizes_too_large"].data == {
        "sizes": "wide, fat",
        "largest": "2 vCPU · 8 GB RAM · 100 GB disk; 4 vCPU · 2 GB RAM · 100 GB disk",
    }


def test_who_may_not_measure_is_told_by_what_the_node_lends(look: Look) -> None:
    found = look(wanted(sizes=(SMALL, Size("huge", 9, 512, 5))))
    assert found["sizes_too_large"].data["sizes"] == "huge"
    assert "sizes_too_large" not in look(wanted(Kind.CONTAINER, sizes=(Size("huge", 9, 512, 5),)))


def test_images_that_are_not_offered(stub: Stub, look: Look) -> None:
    disk = {**IMAGE, "disk_format": "qcow2", "kernel_id": "i2"}
    kernel = {**IMAGE, "id": "i2", "name": "its-kernel", "disk_format": "aki"}
    setup = {**IMAGE, "id": "i3", "name": "setup", "disk_format": "iso"}
    ours = {**IMAGE, "id": "i4", "name": "lab-image", "disk_format": "raw"}
    stub.on("GET", "/images", Answer(200, {"images": [disk, kernel, setup, ours]}))
    found = look()
    assert failed(found) == []
    assert found["images"].data["names"] == "debian-12, lab-image"
    assert found["images_not_booted"].data["names"] == "setup"
    assert found["image_login_unknown"].data["image"] == "lab-image"
    stub.on("GET", "/images", Answer(200, {"images": [kernel, setup]}))
    assert failed(look()) == ["images_none"]


Order = tuple[str, Any]
ADMIN = ["admin"]
CASES: list[tuple[str, list[str], list[Order], dict[str, object]]] = [
    ("named_nowhere", [], [("/v2.0/networks", {"networks": [DEFAULT, {**PUBLIC, "name": "ext"}]})],
     {"key": "external_network", "name": "public", "known": "ext"}),
    ("named_nowhere", [], [("/v2.0/routers", {"routers": []})], {"key": "router", "known": "-"}),
    ("named_twice", [], [("/v2.0/networks", {"networks": [PUBLIC, {**PUBLIC, "id": "n9"}, DEFAULT]})], {"count": 2}),
    ("network_not_external", [], [("/v2.0/networks", {"networks": [{**PUBLIC, "router:external": False}, DEFAULT]})], {}),
    ("network_without_subnet", [], [("/v2.0/subnets", {"subnets": [{**SUBNET, "ip_version": 6}]})], {"name": "default"}),
    ("router_without_gateway", [], [("/v2.0/routers", {"routers": [{**ROUTER, "external_gateway_info": None}]})], {}),
    ("router_without_interface", [], [("/v2.0/ports", {"ports": []})], {"network": "default"}),
    ("images_none", [], [("/images", {"images": []})], {}),
    ("images_hidden", [], [("/images", {"images": [{**IMAGE, "kws_hidden": "true"}]})], {"count": 1}),
    ("flavors_missing", [], [("/flavors/detail", {"flavors": []})], {"sizes": "small"}),
    ("quota_used_up", [], [("/quotas/p1/details.json", {"quota": {**QUOTA, "floatingip": {"limit": 5, "used": 5}}})],
     {"quota": "floating-ips", "limit": 5}),
    ("nova_compute_down", ADMIN, [("/os-services", {"services": [{**COMPUTE_UP, "state": "down"}]})], {"hosts": "pc1"}),
    ("neutron_agent_down", ADMIN,
     [("/v2.0/agents", {"agents": [{"binary": "neutron-l3-agent", "host": "pc1", "alive": False}]})],
     {"agent": "neutron-l3-agent"}),
    ("addresses_none", ADMIN,
     [("/network-ip-availabilities/n1", {"network_ip_availability": {"total_ips": 5, "used_ips": 5}})], {}),
    ("service_silent", [], [("/images", Answer(503, "down"))], {"service": "Glance"}),
    ("service_refuses", [], [("/v2.0/networks", Answer(403, "no"))], {"service": "Neutron"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "roles", "orders", "data"), CASES, ids=[f"{c[0]}{n}" for n, c in enumerate(CASES)]
)
def test_one_thing_is_wrong(
    stub: Stub, look: Look, code: str, roles: list[str], orders: list[Order], data: dict[str, object]
) -> None:
    stub.roles = roles or ["member"]
    for path, body in orders:
        stub.on("GET", path, body if isinstance(body, Answer) else Answer(200, body))
    found = look()
    assert failed(found) == [code]
    assert data.items() <= found[code].data.items()


def test_the_default_quota_of_groups_is_nine_rentals(stub: Stub, look: Look) -> None:
    quota = {**QUOTA, "security_group": {"limit": 10, "used": 1, "reserved": 0}}
    stub.on("GET", "/quotas/p1/details.json", Answer(200, {"quota": quota}))
    found = look(Wanted((Kind.SERVER,), (SMALL,), 12, 12288, 100))
    assert failed(found) == []
    assert found["quota_small"].data == {
        "quota": "secgroups",
        "limit": 10,
        "rentals": 9,
        "wanted": 12,
        "enough": 13,
    }


def test_a_node_that_can_not_make_containers(stub: Stub, look: Look) -> None:
    del stub.services["container"]
    assert failed(look(wanted(Kind.CONTAINER))) == ["containers_missing"]


def test_what_is_wrong_at_the_door_is_the_last_that_is_found(stub: Stub, look: Look, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert list(look(url=f"http://127.0.0.1:{nobody.getsockname()[1]}")) == ["node_nobody_listens"]
        nobody.listen()
        assert list(look(url=f"http://127.0.0.1:{nobody.getsockname()[1]}")) == ["node_silent"]
    assert list(look(url="http://no-such-host.invalid")) == ["node_unknown_host"]
    assert list(look(**{"  stub:": "  other:"})) == ["cloud_unknown"]
    assert failed(look(**{"/v3'": "/image'"})) == ["node_no_keystone"]


def test_who_may_not_come_in(stub: Stub, look: Look) -> None:
    stub.on("POST", "/auth/tokens", Answer(401, {"error": {"code": 401, "message": "no"}}))
    found = look()
    assert failed(found) == ["login_refused"]
    assert found["login_refused"].data == {"who": "u"}
    stub.roles = ["reader"]
    assert failed(look()) == ["role_too_small"]
    stub.roles, stub.project = ["member"], None
    assert failed(look()) == ["login_without_project"]


def test_a_catalogue_of_another_region(stub: Stub, look: Look) -> None:
    found = look(**{"region_name: R": "region_name: Seoul"})
    assert failed(found) == ["region_wrong"]
    del stub.services["image"]
    assert failed(look()) == ["service_missing"]


@pytest.mark.parametrize(
    ("skew", "dated", "code"),
    [(-20, True, "clock_drifts"), (3600, True, "clock_off"), (-3600, False, "clock_off")],
    ids=["drifts", "off", "off, told by the token only"],
)
def test_clocks_that_differ(stub: Stub, look: Look, skew: float, dated: bool, code: str) -> None:
    stub.skew, stub.dated = skew, dated
    found = look()
    assert abs(int(str(found[code].data["seconds"])) - abs(skew)) <= 1


def test_the_node_in_memory_tells_of_itself() -> None:
    node = FakeNode("fake", registry=())
    codes = {finding.code: finding.result for finding in node.diagnose(wanted())}
    assert set(codes.values()) == {Result.OK}
    assert [f.code for f in node.diagnose(wanted(Kind.CONTAINER)) if f.result is Result.FAIL] == [
        "containers_missing"
    ]
    assert [f.code for f in FakeNode("f", images=[Image("i", "x", hidden=True)]).diagnose(wanted())][
        1
    ] == "images_none"
    node.go_down()
    assert [finding.code for finding in node.diagnose(wanted())] == ["node_silent"]

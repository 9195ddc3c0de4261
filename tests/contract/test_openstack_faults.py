"""Every way in which a node may fail becomes the right NodeDown or NodeRefused, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import node_on
from harness.openstack_stub import Answer, Stub

from kws_core.errors import NodeDown, NodeError, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import Address, ServerSpec
from kws_core.values import Size

SPEC = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), "#cloud-config\n{}\n")
ADDRESS = Address("p1", "a1", "203.0.113.9")


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def node(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    with node_on(stub, tmp_path, monkeypatch, read_timeout=0.5) as node:
        yield node


def neutron(error_type: str) -> Any:
    return {"NeutronError": {"type": error_type, "message": "no", "detail": ""}}


def nova(key: str, message: str) -> Any:
    return {key: {"code": 0, "message": message}}


CASES = [
    (Answer(400, nova("badRequest", "Invalid input")), NodeRefused, Refusal.INVALID),
    (Answer(403, nova("forbidden", "Quota exceeded for instances: Requested 1")), NodeRefused, Refusal.QUOTA),
    (Answer(403, nova("forbidden", "Policy doesn't allow it")), NodeRefused, Refusal.AUTH),
    (Answer(404, nova("itemNotFound", "gone")), NodeRefused, Refusal.MISSING),
    (Answer(409, nova("conflictingRequest", "busy")), NodeRefused, Refusal.INVALID),
    (Answer(413, nova("overLimit", "too much")), NodeRefused, Refusal.QUOTA),
    (Answer(429, nova("overLimit", "slower")), NodeDown, Refusal.DOWN),
    (Answer(500, nova("computeFault", "oops")), NodeDown, Refusal.DOWN),
    (Answer(502, "<html>bad gateway</html>"), NodeDown, Refusal.DOWN),
    (Answer(503, nova("serviceUnavailable", "later")), NodeDown, Refusal.DOWN),
    (Answer(202, '{"server": {"id": "s1"}}', cut=True), NodeDown, Refusal.DOWN),
    (Answer(202, '{"server": {"id"'), NodeDown, Refusal.DOWN),
    (Answer(202, ["not", "an", "object"]), NodeDown, Refusal.DOWN),
    (Answer(202, {"server": {}}), NodeDown, Refusal.DOWN),
    (Answer(silent=True), NodeDown, Refusal.DOWN),
]


@pytest.mark.parametrize(("answer", "error", "reason"), CASES, ids=lambda case: str(case)[:60])
def test_a_failing_create_is_told_and_sent_once(
    stub: Stub, node: Node, answer: Answer, error: type[NodeError], reason: Refusal
) -> None:
    stub.on("POST", "/servers", answer)
    with pytest.raises(error) as raised:
        node.ensure_server(SPEC, ADDRESS)
    assert raised.value.reason == reason
    assert stub.count("POST", "/servers") == 1


def test_a_create_that_goes_well_is_sent_once(stub: Stub, node: Node) -> None:
    assert node.ensure_server(SPEC, ADDRESS) == "s1"
    assert stub.count("POST", "/servers") == 1


def test_stale_ids_are_looked_up_again_and_the_create_repeated(stub: Stub, node: Node) -> None:
    stub.on("POST", "/servers", Answer(400, nova("badRequest", "Flavor f1 could not be found.")))
    first = Answer(200, {"flavors": [{"id": "old", "name": "s", "vcpus": 1, "ram": 512, "disk": 5}]})
    stub.on("GET", "/flavors/detail", first)
    assert node.ensure_server(SPEC, ADDRESS) == "s1"
    assert stub.count("POST", "/servers") == 2


@pytest.mark.parametrize(
    ("status", "error_type", "reason"),
    [
        (409, "OverQuota", Refusal.QUOTA),
        (409, "IpAddressGenerationFailure", Refusal.NO_ADDRESS),
        (400, "ExternalIpAddressExhausted", Refusal.NO_ADDRESS),
        (404, "NetworkNotFound", Refusal.MISSING),
    ],
)
def test_neutron_says_why(stub: Stub, node: Node, status: int, error_type: str, reason: Refusal) -> None:
    stub.on("GET", "/networks", Answer(status, neutron(error_type)))
    with pytest.raises(NodeRefused) as raised:
        node.ensure_address(SPEC)
    assert raised.value.reason == reason


def test_a_network_that_is_not_there_is_missing(node: Node) -> None:
    with pytest.raises(NodeRefused) as raised:
        node.ensure_address(SPEC)
    assert raised.value.reason == Refusal.MISSING


def test_a_token_that_dies_is_renewed(stub: Stub, node: Node) -> None:
    stub.on("GET", "/servers/detail", Answer(401, nova("unauthorized", "who?")))
    assert node.machines() == {}
    assert stub.count("POST", "/auth/tokens") == 2


def test_a_token_that_another_thread_renewed_is_not_a_refusal(stub: Stub, node: Node) -> None:
    again = Answer(401, nova("unauthorized", "who?"))
    stub.on("GET", "/servers/detail", again, again)
    assert node.machines() == {}


def test_wrong_credentials_are_refused_after_one_try(stub: Stub, node: Node) -> None:
    stub.on("POST", "/auth/tokens", *[Answer(401, {"error": {"code": 401, "message": "no"}})] * 3)
    with pytest.raises(NodeRefused) as raised:
        node.machines()
    assert raised.value.reason == Refusal.AUTH
    assert stub.count("POST", "/auth/tokens") == 1


def show(stub: Stub, server_id: str, rental: str) -> None:
    """The next lists have this server alone."""
    stub.on("GET", "/servers", Answer(200, {"servers": [{"id": server_id}]}))
    shown = {"id": server_id, "status": "ACTIVE", "metadata": {"kws_rental": rental}}
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [shown]}))


def test_what_was_seen_under_other_marks_is_not_listed_again(stub: Stub, node: Node) -> None:
    assert node.ensure_server(SPEC, ADDRESS) == "s1"
    stub.on("GET", "/servers", Answer(200, {"servers": [{"id": "s1"}]}))
    node.ensure_server(replace(SPEC, mark="kws-2"), ADDRESS)
    assert stub.count("GET", "/servers") == 1
    assert stub.count("GET", "/servers/detail") == 1  # of the first one, when nothing was seen yet
    assert stub.count("POST", "/servers") == 2


def test_what_was_seen_under_this_mark_is_not_made_again(stub: Stub, node: Node) -> None:
    assert node.ensure_server(SPEC, ADDRESS) == "s1"
    show(stub, "s1", "1")
    assert node.ensure_server(SPEC, ADDRESS) == "s1"
    assert stub.count("POST", "/servers") == 1


def test_what_another_process_made_is_found(stub: Stub, node: Node) -> None:
    node.ensure_server(replace(SPEC, mark="kws-2"), ADDRESS)
    show(stub, "s9", "1")
    assert node.ensure_server(SPEC, ADDRESS) == "s9"
    assert stub.count("POST", "/servers") == 1


@pytest.mark.parametrize(("status", "gone"), [(404, True), (403, False)])
def test_only_what_is_not_found_counts_as_gone(stub: Stub, node: Node, status: int, gone: bool) -> None:
    stub.on("GET", "/servers", Answer(200, {"servers": []}))
    stub.on("GET", "/servers/s1", Answer(status, {}))
    with nullcontext() if gone else pytest.raises(NodeError):
        assert node.new_servers(["s1"]) == {}


def test_a_listing_without_metadata_is_not_believed(stub: Stub, node: Node) -> None:
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [{"id": "s0", "status": "UNKNOWN"}]}))
    with pytest.raises(NodeDown):
        node.ensure_server(SPEC, ADDRESS)
    assert stub.count("POST", "/servers") == 0


def test_a_listing_is_read_page_by_page(stub: Stub, node: Node) -> None:
    def server(number: int) -> Any:
        return {"id": f"s{number}", "status": "ACTIVE", "metadata": {"kws_rental": str(number)}}

    link = {"rel": "next", "href": "https://elsewhere/compute/v2.1/servers/detail?marker=s1"}
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [server(1)], "servers_links": [link]}))
    stub.on("GET", "/servers/detail", Answer(200, {"servers": [server(2)]}))
    assert sorted(node.machines()) == ["kws-1", "kws-2"]


def test_an_image_service_that_is_busy_is_not_waited_for(stub: Stub, node: Node) -> None:
    stub.on("GET", "/images", *[Answer(503)] * 6)
    with pytest.raises(NodeDown):
        node.images()
    assert stub.count("GET", "/images") == 1


def test_capacity_goes_without_what_is_lacking(stub: Stub, node: Node) -> None:
    absolute = {"maxTotalInstances": 10, "totalInstancesUsed": 4, "maxTotalCores": -1, "totalCoresUsed": 9}
    stub.on("GET", "/limits", Answer(200, {"limits": {"absolute": absolute}}))
    stub.on("GET", "/os-hypervisors/detail", Answer(403, nova("forbidden", "admins only")))
    stub.on("GET", "/details.json", Answer(404))
    capacity = node.capacity()  # no Placement in this catalogue, no admin role, no quota details
    assert (capacity.vcpus, capacity.free_addresses, capacity.free_servers) == (None, None, 6)
    stub.on("GET", "/limits", Answer(200, {"limits": {"absolute": absolute}}))
    node.capacity()
    assert stub.count("GET", "/os-hypervisors/detail") == 1


def test_broken_servers_tell_what_kind_of_failure_it_was(stub: Stub, node: Node) -> None:
    faults = {"1": "No valid host was found. ", "2": "Quota exceeded", "3": "libvirt said no"}
    servers = [
        {"id": n, "status": "ERROR", "metadata": {"kws_rental": n}, "fault": {"message": text}}
        for n, text in faults.items()
    ]
    stub.on("GET", "/servers/detail", Answer(200, {"servers": servers}))
    found = node.machines()
    reasons = [found[f"kws-{n}"].refusal for n in faults]
    assert reasons == [Refusal.NO_HOST, Refusal.QUOTA, Refusal.FAILED]


@pytest.mark.parametrize(("check", "asked"), [("active", 0), ("ssh", 1)])
def test_the_console_is_read_only_after_a_boot(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: str, asked: int
) -> None:
    line = "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 SHA256:" + "x" * 43
    text = f"{line}\n-----END SSH HOST KEY FINGERPRINTS-----"
    stub.on("POST", "/servers/s1/action", Answer(200, {"output": text}))
    with node_on(stub, tmp_path, monkeypatch, ready_check=check) as node:
        found = node.host_keys("s1")
    assert found == ["SHA256:" + "x" * 43] * asked
    assert stub.count("POST", "/servers/s1/action") == asked


def test_release_is_for_marks_only(stub: Stub, node: Node) -> None:
    for text in ("", "kws-", "web"):
        with pytest.raises(NodeRefused):
            node.release(text)
    assert stub.requests == []


def server(key: str | None = None, rental: str = "1") -> Answer:
    metadata = {"kws_rental": rental} | ({"kws_key": key} if key else {})
    return Answer(200, {"server": {"id": "s1", "status": "ACTIVE", "metadata": metadata}})


def test_a_key_is_sent_once_and_not_again_when_it_is_there(stub: Stub, node: Node) -> None:
    stub.on("GET", "/servers/s1", server(), server("ssh-ed25519 AAAA"), server("ssh-ed25519 BBBB"))
    stub.on("POST", "/servers/s1/metadata", *[Answer(200, {"metadata": {}})] * 3)
    for _ in range(2):
        node.put_key("s1", "ssh-ed25519 AAAA")
        assert stub.count("POST", "/servers/s1/metadata") == 1
    assert stub.sent("POST", "/servers/s1/metadata") == {"metadata": {"kws_key": "ssh-ed25519 AAAA"}}
    node.put_key("s1", "ssh-ed25519 AAAA")
    assert stub.count("POST", "/servers/s1/metadata") == 2


@pytest.mark.parametrize(("answer", "error", "reason"), [case for case in CASES if case[0].status != 202])
def test_a_key_that_the_node_does_not_take(
    stub: Stub, node: Node, answer: Answer, error: type[NodeError], reason: Refusal
) -> None:
    stub.on("GET", "/servers/s1", server())
    stub.on("POST", "/servers/s1/metadata", answer)
    with pytest.raises(error) as raised:
        node.put_key("s1", "ssh-ed25519 AAAA")
    assert raised.value.reason == reason
    assert stub.count("POST", "/servers/s1/metadata") == 1


CPUS = [
    {"id": 0, "time": 17_300_000_000, "utilisation": 15},
    {"id": 1, "time": 200_000_000, "utilisation": None},
]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(200, {"state": "running", "cpu_details": CPUS}), 17.5),
        (
            Answer(200, {"state": "running", "cpu_details": [{"id": None, "time": None}]}),
            None,
        ),  # not counted there
        (Answer(200, {"state": "running", "cpu_details": []}), None),
        (Answer(403, {"forbidden": {"code": 403, "message": "Policy doesn't allow it"}}), None),
        (Answer(404, {"itemNotFound": {"code": 404, "message": "Instance s1 could not be found."}}), None),
        (Answer(409, {"conflictingRequest": {"code": 409, "message": "while it is stopped"}}), None),
        (Answer(501, {"notImplemented": {"code": 501, "message": "not supported"}}), None),
    ],
)
def test_cpu_time_in_seconds_or_none(stub: Stub, node: Node, answer: Answer, seconds: float | None) -> None:
    stub.on("GET", "/servers/s1/diagnostics", answer)
    assert node.cpu_seconds("s1") == seconds
    assert stub.count("GET", "/servers/s1/diagnostics") == 1


def test_cpu_time_of_a_node_that_does_not_answer(stub: Stub, node: Node) -> None:
    stub.on("GET", "/servers/s1/diagnostics", Answer(503, {}))
    with pytest.raises(NodeDown):
        node.cpu_seconds("s1")


def test_no_key_is_left_for_a_server_without_a_mark(stub: Stub, node: Node) -> None:
    stub.on("GET", "/servers/s1", server(rental=""))
    with pytest.raises(NodeRefused) as raised:
        node.put_key("s1", "ssh-ed25519 AAAA")
    assert raised.value.reason == Refusal.MISSING
    assert stub.count("POST", "/servers/s1/metadata") == 0

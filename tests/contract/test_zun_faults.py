"""Every way in which Zun may fail or stall becomes the right error, state or next step; nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from harness.contract_kit import node_on
from harness.openstack_stub import Answer, Stub

from kws_core.errors import NodeDown, NodeError, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Container
from kws_core.nodes.openstack.containers import FORCE_AFTER, ContainerDriver
from kws_core.nodes.openstack.faults import OpenStackRefused
from kws_core.nodes.openstack.translation import container_machine
from kws_core.nodes.values import Address, ContainerSpec, MachineAction, MachineState
from kws_core.values import Kind, Size

SPEC = ContainerSpec("kws-1", "web", "nginx:latest", Size("small", 1, 512, 5), ["run", "it"], {"A": "b"})
ADDRESS = Address("p1", "a1", "203.0.113.9")
RUN = "/containers"


def zun(message: str) -> Any:
    return {"errors": [{"code": "", "title": message, "detail": message, "status": 0, "links": []}]}


def entry(status: str = "Running", rental: str = "1", **other: Any) -> dict[str, Any]:
    return {"uuid": f"c{rental}", "name": "web", "status": status, "labels": {"kws_rental": rental}, **other}


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub(containers=True)
    yield server
    server.close()


@pytest.fixture
def node(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    with node_on(stub, tmp_path, monkeypatch, read_timeout=0.5) as node:
        yield node


CASES = [
    (Answer(400, zun("Invalid input for field 'name'")), NodeRefused, Refusal.INVALID),
    (Answer(403, zun("Quota exceeded for resources: ['containers']")), NodeRefused, Refusal.QUOTA),
    (Answer(403, zun("Policy doesn't allow container:create")), NodeRefused, Refusal.AUTH),
    (Answer(404, zun("Network could not be found")), NodeRefused, Refusal.MISSING),
    (Answer(409, zun("Port p1 is in use")), NodeRefused, Refusal.INVALID),
    (Answer(500, zun("Internal")), NodeDown, Refusal.DOWN),
    (Answer(502, "<html>bad gateway</html>"), NodeDown, Refusal.DOWN),
    (Answer(202, entry(), cut=True), NodeDown, Refusal.DOWN),
    (Answer(202, '{"uuid": "c1"'), NodeDown, Refusal.DOWN),
    (Answer(202, ["not", "an", "object"]), NodeDown, Refusal.DOWN),
    (Answer(202, {}), NodeDown, Refusal.DOWN),
    (Answer(silent=True), NodeDown, Refusal.DOWN),
]


@pytest.mark.parametrize(("answer", "error", "reason"), CASES, ids=lambda case: str(case)[:60])
def test_a_failing_run_is_told_and_sent_once(
    stub: Stub, node: Node, answer: Answer, error: type[NodeError], reason: Refusal
) -> None:
    stub.on("POST", RUN, answer)
    with pytest.raises(error) as raised:
        node.ensure_container(SPEC, ADDRESS)
    assert raised.value.reason == reason
    assert stub.count("POST", RUN) == 1


def test_a_run_asks_for_what_the_spec_says(stub: Stub, node: Node) -> None:
    assert node.ensure_container(SPEC, ADDRESS) == "c1"
    sent = stub.sent("POST", RUN)
    assert sent["nets"] == [{"port": "p1"}]
    assert (sent["name"], sent["image"], sent["command"]) == ("web", "nginx:latest", ["run", "it"])
    assert (sent["cpu"], sent["memory"], sent["environment"]) == (1.0, "512", {"A": "b"})
    assert sent["labels"] == {"kws_rental": "1", "kws_owner": ""}


def test_a_port_that_a_lost_request_of_ours_took_is_no_refusal(stub: Stub, node: Node) -> None:
    stub.on("POST", RUN, Answer(409, zun("Port p1 is in use")))
    stub.on("GET", RUN, Answer(200, {"containers": []}), Answer(200, {"containers": [entry("Creating")]}))
    assert node.ensure_container(SPEC, ADDRESS) == "c1"


@pytest.mark.parametrize("body", [{}, [], "nothing", {"containers": None}, {"containers": {}}], ids=str)
def test_a_listing_that_is_none_is_not_believed(stub: Stub, node: Node, body: Any) -> None:
    stub.on("GET", RUN, *[Answer(200, body)] * 2)
    with pytest.raises(NodeDown):
        node.ensure_container(SPEC, ADDRESS)
    with pytest.raises(NodeDown):
        node.machines()
    assert stub.count("POST", RUN) == 0


def test_a_listing_is_read_page_by_page(stub: Stub, node: Node) -> None:
    more = "http://elsewhere/v1/containers?limit=1&marker=c1"
    stub.on("GET", RUN, Answer(200, {"containers": [entry()], "next": more}))
    stub.on("GET", RUN, Answer(200, {"containers": [entry(rental="2")], "next": None}))
    assert sorted(node.machines([Kind.CONTAINER])) == ["kws-1", "kws-2"]


def test_when_zun_is_down_servers_alone_can_be_seen(stub: Stub, node: Node) -> None:
    stub.on("GET", RUN, Answer(503), Answer(503))
    with pytest.raises(NodeDown):
        node.machines()
    assert node.machines([Kind.SERVER]) == {}
    with pytest.raises(NodeDown):
        node.release("kws-1")


def test_machines_without_a_mark_are_not_acted_on(stub: Stub, node: Node) -> None:
    stub.on("GET", RUN, *[Answer(200, {"containers": [{**entry(), "labels": {}}]})] * 2)
    stub.on("GET", "/servers/s1", Answer(200, {"server": {"id": "s1", "status": "ACTIVE", "metadata": {}}}))
    for kind, machine in ((Kind.CONTAINER, "c1"), (Kind.SERVER, "s1")):
        with pytest.raises(NodeRefused) as raised:
            node.act(kind, machine, MachineAction.STOP)
        assert raised.value.reason == Refusal.MISSING
    assert not [path for method, path in stub.requests if method == "POST" and "/auth/" not in path]


def test_an_action_that_somebody_else_did_meanwhile_is_fine(stub: Stub, node: Node) -> None:
    stub.on(
        "GET", RUN, Answer(200, {"containers": [entry()]}), Answer(200, {"containers": [entry("Stopped")]})
    )
    stub.on("POST", "/stop", Answer(409, zun("Cannot stop container c1 in Stopped state")))
    node.act(Kind.CONTAINER, "c1", MachineAction.STOP)
    stub.on("GET", RUN, *[Answer(200, {"containers": [entry("Paused")]})] * 2)
    stub.on("POST", "/start", Answer(409, zun("Cannot start container c1 in Paused state")))
    with pytest.raises(NodeRefused) as raised:
        node.act(Kind.CONTAINER, "c1", MachineAction.START)
    assert raised.value.reason == Refusal.INVALID


NO = {"message": "no"}


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Answer(501, {"notImplemented": NO}), "ACTIVE", Refusal.NO_CONSOLE),
        (Answer(400, {"badRequest": NO}), "ACTIVE", Refusal.NO_CONSOLE),
        (Answer(404, {"itemNotFound": NO}), "ACTIVE", Refusal.NO_CONSOLE),
        (Answer(409, {"conflictingRequest": NO}), "SHUTOFF", Refusal.OFF),
        (Answer(404, {"itemNotFound": NO}), "SHUTOFF", Refusal.OFF),
        (Answer(200, {"output": ""}), "SHUTOFF", Refusal.OFF),
        (Answer(409, {"conflictingRequest": NO}), "ACTIVE", None),
        (Answer(404, {"itemNotFound": NO}), "BUILD", None),
        (Answer(200, {"output": ""}), "ACTIVE", None),
    ],
)
def test_a_console_that_shows_nothing_says_why(
    stub: Stub, node: Node, answer: Answer, status: str, reason: Refusal | None
) -> None:
    server = {"id": "s1", "status": status, "metadata": {"kws_rental": "1"}}
    stub.on("POST", "/servers/s1/action", answer)
    stub.on("GET", "/servers/s1", Answer(200, {"server": server}))
    if reason is None:
        assert node.console(Kind.SERVER, "s1", 10) == "", "nothing yet"
        return
    with pytest.raises(NodeRefused) as raised:
        node.console(Kind.SERVER, "s1", 10)
    assert raised.value.reason == reason


def test_what_a_stopped_server_wrote_is_shown(stub: Stub, node: Node) -> None:
    stub.on("POST", "/servers/s1/action", Answer(200, {"output": "Power down."}))
    assert node.console(Kind.SERVER, "s1", 10) == "Power down."


def test_a_container_that_is_made_has_nothing_to_say_yet(stub: Stub, node: Node) -> None:
    stub.on("GET", "/c1/logs", Answer(409, zun("Cannot logs container c1 in Creating state")))
    stub.on("GET", RUN, Answer(200, {"containers": [entry("Creating")]}))
    assert node.console(Kind.CONTAINER, "c1", 10) == ""


BAD_COMMAND = 'Docker internal error: 400 Client Error: "x": executable file not found in $PATH'
STATES = [
    (("Creating", "", ""), MachineState.BUILDING, None),
    (("Created", "", ""), MachineState.BUILDING, None),
    (("Created", "container_starting", ""), MachineState.BUILDING, None),
    (("Created", "", BAD_COMMAND), MachineState.BROKEN, Refusal.INVALID),
    (("Created", "container_starting", BAD_COMMAND), MachineState.BUILDING, None),
    (("Error", "", BAD_COMMAND), MachineState.BROKEN, Refusal.INVALID),
    (("Error", "", "Cannot download image from docker: 404"), MachineState.BROKEN, Refusal.NO_IMAGE),
    (("Error", "", "There are not enough hosts available."), MachineState.BROKEN, Refusal.NO_HOST),
    (("Error", "", "Docker internal error: 500"), MachineState.BROKEN, Refusal.FAILED),
    (("Running", "", ""), MachineState.ACTIVE, None),
    (("Running", "container_deleting", ""), MachineState.DELETING, None),
    (("Stopped", "", ""), MachineState.STOPPED, None),
    (("Something new", "", ""), MachineState.STOPPED, None),
    (("Deleting", "", ""), MachineState.DELETING, None),
]


@pytest.mark.parametrize(("shown", "state", "refusal"), STATES, ids=str)
def test_states(shown: tuple[str, str, str], state: MachineState, refusal: Refusal | None) -> None:
    status, task, reason = shown
    machine = container_machine(Container("c1", "web", status, {"kws_rental": "1"}, task, reason))
    assert (machine.state, machine.refusal, machine.fault) == (state, refusal, reason)


def test_what_is_gone_is_not_shown_and_a_stopped_one_tells_how_it_ended(stub: Stub, node: Node) -> None:
    ended = entry("Stopped", "2", status_detail="Exited(3) 2 mins ago ")
    gone = [entry("Deleted"), entry("Dead", "3")]
    stub.on("GET", RUN, Answer(200, {"containers": [*gone, ended]}), Answer(200, {"containers": gone}))
    assert [machine.fault for machine in node.machines().values()] == ["Exited(3) 2 mins ago "]
    assert sorted(node.marked()) == ["kws-1", "kws-3"]  # their records are still to be deleted


class Dock:
    """A ContainerDriver on containers that only write down what they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seconds = 0.0
        self.refuse = 0
        self.dock = ContainerDriver("node", lambda: self.seconds)
        self.cloud = cast(Cloud, SimpleNamespace(containers=self))

    def end(self, status: str, task: str = "", reason: str = "") -> bool:
        container = Container("c1", "web", status, {"kws_rental": "1"}, task, reason)
        return self.dock.end(self.cloud, container)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.refuse:
            raise OpenStackRefused("node", Refusal.INVALID, "no", self.refuse)

    def stop(self, container_id: str) -> None:
        self._ask("stop")

    def unpause(self, container_id: str) -> None:
        self._ask("unpause")

    def delete(self, container_id: str, force: bool = False) -> bool:
        self._ask("force" if force else "delete")
        return True


@pytest.mark.parametrize(
    ("shown", "asked"),
    [
        (("Running",), ["stop"]),
        (("Running", "container_starting"), []),
        (("Running", "container_stopping"), []),
        (("Created", "container_starting"), []),
        (("Created",), []),
        (("Created", "", "bad command"), ["delete"]),
        (("Creating", "container_creating"), []),
        (("Paused",), ["unpause"]),
        (("Stopped",), ["delete"]),
        (("Error",), ["delete"]),
        (("Deleted",), ["delete"]),
        (("Deleting",), []),
        (("Unknown",), []),
    ],
    ids=str,
)
def test_the_next_step_to_the_end(shown: tuple[str, ...], asked: list[str]) -> None:
    dock = Dock()
    assert not dock.end(*shown)
    assert dock.asked == asked
    assert not dock.end(*shown)  # asked for once is enough for a while
    assert dock.asked == asked


def test_a_stop_and_then_a_deletion_but_never_both_at_once() -> None:
    dock = Dock()
    for shown in (("Running",), ("Running", "container_stopping"), ("Stopped",), ("Deleting",)):
        dock.end(*shown)
    assert dock.asked == ["stop", "delete"]


def test_what_had_no_effect_is_asked_for_again() -> None:
    dock = Dock()
    dock.end("Running")
    dock.seconds = 20
    dock.end("Running")
    assert dock.asked == ["stop", "stop"]


def test_one_that_was_never_started_goes_after_a_while() -> None:
    dock = Dock()
    dock.end("Created")
    dock.seconds = 31
    dock.end("Created")
    assert dock.asked == ["delete"]


@pytest.mark.parametrize("status", [403, 409])
def test_force_comes_last_and_only_if_allowed(status: int) -> None:
    dock = Dock()
    dock.end("Creating", "container_creating")
    dock.seconds = FORCE_AFTER + 1
    dock.refuse = status
    assert not dock.end("Creating", "container_creating")
    assert dock.asked == ["force"]


def test_an_unusual_name_is_replaced(stub: Stub, node: Node) -> None:
    node.ensure_container(replace(SPEC, name="웹"), ADDRESS)
    assert stub.sent("POST", RUN)["name"] == "kws-1"

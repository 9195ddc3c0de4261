"""The breaker keeps a dead node from costing everybody a timeout."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness.contract_kit import Clock

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.circuit_breaker import CircuitBreaker, GuardedNode
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import Address, ContainerSpec, Login, MachineAction, MachineState, ServerSpec
from kws_core.values import Kind, Size

DOWN = NodeDown("fake", Refusal.DOWN, "no answer")


@pytest.fixture
def fake(clock: Clock) -> FakeNode:
    return FakeNode("fake", clock)


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


@pytest.fixture
def node(fake: FakeNode, breaker: CircuitBreaker) -> GuardedNode:
    ticks = iter(range(1000))
    return GuardedNode(fake, breaker, lambda: float(next(ticks)))


def fails(call: Callable[[], object]) -> NodeDown:
    with pytest.raises(NodeDown) as raised:
        call()
    return raised.value


def test_two_failures_open_it_and_calls_fail_at_once(
    fake: FakeNode, node: GuardedNode, breaker: CircuitBreaker
) -> None:
    fake.go_down()
    fails(node.machines)
    assert breaker.open_until is None
    fails(node.machines)
    assert breaker.open_until
    error = fails(node.images)
    assert fake.calls == ["machines", "machines"]
    assert error.reason == Refusal.DOWN
    assert "12:00:05" in error.detail
    assert node.last_error == "switched off"


def test_failures_must_be_in_a_row(fake: FakeNode, node: GuardedNode, breaker: CircuitBreaker) -> None:
    for _ in range(3):
        fake.fail_next("machines", DOWN)
        fails(node.machines)
        node.machines()
    assert breaker.open_until is None


def test_one_call_is_let_through_after_the_pause(
    fake: FakeNode, node: GuardedNode, clock: Clock, breaker: CircuitBreaker
) -> None:
    fake.go_down()
    fails(node.machines)
    fails(node.machines)
    fake.come_back()
    clock.advance(4.9)
    fails(node.machines)
    clock.advance(0.1)
    assert node.machines() == {}
    assert breaker.open_until is None
    assert node.last_error == ""


def test_the_pause_doubles_up_to_a_minute(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.failed()
    pauses = []
    for _ in range(6):
        if breaker.open_until:
            clock.moment = breaker.open_until
            assert breaker.admit()
        breaker.failed()
        assert breaker.open_until
        pauses.append((breaker.open_until - clock()).total_seconds())
    assert pauses == [5, 10, 20, 40, 60, 60]
    clock.advance(60)
    assert breaker.admit()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.open_until
    assert (breaker.open_until - clock()).total_seconds() == 5


def test_only_one_probe_at_a_time(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.failed()
    breaker.failed()
    clock.advance(5)
    assert [breaker.admit() for _ in range(3)] == [True, False, False]
    breaker.abandoned()
    assert breaker.admit()


def test_a_late_failure_does_not_prolong_the_pause(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    breaker.failed()
    breaker.failed()
    until = breaker.open_until
    clock.advance(3)
    breaker.failed()
    assert breaker.open_until == until


def test_a_refusal_is_an_answer(fake: FakeNode, node: GuardedNode, breaker: CircuitBreaker) -> None:
    refused = NodeRefused("fake", Refusal.QUOTA)
    for _ in range(3):
        fake.fail_next("machines", refused)
        with pytest.raises(NodeRefused):
            node.machines()
    assert breaker.open_until is None
    assert node.latency == 1.0


def test_a_bug_of_ours_says_nothing_about_the_node(
    fake: FakeNode, node: GuardedNode, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.go_down()
    fails(node.machines)
    fails(node.machines)
    fake.come_back()
    clock.advance(5)
    with monkeypatch.context() as patch:
        patch.setattr(fake, "machines", lambda kinds: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            node.machines()
    assert node.images()


def test_a_look_at_a_login_neither_opens_nor_closes_it(fake: FakeNode, node: GuardedNode) -> None:
    address = Address("p", "a", "203.0.113.9")
    fake.go_down()
    fails(node.machines)
    assert not node.check_login(address, Login("debian", None)).answers
    fails(node.machines)
    fails(lambda: node.check_login(address, Login("debian", None)))


def test_the_node_itself_stays_within_reach(fake: FakeNode, node: GuardedNode) -> None:
    fake.go_down()
    fails(node.machines)
    fails(node.machines)
    assert node.raw() is fake
    node.close()


def test_containers_actions_and_consoles_are_guarded_too(
    fake: FakeNode, node: GuardedNode, breaker: CircuitBreaker
) -> None:
    spec = ContainerSpec("kws-1", "web", "nginx:latest", Size("small", 1, 512, 5))
    address = node.ensure_address(spec)
    container = node.ensure_container(spec, address)
    node.act(Kind.CONTAINER, container, MachineAction.STOP)
    assert node.machines([Kind.CONTAINER])["kws-1"].state is MachineState.STOPPED
    assert node.console(Kind.CONTAINER, container, 1)
    fake.go_down()
    fails(lambda: node.act(Kind.CONTAINER, container, MachineAction.START))
    fails(lambda: node.console(Kind.CONTAINER, container, 1))
    assert breaker.open_until
    calls = len(fake.calls)
    fails(lambda: node.ensure_container(spec, address))
    assert len(fake.calls) == calls


def test_a_new_key_is_guarded_too(
    fake: FakeNode, node: GuardedNode, clock: Clock, breaker: CircuitBreaker
) -> None:
    spec = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), "")
    server = node.ensure_server(spec, node.ensure_address(spec))
    clock.advance(10)
    node.put_key(server, "ssh-ed25519 AAAA")
    node.act(Kind.SERVER, server, MachineAction.REBOOT)
    assert fake.opens("kws-1", "ssh-ed25519 AAAA")
    fake.go_down()
    fails(lambda: node.put_key(server, "ssh-ed25519 BBBB"))
    fails(lambda: node.put_key(server, "ssh-ed25519 BBBB"))
    assert breaker.open_until
    calls = len(fake.calls)
    fails(lambda: node.put_key(server, "ssh-ed25519 BBBB"))
    assert len(fake.calls) == calls


def test_the_reading_of_cpu_time_is_guarded_too(
    fake: FakeNode, node: GuardedNode, clock: Clock, breaker: CircuitBreaker
) -> None:
    spec = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), "")
    server = node.ensure_server(spec, node.ensure_address(spec))
    clock.advance(1000)
    assert node.cpu_seconds(server) == 1.0
    fake.go_down()
    for _ in range(2):
        fails(lambda: node.cpu_seconds(server))
    assert breaker.open_until

"""What every Node that runs containers keeps, tried on the node in memory and on a real Zun alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest
from harness.contract_kit import BUSYBOX, IMAGE, Kit

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.values import MachineAction, MachineState, Rebuild
from kws_core.values import Kind

T = TypeVar("T")
ONE_ADDRESS = Counter({"security_group": 1, "port": 1, "floating_ip": 1})
ONE_SET = ONE_ADDRESS + Counter({"container": 1})
SLEEP = ("sleep", "600")


def four_times(call: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(4) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(4)]]


def test_a_container_is_made_once_and_becomes_active(dock: Kit) -> None:
    spec = dock.container()
    address = dock.node.ensure_address(spec)
    container = dock.run(spec)
    assert dock.node.ensure_container(spec, address) == container
    shown = dock.until_state(spec.mark, MachineState.ACTIVE)
    assert (shown.id, shown.mark, shown.name, shown.kind) == (container, spec.mark, "web", Kind.CONTAINER)
    assert (shown.refusal, shown.fault) == (None, "")
    assert shown.created_at is not None and shown.created_at.tzinfo is not None
    assert dock.node.ensure_address(spec) == address
    assert dock.node.ensure_container(spec, address) == container
    assert dock.count(spec.mark) == ONE_SET


def test_a_container_is_made_once_by_four_threads(dock: Kit) -> None:
    spec = dock.container()
    address = dock.node.ensure_address(spec)
    assert len(set(four_times(lambda: dock.node.ensure_container(spec, address)))) == 1
    assert dock.count(spec.mark) == ONE_SET


def test_a_name_that_zun_does_not_take_is_no_obstacle(dock: Kit) -> None:
    spec = replace(dock.container(), name="웹 서버")
    dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)


def test_servers_and_containers_are_listed_together(dock: Kit) -> None:
    container, server = dock.container(), dock.spec()
    dock.run(container)
    dock.node.ensure_server(server, dock.node.ensure_address(server))
    shown = dock.node.machines()
    assert (shown[container.mark].kind, shown[server.mark].kind) == (Kind.CONTAINER, Kind.SERVER)
    assert container.mark not in dock.node.machines([Kind.SERVER])
    assert server.mark not in dock.node.machines([Kind.CONTAINER])
    assert dock.node.machines([]) == {}


def test_an_unknown_image_breaks_the_container(dock: Kit) -> None:
    spec = dock.container("no-such-image:1")
    dock.run(spec)
    shown = dock.until_state(spec.mark, MachineState.BROKEN)
    assert shown.refusal == Refusal.NO_IMAGE
    assert "Cannot download image" in shown.fault
    dock.until(lambda: not dock.node.release(spec.mark))


def test_a_bad_command_breaks_the_container(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, ["no-such-command"])
    dock.run(spec)
    shown = dock.until_state(spec.mark, MachineState.BROKEN)
    assert shown.refusal == Refusal.INVALID
    assert "executable file not found" in shown.fault
    dock.until(lambda: not dock.node.release(spec.mark))
    assert not dock.count(spec.mark)


def test_more_than_the_node_has_breaks_the_container(dock: Kit) -> None:
    spec = dock.container()
    spec = replace(spec, size=replace(spec.size, vcpus=16))
    dock.run(spec)
    assert dock.until_state(spec.mark, MachineState.BROKEN).refusal == Refusal.NO_HOST


def test_stop_start_and_reboot(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP)
    container = dock.run(spec)
    shown = dock.until_state(spec.mark, MachineState.ACTIVE)
    for action, state in (
        (MachineAction.START, MachineState.ACTIVE),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.START, MachineState.ACTIVE),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.REBOOT, MachineState.ACTIVE),
    ):
        dock.act(shown, action)
        dock.node.act(Kind.CONTAINER, container, action)
        dock.until_state(spec.mark, state)
    assert dock.count(spec.mark) == ONE_SET


def test_actions_by_four_threads(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP)
    container = dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    four_times(lambda: dock.node.act(Kind.CONTAINER, container, MachineAction.STOP))
    dock.until_state(spec.mark, MachineState.STOPPED)
    four_times(lambda: dock.node.act(Kind.CONTAINER, container, MachineAction.START))
    dock.until_state(spec.mark, MachineState.ACTIVE)


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_is_done_to_what_is_not_there(dock: Kit, kind: Kind) -> None:
    nobody = "7f4c1d9e-0000-4000-8000-000000000000"
    for ask in (
        lambda: dock.node.act(kind, nobody, MachineAction.STOP),
        lambda: dock.node.console(kind, nobody, 10),
    ):
        with pytest.raises(NodeRefused) as refused:
            ask()  # type: ignore[no-untyped-call]
        assert refused.value.reason == Refusal.MISSING


def test_release_goes_on_until_nothing_is_shown(dock: Kit) -> None:
    spec = dock.container()
    dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    dock.until(lambda: not dock.node.release(spec.mark))
    assert spec.mark not in dock.node.marked()
    assert spec.mark not in dock.node.machines()
    assert not dock.node.release(spec.mark)


def test_release_of_one_that_is_still_made(dock: Kit) -> None:
    spec = dock.container()
    dock.run(spec)
    dock.node.release(spec.mark)
    dock.until(lambda: not dock.node.release(spec.mark))
    assert not dock.count(spec.mark)


def test_release_of_a_stopped_one(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP)
    container = dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    dock.node.act(Kind.CONTAINER, container, MachineAction.STOP)
    dock.until_state(spec.mark, MachineState.STOPPED)
    dock.until(lambda: not dock.node.release(spec.mark))


def test_release_while_it_is_being_stopped(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP)
    container = dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    dock.node.act(Kind.CONTAINER, container, MachineAction.STOP)
    dock.until(lambda: not dock.node.release(spec.mark))


def test_release_by_four_threads(dock: Kit) -> None:
    spec = dock.container()
    dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    dock.until(lambda: not any(four_times(lambda: dock.node.release(spec.mark))))


def test_release_leaves_others_alone(dock: Kit) -> None:
    goes, stays = dock.container(), dock.container()
    dock.node.ensure_address(goes)
    container = dock.run(stays)
    before = dock.node.marked()[stays.mark]
    dock.until(lambda: not dock.node.release(goes.mark))
    assert dock.node.marked()[stays.mark] == before
    assert dock.node.machines()[stays.mark].id == container


@pytest.mark.parametrize("lost", [("floating_ip",), ("port",), ("port", "security_group")], ids="+".join)
def test_a_half_made_set_is_completed(dock: Kit, lost: tuple[str, ...]) -> None:
    spec = dock.container()
    dock.node.ensure_address(spec)
    for kind in lost:
        dock.lose(spec.mark, kind)
    dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    assert dock.count(spec.mark) == ONE_SET


def test_release_of_half_a_set(dock: Kit) -> None:
    spec = dock.container()
    dock.node.ensure_address(spec)
    dock.lose(spec.mark, "port")
    dock.until(lambda: not dock.node.release(spec.mark))
    assert not dock.count(spec.mark)


def test_a_container_that_vanished_is_made_again(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, ["no-such-command"])  # broken: deleted without the grace of a stop
    first = dock.run(spec)
    dock.until_state(spec.mark, MachineState.BROKEN)
    dock.lose(spec.mark, "container")
    dock.until(lambda: dock.count(spec.mark) == ONE_ADDRESS)
    again = dock.run(replace(spec, command=SLEEP))
    assert again != first
    dock.until_state(spec.mark, MachineState.ACTIVE)
    assert dock.count(spec.mark) == ONE_SET


def test_twelve_at_once(roomy: Kit) -> None:
    dock = roomy
    specs = [dock.container(BUSYBOX, ("sh", "-c", "trap exit TERM; sleep 600 & wait")) for _ in range(6)]
    specs += [dock.container() for _ in range(6)]
    with ThreadPoolExecutor(12) as pool:
        ids = list(pool.map(dock.run, specs))
    assert len(set(ids)) == 12
    for spec in specs:
        dock.until_state(spec.mark, MachineState.ACTIVE)
        assert dock.count(spec.mark) == ONE_SET
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(dock.node.release, [spec.mark for spec in specs]))
    for spec in specs:
        dock.until(lambda mark=spec.mark: not dock.node.release(mark))  # type: ignore[misc]


def test_server_actions(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    shown = kit.until_state(spec.mark, MachineState.ACTIVE)
    for action, state in (
        (MachineAction.START, MachineState.ACTIVE),
        (MachineAction.REBOOT, MachineState.ACTIVE),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.START, MachineState.ACTIVE),
        (MachineAction.STOP, MachineState.STOPPED),
        (MachineAction.REBOOT, MachineState.ACTIVE),
    ):
        kit.act(shown, action)
        kit.node.act(Kind.SERVER, server, action)
        kit.until_state(spec.mark, state)
    assert "FAKE CONSOLE OUTPUT" in kit.node.console(Kind.SERVER, server, 50)


def test_a_stopped_servers_console_is_not_an_empty_text(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    shown = kit.until_state(spec.mark, MachineState.ACTIVE)
    kit.act(shown, MachineAction.STOP)
    kit.until_state(spec.mark, MachineState.STOPPED)
    try:
        seen = kit.node.console(Kind.SERVER, server, 50)
    except NodeRefused as error:
        seen = error.reason
    assert seen == Refusal.OFF or "FAKE CONSOLE OUTPUT" in seen  # as the hypervisor has it


def test_server_actions_by_four_threads(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    kit.until_state(spec.mark, MachineState.ACTIVE)
    four_times(lambda: kit.node.act(Kind.SERVER, server, MachineAction.STOP))
    kit.until_state(spec.mark, MachineState.STOPPED)
    four_times(lambda: kit.node.act(Kind.SERVER, server, MachineAction.START))
    kit.until_state(spec.mark, MachineState.ACTIVE)


def test_a_node_without_containers(bare: Kit) -> None:
    server, container = bare.spec(), bare.container()
    bare.node.ensure_server(server, bare.node.ensure_address(server))
    assert bare.node.machines()[server.mark].kind is Kind.SERVER
    assert bare.node.machines([Kind.CONTAINER]) == {}
    address = bare.node.ensure_address(container)
    with pytest.raises(NodeRefused) as refused:
        bare.node.ensure_container(container, address)
    assert refused.value.reason == Refusal.MISSING
    bare.until(lambda: not bare.node.release(container.mark))
    assert IMAGE in {image.name for image in bare.node.images()}


def test_a_container_is_made_again_on_its_address(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP, {"COLOR": "blue"})
    address = dock.node.ensure_address(spec)
    first = dock.run(spec)
    shown = dock.until_state(spec.mark, MachineState.ACTIVE)
    assert (tuple(shown.command), shown.environment["COLOR"]) == (SLEEP, "blue"), "all that KWS forgets"
    again = Rebuild(spec, 1)
    assert dock.node.rebuild(again, address) is None, "what was there is taken away first"
    second = dock.rebuild(again, address)
    assert second != first
    assert dock.until_state(spec.mark, MachineState.ACTIVE).id == second
    assert dock.node.rebuild(again, address) == second
    assert dock.node.ensure_address(spec) == address
    assert dock.count(spec.mark) == ONE_SET


def test_a_container_is_made_again_once_by_four_threads(dock: Kit) -> None:
    spec = dock.container(BUSYBOX, SLEEP)
    address = dock.node.ensure_address(spec)
    dock.run(spec)
    dock.until_state(spec.mark, MachineState.ACTIVE)
    made: set[str | None] = set()

    def all_agree() -> bool:
        made.clear()
        made.update(four_times(lambda: dock.node.rebuild(Rebuild(spec, 1), address)))
        return None not in made

    dock.until(all_agree)
    assert len(made) == 1
    assert dock.count(spec.mark) == ONE_SET

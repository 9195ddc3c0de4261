"""What every Node keeps, tried on the node in memory and on a real OpenStack alike."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import pytest
from harness.contract_kit import IMAGE, Kit

from kws_core.errors import NodeRefused, Refusal
from kws_core.forms import ssh_keys
from kws_core.nodes.offered_images import copy_mark
from kws_core.nodes.values import (
    Address,
    CopySpec,
    Login,
    Machine,
    MachineAction,
    MachineState,
    NetworkSpec,
    Rebuild,
    RemainingResources,
    Resize,
    ResizeState,
    ServerSpec,
)
from kws_core.values import Kind, ResizeEnd, Size

T = TypeVar("T")
LOGIN = Login("debian", None)
ONE_ADDRESS = Counter({"security_group": 1, "port": 1, "floating_ip": 1})


def four_times(call: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(4) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(4)]]


def test_images_has_what_servers_can_be_made_from(kit: Kit) -> None:
    image = next(image for image in kit.node.images() if image.name == IMAGE)
    assert image.id
    assert image.login == "debian"
    assert not image.hidden


def test_capacity_tells_totals_use_and_what_is_free(kit: Kit) -> None:
    capacity = kit.node.capacity()
    assert capacity.vcpus and capacity.ram_mb and capacity.disk_gb
    assert capacity.used_vcpus <= capacity.vcpus
    assert capacity.free_addresses and capacity.free_addresses > 0
    assert capacity.at.tzinfo is not None


def test_capacity_tells_what_one_host_gives(kit: Kit) -> None:
    capacity = kit.node.capacity()
    (host,) = capacity.hosts
    assert capacity.vcpus and host.vcpus and host.ram_mb and host.disk_gb
    assert (host.vcpus <= capacity.vcpus, host.free_vcpus is not None) == (True, True)
    assert host.lacks(Size("small", 1, 512, 5)) == []


def test_a_server_larger_than_its_host_is_made_by_nobody(kit: Kit) -> None:
    (host,) = kit.node.capacity().hosts
    spec = kit.spec(size=Size("huge", (host.vcpus or 0) + 1, 512, 5))
    try:
        kit.node.ensure_server(spec, kit.node.ensure_address(spec))
        refusal = kit.until_state(spec.mark, MachineState.BROKEN).refusal
    except NodeRefused as error:
        refusal = Refusal(error.reason)
    assert refusal in (Refusal.NO_HOST, Refusal.QUOTA), "a project's quota may say no before the host does"


def test_an_address_is_made_once(kit: Kit) -> None:
    spec = kit.spec()
    first = kit.node.ensure_address(spec)
    assert first.floating_ip and first.fixed_ip
    assert kit.node.ensure_address(spec) == first
    assert kit.count(spec.mark) == ONE_ADDRESS


def test_an_address_is_made_once_by_four_threads(kit: Kit) -> None:
    spec = kit.spec()
    assert len(set(four_times(lambda: kit.node.ensure_address(spec)))) == 1
    assert kit.count(spec.mark) == ONE_ADDRESS


@pytest.mark.parametrize(
    "lost", [("floating_ip",), ("port",), ("floating_ip", "port"), ("port", "security_group")], ids="+".join
)
def test_a_half_made_address_is_completed(kit: Kit, lost: tuple[str, ...]) -> None:
    spec = kit.spec()
    before = kit.node.ensure_address(spec)
    for kind in lost:
        kit.lose(spec.mark, kind)
    after = kit.node.ensure_address(spec)
    assert kit.count(spec.mark) == ONE_ADDRESS
    assert (after.floating_ip_id == before.floating_ip_id) == ("floating_ip" not in lost)
    assert (after.port_id == before.port_id) == ("port" not in lost)
    assert kit.node.ensure_address(spec) == after


def test_two_rentals_of_one_name_share_nothing(kit: Kit) -> None:
    one, two = kit.node.ensure_address(kit.spec()), kit.node.ensure_address(kit.spec())
    assert one.floating_ip != two.floating_ip
    assert one.port_id != two.port_id


def test_a_server_is_made_once_and_becomes_active(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    assert kit.node.ensure_server(spec, address) == server
    kit.until(lambda: kit.node.machines()[spec.mark].state is MachineState.ACTIVE)
    machine = kit.node.machines()[spec.mark]
    assert (machine.id, machine.mark, machine.name, machine.refusal) == (server, spec.mark, "web", None)
    kit.until(lambda: kit.node.check_login(address, LOGIN).accepted)
    assert isinstance(kit.node.host_keys(server), list)
    assert kit.node.ensure_server(spec, address) == server
    assert kit.count(spec.mark) == ONE_ADDRESS + Counter({"server": 1})


def test_a_new_server_is_shown_until_it_is_gone(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    other = kit.spec()
    being_created = kit.node.ensure_server(other, kit.node.ensure_address(other))
    seen = kit.node.new_servers([server, "no-such-server"])
    assert "no-such-server" not in seen
    assert seen[server].state in (MachineState.BUILDING, MachineState.ACTIVE)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    seen = kit.node.new_servers([server])
    assert (seen[server].state, seen[server].mark) == (MachineState.ACTIVE, spec.mark)
    kit.until_state(other.mark, MachineState.ACTIVE)
    assert kit.node.new_servers([]).keys().isdisjoint({server, being_created})
    kit.node.release(spec.mark)
    kit.until(lambda: server not in kit.node.new_servers([server]))


def test_a_server_is_made_once_by_four_threads(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    assert len(set(four_times(lambda: kit.node.ensure_server(spec, address)))) == 1
    assert kit.count(spec.mark)["server"] == 1


def test_an_unknown_image_is_refused_and_nothing_is_made(kit: Kit) -> None:
    spec = replace(kit.spec(), image="no-such-image")
    address = kit.node.ensure_address(spec)
    with pytest.raises(NodeRefused) as refused:
        kit.node.ensure_server(spec, address)
    assert refused.value.reason == Refusal.NO_IMAGE
    assert kit.count(spec.mark) == ONE_ADDRESS


def test_release_goes_on_until_nothing_is_shown(kit: Kit) -> None:
    spec = kit.spec()
    kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    kit.until(lambda: not kit.node.release(spec.mark))
    assert spec.mark not in kit.node.marked()
    assert spec.mark not in kit.node.machines()
    assert not kit.node.release(spec.mark)


def test_release_of_nothing_is_fine(kit: Kit) -> None:
    assert not kit.node.release(kit.spec().mark)


def test_release_of_half_a_set(kit: Kit) -> None:
    spec = kit.spec()
    kit.node.ensure_address(spec)
    kit.lose(spec.mark, "port")
    kit.until(lambda: not kit.node.release(spec.mark))
    assert not kit.count(spec.mark)


def test_release_by_four_threads(kit: Kit) -> None:
    spec = kit.spec()
    kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    kit.until(lambda: not any(four_times(lambda: kit.node.release(spec.mark))))


def test_release_leaves_others_alone(kit: Kit) -> None:
    goes, stays = kit.spec(), kit.spec()
    kit.node.ensure_address(goes)
    server = kit.node.ensure_server(stays, kit.node.ensure_address(stays))
    before = kit.node.marked()[stays.mark]
    kit.until(lambda: not kit.node.release(goes.mark))
    assert kit.node.marked()[stays.mark] == before
    assert kit.node.machines()[stays.mark].id == server


def test_who_needs_only_the_port_gets_it_before_the_rest(kit: Kit) -> None:
    spec, servers = kit.spec(), list[str]()

    def build(port_id: str) -> None:
        servers.append(kit.node.ensure_server(spec, Address(port_id, "", "")))

    address = kit.node.ensure_address(spec, build)
    assert servers == [kit.node.ensure_server(spec, address)]
    assert kit.count(spec.mark) == ONE_ADDRESS + Counter({"server": 1})


def test_a_released_mark_can_be_made_anew(kit: Kit) -> None:
    spec = kit.spec()
    kit.node.ensure_address(spec)
    kit.until(lambda: not kit.node.release(spec.mark))
    assert kit.node.ensure_address(spec).floating_ip
    assert kit.count(spec.mark) == ONE_ADDRESS


def test_cpu_time_only_grows_and_is_none_where_the_node_does_not_tell(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    shown = kit.until_state(spec.mark, MachineState.ACTIVE)
    first, second = kit.node.cpu_seconds(server), kit.node.cpu_seconds(server)
    assert (first is None) == (second is None), "who may see it once may see it again"
    if first is not None and second is not None:
        assert 0 <= first <= second < 3600, "seconds, not nanoseconds"
    kit.act(shown, MachineAction.STOP)
    kit.until_state(spec.mark, MachineState.STOPPED)
    assert kit.node.cpu_seconds(server) is None
    assert kit.node.cpu_seconds("7f4c1d9e-0000-4000-8000-000000000000") is None


def test_a_key_is_left_for_a_server_over_an_earlier_one(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    shown = kit.until_state(spec.mark, MachineState.ACTIVE)
    first, second = (ssh_keys.generate("kws-" + "a" * 63).public for _ in range(2))
    for key in (first, first, second, second):
        kit.node.put_key(server, key)
        assert kit.key_left_for(server) == key
    kit.act(shown, MachineAction.REBOOT)
    kit.node.put_key(server, second)  # it is there already: fine while the server reboots
    kit.act(shown, MachineAction.STOP)
    kit.until_state(spec.mark, MachineState.STOPPED)
    kit.node.put_key(server, first)  # for when it is started
    assert kit.key_left_for(server) == first
    assert kit.node.machines()[spec.mark].id == server, "the mark stays"


def test_a_key_that_no_metadata_can_hold_is_refused(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    kit.until_state(spec.mark, MachineState.ACTIVE)
    with pytest.raises(NodeRefused) as refused:
        kit.node.put_key(server, "ssh-rsa " + "A" * 248)
    assert refused.value.reason == Refusal.INVALID
    assert kit.key_left_for(server) == ""


def test_no_key_is_left_for_what_is_not_there(kit: Kit) -> None:
    with pytest.raises(NodeRefused) as refused:
        kit.node.put_key("7f4c1d9e-0000-4000-8000-000000000000", "ssh-ed25519 AAAA")
    assert refused.value.reason == Refusal.MISSING


@pytest.mark.parametrize("kind", list(Kind))
def test_within_a_network_of_ones_own_everything_is_open(kit: Kit, kind: Kind) -> None:
    made = kit.spec() if kind is Kind.SERVER else kit.container()
    kit.node.ensure_address(made)  # as one was made by an earlier version
    assert kit.lets_in_from(made.mark) == set()
    network = NetworkSpec(kit.spec().mark, "mine", f"10.{secrets.randbelow(100) + 100}.7.0/24")
    spec = replace(made, network=network)
    for _ in range(2):
        kit.node.ensure_address(spec)
        assert kit.lets_in_from(spec.mark) == {network.cidr}


def test_a_copy_of_a_server_is_made_once_and_offered_to_nobody(kit: Kit) -> None:
    spec = kit.spec()
    server = kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    kit.until_state(spec.mark, MachineState.ACTIVE)
    wanted = CopySpec(f"kws-{secrets.token_hex(5)}", "debian", spec.size.disk_gb, "U0T")
    image = kit.node.shelf.ensure_copy(server, wanted)
    assert kit.node.shelf.ensure_copy(server, wanted) == image
    made = kit.node.shelf.look(image)
    assert (made.name, copy_mark(made), made.visibility) == (wanted.mark, wanted.mark, "private")
    assert wanted.mark not in {one.name for one in kit.node.images()}
    assert kit.node.marked()[wanted.mark].kinds() == ["image"]
    assert kit.node.release(wanted.mark) == RemainingResources(), "it outlives its server"
    assert kit.node.shelf.delete(image)
    assert wanted.mark not in kit.node.marked()


def test_no_copy_of_a_server_that_is_not_there(kit: Kit) -> None:
    wanted = CopySpec(f"kws-{secrets.token_hex(5)}", "debian", 1)
    with pytest.raises(NodeRefused) as error:
        kit.node.shelf.ensure_copy("00000000-0000-0000-0000-000000000000", wanted)
    assert error.value.reason == Refusal.MISSING


def test_a_server_is_rebuilt_once_for_each_number(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    assert kit.rebuilds(server) == 0
    for number in (1, 2):
        again = Rebuild(spec, number)
        assert kit.rebuild(again, address) == server
        assert kit.node.rebuild(again, address) == server, "while it is under way"
        kit.until_state(spec.mark, MachineState.ACTIVE)
        assert kit.node.rebuild(again, address) == server, "when it is done"
        assert kit.rebuilds(server) == number
    kit.until(lambda: kit.node.check_login(address, LOGIN).accepted)
    assert kit.node.ensure_address(spec) == address
    assert kit.count(spec.mark) == ONE_ADDRESS + Counter({"server": 1})
    assert kit.user_data_of(server) == spec.user_data
    assert kit.key_left_for(server) == ""


def test_a_server_is_rebuilt_once_by_four_threads(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    assert four_times(lambda: kit.node.rebuild(Rebuild(spec, 1), address)) == [server] * 4
    kit.until_state(spec.mark, MachineState.ACTIVE)
    assert kit.rebuilds(server) == 1


def test_a_rebuilt_server_has_the_new_key_and_the_rest_of_its_user_data(kit: Kit) -> None:
    old, new = (ssh_keys.generate("kws-web").public for _ in range(2))
    other = ssh_keys.generate("kws-web-2").public
    born = f"#cloud-config\nssh_authorized_keys: [{old}, {other}]\nruncmd: [ls]\n"
    spec = kit.spec(user_data=born)
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    kit.rebuild(Rebuild(spec, 1, new), address)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    assert kit.user_data_of(server) == born.replace(old, new)
    assert kit.key_left_for(server) == new


def test_a_server_that_is_stopped_is_rebuilt_too(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    kit.act(kit.until_state(spec.mark, MachineState.ACTIVE), MachineAction.STOP)
    kit.until_state(spec.mark, MachineState.STOPPED)
    assert kit.rebuild(Rebuild(spec, 1), address) == server
    kit.until_state(spec.mark, MachineState.STOPPED)
    kit.act(kit.node.machines()[spec.mark], MachineAction.START)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    assert kit.rebuilds(server) == 1


def test_a_rebuild_from_an_image_that_is_gone_is_refused_and_changes_nothing(kit: Kit) -> None:
    spec = kit.spec()
    address = kit.node.ensure_address(spec)
    server = kit.node.ensure_server(spec, address)
    kit.until_state(spec.mark, MachineState.ACTIVE)
    with pytest.raises(NodeRefused) as refused:
        kit.node.rebuild(Rebuild(replace(spec, image="no-such-image"), 1), address)
    assert refused.value.reason == Refusal.NO_IMAGE
    assert (kit.rebuilds(server), kit.node.machines()[spec.mark].state) == (0, MachineState.ACTIVE)


def test_what_is_not_there_is_not_rebuilt(kit: Kit) -> None:
    spec = kit.spec()
    with pytest.raises(NodeRefused) as refused:
        kit.node.rebuild(Rebuild(spec, 1), kit.node.ensure_address(spec))
    assert refused.value.reason == Refusal.MISSING
    assert kit.count(spec.mark) == ONE_ADDRESS


MORE = Size("more", 2, 640, 6)


def running(kit: Kit) -> tuple[ServerSpec, Machine]:
    """A server of one vCPU, 512 MiB and 5 GiB."""
    spec = kit.spec()
    kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    return spec, kit.until_state(spec.mark, MachineState.ACTIVE)


def size_of(kit: Kit, mark: str) -> tuple[int, int, int]:
    size = kit.node.machines()[mark].size
    assert size
    return size.vcpus, size.ram_mb, size.disk_gb


def resized(kit: Kit, mark: str, server: str, size: Size) -> None:
    """It has that size, to be confirmed; skipped where the node can't, which then shows it as it was."""
    kit.node.act(Kind.SERVER, server, Resize(size))
    kit.node.act(Kind.SERVER, server, Resize(size))  # while it is under way
    kit.until(lambda: kit.node.machines()[mark].resize is not ResizeState.UNDER_WAY)
    shown = kit.node.machines()[mark]
    if shown.resize is None:
        assert (size_of(kit, mark), shown.state) == ((1, 512, 5), MachineState.ACTIVE)
        pytest.skip("this node resizes none: allow_resize_to_same_host")
    assert (shown.resize, size_of(kit, mark)) == (ResizeState.UNCONFIRMED, (2, 640, 6))
    kit.node.act(Kind.SERVER, server, Resize(size))  # when it has it
    assert kit.node.machines()[mark].resize is ResizeState.UNCONFIRMED


def ends(kit: Kit, mark: str, server: str, end: ResizeEnd) -> None:
    """Asked for as often as it takes."""

    def over() -> bool:
        kit.node.act(Kind.SERVER, server, end)
        return kit.node.machines()[mark].resize is None

    kit.until(over)
    kit.node.act(Kind.SERVER, server, end)  # it is over: fine


def test_the_node_shows_the_size_of_a_server(kit: Kit) -> None:
    spec, shown = running(kit)
    assert (size_of(kit, spec.mark), shown.resize) == ((1, 512, 5), None)
    kit.node.act(Kind.SERVER, shown.id, Resize(spec.size))  # it has that
    assert kit.node.machines()[spec.mark].resize is None


def test_a_resized_server_keeps_its_id_and_address_and_is_confirmed(kit: Kit) -> None:
    spec, shown = running(kit)
    address = kit.node.ensure_address(spec)
    resized(kit, spec.mark, shown.id, MORE)
    kit.until(lambda: kit.node.check_login(address, LOGIN).accepted)
    ends(kit, spec.mark, shown.id, ResizeEnd.CONFIRM)
    kit.node.act(Kind.SERVER, shown.id, ResizeEnd.REVERT)  # too late, whoever asks
    after = kit.until_state(spec.mark, MachineState.ACTIVE)
    assert (after.id, size_of(kit, spec.mark)) == (shown.id, (2, 640, 6))
    assert kit.node.ensure_address(spec) == address
    assert kit.count(spec.mark) == ONE_ADDRESS + Counter({"server": 1})
    kit.until(lambda: "kws-1c-512m-5g" not in kit.node.tidy(dry_run=True) or bool(kit.node.tidy()))


def test_a_resize_is_reverted(kit: Kit) -> None:
    spec, shown = running(kit)
    resized(kit, spec.mark, shown.id, MORE)
    ends(kit, spec.mark, shown.id, ResizeEnd.REVERT)
    after = kit.until_state(spec.mark, MachineState.ACTIVE)
    assert (after.id, size_of(kit, spec.mark)) == (shown.id, (1, 512, 5))


def test_a_resize_of_a_server_that_is_stopped_leaves_it_so(kit: Kit) -> None:
    spec, shown = running(kit)
    kit.act(shown, MachineAction.STOP)
    kit.until_state(spec.mark, MachineState.STOPPED)
    kit.node.act(Kind.SERVER, shown.id, Resize(MORE))
    kit.until(lambda: kit.node.machines()[spec.mark].resize is not ResizeState.UNDER_WAY)
    if kit.node.machines()[spec.mark].resize is None:
        assert (size_of(kit, spec.mark), kit.machine(spec.mark).state) == ((1, 512, 5), MachineState.STOPPED)  # type: ignore[union-attr]
        pytest.skip("this node resizes none: allow_resize_to_same_host")
    ends(kit, spec.mark, shown.id, ResizeEnd.CONFIRM)
    kit.until_state(spec.mark, MachineState.STOPPED)
    assert size_of(kit, spec.mark) == (2, 640, 6)


def test_a_resize_to_more_than_there_is_leaves_the_server_as_it_was(kit: Kit) -> None:
    spec, shown = running(kit)
    (host,) = kit.node.capacity().hosts
    with suppress(NodeRefused):  # a project's quota may say no at once
        kit.node.act(Kind.SERVER, shown.id, Resize(Size("huge", (host.vcpus or 0) + 1, 512, 5)))
    kit.until(lambda: kit.node.machines()[spec.mark].resize is None)
    after = kit.until_state(spec.mark, MachineState.ACTIVE)
    assert (after.id, size_of(kit, spec.mark)) == (shown.id, (1, 512, 5))


def test_what_is_not_there_is_not_resized(kit: Kit) -> None:
    for action in (Resize(MORE), ResizeEnd.CONFIRM):
        with pytest.raises(NodeRefused) as refused:
            kit.node.act(Kind.SERVER, "00000000-0000-0000-0000-000000000000", action)
        assert refused.value.reason == Refusal.MISSING


def test_a_server_is_returned_while_it_is_resized(kit: Kit) -> None:
    spec, shown = running(kit)
    kit.node.act(Kind.SERVER, shown.id, Resize(MORE))
    kit.until(lambda: not kit.node.release(spec.mark))
    assert spec.mark not in kit.node.marked()

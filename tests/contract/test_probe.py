"""What is read from a machine itself, and OpenStack's words into ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from kws_core.nodes.offered_images import login_of
from kws_core.nodes.openstack.api.types import Server
from kws_core.nodes.openstack.translation import machine_state
from kws_core.nodes.probe import fingerprints, ssh_answers
from kws_core.nodes.values import MachineState

ED25519 = "SHA256:" + "a" * 43
RSA = "SHA256:" + "b" * 43


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def says(listener: socket.socket, *parts: bytes) -> int:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for part in parts:
                connection.sendall(part)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((b"SSH-2.0-OpenSSH_9.2p1\r\n",), True),
        ((b"SS", b"H-2.0-x\r\n"), True),
        ((b"maintenance tonight\r\nSSH-2.0-x\r\n",), True),
        ((b"HTTP/1.1 400 Bad Request\r\n",), False),
        ((), False),
        ((b"x" * 5000,), False),
    ],
)
def test_only_an_ssh_banner_is_an_answer(
    listener: socket.socket, parts: tuple[bytes, ...], expected: bool
) -> None:
    assert ssh_answers("127.0.0.1", says(listener, *parts)) is expected


def test_an_open_port_that_says_nothing_is_no_answer(listener: socket.socket) -> None:
    assert not ssh_answers("127.0.0.1", listener.getsockname()[1], seconds=0.05)


def test_a_closed_port_is_no_answer(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert not ssh_answers("127.0.0.1", port)


def test_fingerprints_are_those_of_the_last_boot() -> None:
    def block(*lines: str) -> str:
        inside = "\n".join(f"ci-info: {line}" for line in lines)
        return (
            f"-----BEGIN SSH HOST KEY FINGERPRINTS-----\n{inside}\n-----END SSH HOST KEY FINGERPRINTS-----\n"
        )

    console = "boot\n" + block(f"256 {RSA} root@old (RSA)") + "reboot\n"
    console += block(
        f"256 {ED25519} root@web (ED25519)", f"3072 {RSA} root@web (RSA)", f"256 {ED25519} again"
    )
    assert fingerprints(console) == [ED25519, RSA]
    assert fingerprints("no such block " + RSA) == []


@pytest.mark.parametrize(
    ("name", "distro", "version", "login"),
    [
        ("ubuntu-24.04", "", "", "ubuntu"),
        ("Debian 12", "", "", "debian"),
        ("CentOS-7-x86_64", "", "", "centos"),
        ("centos-stream-9", "", "", "cloud-user"),
        ("anything", "centos", "7", "centos"),
        ("Rocky 9", "", "", "rocky"),
        ("lab image", "ubuntu", "", "ubuntu"),
        ("amazon-linux-2023", "", "", "ec2-user"),
        ("cirros-0.6", "", "", "cirros"),
        ("windows-2022", "", "", ""),
    ],
)
def test_logins(name: str, distro: str, version: str, login: str) -> None:
    assert login_of(name, distro, version) == login


def test_the_image_itself_has_the_last_word_on_its_login() -> None:
    assert login_of("ubuntu", "ubuntu", admin_user="student") == "student"


@pytest.mark.parametrize(
    ("status", "task", "vm_state", "state"),
    [
        ("BUILD", "spawning", "building", MachineState.BUILDING),
        ("ACTIVE", "", "active", MachineState.ACTIVE),
        ("REBOOT", "rebooting", "active", MachineState.ACTIVE),
        ("SHUTOFF", "", "stopped", MachineState.STOPPED),
        ("PAUSED", "", "paused", MachineState.STOPPED),
        ("SHELVED_OFFLOADED", "", "shelved_offloaded", MachineState.STOPPED),
        ("UNKNOWN", "", "active", MachineState.STOPPED),
        ("ERROR", "", "error", MachineState.BROKEN),
        ("ERROR", "deleting", "error", MachineState.DELETING),
        ("ACTIVE", "deleting", "active", MachineState.DELETING),
        ("DELETED", "", "deleted", MachineState.DELETING),
        ("SOMETHING_NEW", "", "", MachineState.STOPPED),
    ],
)
def test_states(status: str, task: str, vm_state: str, state: MachineState) -> None:
    assert machine_state(Server("1", "web", status, task=task, vm_state=vm_state)) is state

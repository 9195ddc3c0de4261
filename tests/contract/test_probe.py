"""What is read from a machine itself, and OpenStack's words into ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import asyncssh
import pytest
from harness.ssh_servers import Guest, listening

from kws_core.nodes.offered_images import login_of
from kws_core.nodes.openstack.api.types import Server
from kws_core.nodes.openstack.translation import machine_state
from kws_core.nodes.probe import check_login, fingerprints
from kws_core.nodes.values import Login, LoginCheck, MachineState

ED25519 = "SHA256:" + "a" * 43
RSA = "SHA256:" + "b" * 43
BY_PASSWORD = Login("debian", None)


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
    "parts", [(b"HTTP/1.1 400 Bad Request\r\n",), (), (b"x" * 5000,), (b"SSH-2.0-OpenSSH_9.2p1\r\n",)]
)
def test_what_is_no_ssh_server_lets_nobody_in(listener: socket.socket, parts: tuple[bytes, ...]) -> None:
    assert check_login("127.0.0.1", BY_PASSWORD, says(listener, *parts)) == LoginCheck()


def test_an_open_port_that_says_nothing_is_no_answer(listener: socket.socket) -> None:
    assert check_login("127.0.0.1", BY_PASSWORD, listener.getsockname()[1], seconds=0.05) == LoginCheck()


def test_a_closed_port_is_no_answer(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert check_login("127.0.0.1", BY_PASSWORD, port) == LoginCheck()


def public(kind: str) -> str:
    return asyncssh.generate_private_key(kind).export_public_key().decode().strip()


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_a_key_opens_the_server_as_soon_as_it_is_in_authorized_keys(kind: str) -> None:
    line, other = public(kind), public(kind)
    with listening(Guest(keys=[other])) as guest:
        fingerprint = guest.host_key.get_fingerprint()
        look = check_login("127.0.0.1", Login("debian", line), guest.port)
        assert look == LoginCheck(answers=True, accepted=False, host_keys=(fingerprint,))
        assert guest.offers == 1  # wrong keys are counted against who offers them
        guest.keys.append(line)
        assert check_login("127.0.0.1", Login("debian", line), guest.port).accepted


def test_passwords_are_taken_once_the_server_offers_them() -> None:
    with listening(Guest()) as guest:
        assert check_login("127.0.0.1", BY_PASSWORD, guest.port) == LoginCheck(
            answers=True, accepted=False, host_keys=(guest.host_key.get_fingerprint(),)
        )
        guest.passwords = True
        assert check_login("127.0.0.1", BY_PASSWORD, guest.port).accepted


@pytest.mark.parametrize("login", [Login("debian", None), Login("debian", "ssh-ed25519 AAAA")])
def test_a_server_that_asks_for_nothing_lets_in(login: Login) -> None:
    with listening(Guest(open=True)) as guest:
        assert check_login("127.0.0.1", login, guest.port).accepted


def test_a_key_that_the_library_does_not_know_is_no_reason_to_wait_for_ever() -> None:
    with listening(Guest()) as guest:
        look = check_login("127.0.0.1", Login("debian", "ssh-future AAAAC2Z1dHVyZQ=="), guest.port)
    assert (look.answers, look.accepted) == (True, True)


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


def test_fingerprints_are_read_as_cloud_init_makes_the_keys() -> None:
    """As a Debian 12 prints them before its SSH server starts, minutes before the block."""

    def made(kind: str, fingerprint: str) -> str:
        file = f"/etc/ssh/ssh_host_{kind}_key"
        return "".join(
            f"[   31.337] cloud-init[389]: {line}\n"
            for line in (
                f"Generating public/private {kind} key pair.",
                f"Your identification has been saved in {file}",
                f"Your public key has been saved in {file}.pub",
                "The key fingerprint is:",
                f"{fingerprint} root@web",
                "The key's randomart image is:",
            )
        )

    console = made("rsa", RSA) + "[   32.0] audit: something\n" + made("ed25519", ED25519)
    assert fingerprints(console) == [RSA, ED25519]
    assert fingerprints(f"saved in /home/x/id_rsa.pub\nThe key fingerprint is:\n{RSA} x@y") == []


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

"""Keys of each kind and cloud-init of each kind on servers that really boot, with ports of each kind."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from guests.conftest import Arrivals, Notes
from guests.person import Desk, card_text, hears_udp, inside, opens, rent_with
from lab_checks import return_rental

from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(2400)]

PORTS = "8080, 9000-9002, 53/udp"
OTHERS = """
users:
  - default
  - {name: ada, groups: [adm], shell: /bin/bash}
  - {name: staff, shell: /bin/bash}
write_files:
  - {path: /etc/motd, content: "kws was here\\n"}
  - {path: /home/debian/todo.txt, content: "water the plants\\n", owner: "debian:debian", defer: true}
  - {path: /srv/late.txt, content: "late\\n", owner: "www-data:www-data"}
runcmd:
  - [touch, /run/ran-as-a-list]
  - echo "$(id -un)" > /run/ran-as-text
"""
BUSY = """
bootcmd:
  - echo early > /run/early
packages: [not-a-package-of-anybody]
timezone: Asia/Seoul
groups: [robots]
runcmd:
  - exit 3
"""


def made_at_home(desk: Desk, kind: str, *more: str) -> tuple[str, Any]:
    """A pair made by ssh-keygen: the public half as it is pasted, and the file of the private one."""
    path = desk.folder / f"mine-{kind}"
    make = ["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-C", f"joon@{kind}", "-f", str(path)]
    subprocess.run(make, check=True)
    return path.with_suffix(".pub").read_text().strip(), path


def test_a_pasted_and_a_saved_key_whatever_cloud_init_does(
    workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    joon = workspace.person("joon")
    rsa, rsa_file = made_at_home(desk, "rsa", "-b", "3072")
    ecdsa, ecdsa_file = made_at_home(desk, "ecdsa", "-b", "256")
    joon.command(f"/kws keys add {ecdsa}")
    workspace.wait_for(lambda: "ecdsa" in str(joon.ephemeral()), timeout=30)
    rent_with(workspace, joon, "paste1", {"access": "pasted"}, image="debian-12-quick", public_key=rsa,
              ports=PORTS, cloud_init=OTHERS)  # fmt: skip
    arrivals.expect("paste1", "debian-12-quick", key=rsa_file)
    rent_with(
        workspace, joon, "saved1", {"access": "My key joon@ecdsa"}, image="debian-12-stock", cloud_init=BUSY
    )
    arrivals.expect("saved1", "debian-12-stock", key=ecdsa_file)
    for name, kind, file in (("paste1", "pasted RSA", rsa_file), ("saved1", "saved ECDSA", ecdsa_file)):
        arrivals.ready(joon, name, f"rented {name} with a {kind} key and cloud-init")
        assert joon.files() == [], "no private key is sent to somebody who has it"
        assert desk.keep_config(card_text(joon, name), name, key=file)
        assert desk.gets_in(name)
    cloud_init_of_each_kind(desk, notes)
    ports_of_each_kind(desk, card_text(joon, "paste1"), notes)
    for name in ("paste1", "saved1"):
        return_rental(workspace, joon, name)


def cloud_init_of_each_kind(desk: Desk, notes: Notes) -> None:
    """What could be done was done, and what failed took nobody's login away."""
    notes.begin()
    for name in ("paste1", "saved1"):
        inside(desk, name, "cloud-init status --wait >/dev/null")
    assert inside(desk, "paste1", "cat /etc/motd /home/debian/todo.txt") == "kws was here\nwater the plants"
    assert (
        inside(desk, "paste1", "ls /run/ran-as-a-list && cat /run/ran-as-text") == "/run/ran-as-a-list\nroot"
    )
    assert "(adm)" in inside(desk, "paste1", "id ada")
    assert inside(desk, "paste1", "stat -c %U:%G /srv/late.txt /home/debian/todo.txt") == (
        "www-data:www-data\ndebian:debian"
    )
    assert inside(desk, "saved1", "cat /run/early && cat /etc/timezone") == "early\nAsia/Seoul"
    assert inside(desk, "saved1", "getent group robots")
    assert inside(desk, "saved1", "sudo -n id -un") == "root"
    notes.row(
        "cloud-init: users, files, commands",
        "ready",
        "all of it done; one user that useradd refuses did no harm",
    )
    notes.row(
        "cloud-init: a package that nobody has, a command that fails",
        "ready",
        "in, with sudo; the rest is done",
    )


def ports_of_each_kind(desk: Desk, card: str, notes: Notes) -> None:
    """The ports that the form named answer, and no others."""
    notes.begin()
    address = next(line.split()[1] for line in card.splitlines() if line.strip().startswith("HostName"))
    serve = "sudo -n nohup python3 -m http.server {} >/dev/null 2>&1 &"
    desk.ssh("paste1", "".join(serve.format(port) for port in (8080, 9000, 9002, 9003)))
    echo = 'import socket; s = socket.socket(2, 2); s.bind(("", {})); [s.sendto(*s.recvfrom(99)) for _ in range(99)]'
    desk.ssh(
        "paste1",
        "".join(f"sudo -n nohup python3 -c '{echo.format(port)}' >/dev/null 2>&1 &" for port in (53, 54)),
    )
    for port in (8080, 9000, 9002):
        assert opens(address, port, 60), port
    assert hears_udp(address, 53, 60)
    assert not opens(address, 9003)
    assert not hears_udp(address, 54, 5)
    notes.row(f"opened {PORTS}", "open: SSH, ping and these", "these answer; 9003 and 54/udp do not")

"""Every way to log in, on real OpenStack: what Nova keeps of it, and which files come to the DM."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from bot_process import BotProcess, rent
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lab_checks import public_half
from passlib.hash import sha512_crypt
from test_whole_form import accepted, everything, open_form, ready, return_rental

from kws_core.forms import ssh_keys
from slack_workspace import Workspace

pytestmark = pytest.mark.openstack

PASSWORD = "correct-horse-Battery-7-staple"
NAMES = ("made", "saved", "pasted", "typed")


def rent_by(
    workspace: Workspace, person: Any, name: str, way: str, image: str = "debian-12", **field: str
) -> None:
    """Rents with that way to log in, and what its own field asks for."""
    open_form(workspace, person, "rent")
    person.fill("access", way)
    workspace.wait_for(
        lambda: all(f"'block_id': '{one}'" in str(person.open_view) for one in field), timeout=5
    )
    person.fill_form({"name": name, "image": image, **field})
    accepted(person)


def user_data(clouds: dict[str, Any], name: str) -> str:
    """What Nova gives to the one server of that name, as an admin reads it."""
    found = []
    for cloud in clouds.values():
        for server in cloud.compute.servers(details=True):
            if server.name == name and "kws_rental" in server.metadata:
                answer = cloud.compute.get(f"/servers/{server.id}", microversion="2.90").json()["server"]
                found.append(base64.b64decode(answer["OS-EXT-SRV-ATTR:user_data"]).decode())
    assert len(found) == 1, f"one server called {name}"
    assert "PRIVATE KEY" not in found[0]
    return found[0]


def login_of(clouds: dict[str, Any], name: str) -> dict[str, Any]:
    """The login in the user data of the server of that name."""
    config = yaml.safe_load(user_data(clouds, name))
    assert config["ssh_pwauth"] is (name == "typed")
    login = config["users"][1]
    assert (login["name"], login["lock_passwd"]) == ("debian", name != "typed")
    return login  # type: ignore[no-any-return]


def public_halves(ppk: bytes) -> tuple[str, str]:
    """Of PuTTY's file: the public half that it shows, and the one that belongs to its private half."""
    parts: dict[str, bytes] = {}
    lines = iter(ppk.decode().splitlines())
    for title, _, rest in (line.partition(": ") for line in lines):
        if title.endswith("-Lines"):
            parts[title] = base64.b64decode("".join(next(lines) for _ in range(int(rest))))
    seed = parts["Private-Lines"][4:]  # behind its length
    mine = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    shown = "ssh-ed25519 " + base64.b64encode(parts["Public-Lines"]).decode()
    return shown, mine.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def check_key_files(person: Any, login: dict[str, Any]) -> None:
    """Two files in one message, and no others at all: both hold the private half of the login's one key."""
    assert sorted(file["name"] for file in person.files()) == ["kws-made", "kws-made.ppk"]
    (shown,) = [message["files"] for message in person.dm() if message.get("files")]
    openssh, ppk = (person.download(file) for file in sorted(shown, key=lambda file: str(file["name"])))
    public = public_half(openssh)
    assert public_halves(ppk) == (public, public)
    assert [key.rpartition(" ")[0] for key in login["ssh_authorized_keys"]] == [public]


def check_hash(clouds: dict[str, Any], login: dict[str, Any]) -> None:
    """Nova has a hash of the password, and nothing else that opens the login."""
    assert login["hashed_passwd"].startswith("$6$")
    assert sha512_crypt.verify(PASSWORD, login["hashed_passwd"])
    assert "ssh_authorized_keys" not in login
    assert PASSWORD not in user_data(clouds, "typed")


def test_every_way_in(
    make_bot: Callable[..., BotProcess], workspace: Workspace, clouds: dict[str, Any]
) -> None:
    bot, joon = make_bot(), workspace.person("joon")
    bot.start()
    before = everything(clouds)
    saved, pasted = ssh_keys.generate("laptop").public, ssh_keys.generate("joon@desk").public
    joon.command(f"/kws keys add {saved}")
    workspace.wait_for(lambda: "Saved the key laptop" in str(joon.ephemeral()), timeout=10)
    rent(workspace, joon, "made")
    rent_by(workspace, joon, "saved", "Saved key laptop")
    rent_by(workspace, joon, "pasted", "pasted", public_key=pasted)
    rent_by(workspace, joon, "typed", "password", password=PASSWORD)
    for name in NAMES:
        assert "172.24." in ready(workspace, joon, name)
    check_key_files(joon, login_of(clouds, "made"))
    assert login_of(clouds, "saved")["ssh_authorized_keys"] == [saved]
    assert login_of(clouds, "pasted")["ssh_authorized_keys"] == [pasted]
    check_hash(clouds, login_of(clouds, "typed"))
    return_rental(workspace, joon, *NAMES)
    assert everything(clouds) == before
    assert bot.stop() == 0
    for path in (path for path in bot.folder.rglob("*") if path.is_file()):
        assert b"PRIVATE KEY" not in path.read_bytes(), path
        assert PASSWORD.encode() not in path.read_bytes(), path

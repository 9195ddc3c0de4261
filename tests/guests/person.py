"""What a person at their own desk does with a rental: nothing here knows more than the DM said."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot_process import BotProcess, open_rent_form
from test_whole_form import accepted

from slack_workspace import Workspace

EVERY = 0.5  # seconds between two tries to log in
KEY_TYPES = ("ed25519", "rsa", "ecdsa")
NO_CONNECTION = 255  # ssh's own exit code
LOGIN = 60  # seconds that an attempt may take: a busy guest is slow


@dataclass
class Desk:
    """A folder with what ``~/.ssh`` would have, and an ssh that looks nowhere else."""

    folder: Path

    def keep_key(self, name: str, content: bytes) -> Path:
        """Saves a private key as the DM says."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def keep_config(self, card: str, host: str, key: Path | None = None) -> str:
        """The ``Host`` block of the card's text, taken over word by word; "" when there is none.

        ``key`` goes where somebody with a key of their own has it, if the block names no file.
        """
        block = re.search(rf"Host {re.escape(host)}\n(?:    [^`\n]+\n?)+", card)
        if block is None:
            return ""
        text = block[0].replace("~/.ssh/", f"{self.folder}/")
        with (self.folder / "config").open("a") as config:
            config.write(text.rstrip() + "\n")
            if key is not None and "IdentityFile" not in text:
                config.write(f"    IdentityFile {key}\n")
        return block[0]

    def ssh(self, host: str, *command: str, password: str | None = None, key: Path | None = None) -> Any:
        """Runs a command there, as the config says; what it printed, and its exit code."""
        asks = ["sshpass", "-p", password] if password else []
        how = {
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": str(self.folder / "known_hosts"),
            "ConnectTimeout": "30",
            "BatchMode": "no" if password else "yes",
            "PreferredAuthentications": "password" if password else "publickey",
        }
        options = [word for name, value in how.items() for word in ("-o", f"{name}={value}")]
        options += ["-i", str(key), "-o", "IdentitiesOnly=yes"] if key else []
        config = str(self.folder / "config")
        Path(config).touch()
        return subprocess.run(
            [*asks, "ssh", "-F", config, *options, host, *command],
            capture_output=True, text=True, timeout=LOGIN, check=False,
        )  # fmt: skip

    def gets_in(self, host: str, **how: Any) -> bool:
        """Whether a login works now."""
        try:
            return bool(self.ssh(host, "true", **how).returncode == 0)
        except subprocess.TimeoutExpired:
            return False


class Knocking(threading.Thread):
    """Tries to log in again and again as soon as an address is known; remembers when it first worked."""

    def __init__(self, desk: Desk, login: str, address: Callable[[], str], **how: Any) -> None:
        super().__init__(daemon=True)
        self.desk, self.login, self.address, self.how = desk, login, address, how
        self.tries: list[tuple[float, float, str]] = []  # begun, ended, what ssh said
        self.first: float | None = None  # when the first login began that worked
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not (address := self.address()):
            time.sleep(EVERY)
        while self.first is None and not self.over.is_set():
            begun, said = time.monotonic(), "timeout"
            with suppress(subprocess.TimeoutExpired):
                result = self.desk.ssh(f"{self.login}@{address}", "true", **self.how)
                said = result.stderr.strip()[-120:]
                self.first = begun if result.returncode == 0 else None
            self.tries.append((begun, time.monotonic(), said))
            time.sleep(EVERY)


def host_keys_shown(address: str) -> set[str]:
    """What ssh-keyscan sees there, as SHA256 fingerprints."""
    scan = subprocess.run(
        ["ssh-keyscan", "-T", "30", "-t", ",".join(KEY_TYPES), address],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    listed = subprocess.run(
        ["ssh-keygen", "-lf", "-"], input=scan.stdout, capture_output=True, text=True, check=False
    )
    return set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", listed.stdout))


def text_of(message: Any) -> str:
    """All text of a message's blocks, as people read it."""
    return "\n".join(_texts(message.get("blocks") or []))


def _texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["text"]] if isinstance(part.get("text"), str) else []
        return own + [
            text for value in part.values() if isinstance(value, dict | list) for text in _texts(value)
        ]
    return [text for one in part for text in _texts(one)] if isinstance(part, list) else []


def card_text(person: Any, name: str) -> str:
    """The card of a rental as text, "" when there is none."""
    for message in person.dm():
        blocks = message.get("blocks") or [{}]
        if str(blocks[0].get("block_id", "")).startswith("card-") and f"*{name}*" in text_of(message):
            return text_of(message)
    return ""


def wait_for_card(workspace: Workspace, person: Any, name: str, words: str, seconds: float) -> float:
    """Waits until the card says these words; the moment at which it did."""

    def told() -> bool:
        text = card_text(person, name)
        assert ":white_circle:" not in text or words == ":white_circle:", text
        return words in text

    workspace.wait_for(told, timeout=seconds)
    return time.monotonic()


def buttons_of(person: Any, name: str) -> set[str]:
    """The action_ids on the card of a rental."""
    for message in person.dm():
        blocks = message.get("blocks") or [{}]
        if str(blocks[0].get("block_id", "")).startswith("card-") and f"*{name}*" in text_of(message):
            return {
                one["action_id"]
                for block in blocks
                for one in block.get("elements", [])
                if "action_id" in one
            }
    return set()


def card_ts(person: Any, name: str) -> str:
    """The ts of the card of a rental."""
    return next(
        message["ts"]
        for message in person.dm()
        if str((message.get("blocks") or [{}])[0].get("block_id", "")).startswith("card-")
        and f"*{name}*" in text_of(message)
    )  # fmt: skip


def said(person: Any, words: str) -> bool:
    """Whether a message in the DM says so."""
    return any(words in text_of(message) for message in person.dm())


def rent_with(
    workspace: Workspace, person: Any, name: str, chosen: dict[str, str], *, image: str, **typed: str
) -> None:
    """Rents by the form with all its options: ``chosen`` in its menus first, then what is ``typed``."""
    open_rent_form(workspace, person)
    person.click("rent_more")
    workspace.wait_for(lambda: "'block_id': 'network'" in str(person.open_view), timeout=5)
    for field, option in chosen.items():
        before = person.open_view["hash"]
        person.fill(field, option)
        workspace.wait_for(lambda was=before: person.open_view["hash"] != was, timeout=10)
    workspace.wait_for(
        lambda: all(f"'block_id': '{one}'" in str(person.open_view) for one in typed), timeout=10
    )
    person.fill_form({"name": name, "image": image, **typed})
    accepted(person)


def opens(address: str, port: int, seconds: float = 10) -> bool:
    """Whether something answers on that TCP port within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection((address, port), timeout=5):
            return True
        time.sleep(0.5)
    return False


def hears_udp(address: str, port: int, seconds: float) -> bool:
    """Whether an echo comes back from that UDP port within so many seconds."""
    until = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(2)
        while time.monotonic() < until:
            line.sendto(b"ping", (address, port))
            with suppress(OSError):
                return line.recv(99) == b"ping"
    return False


def address_of(bot: BotProcess, name: str) -> str:
    """Where the rental is or will be, "" until that is known."""
    listed = json.loads(bot.kws("rentals", "--json"))
    return next((one["address"] or "" for one in listed if one["name"] == name), "")


def key_file(workspace: Workspace, person: Any, desk: Desk, name: str) -> Path:
    """The private key of that file name, saved from the DM."""
    workspace.wait_for(lambda: any(file["name"] == name for file in person.files()), timeout=60)
    return desk.keep_key(name, person.download(next(file for file in person.files() if file["name"] == name)))


def inside(desk: Desk, name: str, command: str, **how: Any) -> str:
    """What a command prints on the host of that name; asked three times, as a busy guest may not answer."""
    for _ in range(3):
        with suppress(subprocess.TimeoutExpired):
            done = desk.ssh(name, command, **how)
            if done.returncode != NO_CONNECTION:
                return str(done.stdout).strip()
    return ""

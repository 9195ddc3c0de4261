"""What a person at their own desk does with a rental: nothing here knows more than the DM said."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slack_workspace import Workspace

EVERY = 0.5  # seconds between two tries to log in
KEY_TYPES = ("ed25519", "rsa", "ecdsa")
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

    def keep_config(self, card: str, host: str) -> str:
        """The ``Host`` block of the card's text, taken over word by word; "" when there is none."""
        block = re.search(rf"Host {re.escape(host)}\n(?:    .*\n?)+", card)
        if block is None:
            return ""
        text = block[0].replace("~/.ssh/", f"{self.folder}/")
        with (self.folder / "config").open("a") as config:
            config.write(text.rstrip() + "\n")
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
    """Tries to log in again and again from the moment an address is known; remembers when it first worked."""

    def __init__(self, desk: Desk, host: str, **how: Any) -> None:
        super().__init__(daemon=True)
        self.desk, self.host, self.how = desk, host, how
        self.tries: list[tuple[float, float, str]] = []  # begun, ended, what ssh said
        self.first: float | None = None  # when the first login began that worked
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while self.first is None and not self.over.is_set():
            begun, said = time.monotonic(), "timeout"
            with suppress(subprocess.TimeoutExpired):
                result = self.desk.ssh(self.host, "true", **self.how)
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

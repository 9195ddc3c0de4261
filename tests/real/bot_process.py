"""The bot as its users run it: ``kws run`` in a process of its own, on the lab's nodes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slack_workspace import Workspace

TOML = """
[kws]
admins = ["U0ADMIN001"]
[policy]
max_rentals_per_user = 80
max_vcpus_per_user = 80
max_ram_mb_per_user = 65536
[openstack]
ready_check = "{ready_check}"
connect_timeout = 2
read_timeout = 30
{openstack}
[sizes]
small = {{ vcpus = 1, ram_mb = 256, disk_gb = 2 }}
large = {{ vcpus = 1, ram_mb = 384, disk_gb = 2 }}
{web}
{nodes}
"""
NODE = """
[[nodes]]
name = "{name}"
cloud = "{cloud}"
kinds = {kinds}
vcpus = {vcpus}
ram_mb = 8192
disk_gb = 80
max_builds = {max_builds}
"""


def settings(nodes: str, ready_check: str = "active", openstack: str = "", web: str = "") -> str:
    """A nodes.toml with these tables of nodes, and these lines of ``[openstack]`` and ``[web]``."""
    web = f"[web]\n{web}" if web else ""
    return TOML.format(nodes=nodes, ready_check=ready_check, openstack=openstack, web=web)


KINDS = {"node1": '["server", "container"]'}  # the lab's Zun is on node1


def wait_until(what: Callable[[], Any], seconds: float) -> float:
    """Waits for it; returns how long it took, in seconds."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it took too long"
        time.sleep(0.5)
    return time.monotonic() - begun


class BotProcess:
    """``start``, ``kill`` (kill -9) and ``stop`` (SIGTERM) as often as a test likes."""

    def __init__(
        self,
        folder: Path,
        workspace: Workspace,
        nodes: dict[str, str],
        vcpus: int = 6,
        max_builds: int = 3,
        containers: bool = True,
        ready_check: str = "active",
        openstack: str = "",
        web: str = "",
    ) -> None:
        self.folder = folder
        self.workspace = workspace
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        self.program = ["-m", "bot", "run"]
        sections = "".join(
            NODE.format(
                name=name,
                cloud=cloud,
                vcpus=vcpus,
                max_builds=max_builds,
                kinds=KINDS.get(name if containers else "", '["server"]'),
            )
            for name, cloud in nodes.items()
        )
        (folder / "nodes.toml").write_text(settings(sections, ready_check, openstack, web))

    @property
    def log(self) -> Path:
        """Everything that it ever wrote."""
        return self.folder / "bot.log"

    def last_words(self, lines: int = 40) -> list[str]:
        """The last lines that it wrote, and before them what was no mere news."""
        written = self.log.read_text(errors="replace").splitlines()
        troubles = [line for line in written[:-lines] if '"level": "info"' not in line]
        return [*troubles[-lines:], "…", *written[-lines:]]

    def kws(self, *words: str) -> str:
        """What another ``kws`` command says beside it."""
        command = [sys.executable, "-m", "bot", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.whole_environment(), check=True, capture_output=True, text=True
        )
        return done.stdout

    def whole_environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.environment,
            "KWS_CONFIG": str(self.folder / "nodes.toml"),
            "KWS_DATABASE_URL": f"sqlite:///{self.folder / 'kws.db'}",
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_APP_TOKEN": self.workspace.app_token,
            "SLACK_API_URL": self.workspace.api_url,
        }

    def start(self) -> None:
        """Starts it; it has both connections when this returns. Otherwise none is left: it would sweep what others make."""
        self.launch()
        try:
            self.workspace.wait_connected(2, timeout=90)
        except BaseException:
            self.kill()
            raise

    def launch(self) -> None:
        """Starts it, and does not wait."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program],
                cwd=self.folder,
                env=self.whole_environment(),
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def node2_hanging() -> Iterator[None]:
    """All services of the lab's node2 are stopped (SIGSTOP) for a while: connections open, nothing answers."""
    folder = Path(os.environ["OS_CLIENT_CONFIG_FILE"]).parent / "node2" / "run"
    groups = [int(path.read_text()) for path in folder.glob("*.pid")]
    assert groups
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


def open_rent_form(workspace: Workspace, person: Any) -> None:
    """Opens the form, once the images are known."""
    for _ in range(60):
        person.command("/kws rent")
        view = workspace.wait_for(lambda: person.open_view, timeout=5)
        if view.get("submit"):
            break
        person.close()
        time.sleep(0.5)


def rent(workspace: Workspace, person: Any, name: str, **fields: Any) -> None:
    """Fills in the form and submits it."""
    open_rent_form(workspace, person)
    person.fill_form({"name": name, "image": "debian-12", **fields})
    outcome = person.submit()
    assert outcome.errors == {} and outcome.acked, outcome


def ask_to_return(workspace: Workspace, person: Any, name: str) -> None:
    """Type the command and click the button of the question that names this rental.

    The question of an earlier return may go from the screen at any time, so counting messages tells nothing.
    """

    def asked() -> list[str]:
        return [m["ts"] for m in person.ephemeral() if name in str(m) and "rental_return" in str(m)]

    person.command(f"/kws return {name}")
    person.click("rental_return", message=workspace.wait_for(asked, timeout=30)[-1])


def cards(person: Any) -> list[dict[str, Any]]:
    """The progress messages in a person's DM."""
    return [
        m for m in person.dm() if str((m.get("blocks") or [{}])[0].get("block_id", "")).startswith("card-")
    ]


def card_of(person: Any, name: str) -> str:
    """All text of the card of that name, empty when there is none."""
    found = [str(message["blocks"]) for message in cards(person) if f"*{name}*" in str(message["blocks"])]
    assert len(found) <= 1, "one progress message per rental"
    return found[0] if found else ""

"""What ships for operation says what the program does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from bot.cli.main import app
from bot.service import DRAIN

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "kws.service").read_text()
IMAGE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def systemd(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """``systemd-analyze`` on the unit, with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine (Debian: apt-get install systemd)")
    unit = folder / "kws.service"
    unit.write_text(UNIT.replace("ExecStart=/opt/kws/bin/kws", f"ExecStart={sys.executable}"))
    analyze = ["systemd-analyze", *command, str(unit)]
    return subprocess.run(analyze, check=False, capture_output=True, text=True)


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    result = systemd(tmp_path, "verify", "--man=no", "--recursive-errors=no")
    assert (result.returncode, result.stderr) == (0, "")


def test_the_unit_is_well_confined(tmp_path: Path) -> None:
    result = systemd(
        tmp_path, "security", "--offline=true", "--threshold=15"
    )  # 1.5 of 10; most units have 9.6
    assert result.returncode == 0, result.stdout[-200:]


def test_every_option_and_command_that_is_started_exists() -> None:
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    known = {option for parameter in run.params for option in parameter.opts}
    started = re.findall(r"^ExecStart=\S+/kws run (.*)$", UNIT, re.M)
    assert started and {word for line in started for word in line.split() if word.startswith("--")} <= known


def test_there_is_time_to_drain() -> None:
    stop = re.search(r"^TimeoutStopSec=(\d+)", UNIT, re.M)
    assert stop and int(stop[1]) > DRAIN
    assert int(COMPOSE["services"]["kws"]["stop_grace_period"].rstrip("s")) > DRAIN


def test_the_image_runs_as_nobody_and_is_asked_how_it_is() -> None:
    final = IMAGE[IMAGE.rindex("FROM ") :]
    assert re.search(r"^USER [1-9]\d+", final, re.M)
    assert "/healthz" in final[final.index("HEALTHCHECK") :]
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+-", IMAGE, re.M)
    assert "-c requirements.txt" in IMAGE


def test_the_compose_file_keeps_to_loopback_and_has_no_secret() -> None:
    kws, postgres = COMPOSE["services"]["kws"], COMPOSE["services"]["postgres"]
    assert all(port.startswith("127.0.0.1:") for port in kws["ports"])
    assert "ports" not in postgres
    assert re.search(r":\d+\.\d+", postgres["image"])
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"xox[bp]-|xapp-|PASSWORD: ", text)
    assert kws["cap_drop"] == ["ALL"] and kws["read_only"]


class _Reset(yaml.SafeLoader):
    """Knows Compose's `!reset`."""


_Reset.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def test_caddy_beside_it_keeps_its_network_and_what_it_was_told() -> None:
    """Sites stay while KWS is stopped; only they are open to the world."""
    found = yaml.load((DEPLOY / "compose.web.yaml").read_text(), _Reset)["services"]
    caddy, kws = found["caddy"], found["kws"]
    assert (kws["network_mode"], kws["ports"]) == ("service:caddy", [])
    assert {*caddy["ports"]} == {"80:80", "443:443", *COMPOSE["services"]["kws"]["ports"]}
    assert "--resume" in caddy["command"]
    assert {volume.split(":")[1] for volume in caddy["volumes"]} == {"/data", "/config"}
    assert re.search(r":2\.\d+\.\d+", caddy["image"])
    assert (caddy["cap_drop"], caddy["cap_add"], caddy["read_only"]) == (["ALL"], ["NET_BIND_SERVICE"], True)


def test_what_the_image_needs_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY ((?!--).*)$", IMAGE, re.M) for word in line.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)

"""The commands as people type them: exit codes, and one clear line for each mistake."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.commands import GOOD, TOKENS, kws, kws_process
from harness.world import make_config

from bot import runner
from bot.service import Service
from kws_core.config import Environment


def test_help(tmp_path: Path) -> None:
    result = kws_process(tmp_path, "--help")
    assert result.returncode == 0
    for command in ("run", "demo", "rentals", "nodes", "reconcile", "nightly", "db"):
        assert command in result.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--http", "abc"], ["rentals", "--wrong"]])
def test_wrong_usage_is_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    assert kws(tmp_path, *arguments).returncode == 2


def test_every_mistake_of_nodes_toml_and_of_the_environment_at_once(tmp_path: Path) -> None:
    result = kws_process(
        tmp_path, "run", toml=GOOD.replace("vcpus = 6", 'vcpus = "6"') + "colour = 3\n[polcy]\n"
    )
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert all(line.startswith("kws: ") for line in lines)
    for needed in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "nodes[0].vcpus",
        "unknown key 'colour'",
        "unknown key 'polcy'",
    ):
        assert sum(needed in line for line in lines) == 1, needed
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("toml", "message"),
    [(None, "nodes.toml: can't be read"), ("[[nodes", "invalid TOML"), ("", "sizes: missing")],
)
def test_a_configuration_that_is_not_there(tmp_path: Path, toml: str | None, message: str) -> None:
    result = kws(tmp_path, "run", toml=toml, **TOKENS)
    assert result.returncode == 2
    assert message in result.stderr


def test_kws_config_names_another_file(tmp_path: Path) -> None:
    result = kws(tmp_path, "rentals", KWS_CONFIG="elsewhere.toml")
    assert result.returncode == 2
    assert "elsewhere.toml: can't be read" in result.stderr


def test_an_unknown_cloud_is_one_clear_line(tmp_path: Path) -> None:
    clouds = "clouds:\n  lab-b:\n    auth: {auth_url: 'http://127.0.0.1:9/v3', username: u, password: planted-secret, project_name: p}\n"
    result = kws(tmp_path, "run", toml=GOOD, clouds=clouds, **TOKENS)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "'lab-a'" in result.stderr
    assert "lab-b" in result.stderr
    assert "planted-secret" not in result.stderr + result.stdout


VERIFY_IN_AUTH = (
    "clouds:\n  lab-a:\n    auth:\n      verify: false\n      auth_url: http://127.0.0.1:9/v3\n"
    "      username: u\n      password: planted-secret\n      project_name: p\n"
)


VERIFY_TOLD = "clouds.yaml, line 4, entry 'lab-a': auth has no option verify"
TWO_KEYS = "clouds:\n  lab-a: auth: x\n"
TWO_KEYS_TOLD = "clouds.yaml, line 2, column 14: invalid YAML"


@pytest.mark.parametrize(
    ("command", "clouds", "words"),
    [
        ("run", VERIFY_IN_AUTH, VERIFY_TOLD),
        ("doctor node1 --lang ko", VERIFY_IN_AUTH, VERIFY_TOLD),
        ("nodes", VERIFY_IN_AUTH, VERIFY_TOLD),
        ("images list", VERIFY_IN_AUTH, VERIFY_TOLD),
        ("run", TWO_KEYS, TWO_KEYS_TOLD),
        ("doctor node1", TWO_KEYS, TWO_KEYS_TOLD),
    ],
)
def test_credentials_that_nobody_can_use_are_a_sentence_from_each_command(
    tmp_path: Path, command: str, clouds: str, words: str
) -> None:
    result = kws(tmp_path, *command.split(), toml=GOOD, clouds=clouds, **TOKENS)
    assert result.returncode == (0 if command == "nodes" else 2)
    told = result.stdout + result.stderr
    assert told.count(words) == 1, told
    assert "Traceback" not in told
    assert "planted-secret" not in told


def test_a_database_that_has_no_driver(tmp_path: Path) -> None:
    result = kws(
        tmp_path, "db", "upgrade", KWS_DATABASE_URL="mysql+nodriver://u:planted-secret@localhost/kws"
    )
    assert result.returncode == 2
    assert "KWS_DATABASE_URL" in result.stderr
    assert "planted-secret" not in result.stderr


def test_listings_of_an_empty_lab(tmp_path: Path) -> None:
    assert kws(tmp_path, "rentals", toml=GOOD).stdout == "No rentals.\n"
    assert json.loads(kws(tmp_path, "rentals", "--json").stdout) == []
    nodes = json.loads(kws(tmp_path, "nodes", "--json").stdout)
    assert [(node["name"], node["up"]) for node in nodes] == [("node1", False)]
    assert "node1" in kws(tmp_path, "nodes").stdout


@pytest.mark.thorough
def test_the_demo_plays_the_main_job(tmp_path: Path) -> None:
    result = kws(tmp_path, "demo", "--script")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ssh -i ~/.ssh/kws-web01" in result.stdout
    assert ":white_circle:" in result.stdout
    assert list(tmp_path.glob("*.db")) == [], "everything is thrown away"


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    held = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in held.items():
        signal.signal(number, handler)


def test_objects_are_collected_again_after_a_mistake(tmp_path: Path) -> None:
    assert kws(tmp_path, "run", toml="[nonsense]").returncode == 2
    assert gc.isenabled()


@pytest.mark.usefixtures("signals_as_they_were")
def test_slack_is_connected_before_the_loops_take_the_processor(tmp_path: Path) -> None:
    done: list[str] = []

    class Noting(Service):
        def open(self) -> None:
            done.append("open")
            super().open()

        def connect(self, head_start: float = 0.0) -> None:
            done.append(f"connect {head_start:g}")

        def start(self) -> None:
            done.append("start")
            os.kill(os.getpid(), signal.SIGTERM)

        def stop(self) -> None:
            done.append("stop")
            super().stop()

    values: dict[str, Any] = {
        "bot_token": "xoxb-1",
        "app_token": "xapp-1",
        "slack_api_url": "http://127.0.0.1:9/api/",
    }
    environment = Environment(**values, database_url=f"sqlite:///{tmp_path / 'kws.db'}")
    runner.run(make_config(1), environment, {}, None, None, build=Noting)
    assert done == ["open", f"connect {runner.HEAD_START:g}", "start", "stop"]

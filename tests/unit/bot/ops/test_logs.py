"""Lines of the log: for machines, for people, and never with what is secret or local."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from harness.commands import logging_as_it_was

from bot.ops import logs

KNOWN = "a-known-secret"


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    with logging_as_it_was():
        yield


def fail() -> None:
    local = "what a variable holds"
    raise ValueError(f"{len(local)} is wrong")


def log_a_failure() -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("lines").exception("it %s", "failed")


def test_a_line_for_machines_has_what_monitoring_reads(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", secrets=[KNOWN])
    logging.getLogger("lines").warning("노드 %s\nuses %s", "node1", KNOWN)
    line = json.loads(capsys.readouterr().err)
    moment = line.pop("timestamp")
    assert line == {"event": "노드 node1\nuses [hidden]", "level": "warning", "logger": "lines"}
    assert moment[10] == "T"
    assert moment.endswith("Z")


def test_a_line_for_people_has_no_colors_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("pretty", secrets=[KNOWN])
    logging.getLogger("lines").info("uses %s", KNOWN)
    line = capsys.readouterr().err
    assert line.split("Z ", 1)[1].split() == ["[info", "]", "uses", "[hidden]", "[lines]"]


@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_a_traceback_tells_lines_but_no_variables(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(log_format)
    log_a_failure()
    said = capsys.readouterr().err
    assert "it failed" in said
    assert "Traceback (most recent call last)" in said
    assert "ValueError: 21 is wrong" in said
    assert "what a variable holds" not in said.replace('local = "what a variable holds"', "")


def test_what_libraries_chat_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json")
    logging.getLogger("openstack").info("chat")
    logging.getLogger("urllib3.connectionpool").warning("pool is full")
    assert capsys.readouterr().err == ""

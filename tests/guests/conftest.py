"""A node whose servers boot, the bot on it, and a table of what was said and what was true."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "real"))

from bot_process import BotProcess
from harness.tables import recorded, show
from lab_checks import marks, take_away

from slack_workspace import Workspace

NODE = "node9"
TRUTH = "what was said, and what was true inside"
COLUMNS = ("what the person did", "what the DM said", "what was true inside", "seconds")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, TRUTH):
        show(terminalreporter, TRUTH, COLUMNS, rows)


@dataclass
class Notes:
    """Rows of the table, each with the seconds since the last ``begin``."""

    record: Callable[[str, object], None]
    begun: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """The person does something now."""
        self.begun = time.monotonic()

    def row(self, did: str, said: str, inside: str, seconds: float | None = None) -> None:
        """One line of the table."""
        took = time.monotonic() - self.begun if seconds is None else seconds
        self.record(TRUTH, (did, said, inside, f"{took:.1f}"))


@pytest.fixture
def notes(record_property: Callable[[str, object], None]) -> Notes:
    """What this test adds to the table."""
    return Notes(record_property)


@pytest.fixture(scope="session")
def clouds() -> Iterator[dict[str, Any]]:
    """A connection of our own to the node; what tests that failed have left there is taken away."""
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        pytest.skip("OS_CLIENT_CONFIG_FILE is not set; run: make test-guests")
    import openstack

    found = {NODE: openstack.connect(cloud=NODE)}
    take_away(found, marks(found))
    yield found
    take_away(found, marks(found))


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A local Slack workspace."""
    with Workspace() as workspace:
        yield workspace
        assert workspace.violations == []


@pytest.fixture
def bot(tmp_path: Path, workspace: Workspace, clouds: dict[str, Any]) -> Iterator[BotProcess]:
    """The bot on the node, started."""
    process = BotProcess(
        tmp_path, workspace, {NODE: NODE}, vcpus=4, containers=False, ready_check="ssh", max_builds=2
    )
    process.start()
    yield process
    process.stop()
    print(f"the end of {process.log.name}:", *process.last_words(), sep="\n")  # shown when the test failed

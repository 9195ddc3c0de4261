"""A node whose servers boot, the bot on it, and a table of what was said and what was true."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "real"))

from bot_process import BotProcess
from guests.person import Desk, Knocking, address_of, wait_for_card
from harness.tables import recorded, show
from lab_checks import marks, take_away

from slack_workspace import Workspace

NODE = "node9"
TRUTH = "what was said, and what was true inside"
COLUMNS = ("what the person did", "what the DM said", "what was true inside", "seconds")
DELAY = '"ready" after the first login that works'
BOOT = 1200  # seconds; two guests on two idle cores without KVM need 150 to 250


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure is told as it happens: the whole takes most of an hour."""
    if report.failed:
        print(report.longreprtext)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, TRUTH):
        show(terminalreporter, TRUTH, COLUMNS, rows)
    if rows := recorded(terminalreporter, DELAY):
        show(terminalreporter, DELAY, ("server", "image", "after that login began", "after it was in"), rows)
        for title, at in (("began", 2), ("was in", 3)):
            delays = sorted(float(str(row[at])) for row in rows)
            middle, worst = statistics.median(delays), delays[-1]
            terminalreporter.write_line(
                f"after it {title}: median {middle:+.1f} s, worst {worst:+.1f} s, of {len(rows)}"
            )


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


class Arrivals:
    """Rentals of one person, knocked at from the moment they have an address until their card says ready."""

    def __init__(self, bot: BotProcess, workspace: Workspace, desk: Desk, notes: Notes) -> None:
        self.bot, self.workspace, self.desk, self.notes = bot, workspace, desk, notes
        self.knocks: dict[str, tuple[float, str, Knocking]] = {}

    def expect(self, name: str, image: str, **how: Any) -> None:
        """It was rented now; ``how`` is the key or password that will open it."""
        knocking = Knocking(self.desk, "debian", lambda: address_of(self.bot, name), **how)
        self.knocks[name] = (time.monotonic(), image, knocking)

    def ready(self, person: Any, name: str, did: str = "") -> None:
        """Waits for ready, which is never said before the login works, and notes both."""
        begun, image, knocking = self.knocks[name]
        ready = wait_for_card(self.workspace, person, name, ":large_green_circle:", BOOT)
        knocking.join(90)
        assert knocking.first is not None, ("ready, and nobody gets in", knocking.tries[-6:])
        denied = [start for start, _, what in knocking.tries if start > ready and "denied" in what]
        assert denied == [], "ready was said before a login worked"
        ended = knocking.tries[-1][1]
        self.notes.record(DELAY, (name, image, f"{ready - knocking.first:+.1f}", f"{ready - ended:+.1f}"))
        self.notes.row(did or f"rented {name}", "ready", "the login works", ready - begun)


@pytest.fixture
def arrivals(bot: BotProcess, workspace: Workspace, desk: Desk, notes: Notes) -> Arrivals:
    """The person's rentals as they come up."""
    return Arrivals(bot, workspace, desk, notes)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Where the person keeps keys and ssh's configuration."""
    return Desk(tmp_path)


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
def bot(
    request: pytest.FixtureRequest, tmp_path: Path, workspace: Workspace, clouds: dict[str, Any]
) -> Iterator[BotProcess]:
    """The bot on the node, started; a test may ask for other settings of ``[openstack]``."""
    process = BotProcess(
        tmp_path,
        workspace,
        {NODE: NODE},
        vcpus=4,
        containers=False,
        ready_check="ssh",
        max_builds=2,
        openstack=getattr(request, "param", ""),
    )
    process.start()
    yield process
    process.stop()
    take_away(clouds, marks(clouds))  # of a test that failed: its guests would slow down those of the next
    print(f"the end of {process.log.name}:", *process.last_words(), sep="\n")  # shown when the test failed

"""The table of what people noticed."""

from __future__ import annotations

import pytest
from harness.tables import recorded, show

COLUMNS = (
    "database", "people", "`/kws rent`", "acknowledged: median / 99 % / worst", "forms alone", "form open",
    "submitted to ready", "ready to notified", "asked to type again", "rejected", "waited", "violations", "Jain", "worst wait: one, first of 3, third of 3 (s)",
    "429s", "calls in the busiest minute", "system load",
)  # fmt: skip


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, "load"):
        show(terminalreporter, "load", COLUMNS, rows)

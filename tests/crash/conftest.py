"""Prints what was swept as a table."""

from __future__ import annotations

import pytest
from harness.tables import Row, recorded, show

COLUMNS = ("use case", "calls", "crashes", "with violations")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, "crash sweep"):
        show(terminalreporter, "crash sweep", COLUMNS, [*sorted(rows), _total(rows)])


def _total(rows: list[Row]) -> list[object]:
    return ["all", *(sum(int(str(row[i])) for row in rows) for i in range(1, len(COLUMNS)))]

"""Prints what was swept as a table, also when several processes shared the work."""

from __future__ import annotations

import pytest

COLUMNS = ("use case", "calls", "deaths", "with violations")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/reliability.md."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome)]
    rows = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "crash sweep" and report.when == "call"
    ]
    if not rows:
        return
    terminalreporter.section("crash sweep")
    for row in [COLUMNS, ["---"] * len(COLUMNS), *sorted(rows), _total(rows)]:
        terminalreporter.write_line("| " + " | ".join(str(cell) for cell in row) + " |")


def _total(rows: list[list[object]]) -> list[object]:
    return ["all", *(sum(int(str(row[i])) for row in rows) for i in range(1, len(COLUMNS)))]

"""Figures of tests as a table at the end of the run, also when several processes shared the work."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

Row = Sequence[object]


def recorded(reporter: pytest.TerminalReporter, title: str) -> list[Row]:
    """What tests recorded as the property of that name."""
    reports = [r for outcome in ("passed", "failed") for r in reporter.getreports(outcome)]
    return [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == title and report.when == "call"
    ]


def show(reporter: pytest.TerminalReporter, title: str, columns: Row, rows: Sequence[Row]) -> None:
    """Prints them as the tables of docs/explanation/reliability.md."""
    reporter.section(title)
    for row in [columns, ["---"] * len(columns), *rows]:
        reporter.write_line("| " + " | ".join(str(cell) for cell in row) + " |")

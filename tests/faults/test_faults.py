"""Every fault, end to end: what people see, what is left, how long it takes. ``make faults`` plays all and writes the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults import matrix
from faults.rows import ALL, Outcome, Row, play
from faults.sights import Sights


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "number", range(len(matrix.ROWS)), ids=lambda n: f"{matrix.ROWS[n].fault}, {matrix.ROWS[n].where}"[:70]
)
def test_a_fault_harms_nobody(
    number: int,
    usual: Sights,
    place: Callable[[Row, int], tuple[Path, str, Any]],
    empty_database: Path,
    record_property: Callable[[str, object], None],
) -> None:
    row = matrix.ROWS[number]
    outcome = Outcome(row)
    for count, strike in enumerate(row.chosen()):
        folder, url, prop = place(row, count)
        play(row, strike, outcome, usual, folder, empty_database, url, prop)
    record_property("faults", [number, *outcome.cells()])
    assert outcome.problems == []


@pytest.mark.skipif(ALL, reason="this run writes it")
def test_the_table_has_the_rows_of_the_code() -> None:
    """It may be of an earlier run, but of these rows."""
    assert [cells[:2] for cells in matrix.written()] == [[row.fault, row.where] for row in matrix.ROWS]

"""All rows of the fault matrix, and its table in docs/explanation/reliability.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from faults import (
    ask_rows,
    copy_rows,
    database_rows,
    move_rows,
    node_rows,
    power_rows,
    reset_rows,
    resize_rows,
    slack_rows,
    wait_rows,
    web_rows,
)

ROWS = (
    *node_rows.ROWS,
    *slack_rows.ROWS,
    *database_rows.ROWS,
    *power_rows.ROWS,
    *copy_rows.ROWS,
    *reset_rows.ROWS,
    *move_rows.ROWS,
    *resize_rows.ROWS,
    *web_rows.ROWS,
    *ask_rows.ROWS,
    *wait_rows.ROWS,
)
COLUMNS = ("fault", "when", "what people see", "result", "recovered")
DOCUMENT = Path(__file__).parents[2] / "docs/explanation/reliability.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


def written() -> list[list[str]]:
    """The cells of the table as it stands in the document."""
    block = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0]
    lines = [
        line.strip().strip("|").replace("\\|", "¦") for line in block.splitlines() if line.startswith("|")
    ]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def write(rows: Mapping[int, Sequence[object]]) -> bool:
    """Put these rows, by number, into the table; those that did not run stay. False when it lacks some."""
    before, rest = DOCUMENT.read_text().split(BEGIN)
    old, after = rest.split(END)
    lines = {tuple(cells[:2]): line for cells, line in zip(written(), old.splitlines()[2:], strict=True)}
    lines |= {(ROWS[number].fault, ROWS[number].where): _line(row) for number, row in rows.items()}
    wanted = [(row.fault, row.where) for row in ROWS]
    if not lines.keys() >= set(wanted):
        return False
    table = [_line(COLUMNS), _line(["---"] * len(COLUMNS)), *(lines[row] for row in wanted)]
    DOCUMENT.write_text(before + BEGIN + "\n".join(table) + "\n" + END + after)
    return True


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"

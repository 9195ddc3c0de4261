"""All rows of the fault matrix, and its table in docs/reliability.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import database_rows, node_rows, slack_rows

ROWS = (*node_rows.ROWS, *slack_rows.ROWS, *database_rows.ROWS)
COLUMNS = ("fault", "where it strikes", "the person sees", "left", "recovers after")
DOCUMENT = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


def written() -> list[list[str]]:
    """The cells of the table as it stands in the document."""
    block = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0]
    lines = [
        line.strip().strip("|").replace("\\|", "¦") for line in block.splitlines() if line.startswith("|")
    ]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def write(rows: Sequence[Sequence[object]]) -> None:
    """Puts a new table between the markers."""
    before, rest = DOCUMENT.read_text().split(BEGIN)
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    table = "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in lines)
    DOCUMENT.write_text(before + BEGIN + table + END + rest.split(END)[1])

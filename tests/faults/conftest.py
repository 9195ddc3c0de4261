"""What the fault matrix needs, and its table: ``make faults`` writes it into docs/explanation/reliability.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.postgres_kit import Postgres, missing
from harness.tables import recorded, show

from faults import matrix
from faults.disk import SmallDisk, no_disk
from faults.rows import ALL, Row, usual_sights
from faults.sights import Sights


@pytest.fixture(scope="session")
def usual(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Sights:
    """What people see when nothing goes wrong."""
    return usual_sights(tmp_path_factory.mktemp("usual"), empty_database)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[[Row, int], tuple[Path, str, Any]]]:
    """Makes a run's folder, database URL, and what can be done to the database."""
    props: list[Any] = []

    def make(row: Row, number: int) -> tuple[Path, str, Any]:
        folder = tmp_path / str(number)
        if row.database == "disk":
            if reason := no_disk():
                pytest.skip(reason)
            props.append(SmallDisk(folder))
            return folder, "", props[-1]
        folder.mkdir()
        if row.database == "postgres":
            if reason := missing():
                pytest.skip(reason)
            props.append(Postgres())
            return folder, props[-1].database(), props[-1]
        return folder, "", None

    yield make
    for prop in props:
        (prop.close if isinstance(prop, SmallDisk) else prop.stop)()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    rows = sorted(recorded(terminalreporter, "faults"))
    if not rows:
        return
    cells = [row[1:] for row in rows]
    show(terminalreporter, "faults", matrix.COLUMNS, cells)
    if ALL and not matrix.write({int(str(row[0])): row[1:] for row in rows}):
        terminalreporter.write_line("rows are missing: docs/explanation/reliability.md stays as it is")

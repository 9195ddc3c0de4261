"""What every benchmark ends with: tables for people, ratios with their goals, a JSON file for machines.

report = Report("growth")                       # takes the machine and its load down at once
report.table("kws list", ["nodes", "seconds"], [[1, spread(samples)], [100, spread(others)]])
report.ratio("kws list, 100 nodes to 1", spread(pairs), at_most=1.1)
report.close()                                  # prints the rest, writes benchmarks/results/growth.json
"""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("kws", "slack-bolt", "slack-sdk", "openstacksdk", "keystoneauth1", "sqlalchemy", "apscheduler")
SKIPPED = 77  # exit code of a command that can't run here


@dataclass(frozen=True)
class Spread:
    """The median of some repetitions, and how far they lie apart."""

    median: float
    low: float
    high: float
    samples: list[float]

    def __str__(self) -> str:
        if len(self.samples) == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(self.low)}–{number(self.high)})"


def spread(samples: Iterable[float]) -> Spread:
    """Return median, lowest, highest, and all samples in their order, in the samples' unit (at least one second or byte count)."""
    found = [float(sample) for sample in samples]
    return Spread(statistics.median(found), min(found), max(found), found)


def number(value: float) -> str:
    """Write seconds, bytes, or any other number with three figures, and no more digits than it has."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


class Report:
    """One benchmark's outcome."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tables: list[dict[str, Any]] = []
        self.ratios: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.machine = machine()
        self.started = datetime.now(UTC)
        self.load_before = os.getloadavg()
        print(f"{name}: {machine_line(self.machine)}; load {self.load_before[0]:.2f}", flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table and keep it; a cell may be a Spread, a number, a text or None."""
        self.tables.append(
            {"title": title, "columns": list(columns), "rows": [[plain(c) for c in row] for row in rows]}
        )
        print(f"\n{title}")
        print_table(columns, [[cell_text(cell) for cell in row] for row in rows])

    def ratio(
        self, name: str, value: Spread | float, *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """Keep a ratio (or another figure that has a goal); it is met by its median."""
        figure = value.median if isinstance(value, Spread) else value
        met = (at_most is None or figure <= at_most) and (at_least is None or figure >= at_least)
        goals = [
            f"≤ {at_most:g}" if at_most is not None else "",
            f"≥ {at_least:g}" if at_least is not None else "",
        ]
        self.ratios.append(
            {
                "name": name,
                "value": plain(value),
                "shown": cell_text(value),
                "goal": " ".join(filter(None, goals)),
                "met": met,
            }
        )

    def note(self, text: str) -> None:
        """Say something that a reader of the figures has to know."""
        self.notes.append(text)
        print(text, flush=True)

    def close(self) -> None:
        """Print the ratios, write the JSON file."""
        print()
        print_ratios(self.ratios)
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        outcome = {
            "benchmark": self.name,
            "command": command_line(),
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.started).total_seconds(), 1),
            "machine": self.machine,
            "load": {"before": self.load_before, "after": os.getloadavg()},
            "tables": self.tables,
            "ratios": self.ratios,
            "notes": self.notes,
        }
        path.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")
        print(f"\nwritten: {path}", flush=True)


def skip(why: str) -> None:
    """End a command that can't run here, so that `make bench` says why and goes on."""
    print(f"skipped: {why}", flush=True)
    sys.exit(SKIPPED)


def machine() -> dict[str, Any]:
    """The machine and the versions that the figures belong to."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: package_version(name) for name in PACKAGES},
    }


def machine_line(found: dict[str, Any]) -> str:
    """One line of the above, for people."""
    return (
        f"{found['processor']}, {found['cores']} cores, {found['memory_mib']:,} MiB, Python {found['python']}"
    )


def processor() -> str:
    """Its name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def package_version(name: str) -> str | None:
    """None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def command_line() -> str:
    """How this process was started, as one types it."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return " ".join(["python -m", spec.name if spec else sys.argv[0], *sys.argv[1:]])


def plain(cell: object) -> object:
    """A cell as JSON has it."""
    return asdict(cell) if isinstance(cell, Spread) else cell


def cell_text(cell: object) -> str:
    """A cell as the table shows it."""
    if cell is None:
        return "–"
    return number(cell) if isinstance(cell, float) else str(cell)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As Markdown, so that it can be pasted into docs/explanation/performance.md."""
    widths = [max(len(text) for text in column) for column in zip(columns, *rows, strict=True)]
    lines = [list(columns), ["-" * width for width in widths], *map(list, rows)]
    for line in lines:
        print(
            "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |",
            flush=True,
        )


def print_ratios(ratios: Sequence[dict[str, Any]]) -> None:
    """All ratios with their goals."""
    words = {True: "met", False: "MISSED"}
    rows = [[r["name"], r["shown"], r["goal"] or "–", words[r["met"]] if r["goal"] else "–"] for r in ratios]
    print_table(["ratio", "value", "goal", ""], rows)

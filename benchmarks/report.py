"""What every benchmark ends with: tables for people, ratios with their goals, a JSON file for machines.

report = Report("growth")                       # takes the machine and its load down at once
report.table("kws list", ["nodes", "seconds"], [[1, spread(samples)], [100, spread(others)]])
report.ratio("kws list, 100 nodes to 1", spread(pairs), at_most=1.1)
report.close()                                  # prints the rest, writes benchmarks/results/growth.json

`python -m benchmarks.report` writes what those files say into docs/explanation/performance.md: each page block
between ``<!-- measured: growth -->`` and ``<!-- measured: end -->`` whose benchmark has a result.
"""

import json
import os
import platform
import re
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs/explanation/performance.md"
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n)(.*?)(<!-- measured: end -->)", re.S)
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
        made = {"title": title, "columns": list(columns), "rows": [[plain(c) for c in row] for row in rows]}
        self.tables.append(made)
        print("\n" + table_text(made), flush=True)

    def ratio(
        self,
        name: str,
        value: Spread | float,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        rounds: int = 1,
    ) -> None:
        """Keep a ratio (or another figure that has a goal); it is met by its median.

        Args:
            name: What it compares.
            value: The ratio of each round, or one figure for all rounds.
            at_most: The goal.
            at_least: The same.
            rounds: How many rounds one figure stands for.
        """
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
                "rounds": len(value.samples) if isinstance(value, Spread) else rounds,
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
        print("\n" + ratios_text(self.ratios))
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
    """A cell as the table shows it; JSON's is shown alike."""
    if cell is None:
        return "–"
    if isinstance(cell, dict):
        return str(Spread(**cell))
    return number(cell) if isinstance(cell, float) else str(cell)


def rounds_text(count: int) -> str:
    """How many rounds a figure comes from; one has no spread, and says so."""
    return "one round" if count == 1 else f"{count} rounds"


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    widths = [max(len(text) for text in column) for column in zip(columns, *rows, strict=True)]
    lines = [list(columns), ["-" * width for width in widths], *map(list, rows)]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def table_text(table: Mapping[str, Any]) -> str:
    """A table below its title."""
    rows = table["rows"]
    counts = {len(c["samples"]) for row in rows for c in map(plain, row) if isinstance(c, dict)}
    title = "; ".join([table["title"], *([rounds_text(max(counts))] if counts else [])])
    return f"*{title}*\n\n" + markdown(table["columns"], [[cell_text(cell) for cell in row] for row in rows])


def ratios_text(ratios: Sequence[Mapping[str, Any]]) -> str:
    """All ratios with their goals."""
    words = {True: "met", False: "**missed**"}
    rows = [
        [r["name"], r["shown"], str(r["rounds"]), r["goal"] or "–", words[r["met"]] if r["goal"] else "–"]
        for r in ratios
    ]
    return markdown(["ratio", "value", "rounds", "goal", "result"], rows)


def block(outcome: Mapping[str, Any]) -> str:
    """What the page says of one result."""
    before, after = outcome["load"]["before"][0], outcome["load"]["after"][0]
    head = f"`{outcome['command']}` on {machine_line(outcome['machine'])}; load {before:.2f} before, {after:.2f} after:"
    parts = [head, *map(table_text, outcome["tables"])]
    if outcome["ratios"]:
        parts.append(ratios_text(outcome["ratios"]))
    return "\n\n".join([*parts, *outcome["notes"]])


def fresh(page: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the blocks of these results made again; the others stay."""

    def made(found: re.Match[str]) -> str:
        return f"{found[1]}\n{block(results[found[2]])}\n\n{found[4]}" if found[2] in results else found[0]

    return BLOCK.sub(made, page)


def results() -> dict[str, dict[str, Any]]:
    """What the last runs left."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))}


def write_page() -> None:
    """See above."""
    found = results()
    PAGE.write_text(fresh(PAGE.read_text(), found))
    print(f"written: {', '.join(found) or 'nothing'} in {PAGE.name}")


if __name__ == "__main__":
    write_page()

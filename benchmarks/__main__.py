"""`python -m benchmarks`: every benchmark in a row, then all ratios. Exit code 1 when a command failed.

    python -m benchmarks [--quick] [--write]

It says beforehand how long each takes; all together stay below an hour, with ``--quick`` at about ten minutes. Then each
has fewer rounds, people, or rentals, so its figures only show that it works: ``--write``, which puts the results into
docs/explanation/performance.md, is refused. Not in the list: `benchmarks.moves`, as it needs nodes whose servers boot.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import RESULTS, SKIPPED, markdown, ratios_text, results, write_page

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Run:
    """One benchmark; its name is that of its result. Minutes are those of two quiet cores."""

    name: str
    minutes: float
    options: str
    quick_minutes: float
    quick: str
    module: str = ""

    def command(self, *, quick: bool) -> list[str]:
        """What is typed behind ``python``."""
        return [
            "-m",
            f"benchmarks.{self.module or self.name}",
            *shlex.split(self.quick if quick else self.options),
        ]


POSTGRESQL = "--database postgresql --series history --rounds"
RUNS = (
    Run("submit_to_ready", 26, "--rentals 1,10,40 --repeat 3,1,1 --against 'floor,floor with group'",
        2, "--rentals 1 --repeat 1 --against floor"),
    Run("night_pass", 10, "--rentals 40 --repeat 2", 2, "--rentals 6 --sample 1"),
    Run("slack", 3, "", 1, "--people 50 --seconds 8 --rounds 2"),
    Run("growth", 4, "", 1, "--quick --rounds 3"),
    Run("growth_postgresql", 2, f"{POSTGRESQL} 5 --most 10000", 0.5, f"{POSTGRESQL} 3 --quick", "growth"),
    Run("month", 8, "--rentals 100", 1, "--rentals 20 --days 14"),
    Run("start_up", 4, "", 1, "--rounds 3 --starts 1 --rest 20"),
    Run("web", 0.5, "", 0.5, "--requests 100"),
)  # fmt: skip


def main() -> int:
    """See above."""
    options = arguments()
    for run in RUNS:
        (RESULTS / f"{run.name}.json").unlink(missing_ok=True)  # the ratios below are this run's
    announce(RUNS, quick=options.quick)
    ended = {run.name: carry_out(run, quick=options.quick) for run in RUNS}
    tell(ended)
    if options.write:
        write_page()
    return 1 if "failed" in ended.values() else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="in ten minutes: only to see that all of them work"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the results into docs/explanation/performance.md"
    )
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("figures of --quick aren't for the page")
    return options


def announce(runs: Sequence[Run], *, quick: bool) -> None:
    """What is to come, and how long it takes."""
    minutes = {run.name: run.quick_minutes if quick else run.minutes for run in runs}
    rows = [
        [run.name, f"{minutes[run.name]:g}", "python " + shlex.join(run.command(quick=quick))] for run in runs
    ]
    print(markdown(["benchmark", "minutes", "command"], rows))
    print(f"\nabout {sum(minutes.values()):g} minutes; less where one can't run", flush=True)


def carry_out(run: Run, *, quick: bool) -> str:
    """How it ended."""
    print(f"\n## {run.name}", flush=True)
    begun = time.monotonic()
    code = subprocess.run([sys.executable, *run.command(quick=quick)], cwd=ROOT, check=False).returncode
    print(f"\n{run.name} took {(time.monotonic() - begun) / 60:.1f} minutes", flush=True)
    return {0: "done", SKIPPED: "skipped"}.get(code, "failed")


def tell(ended: dict[str, str]) -> None:
    """All ratios, and what is missing."""
    print("\n# All ratios: median (lowest–highest) of the rounds")
    found = results()
    for name, how in ended.items():
        print(
            f"\n## {name}: {how}" if how != "done" else f"\n## {name}\n\n{ratios_text(found[name]['ratios'])}"
        )
    goals = [
        ratio["met"] for name in ended if name in found for ratio in found[name]["ratios"] if ratio["goal"]
    ]
    print(f"\n{sum(goals)} of {len(goals)} goals are met", flush=True)


if __name__ == "__main__":
    sys.exit(main())

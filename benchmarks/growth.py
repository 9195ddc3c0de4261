"""What KWS costs as the lab grows: more nodes, more history, more rentals that run.

    python -m benchmarks.growth --profile "App Home of an admin"   # where the time of one operation goes
    python -m benchmarks.growth [--quick] [--database sqlite|postgresql] [--rounds 9] [--series history live nodes]

Each operation is timed in labs of growing size (filled_lab.py: fake nodes, the real database and context, the
handlers down to the blocks), which take turns in every round. The slope is that of a line through the points
on log-log paper: 0 is flat, 1 is linear. What must be flat, and against what, is the table ``ACTS``.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import importlib
import itertools
import math
import pstats
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.filled_lab import FilledLab, Size, shuffled
from benchmarks.growth_acts import ACTS, Act, Acts
from benchmarks.report import Report, skip, spread

TESTS = Path(__file__).parent.parent / "tests"
FLAT = 0.1
SERIES = {
    "history": [Size(history=n) for n in (100, 1_000, 10_000, 100_000)],
    "live": [Size(live=n) for n in (10, 50, 200, 2_000)],
    "nodes": [Size(nodes=n) for n in (1, 4, 20, 100)],
}
QUICK = {
    "history": [Size(history=n) for n in (100, 3_000)],
    "live": [Size(live=n) for n in (10, 200)],
    "nodes": [Size(nodes=n) for n in (1, 20)],
}
PROFILED = 100  # times
REPEAT = 0.03  # seconds that a quick operation is repeated for, within one measurement


@dataclass(frozen=True)
class Series:
    """One sort of growth; ``labs`` are in its order."""

    name: str
    sizes: Sequence[int]
    labs: Sequence[FilledLab]


def main(words: Sequence[str] | None = None) -> None:
    """See above; ``words`` instead of the command line's."""
    options = arguments(words)
    if options.profile:
        profile(options.profile)
        return
    report = Report("growth" if options.database == "sqlite" else "growth_postgresql")
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as folder, ExitStack() as stack:
        new = databases(options.database, Path(folder), stack)
        for name in options.series:
            sizes = [
                s for s in (QUICK if options.quick else SERIES)[name] if getattr(s, name) <= options.most
            ]
            labs = [FilledLab(size, new()) for size in sizes]
            measure(report, Series(name, [getattr(size, name) for size in sizes], labs), options.rounds)
            for lab in labs:
                lab.close()
    report.close()


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each operation in each lab")
    parser.add_argument("--series", nargs="+", choices=[*SERIES], default=[*SERIES], metavar="NAME")
    parser.add_argument("--most", type=int, default=10**5, help="larger labs are left out")
    parser.add_argument("--quick", action="store_true", help="small labs: only to see that it works")
    parser.add_argument("--profile", choices=[act.name for act in ACTS], metavar="OPERATION")
    return parser.parse_args(words)


def profile(name: str) -> None:
    """Of one operation in a lab of the usual size, done so often that it counts."""
    act = next(act for act in ACTS if act.name == name)
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as folder:
        lab = FilledLab(Size(), f"sqlite:///{folder}/kws.db")
        acts = Acts(lab)
        act.do(acts)
        watch = cProfile.Profile()
        for _ in range(PROFILED):
            watch.runcall(act.do, acts)
        pstats.Stats(watch).sort_stats("cumulative").print_stats(40)
        lab.close()


def databases(kind: str, folder: Path, stack: ExitStack) -> Callable[[], str]:
    """Make the URL of a new database each time."""
    if kind == "sqlite":
        numbers = itertools.count()
        return lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}"
    sys.path.insert(0, str(TESTS))
    kit = importlib.import_module("harness.postgres_kit")
    if why := kit.missing():
        skip(why)
    server = kit.Postgres()
    stack.callback(server.stop)
    return lambda: str(server.database())


def measure(report: Report, series: Series, rounds: int) -> None:
    """Times every operation in all labs, in turns."""
    acts = {id(lab): Acts(lab) for lab in series.labs}
    rows, memory = [], []
    for act in ACTS:
        repeat = {key: repetitions(act, one) for key, one in acts.items()}
        times: dict[int, list[float]] = {key: [] for key in acts}
        for number in range(rounds):
            for lab in shuffled(series.labs, number):
                times[id(lab)].append(timed(act, acts[id(lab)], repeat[id(lab)]))
        each = [times[id(lab)] for lab in series.labs]
        slopes = spread(slope(series.sizes, points) for points in zip(*each, strict=True))
        goal = FLAT if series.name in act.flat else None
        steady = slope(series.sizes, [statistics.median(samples) for samples in each])
        wanted = f"≤ {FLAT}" if goal else "–"
        rows.append([act.name, *(spread(t * 1000 for t in samples) for samples in each), steady, wanted])
        memory.append([act.name, *(peak(act, acts[id(lab)]) for lab in series.labs)])
        if goal:
            report.ratio(f"{act.name}: slope with {series.name}", slopes, at_most=goal)
    columns = [f"{size:,}" for size in series.sizes]
    report.table(
        f"{series.name}: milliseconds, median (lowest–highest)", ["", *columns, "slope", "goal"], rows
    )
    report.table(f"{series.name}: KiB that one of them takes at most", ["", *columns], memory)


def repetitions(act: Act, acts: Acts) -> int:
    """How often it is done in one measurement; the first time is not counted: it fills caches."""
    act.do(acts)
    once = timed(act, acts, 1)
    return max(1, min(20, round(REPEAT / once)))


def timed(act: Act, acts: Acts, repeat: int) -> float:
    """Seconds for one."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    for _ in range(repeat):
        act.do(acts)
    taken = time.perf_counter() - begun
    gc.enable()
    return taken / repeat


def peak(act: Act, acts: Acts) -> float:
    """KiB that Python has at most while it is done, beyond what it had."""
    tracemalloc.start()
    act.do(acts)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest / 1024


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Least squares on log-log paper."""
    xs, ys = [math.log(size) for size in sizes], [math.log(one) for one in seconds]
    return statistics.linear_regression(xs, ys).slope


if __name__ == "__main__":
    main()

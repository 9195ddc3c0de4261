"""How long KWS takes to begin, and what it holds when nothing happens.

    python -m benchmarks.start_up [--rounds 7] [--starts 3] [--rest 60]

`kws --help` against `python -c pass` and an empty typer app, in turns. `kws run` on the real OpenStack pool (local
stand-ins, Zun included) from the process's start to connected and to the first command acknowledged, with all
nodes answering and with one black hole more. Then its memory after a minute of ticks, with what loads it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.local_bots import ROOT, cloud_nodes, kws, wait_for_nodes
from benchmarks.report import Report, spread
from kws_core.database.store import Store
from slack_workspace import Workspace

MOST_MEMORY = 120.0  # MiB
TYPER = "import typer; app = typer.Typer(add_completion=False, rich_markup_mode=None); app.command()(lambda: None); app()"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "empty typer app --help": ["-c", TYPER, "--help"],
    "kws --help": ["-m", "bot", "--help"],
    "kws nodes --help": ["-m", "bot", "nodes", "--help"],
}
PARTS = (  # what `kws run` stands on, in the order in which it is added
    "nothing", "sqlalchemy.orm", "pydantic", "slack_sdk", "slack_bolt", "slack_bolt.adapter.socket_mode.websocket_client",
    "apscheduler.schedulers.background", "jinja2", "bot.runner", "openstack", "keystoneauth1.session", "zunclient.client",
)  # fmt: skip
STARTED = ("connected to Slack", "first command acknowledged")
WEIGH = """
import importlib, json, resource, sys, time
rss = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
rows, begun = [], time.perf_counter()
for name in sys.argv[1:]:
    name == "nothing" or importlib.import_module(name)
    rows.append((name, (time.perf_counter() - begun) * 1000, rss()))
print(json.dumps(rows))
"""


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("start_up")
    commands(report, options.rounds)
    parts(report)
    runs(report, options.starts, options.rest)
    report.close()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of the short commands")
    parser.add_argument("--starts", type=int, default=3, help="of kws run, with and without a black hole")
    parser.add_argument("--rest", type=float, default=60, help="seconds of ticks before memory is read")
    return parser.parse_args()


def commands(report: Report, rounds: int) -> None:
    """The short ones, each once in every round; the first round fills the caches of files."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, words in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
            if number:
                times[name].append((time.perf_counter() - begun) * 1000)
    report.table("commands", ["", "ms"], [[name, spread(taken)] for name, taken in times.items()])
    ours, typer, bare = (times[name] for name in ("kws --help", "empty typer app --help", "python -c pass"))
    report.ratio("kws --help to an empty typer app", spread(pairs(ours, typer)))
    report.ratio("kws --help to python -c pass", spread(pairs(ours, bare)))


def pairs(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def parts(report: Report) -> None:
    """What each library adds to time and memory when it is imported after those before it."""
    weighed = subprocess.run(
        [sys.executable, "-c", WEIGH, *PARTS], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    rows: list[list[object]] = []
    before = (0.0, 0.0)
    for name, taken, rss in json.loads(weighed.stdout):
        rows.append([name, taken - before[0], rss - before[1], rss])
        before = (taken, rss)
    report.table("imports, one after the other", ["", "ms more", "MiB more", "MiB of RSS then"], rows)


def runs(report: Report, starts: int, rest: float) -> None:
    """`kws run`, with and without an unresponsive node, in turns, each with an empty database.

    Memory is read after ``rest`` seconds.
    """
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    memory: list[list[object]] = []
    for number in range(starts):
        for silent, taken in found.items():
            last = number == starts - 1
            times, resting = run_once(silent, rest if last else 0)
            taken.append(times)
            if last:
                memory.append([words(silent), resting["RSS"], resting["PSS"]])
                report.ratio(f"RSS at rest, {words(silent)}, MiB", resting["RSS"], at_most=MOST_MEMORY)
                report.ratio(f"PSS at rest, {words(silent)}, MiB", resting["PSS"], at_most=MOST_MEMORY)
    rows = [
        [words(silent), *(spread(times[n] for times in taken) for n in range(2))]
        for silent, taken in found.items()
    ]
    report.table("kws run: seconds from the start of the process", ["", *STARTED], rows)
    report.table(f"kws run: memory after {rest:g} s of ticks, MiB", ["", "RSS", "PSS"], memory)
    slow, quick = ([times[1] for times in found[silent]] for silent in (1, 0))
    report.ratio("first command acknowledged: one black hole to none", spread(pairs(slow, quick)))


def words(silent: int) -> str:
    """As the table has it."""
    return "2 nodes answer, one is silent" if silent else "2 nodes answer"


@contextmanager
def up_to_date(folder: Path) -> Iterator[None]:
    """With a database as every start but the first one finds it; a migration costs 9 MiB until the next start."""
    store = Store(f"sqlite:///{folder / 'kws.db'}")
    store.upgrade()
    store.close()
    yield


def run_once(silent: int, rest: float) -> tuple[tuple[float, float], dict[str, float]]:
    """Seconds to connected and to the first ack; the memory after ``rest`` seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="kws-bench-") as name,
        cloud_nodes(Path(name), 2, silent) as clouds,
        Workspace() as workspace,
        up_to_date(Path(name)),
        kws(Path(name), workspace, clouds) as bot,
    ):
        workspace.wait_for(lambda: workspace.connections, 60)
        connected = time.time() - bot.begun
        outcome = workspace.person("mina").command("/kws help")
        assert outcome.acked, outcome
        acked = time.time() - bot.begun
        if rest:
            wait_for_nodes(Path(name), clouds, 2)
            time.sleep(rest)
        return (connected, acked), bot.memory()


if __name__ == "__main__":
    main()

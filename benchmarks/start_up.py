"""How long KWS takes to begin, and what it holds when nothing happens.

    python -m benchmarks.start_up [--rounds 7] [--starts 3] [--rest 60]

`kws --help` against `python -c pass` and an empty typer app, in turns. `kws run` on the real OpenStack pool (local
stand-ins, Zun included) from the process's start to connected and to the first command acknowledged, with all
nodes answering and with one black hole more. Then its memory after a minute of ticks, with what loads it. The bare
app that only uses the same libraries (`benchmarks/bare_app.py --libraries`) takes turns with it.
"""

from __future__ import annotations

import argparse
import compileall
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.local_bots import ROOT, cloud_nodes, kws, libraries, wait_for_nodes
from benchmarks.report import Report, spread
from kws_core.database.store import Store
from slack_workspace import Workspace

MOST_MEMORY = 100.0  # MiB
MOST_TIME = 1.2  # seconds from the start of the process to the first acknowledgement
SOURCES = ("bot", "kws_core")
TYPER = "import typer; app = typer.Typer(add_completion=False, rich_markup_mode=None); app.command()(lambda: None); app()"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "empty typer app --help": ["-c", TYPER, "--help"],
    "kws --help": ["-m", "bot", "--help"],
    "kws nodes --help": ["-m", "bot", "nodes", "--help"],
}
PARTS = (  # what `kws run` stands on, then what it is itself
    "nothing", "typer", "sqlalchemy.orm", "pydantic", "slack_sdk", "slack_bolt", "slack_bolt.adapter.socket_mode.websocket_client",
    "apscheduler.schedulers.background", "jinja2", "babel.messages.pofile", "prometheus_client", "openstack.connection",
    "zunclient.client", "bot.cli.main", "bot.runner",
)  # fmt: skip
LIBRARIES = "the libraries alone, 2 nodes"
CONTESTANTS = {  # how many nodes are unresponsive besides the two that answer, and what is started
    "2 nodes answer": (0, kws),
    "2 nodes answer, one is unresponsive": (1, kws),
    LIBRARIES: (0, libraries),
}
STARTED = ("connected to Slack", "first command acknowledged", "processor seconds until then")
Times = tuple[float, float, float]
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
    for folder in SOURCES:
        compileall.compile_dir(ROOT / folder, quiet=1)  # as pip leaves them
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
    """`kws run`, with and without an unresponsive node, and its libraries alone, in turns, each with an empty database.

    Memory is read after ``rest`` seconds.
    """
    found: dict[str, list[Times]] = {name: [] for name in CONTESTANTS}
    memory: list[list[object]] = []
    for number in range(starts):
        for name, taken in found.items():
            last = number == starts - 1
            times, resting = run_once(name, rest if last else 0)
            taken.append(times)
            if last:
                memory.append([name, resting["RSS"], resting["PSS"]])
                report.ratio(
                    f"RSS at rest, {name}, MiB",
                    resting["RSS"],
                    at_most=None if name == LIBRARIES else MOST_MEMORY,
                )
    rows = [
        [name, *(spread(times[n] for times in taken) for n in range(len(STARTED)))]
        for name, taken in found.items()
    ]
    report.table("kws run: seconds from the start of the process", ["", *STARTED], rows)
    report.table(f"kws run: memory after {rest:g} s of ticks, MiB", ["", "RSS", "PSS"], memory)
    quick, slow, _ = ([times[1] for times in found[name]] for name in CONTESTANTS)
    ours, _, bare = ([times[2] for times in found[name]] for name in CONTESTANTS)
    report.ratio("first command acknowledged, seconds", spread(quick), at_most=MOST_TIME)
    report.ratio("processor seconds until then: KWS to its libraries alone", spread(pairs(ours, bare)))
    report.ratio("first command acknowledged: one black hole to none", spread(pairs(slow, quick)))


@contextmanager
def up_to_date(folder: Path) -> Iterator[None]:
    """With a database as every start but the first one finds it; a migration costs 9 MiB until the next start."""
    store = Store(f"sqlite:///{folder / 'kws.db'}")
    store.upgrade()
    store.close()
    yield


def run_once(name: str, rest: float) -> tuple[Times, dict[str, float]]:
    """Seconds to connected and to the first ack, and of the processor; the memory after ``rest`` seconds."""
    silent, start = CONTESTANTS[name]
    with (
        tempfile.TemporaryDirectory(prefix="kws-bench-") as place,
        cloud_nodes(Path(place), 2, silent) as clouds,
        Workspace() as workspace,
        up_to_date(Path(place)),
        start(Path(place), workspace, clouds) as bot,
    ):
        workspace.wait_for(lambda: workspace.connections, 60)
        connected = time.time() - bot.begun
        outcome = workspace.person("mina").command("/kws help")
        assert outcome.acked, outcome
        acked, used = time.time() - bot.begun, bot.processor()
        if rest:
            if start is kws:
                wait_for_nodes(Path(place), clouds, 2)
            time.sleep(rest)
        return (connected, acked, used), bot.memory()


if __name__ == "__main__":
    main()

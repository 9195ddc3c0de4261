"""How fast KWS answers a crowd while one node is a black hole, beside a bare Bolt app that opens the same modal.

    python -m benchmarks.slack [--people 100] [--seconds 22] [--rounds 3] [--think 6] [--unresponsive 1]

`kws run` is a process of its own, on the real OpenStack pool: two local stand-ins answer it, a third node takes
connections and says nothing. The bare app (bare_app.py) is another process. Each has a local workspace, in this
process, where everybody types `/kws rent`, gets the form, closes it, thinks for a while and types again. The two
take turns within each round. Times run from the payload's departure to the ack, and to the arrival of views.open.

In the end nobody types for as long as a turn: what a bot then takes is printed as a column of its own, and is taken off
the processor time of each form. The column of the whole has it in it.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.local_bots import Program, cloud_nodes, kws, processor_of, slack_of, wait_for_nodes
from benchmarks.report import Report, Spread, spread
from slack_workspace import Workspace
from slack_workspace.people import User, default_users

KWS, BARE = "KWS", "bare Bolt app"
ANSWERING = 2
WHAT = ("sent → acknowledged", "sent → views.open")
CUTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
GOALS = {(WHAT[0], "p99"): 1.5, (WHAT[1], "p50"): 2.0, (WHAT[1], "p99"): 1.5}  # by the bare app
MOST_WORK = 5.0  # processor ms per form


@dataclass
class Turn:
    """What people noticed in one turn of one contestant, seconds."""

    acks: list[float] = field(default_factory=list)
    opens: list[float] = field(default_factory=list)
    lost: int = 0  # not acknowledged in time, or no form
    app: float = 0.0  # processor seconds of the bot's process
    here: float = 0.0  # of this one: the workspace and its people
    seconds: float = 0.0  # until the last person had their form

    def times(self, what: str) -> list[float]:
        """Return the times in milliseconds, in the order of WHAT."""
        return self.acks if what == WHAT[0] else self.opens


class Contestant:
    """A bot, and its workspace."""

    def __init__(self, name: str, workspace: Workspace, program: Program) -> None:
        self.name, self.workspace, self.program = name, workspace, program
        self.turns: list[Turn] = []
        self.idle = 0.0  # processor seconds per second in which nobody asks for anything

    def rest(self, seconds: float) -> None:
        """Nobody sends anything for this number of seconds."""
        app, begun = self.program.processor(), time.monotonic()
        time.sleep(seconds)
        self.idle = (self.program.processor() - app) / (time.monotonic() - begun)

    def turn(self, options: argparse.Namespace, seed: int) -> Turn:
        """Everybody sends requests for this number of seconds."""
        turn, end = Turn(), time.monotonic() + options.seconds
        self.workspace.state.calls.clear()
        app, here, begun = self.program.processor(), processor_of("self"), time.monotonic()
        crowd = [
            threading.Thread(target=self._person, args=(turn, n, end, options.think, random.Random(seed + n)))
            for n in range(options.people)
        ]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        turn.app, turn.here = self.program.processor() - app, processor_of("self") - here
        turn.seconds = time.monotonic() - begun
        return turn

    def _person(self, turn: Turn, number: int, end: float, think: float, dice: random.Random) -> None:
        person = self.workspace.person(f"p{number}")
        time.sleep(dice.uniform(0, min(think, end - time.monotonic())))
        while time.monotonic() < end:
            self._once(turn, person)
            time.sleep(dice.uniform(0.5, 1.5) * think)

    def _once(self, turn: Turn, person: Any) -> None:
        sent = time.time()
        outcome = person.command("/kws rent")
        if outcome.error:
            turn.lost += 1
            return
        turn.acks.append(outcome.seconds)
        try:
            self.workspace.wait_for(lambda: person.open_view, 10)
        except TimeoutError:
            turn.lost += 1
            return
        trigger = outcome.trigger_id
        calls = self.workspace.calls_of("views.open")
        turn.opens.extend(call.at - sent for call in calls if call.args.get("trigger_id") == trigger)
        person.close()


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("slack")
    with tempfile.TemporaryDirectory(prefix="kws-bench-") as name, ExitStack() as stack:
        contestants = start(Path(name), options, stack)
        for number in range(options.rounds + 1):  # the first is to get warm, and lets KWS know its people
            for one in contestants if number % 2 else reversed(contestants):
                turn = one.turn(options, number * 1000)
                if number:
                    one.turns.append(turn)
        for one in contestants:
            one.rest(options.seconds)
            tell(report, one)
        compare(report, *contestants)
        wrong = [str(v) for one in contestants for v in one.workspace.violations]
        if wrong:
            report.note(f"Slack would refuse: {wrong[:3]}")
    report.close()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slack", description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=22, help="of one turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--think", type=float, default=6, help="seconds between two commands of a person")
    parser.add_argument("--unresponsive", type=int, default=1, help="nodes that are black holes")
    return parser.parse_args()


def start(folder: Path, options: argparse.Namespace, stack: ExitStack) -> list[Contestant]:
    """Both bots, connected; the bare one opens the view that KWS has opened."""
    users = [
        *default_users(),
        *(User(f"U0B{n:07d}", f"p{n}", locale="ko-KR") for n in range(options.people)),
    ]
    clouds = stack.enter_context(cloud_nodes(folder, ANSWERING, options.unresponsive))
    spaces = [stack.enter_context(Workspace(users=users)) for _ in range(2)]
    ours = Contestant(KWS, spaces[0], stack.enter_context(kws(folder, spaces[0], clouds)))
    spaces[0].wait_connected(2, 60)
    wait_for_nodes(folder, clouds, ANSWERING)
    path = folder / "view.json"
    path.write_text(json.dumps(form_of(spaces[0])))
    program = Program(folder, ["benchmarks.bare_app", str(path)], slack_of(spaces[1]))
    bare = Contestant(BARE, spaces[1], stack.enter_context(program))
    spaces[1].wait_connected(2, 60)
    return [ours, bare]


def form_of(workspace: Workspace) -> dict[str, Any]:
    """The form as KWS opens it now."""
    person = workspace.person("p0")
    person.command("/kws rent")
    workspace.wait_for(lambda: person.open_view)
    person.close()
    view = workspace.calls_of("views.open")[-1].args["view"]
    found: dict[str, Any] = json.loads(view) if isinstance(view, str) else view
    return found


def tell(report: Report, one: Contestant) -> None:
    """The table of one contestant."""
    rows: list[list[object]] = [
        [what, *(milliseconds(one.turns, what, cut) for cut in CUTS.values())] for what in WHAT
    ]
    report.table(f"{one.name}: milliseconds, median of the rounds (lowest–highest)", ["", *CUTS], rows)
    forms = [max(1, len(turn.opens)) for turn in one.turns]
    turns = list(zip(one.turns, forms, strict=True))
    app = spread(turn.app / n * 1000 for turn, n in turns)
    own = spread((turn.app - one.idle * turn.seconds) / n * 1000 for turn, n in turns)
    here = spread(turn.here / n * 1000 for turn, n in turns)
    columns = [
        "forms",
        "lost",
        "processor ms per form: the bot",
        "without what it takes idle",
        "workspace and people",
    ]
    row = [sum(forms), sum(t.lost for t in one.turns), app, own, here]
    report.table(f"{one.name}: work", [*columns, "processor ms per idle second"], [[*row, one.idle * 1000]])


def compare(report: Report, ours: Contestant, bare: Contestant) -> None:
    """KWS by the bare app, and the limit of a second."""
    for what in WHAT:
        for name, cut in CUTS.items():
            pairs = [
                percentile(mine.times(what), cut) / percentile(theirs.times(what), cut)
                for mine, theirs in zip(ours.turns, bare.turns, strict=True)
            ]
            report.ratio(f"{what}, {name}: KWS to bare", spread(pairs), at_most=GOALS.get((what, name)))
        worst = max(max(turn.times(what), default=0.0) for turn in ours.turns)
        report.ratio(f"{what}: KWS, worst of all, seconds", worst, at_most=1.0, rounds=len(ours.turns))
    work = spread(turn.app / max(1, len(turn.opens)) * 1000 for turn in ours.turns)
    report.ratio("processor ms per form: KWS, with what it takes idle", work, at_most=MOST_WORK)
    lost = float(sum(turn.lost for turn in ours.turns))
    report.ratio("forms and acks that KWS lost", lost, at_most=0, rounds=len(ours.turns))
    workspace, whole = sum(t.here for t in ours.turns), sum(t.here + t.app for t in ours.turns)
    report.ratio(
        "share of the workspace and its people in the processor time of KWS's turns",
        workspace / whole,
        rounds=len(ours.turns),
    )


def milliseconds(turns: Sequence[Turn], what: str, cut: float) -> Spread:
    """That percentile in each turn."""
    return spread(percentile(turn.times(what), cut) * 1000 for turn in turns)


def percentile(samples: Sequence[float], cut: float) -> float:
    """The smallest value that this share of the samples doesn't exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * cut))]


if __name__ == "__main__":
    main()

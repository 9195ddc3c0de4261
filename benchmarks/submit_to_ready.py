"""From the form's submission to the message "ready", beside the same servers made by bare scripts.

    python -m benchmarks.submit_to_ready --rentals 1,10,40 --repeat 3 [--nodes node1,node2] [--builds 3]

Needs two real nodes (`OS_CLIENT_CONFIG_FILE`). All take turns within each repetition: KWS with the person's own key,
KWS with a key that it makes, and the contestants of contestants.py. Each is a process of its own that is warm, all
build at most `--builds` servers a node at a time and look for ACTIVE once a second (the SDK's cloud layer every five,
which can't be set). KWS is `kws run` on a local Slack workspace; its time runs from the submission of the first
form to the message that the last server is ready; that of the others from the word "go" to ACTIVE of the last.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import lab
from benchmarks.http_trace import Call
from benchmarks.processes import DATABASE, SIZE_NAME, Bot, Rival
from benchmarks.report import Report, Spread, spread
from kws_core.forms import ssh_keys
from kws_core.people import Actor
from kws_core.rentals.service import RentalService
from slack_workspace import Workspace
from slack_workspace.people import User

OWN, GENERATED = "KWS, own key", "KWS, new key"
GROUPED = "floor with group"
RIVALS = ("floor", GROUPED, "layer", "original")
LIMIT = 1200  # seconds for one round
SUBMITTERS = 8  # people who press the button at the same instant


@dataclass(frozen=True)
class Round:
    """One contestant's turn, with ``number`` servers at once."""

    begun: float
    ready: list[float]  # time.time() of each
    own: float  # requests per rental, without polls
    shared: float  # the rest: polls and what serves all rentals
    phases: list[float]  # seconds from the start, see PHASES
    calls: list[Call]  # those that `own` counts
    processor: float  # seconds of it, each

    @property
    def seconds(self) -> float:
        """Until the last was ready."""
        return max(self.ready) - self.begun


PHASES = ("first request", "address made", "server asked for", "ACTIVE seen", "ready")


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("submit_to_ready")
    clouds = lab.connect(options.nodes)
    most = max(options.rentals)
    with (
        tempfile.TemporaryDirectory(prefix="kws-bench-") as folder,
        lab.borrowed(clouds, report, Path(folder) / DATABASE),
        Workspace(users=people(most)) as workspace,
        ExitStack() as stack,
    ):
        bot = stack.enter_context(Bot(Path(folder), workspace, options.nodes, options.builds))
        rivals = {
            name: stack.enter_context(Rival(Path(folder), name, options.nodes, options.builds, options.poll))
            for name in options.against
        }
        field = Field(clouds, bot, rivals, workspace)
        rounds = field.run(options.rentals, options.repeat)
        violations = workspace.violations
    tell(report, rounds, options)
    if violations:
        report.note(f"the workspace saw {len(violations)} things that Slack would refuse: {violations[:2]}")
    report.close()


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.submit_to_ready")
    numbers, words = (lambda t: [int(n) for n in t.split(",")]), (lambda t: t.split(","))
    parser.add_argument("--rentals", type=numbers, default=[1, 10], help="at once, e.g. 1,10,40")
    parser.add_argument("--repeat", type=numbers, default=[3], help="for all, or of each, e.g. 5,2,1")
    parser.add_argument("--nodes", type=words, default=["node1", "node2"], help="entries of clouds.yaml")
    parser.add_argument("--builds", type=int, default=3, help="servers that a node builds at a time")
    parser.add_argument("--poll", type=float, default=1.0, help="seconds between two looks of the floor")
    parser.add_argument("--against", type=words, default=list(RIVALS), help="some of " + ",".join(RIVALS))
    options = parser.parse_args()
    if len(options.repeat) == 1:
        options.repeat *= len(options.rentals)
    if len(options.repeat) != len(options.rentals):
        parser.error("--repeat: one number for all, or one for each of --rentals")
    return options


def people(number: int) -> list[User]:
    """A class."""
    return [User(f"U0BENCH{n:04}", f"student{n}", f"Student {n}", locale="en-US") for n in range(number)]


class Field:
    """Everybody takes a turn, with the nodes empty before each."""

    def __init__(
        self, clouds: dict[str, Any], bot: Bot, rivals: dict[str, Rival], workspace: Workspace
    ) -> None:
        self.clouds = clouds
        self.bot = bot
        self.rivals = rivals
        self.workspace = workspace
        self.turn = 0
        self.have_keys: set[str] = set()

    def run(self, numbers: Sequence[int], repeats: Sequence[int]) -> dict[int, dict[str, list[Round]]]:
        """The rounds by number of rentals and contestant, after one that does not count."""
        rounds: dict[int, dict[str, list[Round]]] = {number: defaultdict(list) for number in numbers}
        names = [OWN, GENERATED, *self.rivals]
        for name in names:
            self._round(name, 1)
        for number, repeat in zip(numbers, repeats, strict=True):
            for repetition in range(repeat):
                start = repetition % len(names)  # nobody is always the first
                for name in names[start:] + names[:start]:
                    done = self._round(name, number)
                    rounds[number][name].append(done)
                    print(
                        f"{number:3} × {name:14} {done.seconds:7.2f} s, {done.own:.1f} requests each",
                        flush=True,
                    )
        return rounds

    def _round(self, name: str, number: int) -> Round:
        self.turn += 1
        if name in self.rivals:
            return self._rival(self.rivals[name], number)
        return self._kws(number, own_key=name == OWN)

    def _rival(self, rival: Rival, number: int) -> Round:
        nodes = list(self.clouds)
        wishes = [(f"{lab.PREFIX}{rival.name}-{self.turn}-{i}", nodes[i % len(nodes)]) for i in range(number)]
        before = rival.processor_seconds()
        answer = rival.ask("make", wishes)
        processor = (rival.processor_seconds() - before) / number
        if answer["failed"]:
            raise RuntimeError(f"{rival.name}: {answer['failed']}")
        begun, ready = answer["begun"], list(answer["done"].values())
        calls = rival.calls(begun, max(ready))
        for cloud in self.clouds.values():
            lab.clear(cloud)
        own = [call for call in calls if not call.is_poll and not call.is_login]
        phases = milestones(begun, own, calls, max(ready))
        return Round(
            begun, ready, len(own) / number, (len(calls) - len(own)) / number, phases, own, processor
        )

    def _kws(self, number: int, *, own_key: bool) -> Round:
        if number > 1:
            self.bot.until_empty()
        asked = {f"b{self.turn}-{i}": self.workspace.person(f"student{i}") for i in range(number)}
        for name, person in asked.items():
            self._open(person, name, own_key=own_key)
        before = self.bot.processor_seconds()
        seen, begun = len(self.workspace.calls), time.time()
        with ThreadPoolExecutor(SUBMITTERS) as pool:
            outcomes = list(pool.map(lambda person: person.submit(), asked.values()))
        if not all(outcome.acked and not outcome.errors for outcome in outcomes):
            raise RuntimeError(f"a form was not taken: {outcomes}")
        self.bot.until(lambda: len(self._ready(asked, seen)) == number, LIMIT)
        processor = (self.bot.processor_seconds() - before) / number
        ready = list(self._ready(asked, seen).values())
        calls = self.bot.calls(begun, max(ready))
        self._give_back()
        own = [call for call in calls if of_a_rental(call)]
        phases = milestones(begun, own, calls, max(ready))
        return Round(
            begun, ready, len(own) / number, (len(calls) - len(own)) / number, phases, own, processor
        )

    def _open(self, person: Any, name: str, *, own_key: bool) -> None:
        """The form stands filled in before the clock runs."""
        if own_key and person.id not in self.have_keys:
            person.command(f"/kws keys add {ssh_keys.generate('own').public}")
            self.workspace.wait_for(lambda: "Saved the key" in str(person.ephemeral()), timeout=30)
            self.have_keys.add(person.id)
        person.command("/kws rent")
        self.workspace.wait_for(lambda: (person.open_view or {}).get("submit"), timeout=30)
        fields = {"name": name, "image": lab.IMAGE, "size": SIZE_NAME}
        if own_key:
            fields["access"] = saved_key(person.open_view)
        person.fill_form(fields)

    def _ready(self, asked: dict[str, Any], seen: int) -> dict[str, float]:
        """When each was told to be ready."""
        found: dict[str, float] = {}
        for call in self.workspace.calls[seen:]:
            if call.method in ("chat.postMessage", "chat.update") and ":large_green_circle:" in str(
                call.args
            ):
                name = next((name for name in asked if f"*{name}*" in str(call.args)), None)
                if name:
                    found.setdefault(name, call.at)
        return found

    def _give_back(self) -> None:
        """All are returned, and the nodes show nothing of them."""
        for rental in self.bot.rental_queries.all_rentals():
            RentalService(self.bot.context).return_rental(Actor(rental.owner), rental.id)
        self.bot.until(lambda: not self.bot.statuses(), LIMIT)


def saved_key(view: dict[str, Any]) -> str:
    """The value of the first saved key that the form offers."""
    options = [
        option["value"]
        for block in view["blocks"]
        for option in (block.get("element") or {}).get("options") or []
    ]
    return next((value for value in options if value.startswith("saved:")), "")


def of_a_rental(call: Call) -> bool:
    """Whether KWS asked this for one rental: all create calls, and the looks before them.

    The rest serves all: polls, lists that are remembered for minutes, the heartbeat. The ping before an address
    is one: those who begin within two seconds share it.
    """
    if call.method == "GET":
        look = call.path.endswith(("/servers", "/servers/detail"))  # before a server is created
        return "kws-" in call.path or ("-work" in call.thread and look)
    return not call.is_login


def milestones(begun: float, own: Sequence[Call], calls: Sequence[Call], ready: float) -> list[float]:
    """The PHASES of a round, in seconds from its begin; of several rentals the last one's."""
    addresses = [call.end for call in own if call.method == "POST" and "/floatingips" in call.path]
    servers = [call.end for call in own if call.method == "POST" and call.path.endswith("/servers")]
    polls = [call.end for call in calls if call.is_poll and call.end <= ready]
    moments = [own[0].at, max(addresses), max(servers), max(polls), ready]
    return [moment - begun for moment in moments]


def tell(report: Report, rounds: dict[int, dict[str, list[Round]]], options: argparse.Namespace) -> None:
    """Tables and ratios."""
    for number, by_name in rounds.items():
        floor = by_name.get("floor", [])
        rows = [row(name, found, floor, number) for name, found in by_name.items()]
        columns = [
            "",
            "s until all are ready",
            "median wait, s",
            "a minute",
            "requests each",
            "polls and shared",
            "processor, s each",
            "× floor",
        ]
        report.table(f"{number} at once, {options.builds} builds a node", columns, rows)
    if 1 in rounds:
        report.table(
            "Where the time of one goes: s after the start (medians)",
            ["", *PHASES],
            [[name, *phases_of(found)] for name, found in rounds[1].items()],
        )
    if 1 in rounds:
        last = rounds[1][OWN][-1]
        columns = ["request", "at, s", "took, s"]
        report.table("What KWS asks for one rental (the last of them)", columns, requests_of(last))
    for name in (OWN, GENERATED):
        goals(report, name, rounds)


def requests_of(found: Round) -> list[list[object]]:
    """One line per request, without ids."""
    lines: list[list[object]] = []
    for call in found.calls:
        path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|kws-\w+", "…", call.path)
        lines.append([f"{call.method} {path}", call.at - found.begun, call.end - call.at])
    return lines


def row(name: str, found: list[Round], floor: list[Round], number: int) -> list[object]:
    """One contestant's line."""
    waits = [statistics.median(r.ready) - r.begun for r in found]
    return [
        name,
        spread(r.seconds for r in found),
        spread(waits),
        spread(60 * number / r.seconds for r in found),
        spread(r.own for r in found),
        statistics.median(r.shared for r in found),
        statistics.median(r.processor for r in found),
        side_by_side(found, floor) if floor else None,
    ]


def phases_of(found: list[Round]) -> list[float]:
    """Return the medians, in seconds."""
    return [statistics.median(phase) for phase in zip(*(r.phases for r in found), strict=True)]


def side_by_side(found: list[Round], floor: list[Round]) -> Spread:
    """Ratios of those that ran in the same repetition."""
    return spread(one.seconds / other.seconds for one, other in zip(found, floor, strict=True))


def goals(report: Report, name: str, rounds: dict[int, dict[str, list[Round]]]) -> None:
    """The ratios that have a goal."""
    for number, by_name in rounds.items():
        found, floor, layer = by_name[name], by_name.get("floor"), by_name.get("layer")
        grouped = by_name.get(GROUPED)
        if floor:
            goal = {1: 0.97, 10: 1.02}.get(number)
            report.ratio(f"{name}: time of {number} to the floor", side_by_side(found, floor), at_most=goal)
        if grouped:
            throughput = spread(1 / ratio for ratio in side_by_side(found, grouped).samples)
            goal = 0.97 if number == 40 else None
            title = f"{name}: throughput of {number} to that of the {GROUPED}"
            report.ratio(title, throughput, at_least=goal)
        requests = spread(r.own for r in found)
        report.ratio(f"{name}: requests for each of {number}, without shared polls", requests, at_most=8)
        if layer:
            # the layer's polls are its own: nobody else has anything of them
            ratio = spread(a.own / (b.own + b.shared) for a, b in zip(found, layer, strict=True))
            report.ratio(f"{name}: requests for each of {number} to the cloud layer's", ratio, at_most=0.5)


if __name__ == "__main__":
    main()

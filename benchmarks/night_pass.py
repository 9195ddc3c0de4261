"""How long the nightly cleanup takes for overdue rentals, beside deleting the same by bare concurrent calls.

    python -m benchmarks.night_pass --rentals 200 --repeat 1 [--nodes node1,node2] [--builds 4]

Needs two real nodes (`OS_CLIENT_CONFIG_FILE`). Three take turns within each repetition:

* KWS: real rentals of forty people, asked for at the core (not through forty forms), made by `kws run`, warned in
  Slack, then ended by one nightly cleanup as of the midnight after their last day. Its time runs from the begin of the
  pass until the database believes that the last is gone, which it does when its node shows nothing of it.
* `floor`: as many servers with address, port and group; each deleted by five bare calls and polls, as many at once
  on a node as KWS has threads. Until the last group is deleted.
* `original`: one after the other, as the previous system; measured on `--sample` of them and multiplied.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import lab
from benchmarks.processes import DATABASE, SIZE_NAME, Bot, Rival
from benchmarks.report import Report, Spread, spread
from benchmarks.submit_to_ready import people
from kws_core.forms import ssh_keys
from kws_core.nightly.cleanup import Nightly
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService
from kws_core.tables.states import Access, Status
from slack_workspace import Workspace

KWS, FLOOR, ORIGINAL = "KWS", "floor with group", "original"
OWNERS = 40
POLL = 0.7  # seconds between two checks of a server that is being deleted: KWS's own
LIMIT = 3600
EACH = 11.0  # seconds that the original takes for one at the least, by its code


@dataclass(frozen=True)
class Night:
    """One deletion of all."""

    seconds: float
    requests: float  # each
    processor: float  # seconds of it, each
    marking: float = 0.0  # seconds of them in the pass itself


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("night_pass")
    clouds = lab.connect(options.nodes)
    with (
        tempfile.TemporaryDirectory(prefix="kws-bench-") as folder,
        lab.borrowed(clouds, report, Path(folder) / DATABASE),
        Workspace(users=people(OWNERS)) as workspace,
        ExitStack() as stack,
    ):
        bot = stack.enter_context(Bot(Path(folder), workspace, options.nodes, options.builds))
        rivals = {
            name: stack.enter_context(Rival(Path(folder), name, options.nodes, options.builds, POLL))
            for name in (FLOOR, ORIGINAL)
        }
        nights = Nights(clouds, bot, rivals, workspace).run(options.rentals, options.sample, options.repeat)
        violations = workspace.violations
    tell(report, nights, options)
    if violations:
        report.note(f"the workspace saw {len(violations)} things that Slack would refuse: {violations[:2]}")
    report.close()


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.night_pass")
    words: Callable[[str], list[str]] = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--rentals", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--sample", type=int, default=2, help="how many the original deletes")
    parser.add_argument("--nodes", type=words, default=["node1", "node2"], help="entries of clouds.yaml")
    parser.add_argument("--builds", type=int, default=4, help="servers that a node builds at a time")
    return parser.parse_args()


class Nights:
    """Everybody's servers are made, then deleted under the clock; the nodes are empty between two turns."""

    def __init__(
        self, clouds: dict[str, Any], bot: Bot, rivals: dict[str, Rival], workspace: Workspace
    ) -> None:
        self.clouds = clouds
        self.bot = bot
        self.rivals = rivals
        self.workspace = workspace
        self.context, self.nightly = bot.context, Nightly(bot.context)
        self.turn = 0

    def run(self, number: int, sample: int, repeat: int) -> dict[str, list[Night]]:
        """Of each its nights."""
        nights: dict[str, list[Night]] = {KWS: [], FLOOR: [], ORIGINAL: []}
        for repetition in range(repeat):
            names = [KWS, FLOOR] if repetition % 2 == 0 else [FLOOR, KWS]
            for name in [*names, ORIGINAL]:
                self.turn += 1
                size = sample if name == ORIGINAL else number
                night = self._kws(size) if name == KWS else self._rival(self.rivals[name], size)
                nights[name].append(night)
                print(f"{size:3} × {name:16} {night.seconds:7.1f} s", flush=True)
        return nights

    def _rival(self, rival: Rival, number: int) -> Night:
        nodes = list(self.clouds)
        kind = rival.name.split()[0]
        wishes = [(f"{lab.PREFIX}{kind}-{self.turn}-{i}", nodes[i % len(nodes)]) for i in range(number)]
        made = rival.ask("make", wishes)
        before = rival.processor_seconds()
        gone = rival.ask("delete", wishes) if not made["failed"] else made
        processor = (rival.processor_seconds() - before) / number
        if gone["failed"]:
            raise RuntimeError(f"{rival.name}: {gone['failed']}")
        end = max(gone["done"].values())
        rival.ask("tidy", [])
        return Night(end - gone["begun"], len(rival.calls(gone["begun"], end)) / number, processor)

    def _kws(self, number: int) -> Night:
        self._rent(number)
        midnight = self._warn(number)
        before, begun = self.bot.processor_seconds(), time.time()
        done = self.nightly.run(midnight)
        marked = time.time()
        if len(done.marked) != number:
            raise RuntimeError(f"the pass ended {len(done.marked)} of {number}: {done}")
        end = self.bot.until(lambda: not self.bot.statuses(), LIMIT)
        processor = (self.bot.processor_seconds() - before) / number
        marks = frozenset(f"kws-{rental_id}" for rental_id in done.marked)
        left = {name: count for name, cloud in self.clouds.items() if (count := left_of(cloud, marks))}
        if left:
            raise RuntimeError(f"KWS says that all is gone, but there is {left}")
        return Night(end - begun, len(self.bot.calls(begun, end)) / number, processor, marked - begun)

    def _rent(self, number: int) -> None:
        key = ssh_keys.generate("night").public
        for i in range(number):
            form = RentForm(
                name=f"n{self.turn}-{i}",
                image=lab.IMAGE,
                size=SIZE_NAME,
                ends_on=self.context.today() + timedelta(days=1),
                access=Access.OWN_KEY,
                public_key=key,
            )
            RentalService(self.context).request(
                Actor(people(OWNERS)[i % OWNERS].id), form, f"night:{self.turn}:{i}"
            )
        self.bot.until(lambda: self.bot.statuses() == [Status.READY.value] * number, LIMIT)

    def _warn(self, number: int) -> datetime:
        """Everybody has heard that the last day has come; returns the midnight after it."""
        last_day = self.context.today() + timedelta(days=1)
        zone = self.context.config.kws.zone
        seen = len(self.workspace.calls)

        def warnings() -> int:
            calls = self.workspace.calls[seen:]
            return sum(
                call.method == "chat.postMessage" and ":alarm_clock:" in str(call.args) for call in calls
            )

        noon = datetime.combine(last_day, datetime.min.time(), tzinfo=zone) + timedelta(hours=12)
        self.nightly.remind(noon)
        self.bot.until(lambda: warnings() >= number, LIMIT)
        midnight = datetime.combine(last_day + timedelta(days=1), datetime.min.time(), tzinfo=zone)
        self.bot.until(lambda: len(self.nightly.would_end(midnight)) == number, 60)
        return midnight


def left_of(cloud: Any, marks: Collection[str]) -> int:
    """How many resources with these marks a node shows."""
    servers = [lab.mark_of_server(server) for server in cloud.compute.servers()]
    kinds = lab.inventory(cloud)
    return sum(
        text in marks for text in servers + [text for kind in kinds.values() for text in kind.values()]
    )


def tell(report: Report, nights: dict[str, list[Night]], options: argparse.Namespace) -> None:
    """The table and the ratios."""
    number = options.rentals
    extrapolated = [n.seconds / options.sample * number for n in nights[ORIGINAL]]
    seconds: dict[str, Spread] = {
        name: spread(night.seconds for night in nights[name]) for name in (KWS, FLOOR)
    } | {f"{ORIGINAL}, from {options.sample} of them": spread(extrapolated)}
    costs = [
        [statistics.median(n.requests for n in found), statistics.median(n.processor for n in found)]
        for found in nights.values()
    ]
    rows = [
        [name, s, s.median / number, *cost] for (name, s), cost in zip(seconds.items(), costs, strict=True)
    ]
    title = f"{number} overdue rentals on {len(options.nodes)} nodes"
    report.table(title, ["", "s until all are gone", "s each", "requests each", "processor, s each"], rows)
    report.note(
        f"marking them in the database took {statistics.median(n.marking for n in nights[KWS]):.1f} s of it"
    )
    kws, floor = [n.seconds for n in nights[KWS]], [n.seconds for n in nights[FLOOR]]
    ratios = spread(a / b for a, b in zip(kws, floor, strict=True))
    report.ratio(f"night of {number} to the floor", ratios, at_most=1.15)
    ratios = spread(a / b for a, b in zip(kws, extrapolated, strict=True))
    report.ratio(f"night of {number} to the original's", ratios)
    fastest = min(extrapolated) / number
    report.ratio("the original's seconds for one", fastest, at_least=EACH, rounds=options.repeat)


if __name__ == "__main__":
    main()

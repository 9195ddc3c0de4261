"""The real ``kws run`` on two real nodes, killed with SIGKILL at chosen calls of what people do and what the night does.

By default a few deaths, each at a call where most could go wrong. ``KWS_KILLS=40``: so many, spread evenly over all
calls; ``KWS_KILLS=all``: each of them, before and after.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
from bot_process import BotProcess
from lab_checks import marks, take_away
from mortal_acts import Acts
from mortal_bot import Death, MortalBot

from slack_workspace import Workspace

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(7200)]

KILLS = os.environ.get("KWS_KILLS", "")
DAY, NIGHT = ("rent", "extend", "return"), ("rent", "expiry reminder", "nightly cleanup")
SIDES = ("before", "after")
Life = list[tuple[str, Death | None]]  # acts in their order


def at(side: str, name: str, nth: int = 1) -> Death:
    return Death(side, name=name, nth=nth)


SAMPLE: list[Life] = [
    [
        ("rent", at("before", "conversations.open")),  # the form was accepted, and no more
        ("extend", at("after", "commit", 2)),
        ("return", at("after", "DELETE compute /servers/*")),
    ],
    [
        ("rent", at("after", "chat.postMessage")),  # the card is there, and nobody noted where
        ("expiry reminder", at("after", "chat.postMessage")),
        ("nightly cleanup", at("after", "DELETE compute /servers/*")),
    ],
    [("rent", at("before", "upload")), ("return", at("before", "DELETE network /ports/*"))],
    [("rent", at("after", "files.completeUploadExternal")), ("return", None)],
    [("rent", at("after", "POST compute /servers")), ("return", at("after", "commit", 2))],
]


class Run:
    """One bot and its nodes, through many lives of one rental each."""

    def __init__(self, acts: Acts, bot: MortalBot) -> None:
        self.acts, self.bot = acts, bot
        self.lives = self.nights = 0
        self.calls: dict[str, list[str]] = {}
        self.took: dict[str, list[float]] = defaultdict(list)  # of acts with a death
        self.wrong: dict[str, list[str]] = defaultdict(list)
        self.missed = 0  # deaths whose call did not come: polls are not the same number each time

    def live(self, life: Life) -> None:
        """One rental from its request to its end."""
        self.lives += 1
        self.acts.name = f"kill{self.lives:02}"
        for act, death in life:
            self.acts.prepare(act)
            begun = time.monotonic()
            self.bot.during(death, self.acts.deed(act))
            took, wrong = time.monotonic() - begun, self.acts.problems(act)
            self.nights += act == "nightly cleanup"
            where = self.bot.died or ("not reached" if death else "no death")
            print(f"{act} | {where} | {took:.0f} s | {'; '.join(wrong) or 'all is well'}", flush=True)
            self.wrong[act] += [f"{where}: {one}" for one in wrong]
            if self.bot.died:
                self.took[act].append(took)
            elif death:
                self.missed += 1
            else:
                self.calls[act] = self.bot.calls

    def rows(self) -> list[list[int | str]]:
        """The table's."""
        found: list[list[int | str]] = []
        for act, took in self.took.items():
            calls = len(self.calls[act]) if act in self.calls else "-"
            found.append(
                [act, calls, len(took), len(self.wrong[act]), f"{median(took):.0f} s", f"{max(took):.0f} s"]
            )
        return found


def spread(calls: dict[str, list[str]], wanted: int | None) -> list[Life]:
    """Lives with so many deaths, spread evenly over all calls of all acts."""
    acts = list(dict.fromkeys((*DAY, *NIGHT)))
    every = [
        (act, Death(side, number=n + 1)) for act in acts for n in range(len(calls[act])) for side in SIDES
    ]
    step = max(1.0, len(every) / (wanted or len(every)))
    queues: dict[str, deque[Death]] = defaultdict(deque)
    for number in range(int(len(every) / step)):
        act, death = every[int(number * step)]
        queues[act].append(death)
    lives: list[Life] = []
    while any(queues.values()):
        kind = (
            DAY if sum(len(queues[a]) for a in DAY[1:]) >= sum(len(queues[a]) for a in NIGHT[1:]) else NIGHT
        )
        lives.append([(act, queues[act].popleft() if queues[act] else None) for act in kind])
    return lives


@pytest.fixture
def before(clouds: dict[str, Any]) -> Iterator[set[str]]:
    """What carries a mark on the nodes before the test; nothing more is left, also when it fails."""
    there = marks(clouds)
    yield there
    take_away(clouds, marks(clouds) - there)


@pytest.fixture
def run(
    before: set[str],
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> Run:
    bot = MortalBot(make_bot(containers=False), workspace)
    return Run(Acts(bot, clouds, marked), bot)


def test_a_death_by_sigkill_breaks_nothing(
    run: Run, clouds: dict[str, Any], before: set[str], record_property: Callable[[str, object], None]
) -> None:
    run.bot.start()
    run.acts.knows_images()
    lives = SAMPLE
    if KILLS:
        for kind in (DAY, NIGHT):
            run.live([(act, None) for act in kind])
        lives = spread(run.calls, None if KILLS == "all" else int(KILLS))
    for life in lives:
        run.live(life)
        assert marks(clouds) == before, f"left after {life}"
    run.acts.last_summary(run.nights)
    for row in run.rows():
        record_property("deaths by SIGKILL on real nodes", row)
    assert {act: found for act, found in run.wrong.items() if found} == {}
    assert KILLS or run.missed == 0, "each death of the sample is to be died"

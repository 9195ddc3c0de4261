"""Whose server is built next where more is asked for than nodes may build at once. Pure: rows in, an order out.

The person who has least goes first: what a person has being created, and what they have asked for before, counts against
each further wish. Among equals it is the one who has waited longest since anything was done for them. So three
wishes of one person stand behind the first wish of everybody else, and nobody waits for ever: a person's first
wish is only ever behind those that were served, or asked, before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

STEP = 2  # a position is told again once it is this part of what was told: 40, 20, 10, 5, 2, 1


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A rental that waits to be built on ``node``. ``can_start``: all that its server needs is there."""

    rental: str
    owner: str
    node: str
    asked_at: datetime
    can_start: bool = True


@dataclass(frozen=True, slots=True)
class Served:
    """What was done for a person: builds under way, and when one was begun or came to its end last."""

    under_way: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The ``position``-th of ``of`` that wait for one node, from 1."""

    position: int
    of: int


def in_order(wishes: Iterable[BuildRequest], served: Mapping[str, Served]) -> list[BuildRequest]:
    """All wishes on all nodes, the next to be built first; the same on every replica."""
    of_person: dict[str, list[BuildRequest]] = defaultdict(list)
    for wish in sorted(wishes, key=lambda wish: (wish.asked_at, wish.rental)):
        of_person[wish.owner].append(wish)
    keyed = []
    for owner, mine in of_person.items():
        past = served.get(owner, Served())
        since = max(past.last, mine[0].asked_at) if past.last else mine[0].asked_at
        keyed += [((past.under_way + n, since, w.asked_at, w.rental), w) for n, w in enumerate(mine)]
    return [wish for _, wish in sorted(keyed, key=lambda pair: pair[0])]


def queue_for(node: str, order: Iterable[BuildRequest]) -> list[BuildRequest]:
    """Those of an order that wait for that node."""
    return [wish for wish in order if wish.node == node]


def called(line: Iterable[BuildRequest], free: int) -> list[str]:
    """The rentals that may start now; who can't start yet keeps its place and holds up nobody."""
    return [wish.rental for wish in line if wish.can_start][: max(0, free)]


def turns(line: Sequence[BuildRequest], free: int) -> dict[str, QueuePosition]:
    """By rental, of those for whom no slot is left."""
    return {w.rental: QueuePosition(n, len(line)) for n, w in enumerate(line, 1) if n > free}


def worth_telling(told: int | None, position: int) -> bool:
    """Whether a position is news: Slack takes few edits a minute, so not each step is."""
    return told is None or position > told or position * STEP <= told

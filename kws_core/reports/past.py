"""What has happened, added up for monitoring: read once by each process, and from then on only what is newer.

A machine becomes ready once, and a rental ends once, so what was counted stays as it is.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from kws_core.tables.rental import Placement, Rental
from kws_core.values import Kind

BUCKETS = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)  # seconds of a build
LATE = timedelta(minutes=15)  # what is younger is read each time: a commit, or a replica's clock, may be late
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_NEVER = datetime(
    9000, 1, 1, tzinfo=UTC
)  # with both ends, PostgreSQL takes the index even before its first ANALYZE

_BUILT = (  # a refused placement has its refusal; the one that became ready has none
    select(Placement.node, Placement.server_at, Rental.ready_at)
    .join(Rental)
    .where(
        Rental.ready_at > bindparam("since"),
        Rental.ready_at < _NEVER,
        Rental.request_key.not_like("legacy:%"),  # nobody built those here
        Placement.refusal.is_(None),
        Placement.server_at.is_not(None),
    )
    .execution_options(yield_per=1000)
)
_ENDED = (
    select(Rental.kind, Rental.ended_at)
    .where(Rental.ended_at > bindparam("since"), Rental.ended_at < _NEVER)
    .execution_options(yield_per=1000)
)


@dataclass(slots=True)
class BuildTimes:
    """How many machines took how long, from asking for one to ready."""

    within: list[int] = field(
        default_factory=lambda: [0] * len(BUCKETS)
    )  # not longer than that bucket's edge
    number: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.number += 1
        self.seconds += seconds
        for place, edge in enumerate(BUCKETS):
            self.within[place] += seconds <= edge


@dataclass(slots=True)
class Sums:
    """What has happened, added up."""

    builds: dict[str, BuildTimes] = field(default_factory=dict)  # by node
    ended: Counter[Kind] = field(default_factory=Counter)

    def built(self, node: str, asked_at: datetime, ready_at: datetime) -> None:
        """Count a machine that became ready."""
        seconds = max(0.0, (ready_at - asked_at).total_seconds())
        self.builds.setdefault(node, BuildTimes()).add(seconds)


class Past:
    """The sums of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._since = _BEGINNING  # what is older is in the sums
        self._old = Sums()

    def read(self, session: Session, now: datetime) -> Sums:
        """Everything until now."""
        with self._lock:
            known = {"since": self._since}
            settled = max(self._since, now - LATE)
            old, young = deepcopy(self._old), []
            for node, asked_at, ready_at in session.execute(_BUILT, known):
                assert asked_at
                assert ready_at
                if ready_at <= settled:
                    old.built(node, asked_at, ready_at)
                else:
                    young.append((node, asked_at, ready_at))
            everything = deepcopy(old)
            for built in young:
                everything.built(*built)
            for kind, ended_at in session.execute(_ENDED, known):
                assert ended_at
                everything.ended[kind] += 1
                old.ended[kind] += ended_at <= settled
            self._old, self._since = old, settled  # only now: an error of the database counts nothing twice
        return everything

"""What must hold of what owners are told of outages: once each, of long ones only, and that it has ended after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from kws_core.tables.details.outage_events import NodeBack, NodeSilent
from kws_core.tables.event import Event

LONG = timedelta(minutes=10)


def check(events: Mapping[str, Sequence[Event]]) -> None:
    """All of it."""
    notified: Counter[tuple[object, ...]] = Counter()
    for history in events.values():
        silent = set()
        for event in history:
            told = event.details
            if not isinstance(told, NodeSilent | NodeBack):
                continue
            assert told.since is not None
            outage = (told.node, told.since)
            if isinstance(told, NodeSilent):
                assert event.at - told.since >= LONG, "a blink is told"
                assert outage not in silent, "an outage is told twice"
                silent.add(outage)
            else:
                assert outage in silent, "it is back, and nobody was told that it was away"
            if told.names:
                notified[event.kind, told.person, *outage] += 1
    assert [one for one, times in notified.items() if times > 1] == [], "a person is notified twice"

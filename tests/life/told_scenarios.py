"""Short lives in which a node does not answer for long; see ``scenarios.py``."""

from __future__ import annotations

from harness.world import JOON, MINA
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.tables.event_kinds import EventKind


def _told(lab: Lab) -> list[EventKind]:
    kinds = (EventKind.NODE_SILENT, EventKind.NODE_BACK)
    return [event.kind for history in lab.every_event().values() for event in history if event.kind in kinds]


def _outage(lab: Lab, minutes: int) -> None:
    node = lab.nodes["node1"]
    node.go_down(power=True)
    lab.settle(15)
    lab.clock.advance(minutes=minutes)
    lab.settle(20)
    lab.check()
    node.come_back()
    lab.settle(130)
    lab.check()


def a_node_does_not_answer_for_long(make: MakeLab) -> None:
    lab = make(1)
    for name, who in (("web01", MINA), ("web02", MINA), ("box", JOON)):
        lab.rent(name, who)
    lab.settle(40)
    _outage(lab, 8)
    assert _told(lab) == []
    _outage(lab, 12)
    assert sorted(_told(lab)) == [EventKind.NODE_BACK] * 3 + [EventKind.NODE_SILENT] * 3
    lab.end_well()

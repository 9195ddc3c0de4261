"""Rentals and lines of history that were never in a database, for what draws them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Status
from kws_core.values import Kind

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
ACTIVE = (Status.REQUESTED, Status.BUILDING, Status.READY, Status.STOPPED)
DATA = {
    "node": "node2", "refused": "node1", "refusal": "quota", "fingerprint": "SHA256:abc", "reason": "no_node",
    "why": "returned", "until": "2026-12-24", "position": 3, "of": 12, "audience": "lab", "port": 80, "note": "spam",
    "address": "https://web01.lab.example", "size": "large",
}  # fmt: skip


def rental(status: Status = Status.READY, **changes: Any) -> Rental:
    """A rental in that state."""
    values: dict[str, Any] = {
        "id": "abcdefghjk", "name": "web01", "owner": "U0MINA00001", "kind": Kind.SERVER, "image": "debian-12",
        "login": "debian", "size": "small", "vcpus": 1, "ram_mb": 512, "disk_gb": 5, "ends_on": date(2026, 12, 15),
        "open_ports": [{"first": 80, "last": 80, "protocol": "tcp"}], "access": Access.GENERATED,
        "key_file": "F1", "host_keys": ["SHA256:" + "x" * 43], "status": status,
    }  # fmt: skip
    made = Rental(**{**values, **changes})
    state = PlacementState.ACTIVE if status in ACTIVE else PlacementState.DELETING
    made.placements = [Placement(node="node1", state=state, floating_ip="203.0.113.10")]
    return made


def event(kind: EventKind, number: int = 1, actor: str = "kws", **data: Any) -> Event:
    """A line of history."""
    return Event(id=number, at=NOW, kind=kind, actor=actor, data={**DATA, **data})


hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)

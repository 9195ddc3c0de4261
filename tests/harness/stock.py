"""Rentals that are simply there, for lists: nobody asked for them and no node knows them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from kws_core.tables.base import new_id
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status

STATES = (Status.READY, Status.READY, Status.STOPPED, Status.ENDING)


def made(n: int, now: datetime, ends_on: date, **changes: Any) -> Rental:
    """The nth of them, on node1 or node2."""
    values: dict[str, Any] = {
        "id": new_id(), "request_key": f"stock:{n}", "kind": "server", "name": f"vm-{n:03}", "owner": "U1",
        "image": "debian-12", "login": "debian", "size": "small", "vcpus": 1, "ram_mb": 512, "disk_gb": 5,
        "open_ports": [], "ends_on": ends_on, "end_set_at": now, "status": STATES[n % 4], "access": "own_key",
        "host_keys": [], "created_at": now,
    }  # fmt: skip
    rental = Rental(**{**values, **changes})
    state = PlacementState.DELETING if rental.status is Status.ENDING else PlacementState.ACTIVE
    place = {"held_at": now, "next_check_at": now + timedelta(days=9), "tries": 0}
    rental.placements = [Placement(node=f"node{n % 2 + 1}", state=state, **place)]
    return rental

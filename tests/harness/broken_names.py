"""Broken rules of names under the lab's domain, for the crash sweep, the fault matrix, and the drawn lives."""

from __future__ import annotations

from typing import Any

import pytest

from kws_core.moves import lifecycle
from kws_core.rentals.web_names import hand_over
from kws_core.web import routes


def stay_behind(patch: pytest.MonkeyPatch) -> None:
    """A move does not take them along."""
    patch.setattr(lifecycle, "hand_over", lambda *_: None)


def go_too_early(patch: pytest.MonkeyPatch) -> None:
    """They go as a move begins, before the other server is there."""
    begin = lifecycle.begin

    def hasty(session: Any, rental: Any, node: str, size: Any, now: Any, *more: Any) -> Any:
        successor = begin(session, rental, node, size, now, *more)
        session.flush()
        hand_over(session, rental, successor, now)
        return successor

    patch.setattr(lifecycle, "begin", hasty)


def lead_to_what_is_reset(patch: pytest.MonkeyPatch) -> None:
    """A disk that is being made is served."""
    route_of = routes.route_of

    def blind(rental: Any, labels: Any) -> Any:
        since, rental.reset_at = rental.reset_at, None
        try:
            return route_of(rental, labels)
        finally:
            rental.reset_at = since

    patch.setattr(routes, "route_of", blind)

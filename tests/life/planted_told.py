"""Broken rules of what owners are told of outages; see ``planted.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from life import told_scenarios as scenarios
from life.planted_waits import PAIRS, mutant

from kws_core.database import queries
from kws_core.scheduling import outages

__all__ = ["PAIRS"]  # with those of the others


@mutant(scenarios.a_node_does_not_answer_for_long)
def each_look_at_a_silent_node_is_told(patch: pytest.MonkeyPatch) -> None:
    record = queries.record_once

    def again(session: Any, rental_id: str, details: Any, key: str, now: Any, *actor: str) -> bool:
        return record(session, rental_id, details, f"{key}:{now:%M%S}", now, *actor)

    patch.setattr(queries, "record_once", again)


@mutant(scenarios.a_node_does_not_answer_for_long)
def a_blink_is_told_to_owners(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outages, "CONCERNS_OWNERS", timedelta(minutes=1))

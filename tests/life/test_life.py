"""Drawn lives break no rule: three of each sort. ``KWS_LIFE=thorough`` draws sixty, and ``KWS_DRAW=new`` others each time."""

from __future__ import annotations

import os

import pytest
from harness.sampling import THOROUGH
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from life.building import Building
from life.machine import Life

QUICK = settings(
    max_examples=60 if THOROUGH else 3,
    stateful_step_count=60 if THOROUGH else 40,
    deadline=None,
    derandomize=os.environ.get("KWS_DRAW") != "new",
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.drawn
@pytest.mark.parametrize("sort", [Building, Life])
def test_no_life_breaks_a_rule(sort: type[Building]) -> None:
    run_state_machine_as_test(sort, settings=QUICK)

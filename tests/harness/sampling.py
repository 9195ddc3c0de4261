"""Long lists of cases: every so many of them in the fast tests, all in ``make test-thorough``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

THOROUGH = os.environ.get("KWS_LIFE") == "thorough"


def every(step: int, cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The cases for ``parametrize``: each ``step``-th is fast, the others are marked thorough."""
    return [
        pytest.param(*case, marks=[] if number % step == 0 else pytest.mark.thorough)
        for number, case in enumerate(cases)
    ]

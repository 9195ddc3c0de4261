"""The cases of web addresses are worth something: each of these faults, planted in the product, is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crash.lab import patched
from crash.mortal import Fate
from crash.test_crash_sweep import played
from crash.web_cases import CASES

from kws_core.moves import lifecycle
from kws_core.rentals.web_names import hand_over
from kws_core.web import routes

pytestmark = pytest.mark.thorough


def names_stay_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "hand_over", lambda *_: None)


def names_go_before_the_other_one_is_there(patch: pytest.MonkeyPatch) -> None:
    begin = lifecycle.begin

    def hasty(session: Any, rental: Any, node: str, size: Any, now: Any, *more: Any) -> Any:
        successor = begin(session, rental, node, size, now, *more)
        session.flush()
        hand_over(session, rental, successor, now)
        return successor

    patch.setattr(lifecycle, "begin", hasty)


def a_disk_that_is_being_made_is_served(patch: pytest.MonkeyPatch) -> None:
    route_of = routes.route_of

    def blind(rental: Any, labels: Any) -> Any:
        since, rental.reset_at = rental.reset_at, None
        try:
            return route_of(rental, labels)
        finally:
            rental.reset_at = since

    patch.setattr(routes, "route_of", blind)


PLANTED = [
    (names_stay_behind, "move the server", "the old one has a site"),
    (names_go_before_the_other_one_is_there, "a move that fails", "web01.lab.example leads to"),
    (a_disk_that_is_being_made_is_served, "reset the server", "not starting"),
]


@pytest.fixture
def fate() -> Iterator[Fate]:
    fate = Fate()
    with patched(fate):
        yield fate


@pytest.mark.parametrize(
    ("plant", "case", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", "-")
)
def test_a_planted_fault_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None],
    case: str,
    words: str,
    fate: Fate,
    tmp_path: Path,
    empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    (found,) = [one for one in CASES if one.name == f"web address: {case}"]
    assert words in str(played(found, fate, tmp_path, empty_database, None))

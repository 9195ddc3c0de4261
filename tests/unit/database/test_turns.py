"""Threads take turns: those first for whom somebody waits, the others in the order in which they came."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from kws_core.database.turns import Turns

PATIENCE = 10.0  # seconds, of a test that would fail otherwise


def come(pool: ThreadPoolExecutor, turns: Turns, had: list[str], name: str) -> Future[None]:
    """Somebody comes while another one has the turn, and waits behind those who came before.

    Capitals go first; the letters up to "m" are to be alone.
    """

    def have() -> None:
        with turns.turn(first=name.isupper(), alone=name.lower() <= "m"):
            had.append(name)

    before, coming = len(turns), pool.submit(have)
    while len(turns) == before:
        threading.Event().wait(0.001)
    return coming


def test_who_is_waited_for_goes_first_and_the_others_as_they_came() -> None:
    turns, had = Turns(), list[str]()
    with ThreadPoolExecutor(5) as pool:
        with turns.turn():
            coming = [come(pool, turns, had, name) for name in "abAcB"]
            assert had == []
        for one in coming:
            one.result(PATIENCE)
    assert had == ["A", "B", "a", "b", "c"]
    assert len(turns) == 0


def test_the_others_come_to_their_turn_while_the_first_keep_coming() -> None:
    turns, had = Turns(), list[str]()
    with ThreadPoolExecutor(8) as pool:
        with turns.turn():
            coming = [come(pool, turns, had, name) for name in "abABCDEF"]
        for one in coming:
            one.result(PATIENCE)
    assert "".join(had) == "ABCaDEFb"


def test_as_many_as_there_are_places_have_theirs_at_the_same_time() -> None:
    turns, had = Turns(2), list[str]()
    with ThreadPoolExecutor(1) as pool:
        with turns.turn(), turns.turn():
            coming = come(pool, turns, had, "a")
            assert had == []
        coming.result(PATIENCE)
    assert had == ["a"]


def test_of_those_that_are_to_be_alone_one_has_a_turn_and_the_others_hold_nobody_up() -> None:
    turns, had = Turns(3), list[str]()
    with ThreadPoolExecutor(4) as pool:
        with turns.turn(alone=True):
            waiting = [come(pool, turns, had, name) for name in "aBc"]
            with turns.turn(), turns.turn():
                later = come(pool, turns, had, "x")
                assert had == []
            later.result(PATIENCE)
            assert had == ["x"]
        for one in waiting:
            one.result(PATIENCE)
    assert had == ["x", "B", "a", "c"]
    with turns.turn(alone=True), turns.turn():
        assert len(turns) == 0


def test_a_turn_that_ends_in_an_error_is_passed_on() -> None:
    turns, had = Turns(), list[str]()

    def fail(pool: ThreadPoolExecutor) -> None:
        with turns.turn():
            come(pool, turns, had, "a")
            raise KeyError

    with ThreadPoolExecutor(1) as pool, pytest.raises(KeyError):
        fail(pool)
    with turns.turn():
        assert had == ["a"]

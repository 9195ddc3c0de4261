"""What is free day by day: slots are found, promises move, and nothing is promised twice."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from harness.sampling import THOROUGH
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_core.scheduling.calendar import NOW, Calendar, Load, Slot, Wish, day_of, slot_of

BOTH = frozenset({"a", "b"})


def load(much: int) -> Load:
    """So much of everything that is scarce, in one server."""
    return Load(much, much, much, 1, 1)


def room(much: int) -> Load:
    """So much of everything, and addresses for ten servers."""
    return Load(much, much, much, 10, 10)


def wish(name: str, much: int, end: int, first: int = NOW, node: str | None = None) -> Wish:
    """A wish that either node may have."""
    return Wish(name, load(much), BOTH, end, first, node, BOTH)


def test_what_comes_back_is_free_from_that_slot_on() -> None:
    calendar = Calendar({"a": room(1)}, [("a", 5, load(3))])
    assert calendar.free("a", 4) == room(1)
    assert calendar.free("a", 5) == room(1).plus(load(3))
    assert calendar.free("a", 500) == calendar.free("a", 5)


def test_the_first_slot_is_that_from_which_it_fits_to_its_end() -> None:
    calendar = Calendar({"a": room(2), "b": room(0)}, [("b", 3, load(2)), ("a", 9, load(2))])
    assert calendar.earliest(wish("x", 2, end=7)) == Slot("a", NOW)
    calendar.take(wish("x", 2, end=7), Slot("a", NOW))
    assert calendar.earliest(wish("y", 2, end=7)) == Slot("b", 3)
    assert calendar.earliest(wish("z", 2, end=3)) is None
    assert calendar.earliest(wish("z", 4, end=20)) == Slot("a", 9)


def test_a_promise_leaves_a_node_for_another_to_make_room() -> None:
    calendar = Calendar({"a": room(2), "b": room(2)}, promises=[wish("later", 2, 9, first=4, node="a")])
    big = Wish("big", load(2), frozenset({"a"}), 9, NOW, None, frozenset({"a"}))
    assert not calendar.fits(big.load, "a", NOW, 9)
    assert calendar.make_room(big, NOW) == Slot("a", NOW)
    assert calendar.promises["later"].node == "b"
    calendar.take(big, Slot("a", NOW))
    assert calendar.make_room(wish("more", 2, 9), NOW) is None
    assert calendar.promises["later"].node == "b"


def test_a_promise_that_nobody_can_keep_is_known_as_such() -> None:
    calendar = Calendar(
        {"a": room(2), "b": room(2)}, promises=[wish(f"p{n}", 2, 9, 4, "a") for n in range(3)]
    )
    assert sorted(calendar.promises) == ["p0", "p1"]
    assert set(calendar.unmet) == {"p2"}


def test_the_large_ones_go_first_where_that_keeps_more_promises() -> None:
    promises = [wish("s1", 1, 9, 3, "a"), wish("s2", 1, 9, 4, "b"), wish("big", 3, 9, 5, "a")]
    calendar = Calendar({"a": room(3), "b": room(2)}, promises=promises)
    assert calendar.unmet == {}
    assert calendar.promises["big"].node == "a"


def test_slots_are_days() -> None:
    today = date(2026, 12, 31)
    assert slot_of(today, today) == slot_of(date(2026, 1, 1), today) == 1
    assert slot_of(date(2027, 1, 1), today) == 2
    assert day_of(0, today) == day_of(1, today) == today
    assert day_of(2, today) == date(2027, 1, 1)


wishes = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 12), st.integers(1, 9), st.booleans()), max_size=12
)


@settings(max_examples=1000 if THOROUGH else 60, deadline=None)
@given(wishes, st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(1, 3)), max_size=5))
def test_nothing_is_ever_promised_twice(
    drawn: list[tuple[int, int, int, bool]], held: list[tuple[str, int, int]]
) -> None:
    """Added up from what was granted, not from what the calendar says is left."""
    total = {
        "a": 4 + sum(much for node, _, much in held if node == "a"),
        "b": 3 + sum(m for n, _, m in held if n == "b"),
    }
    calendar = Calendar({"a": room(4), "b": room(3)}, [(node, slot, load(much)) for node, slot, much in held])
    placed: list[tuple[str, int, Wish]] = []
    for number, (much, first, days, promised) in enumerate(drawn):
        one = wish(f"w{number}", much, first + days, first)
        if promised and first > NOW:
            before = set(calendar.promises)
            if (slot := calendar.make_room(one, first)) is not None:
                assert set(calendar.promises) == before
                calendar.promise(Wish(one.rental, one.load, one.nodes, one.end, one.first, slot.node))
                assert one.rental in calendar.promises
        elif (slot := calendar.earliest(one)) is not None:
            assert slot.first >= first
            calendar.take(one, slot)
            placed.append((slot.node, slot.first, one))
    placed += [(one.node or "", one.first, one) for one in calendar.promises.values()]
    for slot in range(30):
        used: dict[str, int] = defaultdict(int)
        for node, first, one in placed:
            used[node] += one.load.vcpus if first <= slot < one.end else 0
        for node, back, much in held:
            used[node] += much if slot < back else 0
        assert all(used[node] <= total[node] for node in total), (slot, used)

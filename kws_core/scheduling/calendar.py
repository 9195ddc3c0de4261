"""What is free on which node from now on, day by day, and when something fits. Pure: figures in, slots out.

Time is cut into slots: 0 is now, 1 the rest of today, 2 tomorrow, and so on. What is held from slot ``first`` until
slot ``end`` is free again in ``end``. Promises that have not begun may still be given to another node; what has
begun, and what is taken here, stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

from kws_core.values import Kind, Size

NOW, TODAY = 0, 1
FARTHEST = 800  # slots: what ends later is as good as never


class Load(NamedTuple):
    """What one machine takes of a node, or what a node has of it. Added up thousands of times for one plan."""

    vcpus: int
    ram_mb: int
    disk_gb: int
    machines: int = 1
    servers: int = 0  # those of the machines that are servers

    @classmethod
    def of(cls, kind: Kind, size: Size) -> Self:
        """One machine of that size."""
        return cls(size.vcpus, size.ram_mb, size.disk_gb, 1, 1 if kind is Kind.SERVER else 0)

    def plus(self, other: Load) -> Load:
        """Both together."""
        a, b, c, d, e = other
        return Load(self[0] + a, self[1] + b, self[2] + c, self[3] + d, self[4] + e)

    def minus(self, other: Load) -> Load:
        """What is left; less than nothing where too much was promised."""
        a, b, c, d, e = other
        return Load(self[0] - a, self[1] - b, self[2] - c, self[3] - d, self[4] - e)

    def within(self, free: Load) -> bool:
        """Whether that much is there."""
        a, b, c, d, e = free
        return self[0] <= a and self[1] <= b and self[2] <= c and self[3] <= d and self[4] <= e


class Wish(NamedTuple):
    """A machine that is to be placed: from the first slot that it may begin in, until ``end``.

    ``nodes`` are those that can have it at all. A promise begins in ``first`` and in no other slot.
    """

    rental: str
    load: Load
    nodes: frozenset[str]
    end: int
    first: int = NOW
    node: str | None = None  # where it is promised
    now: frozenset[str] = frozenset()  # of the nodes: those of which a host has room for it now


@dataclass(frozen=True, slots=True)
class Slot:
    """Where and from when a wish fits."""

    node: str
    first: int


class Calendar:
    """What each node has left in each slot.

    Args:
        free: By node, what is free now.
        back: By node, what comes back and in which slot: what is held there now.
        promises: What begins later, each on its node.
    """

    def __init__(
        self,
        free: Mapping[str, Load],
        back: Iterable[tuple[str, int, Load]] = (),
        promises: Sequence[Wish] = (),
    ) -> None:
        back = list(back)
        ends = [slot for _, slot, _ in back] + [promise.end for promise in promises]
        self._length = min(FARTHEST, max([TODAY, *ends])) + 1
        self._free = {node: [much] * self._length for node, much in free.items()}
        for node, slot, load in back:
            if node in self._free:
                self._add(node, load, slot)
        self.promises: dict[str, Wish] = {}
        self.unmet: dict[str, Wish] = {}  # promised, and no node can keep it now
        self.keep(promises)

    # -- looking

    def free(self, node: str, slot: int) -> Load:
        """What is left there then."""
        return self._free[node][min(slot, self._length - 1)]

    def fits(self, load: Load, node: str, first: int, end: int) -> bool:
        """Whether that node has room for it all the time."""
        last = None
        for free in self._between(node, first, end):
            if free is not last and not load.within(free):
                return False
            last = free
        return True

    def earliest(self, wish: Wish) -> Slot | None:
        """The first slot from which it fits until its end, on whichever node; None if there is none."""
        slots = [Slot(node, first) for node in wish.nodes if (first := self._begins(wish, node)) is not None]
        return min(slots, key=lambda slot: (slot.first, self._tightness(wish, slot), slot.node), default=None)

    # -- taking

    def take(self, wish: Wish, slot: Slot) -> None:
        """From here on it is taken."""
        self._add(slot.node, wish.load, slot.first, wish.end, sign=-1)

    def promise(self, wish: Wish) -> None:
        """Keep room for it on its node; where that hasn't got it, on another, if one has."""
        node = self._node_for(wish)
        if node is None:
            self.unmet[wish.rental] = wish
            return
        self.take(wish, Slot(node, wish.first))
        self.promises[wish.rental] = wish._replace(node=node)

    def keep(self, promises: Sequence[Wish]) -> None:
        """Keep room for all of them, as far as there is a way to: the next to begin first, or else the largest."""
        bare = self.copy()
        for promise in sorted(promises, key=_next_first):
            self.promise(promise)
        if self.unmet:
            for promise in sorted(promises, key=_largest_first):
                bare.promise(promise)
            if len(bare.unmet) < len(self.unmet):
                self._become(bare)

    def make_room(self, wish: Wish, first: int) -> Slot | None:
        """Give promises to other nodes so that it fits from ``first`` on; the slot, if there is one then.

        Every promise that was kept before is kept afterwards. The wish itself takes nothing yet.
        """
        if not any(self._might_fit(wish, node, first) for node in wish.nodes & self._free.keys()):
            return None
        kept = list(self.promises.values())
        bare = self.copy()
        for promise in kept:
            assert promise.node
            del bare.promises[promise.rental]
            bare.give_back(promise, Slot(promise.node, promise.first))
        for node in sorted(wish.nodes & self._free.keys()):
            if not bare.fits(wish.load, node, first, wish.end):
                continue
            tried, slot = bare.copy(), Slot(node, first)
            tried.take(wish, slot)
            tried.keep(kept)
            if len(tried.promises) == len(kept):
                tried.give_back(wish, slot)
                self._become(tried)
                return slot
        return None

    def _might_fit(self, wish: Wish, node: str, first: int) -> bool:
        """Whether it fits in its first slot if no promise is kept there, cheaply."""
        free = self.free(node, first)
        for promise in self.promises.values():
            if promise.node == node and promise.first <= first < promise.end:
                free = free.plus(promise.load)
        return wish.load.within(free)

    def give_back(self, wish: Wish, slot: Slot) -> None:
        """It isn't taken any longer."""
        self._add(slot.node, wish.load, slot.first, wish.end)

    def copy(self) -> Calendar:
        """Another one, as this is now."""
        other = Calendar.__new__(Calendar)
        other._become(self)
        return other

    def _become(self, other: Calendar) -> None:
        self._length = other._length
        self._free = {node: list(slots) for node, slots in other._free.items()}
        self.promises, self.unmet = dict(other.promises), dict(other.unmet)

    def _node_for(self, promise: Wish) -> str | None:
        """Its own node, or the tightest other one; its own too where that is away and no other has room."""

        def has_room(node: str) -> bool:
            return node in self._free and self.fits(promise.load, node, promise.first, promise.end)

        able = [node for node in promise.nodes if has_room(node)]
        if promise.node in able:
            return promise.node
        tightest = min(
            able, key=lambda node: (self._tightness(promise, Slot(node, promise.first)), node), default=None
        )
        if tightest is None and promise.node is not None and has_room(promise.node):
            return promise.node
        return tightest

    def _begins(self, wish: Wish, node: str) -> int | None:
        """The first slot of the last stretch in which it fits: its end is fixed."""
        if node not in self._free or wish.first >= wish.end:
            return None
        slot = min(wish.end, self._length) - 1
        if wish.first > slot:  # beyond what is known everything stays as it is
            return wish.first if wish.load.within(self.free(node, slot)) else None
        begins, last, free = None, None, self._free[node]
        while slot >= wish.first and (free[slot] is last or wish.load.within(free[slot])):
            begins, last, slot = slot, free[slot], slot - 1
        return begins

    def _tightness(self, wish: Wish, slot: Slot) -> float:
        """Less where more is left afterwards."""
        free = self.free(slot.node, slot.first)
        return -min((left - need) / max(1, left) for left, need in zip(free[:3], wish.load[:3], strict=True))

    def _between(self, node: str, first: int, end: int) -> Sequence[Load]:
        slots = self._free[node]
        return slots[min(first, self._length - 1) : max(end, first + 1)] or slots[-1:]

    def _add(self, node: str, load: Load, first: int, end: int | None = None, *, sign: int = 1) -> None:
        """From one slot until another, or for ever."""
        end = self._length if end is None else end
        more = min(end, FARTHEST) + 1 - self._length if end > self._length else 0
        if more > 0:  # it ends later than all that is known
            for slots in self._free.values():
                slots.extend([slots[-1]] * more)
            self._length += more
        change = Load.plus if sign > 0 else Load.minus
        free, was, now = self._free[node], None, load
        for slot in range(first, min(end, self._length)):
            if free[slot] is not was:  # slots that are alike stay one object, and are looked at once
                was, now = free[slot], change(free[slot], load)
            free[slot] = now


def slot_of(day: date, today: date) -> int:
    """The slot in which that day begins; what is past begins in the rest of today."""
    return max(0, (day - today).days) + TODAY


def day_of(slot: int, today: date) -> date:
    """The day of a slot."""
    return date.fromordinal(today.toordinal() + max(0, slot - TODAY))


def _next_first(promise: Wish) -> tuple[int, str]:
    return promise.first, promise.rental


def _largest_first(promise: Wish) -> tuple[int, int, str]:
    return -promise.load.ram_mb * promise.load.vcpus, promise.first, promise.rental

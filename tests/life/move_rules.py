"""What must hold of moves: one machine runs, none goes before the other answers, and nobody loses a day or a key by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness import moving

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason, Status

if TYPE_CHECKING:
    from life.lab import Lab


def before(rentals: Sequence[Rental]) -> dict[str, Rental]:
    """By id, the rental whose place each was made to take."""
    found = {rental.replaced_by: rental for rental in rentals if rental.replaced_by}
    by_id = {rental.id: rental for rental in rentals}
    return {
        **{r.id: by_id[r.replaces] for r in rentals if r.replaces},
        **{str(k): r for k, r in found.items()},
    }


def line(rental: Rental, firsts: Mapping[str, Rental]) -> list[Rental]:
    """It and all that were there before it, the newest first."""
    found = [rental]
    while found[-1].id in firsts:
        found.append(firsts[found[-1].id])
    return found


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it; names, capacity and keys are among the rules of all rentals."""
    lab.moves.spared = lab.vanished
    wrong = lab.moves.look(rentals, lab.nodes, lab.every_copy(), lab.clock())
    assert wrong == [], wrong
    for rental in rentals:
        kinds = [event.kind for event in events[rental.id]]
        begun, over = kinds.count(EventKind.MOVE_STARTED), kinds.count(EventKind.MOVE_DONE)
        over += sum(
            e.kind is EventKind.MOVE_FAILED and _was_begun(e, events[rental.id]) for e in events[rental.id]
        )
        if rental.live:
            assert begun - over == rental.moving, f"a move of {rental.name} is lost"
    _check_successors(lab, rentals)


def _was_begun(failed: Event, history: Sequence[Event]) -> bool:
    """A planned move that could not begin is told as one that failed; it follows no beginning."""
    last = None
    for event in history:
        if event.id == failed.id:
            break
        if event.kind in (EventKind.MOVE_STARTED, EventKind.MOVE_FAILED):
            last = event
    return last is not None and last.kind is EventKind.MOVE_STARTED


def _check_successors(lab: Lab, rentals: Sequence[Rental]) -> None:
    """Who took a place has what the first one had; the first one is over."""
    for new in rentals:
        first = before(rentals).get(new.id)
        if first is None or first.replaced_by != new.id or first.reason is not Reason.MOVED:
            continue
        assert not first.live, f"{first.name} is there twice"
        assert new.ready_at is not None, f"{first.name} went before the other one answered"
        assert new.ends_on >= lab.memory.promised.get(first.id, new.ends_on), (
            "an extension is lost with a move"
        )
        assert new.name == first.name


def check_settled(lab: Lab) -> None:
    """Long after everything was mended: no move is open, and what is in use runs, unless its owner has it off."""
    rentals = lab.every_rental()
    assert moving.unfinished(rentals) == []
    shown: dict[str, bool] = {}
    for node in lab.nodes.values():
        shown |= moving.running(node, lab.clock())
    for rental in rentals:
        if rental.status is Status.READY and rental.mark not in lab.vanished and rental.reset_at is None:
            assert shown.get(rental.mark) is (not _is_off(rental)), f"{rental.name}: {shown}"


def _is_off(rental: Rental) -> bool:
    held = rental.placement
    return held is not None and held.powered_off and held.act_at is None

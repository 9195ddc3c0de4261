"""The same morning where the nodes have room for half of the wishes: who finds none waits, and people return theirs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from load.morning import TYPED, Morning, Noticed, Outcome, alike
from sqlalchemy import func, select

from kws_core.context import utcnow
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

KEPT_FOR = 20.0  # seconds that people have theirs while others wait, at least
HANDS = 8  # people who return at the same time


class FullMorning(Morning):
    """Nobody goes without: ``run()`` ends when everybody was served."""

    def run(self) -> Outcome:
        """As Morning's, with people who return meanwhile."""
        self._here: set[str] = set()  # people who have asked for all that they want
        self._returned: set[str] = set()
        self._over = threading.Event()
        returning = threading.Thread(target=self._return_what_is_ready)
        returning.start()
        try:
            return super().run()
        finally:
            self._over.set()
            returning.join()

    # -- people

    def _visit(self, name: str, at: float, think: float, wishes: int) -> None:
        super()._visit(name, at, think, wishes)
        self._here.add(name)

    def _answer(self, person: Any, seen: Noticed, question: str) -> None:
        """Waits for it; nothing that was typed may be gone."""
        shown = _values(person.open_view)
        for field, value in {**TYPED, "name": seen.name}.items():
            if shown.get(field) != value:
                seen.again += 1
                seen.trouble = f"{field} is to be typed again: it shows {shown.get(field)}"
        person.fill(question, "wait")
        outcome = self._submit(person, seen)
        if outcome.error or outcome.errors or person.open_view is not None:
            seen.trouble = f"it can't wait: {outcome.error or outcome.errors}"
            person.close()
        seen.waited = True

    def _return_what_is_ready(self) -> None:
        with ThreadPoolExecutor(HANDS) as pool:
            while not self._over.wait(1 / self.setting.speed):
                if self._here:
                    list(pool.map(self._return, self._spare()))

    def _spare(self) -> list[Rental]:
        """As many as are waited for, of those that their owners know of, and had long enough."""
        since = utcnow() - timedelta(seconds=KEPT_FOR / self.setting.speed)
        with self.store.read() as session:
            count = select(func.count()).select_from(Rental)
            wanted = session.scalar(count.where(Rental.status == Status.WAITING)) or 0
            coming = session.scalar(count.where(Rental.status == Status.ENDING)) or 0
            ready = select(Rental).where(Rental.status == Status.READY, Rental.ready_at < since)
            found = list(session.scalars(ready.order_by(Rental.ready_at)).unique())
        mine = [r for r in found if _owner(r) in self._here and r.id not in self._returned]
        return [r for r in mine if self._bells(r.name)][: max(0, wanted - coming)]

    def _return(self, rental: Rental) -> None:
        """Types the command and clicks the button; in vain, it is tried again."""
        person = self.workspace.person(_owner(rental))

        def questions() -> list[str]:
            return [m["ts"] for m in person.ephemeral() if f"'{rental.id}'" in str(m) and "_return" in str(m)]

        acks = [person.command(f"/kws return {rental.name}").seconds]
        self._until(questions, 30)
        acks.append(person.click("rental_return", message=questions()[-1]).seconds)
        self._returned.add(rental.id)
        next(one for one in self.noticed if one.name == rental.name).acks += acks

    # -- what is wrong

    def _wrong(self, rentals: Sequence[Rental]) -> list[str]:
        return [*super()._wrong(rentals), *self._out_of_turn(rentals)]

    def _out_of_turn(self, rentals: Sequence[Rental]) -> list[str]:
        """Nobody's first wish gets its room after a later first wish: all are of one size."""
        first = {r.id: r for r in rentals if r.name.endswith("-0")}
        served = [first[rental] for rental in self._served() if rental in first]
        return [
            f"{one.name} got its room before {other.name}, which had asked before"
            for one, other in itertools.pairwise(served)
            if one.created_at > other.created_at
        ]

    def _served(self, *kinds: EventKind) -> list[str]:
        """Rentals in the order in which they were given their room."""
        wanted = kinds or (EventKind.REQUESTED, EventKind.WAIT_OVER)
        with self.store.read() as session:
            return list(
                session.scalars(select(Event.rental_id).where(Event.kind.in_(wanted)).order_by(Event.id))
            )

    def _jain(self, rentals: Sequence[Rental]) -> float:
        """Of the people who had to wait: how often each had got room from the queue when the last got theirs first.

        What was free when they came isn't counted: there was no queue.
        """
        owners = {rental.id: rental.owner for rental in rentals}
        return alike([owners[rental] for rental in self._served(EventKind.WAIT_OVER)])


def _owner(rental: Rental) -> str:
    return rental.name.partition("-")[0]


def _values(view: Any) -> dict[str, Any]:
    """What stands in the fields of a form, by block."""
    found = {}
    for block, elements in view["state"]["values"].items():
        for element in elements.values():
            option = element.get("selected_option")
            found[block] = option["value"] if option else element.get("value")
    return found

"""What people do where nodes are full, as acts of a drawn life."""

from __future__ import annotations

from contextlib import suppress

from harness.world import ADMIN, JOON, MINA
from hypothesis import strategies as st
from hypothesis.stateful import rule
from life import wait_rules
from life.asking import Asking
from life.building import NAMES

from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.tables.states import Status


class Waiting(Asking):
    """Acts of a machine that has days as well."""

    @rule(
        name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), size=st.sampled_from(["large", "huge", "huge"]),
        later=st.sampled_from([0, 0, 2, 5]), days=st.sampled_from([1, 3, 14]), die_in=st.none() | st.integers(1, 2),
    )  # fmt: skip
    def waits(self, name: str, who: Actor, size: str, later: int, days: int, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        form = RentForm(
            name,
            "debian-12",
            size,
            lab.day(later + days),
            starts_on=lab.day(later) if later else None,
            wait=True,
        )
        key = f"view:{len(lab.every_rental())}:{lab.clock.at}"

        def ask() -> None:
            with suppress(UserError):
                lab.rental_service.request(who, form, key)

        if lab.mortal(ask, die_in):
            ask()

    @rule(dies=st.none() | st.integers(1, 30), dark=st.none() | st.integers(0, 2))
    def waits_to_its_end(self, dies: int | None, dark: int | None) -> None:
        """Everything is in use; somebody waits, and then everything is returned."""
        assert self.lab
        lab = self.lab
        for number, _ in enumerate(lab.nodes):
            self.waits(f"full{number}", [MINA, JOON, ADMIN][number], "huge", 0, 14, None)
        self.waits(NAMES[0], JOON, "large", 0, 14, None)
        if dark is not None:
            self.node(dark).go_down(power=False)
        lab.mortal(lambda: lab.settle(20), dies)
        for rental in lab.every_rental():
            if rental.status not in (Status.WAITING, Status.ENDED, Status.ENDING) and rental.name != NAMES[0]:
                lab.rental_service.return_rental(ADMIN, rental.id)
        lab.mortal(lambda: lab.settle(90), dies)
        self._comes_to_an_end()
        waiting = [r for r in lab.every_rental() if r.status is Status.WAITING and r.starts_on is None]
        if waiting and not any(r.live for r in lab.every_rental() if r.status is not Status.WAITING):
            wait_rules.check_served(lab, waiting[0].name)

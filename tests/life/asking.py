"""What people ask the admins for, and what these decide, as acts of a drawn life."""

from __future__ import annotations

from contextlib import suppress

from harness.world import ADMIN, JOON, MINA
from hypothesis import strategies as st
from hypothesis.stateful import rule
from life import ask_rules
from life.building import NAMES
from life.naming import Naming

from kws_core.asks.service import Asks
from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.tables.details.asks import Allowance
from kws_core.tables.rental import Ask
from kws_core.tables.states import AskKind, Status

OTHER_ADMIN = Actor("U0ADMIN002", admin=True)
FAR = 120  # days: beyond the policy
WHY = "for the exam"


class Asking(Naming):
    """Acts of a machine that has days as well."""

    def _open_ask(self, number: int) -> Ask | None:
        assert self.lab
        found = [ask for ask in ask_rules.all_asks(self.lab) if ask.open]
        return found[number % len(found)] if found else None

    @rule(
        name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), size=st.sampled_from(["small", "large"]),
        die_in=st.none() | st.integers(1, 2),
    )  # fmt: skip
    def asks_to_rent(self, name: str, who: Actor, size: str, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        form = RentForm(name=name, image="debian-12", size=size, ends_on=lab.day(FAR), ask=WHY)
        request_key = f"view:{len(lab.every_rental())}:{lab.clock.at}"

        def ask() -> None:
            with suppress(UserError):
                lab.rental_service.request(who, form, request_key)

        if lab.mortal(ask, die_in):
            ask()

    @rule(number=st.integers(0, 9), die_in=st.none() | st.integers(1, 2))
    def asks_to_extend(self, number: int, die_in: int | None) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number, Status.READY, Status.STOPPED)
        if rental is None:
            return

        def ask() -> None:
            with suppress(UserError):
                Asks(lab.context).extend(Actor(rental.owner), rental.id, lab.day(FAR), WHY, via="test")

        if lab.mortal(ask, die_in):
            ask()

    @rule(
        number=st.integers(0, 9), how=st.sampled_from(["approve", "approve", "less", "decline"]),
        die_in=st.none() | st.integers(1, 6), twice=st.booleans(),
    )  # fmt: skip
    def an_admin_decides(self, number: int, how: str, die_in: int | None, twice: bool) -> None:
        """Somebody who sees the buttons again after a death clicks once more; a second admin may click something else."""
        assert self.lab
        lab, ask = self.lab, self._open_ask(number)
        if ask is None:
            return

        def decide(who: Actor = ADMIN, how: str = how) -> None:
            asks = Asks(lab.context)
            with suppress(UserError):
                if how == "decline":
                    asks.decline(who, ask.id, via="test")
                else:
                    asks.approve(who, ask.id, _part_of(ask) if how == "less" else None, via="test")

        if lab.mortal(decide, die_in):
            decide()
        if twice:
            decide(OTHER_ADMIN, "decline" if how == "approve" else "approve")

    @rule(number=st.integers(0, 9))
    def asks_again(self, number: int) -> None:
        assert self.lab
        ask = self._open_ask(number)
        if ask is not None:
            with suppress(UserError):
                Asks(self.lab.context).again(Actor(ask.rental.owner), ask.id, via="test")

    @rule(name=st.sampled_from(NAMES), how=st.sampled_from(["approve", "less"]), die_in=st.integers(1, 8))
    def is_approved_and_built(self, name: str, how: str, die_in: int) -> None:
        """From the form to a server, with a death somewhere on the way."""
        assert self.lab
        lab = self.lab
        self.asks_to_rent(name, MINA, "small", None)
        for number, ask in enumerate(one for one in ask_rules.all_asks(lab) if one.open):
            if ask.rental.name == name and ask.what is AskKind.RENT:
                self.an_admin_decides(number, how, die_in, twice=False)
        lab.settle(70)
        lab.night_tick()
        ask_rules.check_settled(lab)


def _part_of(ask: Ask) -> Allowance:
    """Some days less."""
    until = ask.asked.wanted.until
    return Allowance(until.replace(day=1) if until else None)

"""What people, admins, and the proxy do with web addresses, as acts of a drawn life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from harness.world import ADMIN, JOON, MINA
from hypothesis import strategies as st
from hypothesis.stateful import rule
from life import web_rules
from life.building import NAMES
from life.moving import Moving

from kws_core.errors import FormError, UserError
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status, Upstream
from kws_core.web.service import SiteForm, Sites

SECOND = st.sampled_from([None, "shop", "blog", *NAMES[:2]])
PORTS = st.sampled_from([80, 8080, 0])


class Naming(Moving):
    """Acts of a machine that has days as well."""

    def _rents_a_name(self, name: str, who: Actor, days: int = 14) -> Rental | None:
        assert self.lab
        lab = self.lab
        form = RentForm(name=name, image="debian-12", size="small", ends_on=lab.day(days), web=True)
        with suppress(UserError):
            return lab.rental_service.request(who, form, f"view:{len(lab.every_rental())}:{lab.clock.at}")
        return None

    @rule(name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), ticks=st.integers(0, 8))
    def rents_with_a_web_address(self, name: str, who: Actor, ticks: int) -> None:
        assert self.lab
        self._rents_a_name(name, who)
        self.lab.settle(ticks)

    @rule(
        number=st.integers(0, 9), audience=st.sampled_from(Audience), port=PORTS, upstream=st.sampled_from(Upstream),
        second=SECOND, die_in=st.none() | st.integers(1, 2),
    )  # fmt: skip
    def changes_its_web_address(
        self, number: int, audience: Audience, port: int, upstream: Upstream, second: str | None, die_in: int | None
    ) -> None:  # fmt: skip
        assert self.lab
        lab, rental = self.lab, self.one(number)
        if rental is None:
            return

        def ask() -> None:
            form = SiteForm(audience, port, upstream, second)
            with suppress(UserError, FormError):
                Sites(lab.context).change(Actor(rental.owner), rental.id, form)

        if lab.mortal(ask, die_in):
            ask()  # the same form again

    @rule(number=st.integers(0, 9), off=st.booleans(), die_in=st.none() | st.integers(1, 2))
    def is_taken_off_the_web_or_put_back(self, number: int, off: bool, die_in: int | None) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number)
        if rental is None:
            return

        def ask() -> None:
            sites = Sites(lab.context)
            with suppress(UserError):
                sites.take_off(ADMIN, rental.id, "phishing") if off else sites.put_back(ADMIN, rental.id)

        if lab.mortal(ask, die_in):
            ask()

    @rule(what=st.sampled_from(["down", "refuses", "restarted", "by hand", "well", "well"]))
    def something_happens_to_caddy(self, what: str) -> None:
        assert self.lab
        lab = self.lab
        lab.caddy.down, lab.caddy.refuses = what == "down", what == "refuses"
        if what == "restarted":
            lab.caddy.restart()
        elif what == "by hand" and "apps" in lab.caddy.found:
            lab.caddy.found["apps"]["http"]["servers"]["kws"]["routes"].clear()
        lab.names.disturbed(lab.clock())

    @rule(
        name=st.sampled_from(NAMES), second=st.booleans(), days=st.sampled_from([0, 3, 6, 8]),
        to=st.sampled_from([MINA, JOON, JOON]), returns=st.booleans(),
    )  # fmt: skip
    def a_name_is_wanted_by_another(
        self, name: str, second: bool, days: int, to: Actor, returns: bool
    ) -> None:
        """One has it, or returned it; and some days later somebody asks for it."""
        assert self.lab
        lab, rental = self.lab, self._rents_a_name(name, MINA)
        if rental is None:
            return
        lab.settle(4)
        form = SiteForm(Audience.LAB, 80, second="shop" if second else None)
        with suppress(UserError, FormError):
            Sites(lab.context).change(MINA, rental.id, form)
        if returns:
            lab.rental_service.return_rental(MINA, rental.id)
        lab.settle(10)
        lab.goes_to(lab.clock() + timedelta(days=days))
        other = self._rents_a_name("web09" if second else name, to)
        if other and second:
            with suppress(UserError, FormError):
                Sites(lab.context).change(to, other.id, form)

    @rule(
        name=st.sampled_from(NAMES), at=st.integers(0, 12), dies=st.none() | st.integers(1, 80),
        then=st.sampled_from(["nothing", "nothing", "second", "off", "nobody", "return", "no caddy", "forgets"]),
    )  # fmt: skip
    def moves_with_its_names(self, name: str, at: int, dies: int | None, then: str) -> None:
        assert self.lab
        lab, rental = self.lab, self._rents_a_name(name, MINA)
        if rental is None:
            return
        lab.settle(8)
        if lab.rental_queries.rental(ADMIN, rental.id).status is not Status.READY:
            return
        self._starts(rental, None, None)
        lab.mortal(lambda: lab.settle(at), dies)
        self._to_its_names(rental, then)
        lab.mortal(lambda: lab.settle(40), dies)
        lab.caddy.down = False
        lab.names.disturbed(lab.clock())
        self._comes_to_an_end()
        web_rules.check_settled(lab)

    def _to_its_names(self, rental: Rental, then: str) -> None:
        """To the one that is moved, or to the one that took its place by now."""
        assert self.lab
        lab, sites = self.lab, Sites(self.lab.context)
        rows = [r for r in lab.every_rental() if r.live and r.site and r.name == rental.name]
        if not rows:
            return
        one = rows[0].id
        acts: dict[str, Callable[[], object]] = {
            "second": lambda: sites.change(MINA, one, SiteForm(Audience.LAB, 8080, second="blog")),
            "off": lambda: sites.take_off(ADMIN, one, "phishing"),
            "nobody": lambda: sites.change(MINA, one, SiteForm(Audience.NOBODY, 80)),
            "return": lambda: lab.rental_service.return_rental(MINA, one),
            "no caddy": lambda: setattr(lab.caddy, "down", True),
            "forgets": lab.caddy.restart,
        }
        with suppress(UserError, FormError):
            acts.get(then, lambda: None)()
        lab.names.disturbed(lab.clock())

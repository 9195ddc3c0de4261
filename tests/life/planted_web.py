"""Broken rules of web addresses; see ``planted.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from harness import broken_names
from life import web_scenarios as scenarios
from life.planted_moves import PAIRS, mutant
from sqlalchemy.orm import Session

from kws_core.rentals import web_names
from kws_core.tables.network import Site
from kws_core.tables.states import Audience
from kws_core.web import proxy, routes, service
from kws_core.web.routes import Route, Target

__all__ = ["PAIRS"]  # with those of all other modules


@mutant(scenarios.wanted_by_another_after_its_return)
def a_name_goes_to_the_next_person_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(web_names, "KEPT", timedelta(0))


@mutant(scenarios.wanted_by_another_while_it_is_served)
def a_name_that_another_has_is_given_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "check_free", lambda session, web, label, *_: label)


@mutant(scenarios.moves_with_its_names)
def a_move_leaves_names_behind(patch: pytest.MonkeyPatch) -> None:
    broken_names.stay_behind(patch)


@mutant(scenarios.caddy_is_started_again)
def the_proxy_is_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(proxy, "LOOK", timedelta(days=1))


@mutant(scenarios.taken_off_and_wanted_back)
def what_an_admin_took_off_is_served(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Site, "open", property(lambda self: self.audience is not Audience.NOBODY))


@mutant(scenarios.moves_with_its_names)
def what_is_served_once_stays_for_ever(patch: pytest.MonkeyPatch) -> None:
    shown = routes.shown
    first: list[Sequence[Route]] = []

    def once(session: Session, now: datetime) -> Sequence[Route]:
        found = shown(session, now)
        if not first and any(isinstance(route.goes_to, Target) for route in found):
            first.append(found)
        return first[0] if first else found

    patch.setattr(routes, "shown", once)

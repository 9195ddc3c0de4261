"""Broken rules of requests to the admins; see ``planted.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from life import ask_scenarios as scenarios
from life.planted_web import PAIRS, mutant

from kws_core.asks import service
from kws_core.asks.service import Asks
from kws_core.database import queries
from kws_core.people import Actor
from kws_core.rentals.lifecycle import place
from kws_core.tables.details.ask_events import AskApproved
from kws_core.tables.details.events import WaitOver
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import Status

__all__ = ["PAIRS"]  # with those of the others


@mutant(scenarios.a_wish_is_approved)
def what_is_approved_waits_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Asks, "_let_wait", lambda *_: None)


@mutant(scenarios.a_wish_is_declined)
def what_is_declined_is_built(patch: pytest.MonkeyPatch) -> None:
    def generous(rental: Rental, event: Any, now: Any, *, actor: str) -> None:
        rental.move_to(Status.WAITING, now, event=event, actor=actor)
        rental.move_to(Status.REQUESTED, now, event=event)
        place(rental, "node1", now)

    patch.setattr(service, "end", generous)


@mutant(scenarios.two_admins_decide)
def the_last_click_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Asks, "_undecided", lambda self, session, ask: ask)


@mutant(scenarios.dies_between_the_decision_and_the_act)
def what_is_approved_is_forgotten_with_the_process(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Asks, "follow_up", lambda self, now: None)


@mutant(scenarios.a_wish_is_approved)
def nobody_is_told_of_the_answer(patch: pytest.MonkeyPatch) -> None:
    move = Rental.move_to

    def silently(self: Rental, status: Status, now: Any, *, event: Any, **more: Any) -> None:
        if isinstance(event, AskApproved):
            self.status = status
        else:
            move(self, status, now, event=event, **more)

    patch.setattr(Rental, "move_to", silently)


@mutant(scenarios.nobody_answers)
def no_answer_is_no_news(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "UNANSWERED", timedelta(days=999))


@mutant(scenarios.a_rental_is_asked_for_where_somebody_else_is)
def what_is_approved_takes_room_that_there_is_not(patch: pytest.MonkeyPatch) -> None:
    approve = Asks.approve

    def at_once(self: Asks, who: Actor, ask_id: int, *args: Any, **more: Any) -> Ask:
        ask, now = approve(self, who, ask_id, *args, **more), self.context.now()
        with self.context.store.write() as session:
            rental = queries.rental(session, ask.rental_id)
            if rental is not None and rental.status is Status.WAITING:
                rental.move_to(Status.REQUESTED, now, event=WaitOver("node1"))
                place(rental, "node1", now)
        return ask

    patch.setattr(Asks, "approve", at_once)

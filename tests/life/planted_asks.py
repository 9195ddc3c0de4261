"""Broken rules of requests to the admins; see ``planted.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from life import ask_scenarios as scenarios
from life.planted_moves import PAIRS, mutant
from sqlalchemy.orm import Session

from kws_core.asks import service
from kws_core.asks.service import Asks
from kws_core.rentals.lifecycle import place
from kws_core.tables.details.ask_events import AskApproved
from kws_core.tables.rental import Rental
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
    look = Asks._still_to_do

    def once(self: Asks, ask_id: int, now: Any) -> bool:
        look(self, ask_id, now)
        return False

    patch.setattr(Asks, "_still_to_do", once)
    patch.setattr(service, "AskFailed", service.AskUnanswered)
    patch.setattr(service, "TRIED", timedelta(days=999))


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
    let = Asks._let_wait

    def at_once(self: Asks, session: Session, rental: Rental, *args: Any) -> None:
        let(self, session, rental, *args)
        rental.status = Status.REQUESTED
        place(rental, "node1", self.context.now())

    patch.setattr(Asks, "_let_wait", at_once)

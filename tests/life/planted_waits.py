"""Broken rules of those who wait; see ``planted.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from life import wait_scenarios as scenarios
from life.planted import mutant
from life.planted_asks import PAIRS

from kws_core.database import job_ledger
from kws_core.reconcile import idle_watch
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import idle
from kws_core.scheduling.calendar import Calendar
from kws_core.scheduling.waiting_list import WaitingList

__all__ = ["PAIRS"]  # with those of planted.py


@mutant(scenarios.waits_for_room)
def nobody_gets_the_room_that_comes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Waiting, "serve", lambda self: [])


@mutant(scenarios.somebody_extends_into_what_is_promised)
def an_extension_takes_what_is_promised(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WaitingList, "extend", lambda self, rental, until: [])


@mutant(scenarios.somebody_wants_what_is_promised)
def a_promise_keeps_no_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calendar, "keep", lambda self, promises: None)


@mutant(scenarios.waits_until_its_last_day)
def who_waits_lapses_a_day_early(patch: pytest.MonkeyPatch) -> None:
    made = WaitingList.__init__

    def hasty(self: WaitingList, *args: Any, **more: Any) -> None:
        made(self, *args, **more)
        self.today += timedelta(days=1)

    patch.setattr(WaitingList, "__init__", hasty)


@mutant(scenarios.looks_unused_for_weeks)
def somebody_is_asked_although_nobody_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idle_watch, "anybody_waits", lambda session: True)
    patch.setattr(idle, "waiting_for", lambda book, node, owner: 1)


@mutant(scenarios.looks_unused_for_weeks)
def somebody_is_asked_every_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idle, "ASK_EVERY", timedelta(hours=20))
    patch.setattr(job_ledger, "told_once", lambda session, rentals: set())

"""Broken rules of moves; see ``planted.py``."""

from __future__ import annotations

from typing import Any

import pytest
from life import move_scenarios as scenarios
from life.planted import PAIRS, mutant
from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.moves import lifecycle, service
from kws_core.reconcile import copy_keeper
from kws_core.reconcile.relocation import Relocator
from kws_core.rentals.lifecycle import end
from kws_core.tables.details.events import MoveDone
from kws_core.tables.rental import Rental

__all__ = ["PAIRS"]  # with those of planted.py


@mutant(scenarios.moves_to_a_slow_node)
def the_first_one_goes_when_the_other_one_is_only_active(patch: pytest.MonkeyPatch) -> None:
    decide = Relocator.decide

    def hasty(self: Relocator, job: Any) -> bool:
        with self.context.store.read() as session:
            other = queries.rental(session, job.rental.replaced_by or "")
        if other is None or other.placement is None or other.placement.active_at is None:
            return decide(self, job)
        done = MoveDone(other.placement.node, other.placement.floating_ip)
        return self.rows.apply(job, lambda s, r, p: end(r, done, self.context.now()))

    patch.setattr(Relocator, "decide", hasty)


@mutant(scenarios.moves_while_its_node_takes_a_while_to_stop_it)
def a_disk_is_copied_while_its_server_runs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(copy_keeper, "_is_off", lambda copy: True)


@mutant(scenarios.its_copy_is_refused)
def what_was_stopped_for_a_move_stays_off(patch: pytest.MonkeyPatch) -> None:
    give_up = lifecycle.give_up

    def careless(session: Session, rental: Rental, why: str, now: Any) -> None:
        give_up(session, rental, why, now)
        rental.to_start = False
        if rental.placement:
            rental.placement.act_at = None

    patch.setattr(lifecycle, "give_up", careless)


@mutant(scenarios.is_extended_while_it_moves)
def an_extension_is_lost_with_the_move(patch: pytest.MonkeyPatch) -> None:
    finish = lifecycle.finish

    def forgetful(session: Session, rental: Rental, now: Any) -> bool:
        other = queries.rental(session, rental.replaced_by or "")
        was = other.ends_on if other else rental.ends_on
        done = finish(session, rental, now)
        if other:
            other.ends_on = was
        return done

    patch.setattr(lifecycle, "finish", forgetful)


@mutant(scenarios.moves_where_only_its_own_node_has_room)
def the_room_of_the_first_one_is_promised_to_the_other(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service.WaitingList, "room_for", lambda self, wish, ends_on: self.rooms[0].node)

"""Broken rules of moves; see ``planted.py``."""

from __future__ import annotations

from typing import Any

import pytest
from life import move_scenarios as scenarios
from life import resize_scenarios as sizes
from life.planted import PAIRS, mutant
from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.moves import in_place, lifecycle
from kws_core.reconcile import copy_keeper
from kws_core.reconcile.boot_watch import BootWatch
from kws_core.reconcile.relocation import Relocator
from kws_core.reconcile.resizer import Resizer
from kws_core.rentals.lifecycle import end
from kws_core.scheduling.waiting_list import WaitingList
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
    patch.setattr(WaitingList, "room_for", lambda self, request, ends_on: self.rooms[0].node)


@mutant(sizes.is_locked_out)
def a_size_is_confirmed_before_anybody_gets_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BootWatch, "lets_in", lambda self, job, seen: job.rental.resizing or seen.accepted)


@mutant(sizes.is_slow_to_answer)
def a_size_is_given_up_at_the_first_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Resizer, "_is_late", lambda self, held: True)


@mutant(sizes.another_wants_the_room)
def the_room_of_a_new_size_is_not_held(patch: pytest.MonkeyPatch) -> None:
    held_capacity = queries.held_capacity

    def forgetful(session: Session, since: Any = None) -> list[Any]:
        return [one for one in held_capacity(session, since) if one.rentals]

    patch.setattr(queries, "held_capacity", forgetful)


@mutant(sizes.gets_a_size)
def the_rows_keep_the_old_size(patch: pytest.MonkeyPatch) -> None:
    finish = in_place.finish

    def forgetful(rental: Rental, now: Any, *, runs: bool) -> None:
        was = rental.size, rental.vcpus, rental.ram_mb, rental.disk_gb
        finish(rental, now, runs=runs)
        rental.size, rental.vcpus, rental.ram_mb, rental.disk_gb = was

    patch.setattr(in_place, "finish", forgetful)


@mutant(sizes.dies_as_its_size_is_confirmed)
def a_size_that_has_come_is_still_waited_for(patch: pytest.MonkeyPatch) -> None:
    finish = in_place.finish

    def careless(rental: Rental, now: Any, *, runs: bool) -> None:
        held = rental.placement
        kept = (held.resize_at, held.resize_to) if held else (None, None)
        finish(rental, now, runs=runs)
        if held:
            held.resize_at, held.resize_to = kept

    patch.setattr(in_place, "finish", careless)


@mutant(sizes.its_node_finds_out_that_it_can_not)
def a_size_that_no_node_gives_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def careless(session: Session, config: Any, rental: Rental, why: str, now: Any) -> None:
        if rental.placement:
            rental.placement.resize_at = rental.placement.resize_to = None

    patch.setattr(in_place, "fall_back", careless)

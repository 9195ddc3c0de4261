"""Broken rules of the product, one at a time, each with the short life (``scenarios.py``) that must notice it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from life import scenarios
from life.scenarios import Scenario
from sqlalchemy import false, update

from kws_core import expiry
from kws_core.cluster import heartbeat
from kws_core.copies import lifecycle
from kws_core.database import job_ledger, queries
from kws_core.database.leases import Leases
from kws_core.database.store import Store
from kws_core.errors import NodeError
from kws_core.expiry import CopyEnds, ExpiryPolicy
from kws_core.nightly.cleanup import Nightly
from kws_core.nodes.fake.image_store import FakeImageStore
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import RemainingResources
from kws_core.outbox.pending_messages import Outbox, PendingMessages
from kws_core.reconcile import cleanup, steps
from kws_core.reconcile.guarded_update import Rows
from kws_core.reconcile.node_specs import spec_of
from kws_core.reconcile.rebuilder import Rebuilder
from kws_core.reconcile.steps import Steps
from kws_core.rentals import extension, reset
from kws_core.scheduling import work_queue
from kws_core.scheduling.placement import PlacementRequest
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Status

Mutant = Callable[[pytest.MonkeyPatch], None]
PAIRS: dict[str, tuple[Mutant, Scenario]] = {}


def mutant(scenario: Scenario) -> Callable[[Mutant], Mutant]:
    """Pairs a mutant with the scenario that must kill it."""

    def keep(change: Mutant) -> Mutant:
        PAIRS[change.__name__] = change, scenario
        return change

    return keep


@mutant(scenarios.killed_after_the_server_was_made)
def a_server_is_made_without_a_look(patch: pytest.MonkeyPatch) -> None:
    ensure = FakeNode._ensure_server

    def blindly(self: FakeNode, spec: Any, address: Any) -> str:
        there, self.servers = self.servers, {}
        try:
            return ensure(self, spec, address)
        finally:
            self.servers = {**there, **self.servers}

    patch.setattr(FakeNode, "_ensure_server", blindly)


@mutant(scenarios.killed_after_the_address_was_made_and_returned)
def the_intent_is_committed_after_the_call(patch: pytest.MonkeyPatch) -> None:
    step = Steps.step

    def late(self: Steps, job: Any, machines: Any) -> timedelta:
        if job.rental.status is Status.REQUESTED:
            self._node(job).ensure_address(spec_of(job.rental))
        return step(self, job, machines)

    patch.setattr(Steps, "step", late)


@mutant(scenarios.returned_from_a_slow_node)
def release_is_believed_without_looking(patch: pytest.MonkeyPatch) -> None:
    def release(self: FakeNode, mark: str) -> RemainingResources:
        FakeNode._call(self, "release", lambda: self._release(mark))
        return RemainingResources()

    patch.setattr(FakeNode, "release", release)


@mutant(scenarios.more_asked_than_there_is)
def capacity_is_not_reserved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(queries, "held_capacity", lambda session, since=None: [])


@mutant(scenarios.killed_between_key_and_server)
def a_new_key_is_made_after_the_server(patch: pytest.MonkeyPatch) -> None:
    def wants_key(self: PendingMessages) -> bool:
        self.rental.key_file = None
        return self.rental.access is Access.GENERATED and self.rental.status is Status.BUILDING

    patch.setattr(PendingMessages, "wants_key", property(wants_key))


@mutant(scenarios.moved_from_a_dead_node_and_returned)
def it_is_over_before_every_node_is_clean(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cleanup, "all", any, raising=False)


@mutant(scenarios.moved_from_a_dead_node_and_returned)
def what_is_left_behind_is_not_cleaned(patch: pytest.MonkeyPatch) -> None:
    move_on = Steps._move_on

    def careless(self: Steps, session: Any, rental: Rental, held: Any, error: NodeError) -> bool:
        moved = move_on(self, session, rental, held, error)
        if moved:
            held.state = PlacementState.DELETED
        return moved

    patch.setattr(Steps, "_move_on", careless)


@mutant(scenarios.refused_everywhere)
def it_moves_on_to_a_node_that_was_tried(patch: pytest.MonkeyPatch) -> None:
    choose = steps.choose
    patch.setattr(
        steps, "choose", lambda rooms, wish: choose(rooms, PlacementRequest(wish.kind, wish.image, wish.size))
    )


@mutant(scenarios.returned_in_the_middle_of_every_call)
def what_changed_meanwhile_is_overwritten(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Rows, job: Any, change: Any) -> bool:
        with self.context.store.write() as session:
            rental = queries.rental(session, job.rental.id, lock=True)
            fresh = next(p for p in rental.placements if p.id == job.placement.id)
            result = change(session, rental, fresh)
        job.rental, job.placement = rental, fresh
        return result is not False

    patch.setattr(Rows, "apply", apply)


@mutant(scenarios.returned_while_it_is_looked_at)
def a_wake_up_during_a_step_is_lost(patch: pytest.MonkeyPatch) -> None:
    def release_lease(store: Store, placement_id: int, who: str, next_check_at: Any) -> None:
        with store.write() as session:
            row = session.get(Placement, placement_id)
            row.next_check_at, row.leased_until, row.leased_by = next_check_at, None, None

    patch.setattr(work_queue, "release_lease", release_lease)


@mutant(scenarios.many_at_once)
def a_node_builds_without_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(work_queue, "building_on", lambda session, node: 0)


@mutant(scenarios.missing_once)
def a_machine_is_given_up_after_one_look(patch: pytest.MonkeyPatch) -> None:
    watch = Steps._watch_missing

    def hasty(self: Steps, job: Any) -> timedelta:
        job.placement.missing = 1
        return watch(self, job)

    patch.setattr(Steps, "_watch_missing", hasty)


@mutant(scenarios.killed_before_the_key_was_confirmed)
def the_key_of_an_earlier_try_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    mail = Outbox.mail

    def forgetful(self: Outbox, rental_id: str) -> PendingMessages | None:
        found = mail(self, rental_id)
        if found is not None and found.wants_key:
            found.rental.key_file = None
        return found

    patch.setattr(Outbox, "mail", forgetful)


# -- ends and nights


@mutant(scenarios.three_days_to_the_end)
def a_rental_ends_a_day_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ExpiryPolicy, "last_day", lambda self, ends_on: ends_on - timedelta(days=1))


@mutant(scenarios.nobody_hears_of_the_end)
def the_night_takes_whom_nobody_warned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Nightly, "_waits", lambda self, session, rental, now: False)


@mutant(scenarios.nobody_hears_of_the_end)
def a_warning_counts_although_it_was_not_delivered(patch: pytest.MonkeyPatch) -> None:
    warned_at = ExpiryPolicy._warned_at

    def hopeful(self: ExpiryPolicy, rental: Rental, events: Any) -> Any:
        made = [
            e.at
            for e in events
            if e.key and e.key.startswith(expiry.key_prefix(self.last_day(rental.ends_on)))
        ]
        return warned_at(self, rental, events) or min(made, default=None)

    patch.setattr(ExpiryPolicy, "_warned_at", hopeful)


@mutant(scenarios.the_warning_comes_late)
def a_warning_an_hour_before_is_enough(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(expiry, "NOTICE", timedelta(0))


@mutant(scenarios.extended_after_the_warning)
def an_extension_does_not_warn_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(expiry, "key_prefix", lambda last_day: "warned:")


@mutant(scenarios.handed_over_after_the_warning)
def the_new_owner_counts_as_warned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(extension, "update", lambda table: update(table).where(false()))


@mutant(scenarios.a_grace_time)
def the_grace_time_is_cut_short(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ExpiryPolicy, "grace_over", lambda self, rental: rental.stopped_at + timedelta(hours=3))


# -- copies


@mutant(scenarios.killed_after_the_copy_was_made)
def a_copy_is_made_without_a_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FakeImageStore, "called", lambda self, name: None)


@mutant(scenarios.returned_as_soon_as_a_copy_is_wanted)
def a_server_goes_while_its_copy_is_wanted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Steps, "_is_being_copied", lambda self, job: False)


@mutant(scenarios.a_copy_at_the_end)
def the_end_does_not_wait_for_its_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Nightly, "_copies_first", lambda self, session, rental, over: False)


@mutant(scenarios.a_copy_that_fails_each_night)
def a_copy_that_fails_once_is_given_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "MOST_NIGHTS", 1)


@mutant(scenarios.nobody_hears_of_a_copys_end)
def a_copy_goes_although_nobody_was_warned(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        CopyEnds,
        "may_delete",
        lambda self, copy, events, now: now.date() > copy.keep_until + timedelta(days=1),
    )


# -- resets


@mutant(scenarios.killed_after_the_rebuild)
def a_server_is_rebuilt_without_a_look(patch: pytest.MonkeyPatch) -> None:
    rebuild = FakeNode.rebuild

    def blindly(self: FakeNode, again: Any, address: Any) -> str | None:
        self.servers = {key: replace(one, number=-1) for key, one in self.servers.items()}
        self.times, times = replace(self.times, build=timedelta(0)), self.times
        try:
            return rebuild(self, again, address)
        finally:
            self.times = times

    patch.setattr(FakeNode, "rebuild", blindly)


@mutant(scenarios.reset_while_slack_brings_no_key)
def a_disk_goes_before_its_new_key_is_there(patch: pytest.MonkeyPatch) -> None:
    may_begin = Rebuilder.may_begin

    def hasty(self: Rebuilder, session: Any, rental: Rental, held: Any, machine: Any) -> bool:
        sent, rental.key_sent_at = rental.key_sent_at, self.context.now()
        try:
            return may_begin(self, session, rental, held, machine)
        finally:
            rental.key_sent_at = sent

    patch.setattr(Rebuilder, "may_begin", hasty)


@mutant(scenarios.a_form_of_a_reset_comes_late)
def a_form_is_good_for_every_reset(patch: pytest.MonkeyPatch) -> None:
    ask = reset.ask

    def lax(context: Any, who: Any, rental_id: str, number: int, typed: str, **more: Any) -> Rental:
        with context.store.read() as session:
            rental = queries.rental(session, rental_id)
        return ask(context, who, rental_id, rental.reset_number if rental else 0, typed, **more)

    patch.setattr(reset, "ask", lax)


# -- several processes


@mutant(scenarios.both_work_at_once)
def there_is_no_lease_on_placements(patch: pytest.MonkeyPatch) -> None:
    claim_due = work_queue.claim_due

    def claim(session: Any, node: str, now: Any, who: str, lease: Any) -> Any:
        return claim_due(session, node, now, who, timedelta(0))

    patch.setattr(work_queue, "claim_due", claim)


@mutant(scenarios.both_tell_at_once)
def there_is_no_lease_on_telling(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def acquire(self: Leases, what: str) -> Iterator[bool]:
        yield True

    patch.setattr(Leases, "acquire", acquire)


@mutant(scenarios.both_have_a_night)
def the_ledger_of_nights_is_ignored(patch: pytest.MonkeyPatch) -> None:
    claim = job_ledger.claim

    def always(*args: Any, **more: Any) -> bool:
        claim(*args, **more)
        return True

    patch.setattr(job_ledger, "claim", always)
    patch.setattr(job_ledger, "is_finished", lambda *args: False)


@mutant(scenarios.one_dies_in_the_middle_of_a_call)
def the_dead_are_not_buried(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(heartbeat.Heartbeat, "_expire_replica", lambda self, who: None)


@mutant(scenarios.one_dies_in_its_night)
def the_night_of_a_dead_process_is_nobodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(job_ledger, "release_runs", lambda session, who=None: None)


@mutant(scenarios.one_dies_in_its_night)
def a_night_under_way_is_taken_from_the_living(patch: pytest.MonkeyPatch) -> None:
    claim = job_ledger.claim
    patch.setattr(job_ledger, "claim", lambda *args, alone, **more: claim(*args, alone=True, **more))


@mutant(scenarios.one_is_buried_alive)
def who_was_buried_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leases, "check", lambda self, session, what: None)

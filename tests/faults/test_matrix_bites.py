"""The matrix is worth something: with each of these faults planted in the product, a row of it breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import broken_names

from bot.delivery import keys
from bot.delivery.admins import AdminNotices
from bot.slack.messages import MessageClient
from faults import (
    ask_rows,
    copy_rows,
    matrix,
    move_rows,
    node_rows,
    power_rows,
    reset_rows,
    resize_rows,
    slack_rows,
    wait_rows,
    web_rows,
)
from faults.rows import Outcome, Row, play
from faults.sights import Sights
from kws_core.asks.service import Asks
from kws_core.database import queries
from kws_core.images import carrier
from kws_core.moves import in_place, lifecycle
from kws_core.nodes.circuit_breaker import CircuitBreaker
from kws_core.nodes.openstack import actions
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.values import CopySpec
from kws_core.outbox.pending_messages import Outbox
from kws_core.reconcile import copy_keeper, rebuilder, resumption, steps
from kws_core.reconcile.cleanup import ResourceCleaner
from kws_core.reconcile.copy_keeper import CopyKeeper
from kws_core.reconcile.orphan_sweep import Sweep
from kws_core.reconcile.power_watch import PowerWatch
from kws_core.reconcile.rebuilder import Rebuilder
from kws_core.reconcile.relocation import Relocator
from kws_core.reconcile.resumption import Resumption
from kws_core.reconcile.steps import Steps
from kws_core.rentals.key_files import KeyFiles
from kws_core.rentals.lifecycle import end
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import waiting_list
from kws_core.tables.details.events import MoveDone
from kws_core.values import TAG_PREFIX
from kws_core.web import proxy

SERVER_UNSAID = ("POST", "/servers$", True)
POST_UNSAID = ("chat.postMessage", "drop_after")


def row(plays: Callable[..., Any], nodes: int = 2) -> Row:
    """The row of that play and so many nodes."""
    return next(r for r in matrix.ROWS if r.play is plays and r.nodes == nodes)


def without_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenStackNode, "ensure_server", lambda self, spec, address: self._create(spec, address))


def without_moving_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Steps, "_move_on", lambda *_: False)


def without_breaker(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CircuitBreaker, "failed", lambda self: None)


def without_waiting_for_the_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ResourceCleaner, "_again", lambda self, job, remains: self._done(job))


def without_retry_of_the_outbox(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "postpone", lambda self, rental_id, wait=None: self.delivered(rental_id, 10**9))


def without_looking_into_slack(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MessageClient, "find", lambda *_, **__: None)


def without_withdrawing_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keys, "_arrived", lambda *_: False)
    patch.setattr(keys, "_withdraw", lambda *_: None)


def without_starting_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Resumption, "resume", lambda self, job, machine: None)


def without_a_second_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resumption, "TAKES", timedelta(0))


def without_a_look_at_power(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PowerWatch, "watch", lambda self, job, machine: None)


def without_a_second_removal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeyFiles, "later", lambda self, file_id: self.removed(file_id))


def without_looking_for_the_copy(patch: pytest.MonkeyPatch) -> None:
    def blindly(cloud: Any, machine_id: str, spec: CopySpec) -> str:
        copy = spec.mark.removeprefix(TAG_PREFIX)
        return str(cloud.servers.create_image(machine_id, spec.mark, {"kws_copy": copy}))

    patch.setattr(actions, "ensure_copy", blindly)


def without_a_second_sight_of_copies(patch: pytest.MonkeyPatch) -> None:
    later = timedelta(hours=1)
    patch.setattr(
        CopyKeeper,
        "_missed",
        lambda self, _, copy: setattr(copy, "next_check_at", self.context.now() + later),
    )


def without_taking_away_what_was_brought(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sweep, "_drop_carried", lambda self, report: None)


def without_noting_that_a_node_is_full(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(carrier.Carrier, "_note", lambda self, placement, error: None)


def without_looking_for_the_rebuild(patch: pytest.MonkeyPatch) -> None:
    def blindly(cloud: Any, server: Any, image_id: str, again: Any) -> None:
        cloud.servers.rebuild(server.id, image_id, {**server.metadata, "kws_reset": str(again.number)})

    patch.setattr(actions, "rebuild", blindly)


def without_a_second_rebuild(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rebuilder, "TRIES", 1)


def without_waiting_for_the_new_key(patch: pytest.MonkeyPatch) -> None:
    may_begin = Rebuilder.may_begin

    def hasty(self: Rebuilder, session: Any, rental: Any, held: Any, machine: Any) -> bool:
        sent, rental.key_sent_at = rental.key_sent_at, self.context.now()
        try:
            return may_begin(self, session, rental, held, machine)
        finally:
            rental.key_sent_at = sent

    patch.setattr(Rebuilder, "may_begin", hasty)


def without_waiting_for_the_answer(patch: pytest.MonkeyPatch) -> None:
    decide = Relocator.decide

    def hasty(self: Relocator, job: Any) -> bool:
        with self.context.store.read() as session:
            other = queries.rental(session, job.rental.replaced_by or "")
        if other is None or other.placement is None or other.placement.server_id is None:
            return decide(self, job)
        done = MoveDone(other.placement.node, other.placement.floating_ip)
        return self.rows.apply(job, lambda s, r, p: end(r, done, self.context.now()))

    patch.setattr(Relocator, "decide", hasty)


def without_starting_it_again_when_it_stays(patch: pytest.MonkeyPatch) -> None:
    give_up = lifecycle.give_up

    def careless(session: Any, rental: Any, why: str, now: Any) -> None:
        give_up(session, rental, why, now)
        rental.to_start, rental.placement.act_at = False, None

    patch.setattr(lifecycle, "give_up", careless)


def without_waiting_until_it_has_stopped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(copy_keeper, "_is_off", lambda copy: True)


def without_taking_over_the_last_day(patch: pytest.MonkeyPatch) -> None:
    finish = lifecycle.finish

    def forgetful(session: Any, rental: Any, now: Any) -> bool:
        was = queries.rental(session, rental.replaced_by).ends_on  # type: ignore[union-attr]
        done = finish(session, rental, now)
        queries.rental(session, rental.replaced_by).ends_on = was  # type: ignore[union-attr]
        return done

    patch.setattr(lifecycle, "finish", forgetful)


def without_looking_for_the_new_size(patch: pytest.MonkeyPatch) -> None:
    def blindly(cloud: Any, machine_id: str, size: Any, flavor_id: Callable[[], str]) -> None:
        cloud.servers.resize(machine_id, flavor_id())

    patch.setattr(actions, "resize", blindly)


def without_falling_back_to_a_copy(patch: pytest.MonkeyPatch) -> None:
    def careless(session: Any, config: Any, rental: Any, why: str, now: Any) -> None:
        in_place.give_up(rental, why, now)

    patch.setattr(in_place, "fall_back", careless)


def without_confirming(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions, "end_resize", lambda cloud, machine_id, end: None)


def without_looking_at_caddy_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(proxy, "LOOK", timedelta(days=1))


def without_telling_of_the_link(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(proxy.Proxy, "_note_served", lambda self, wanted: None)


def without_editing_what_admins_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AdminNotices, "_edit", lambda *_: None)


def without_doing_what_was_approved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Asks, "_use", lambda *_: None)


def without_waiting_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps, "may_wait_again", lambda *_: False)


def without_leaving_a_node_that_refused_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting_list, "PAUSE", timedelta(0))


def without_planning_promises_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting_list.WaitingList, "keep_promises", lambda self, calendar: None)


def without_a_second_serve(patch: pytest.MonkeyPatch) -> None:
    serve, tried = Waiting.serve, []

    def once(self: Waiting) -> list[str]:
        if tried:
            return []
        with self.context.store.read() as session:
            if any(one.starts_on is None for one in self._list(session).rentals.values()):
                tried.append(1)
        return serve(self)

    patch.setattr(Waiting, "serve", once)


PLANTED = [
    (without_look, row(node_rows.unsaid, 1), SERVER_UNSAID, "not within"),
    (without_moving_on, row(node_rows.exhausted), "", "['ended']"),
    (without_breaker, row(node_rows.no_other_node, 1), node_rows.LATE, "was asked"),
    (without_waiting_for_the_end, row(node_rows.stuck), "", "orphan"),
    (without_retry_of_the_outbox, row(slack_rows.upload), slack_rows.STEPS[1], "is building"),
    (without_looking_into_slack, row(slack_rows.unheard), POST_UNSAID, "is shown 2 times"),
    (without_withdrawing_keys, row(slack_rows.upload), slack_rows.STEPS[0], "2 keys"),
    (without_starting_again, row(power_rows.power_cut), 60, "not within"),
    (without_a_second_start, row(power_rows.start_fails), node_rows.OOPS, "not within"),
    (without_a_look_at_power, row(power_rows.stopped_behind_our_back), "", "not within"),
    (without_looking_for_the_copy, row(copy_rows.unanswered), (node_rows.HALF, True), "['active', 'active']"),
    (without_a_second_sight_of_copies, row(copy_rows.deleted), "kept", "not within"),
    (
        without_taking_away_what_was_brought,
        row(copy_rows.broken_off),
        copy_rows.ON_THE_WAY[0],
        "orphan image",
    ),
    (without_noting_that_a_node_is_full, row(copy_rows.full, 3), copy_rows.NO_ROOM[1], "not within"),
    (without_looking_for_the_rebuild, row(reset_rows.unanswered), (node_rows.HALF, True), "rebuilt 2 times"),
    (without_a_second_rebuild, row(reset_rows.breaks), 1, "not within"),
    (without_waiting_for_the_new_key, row(reset_rows.no_key), 60, "before its key"),
    (without_waiting_for_the_answer, row(move_rows.busy), 60, "went before the other one answered"),
    (without_starting_it_again_when_it_stays, row(move_rows.refused), move_rows.REFUSALS[0], "not within"),
    (without_waiting_until_it_has_stopped, row(move_rows.busy), 60, "runs while it is moved"),
    (without_taking_over_the_last_day, row(move_rows.extended), 6, "the extension is lost"),
    (without_looking_for_the_new_size, row(resize_rows.unanswered), resize_rows.UNANSWERED[0], "not within"),
    (without_falling_back_to_a_copy, row(resize_rows.unable), "", "not within"),
    (without_confirming, row(resize_rows.twice), "", "not within"),
    (without_looking_at_caddy_again, row(web_rows.changed), "restarted", "not within"),
    (without_telling_of_the_link, row(web_rows.away), 5, "not within"),
    (broken_names.stay_behind, row(web_rows.moves_without_caddy), 0, "not within"),
    (
        broken_names.go_too_early,
        row(web_rows.move_is_refused),
        (move_rows.NOT_THERE, ("POST", "/servers$", 0)),
        "its names have left it",
    ),
    (broken_names.lead_to_what_is_reset, row(web_rows.is_reset_meanwhile), "node", "not starting"),
    (without_editing_what_admins_read, row(ask_rows.away), "decided", "a button is left"),
    (without_doing_what_was_approved, row(ask_rows.no_node), 60, "not within"),
    (without_waiting_again, row(wait_rows.no_room_after_all, 1), "servers", "'ended'"),
    (
        without_leaving_a_node_that_refused_alone,
        row(wait_rows.no_room_after_all, 1),
        "servers",
        "not left alone",
    ),
    (without_planning_promises_again, row(wait_rows.loses_its_node), "drained", "not within"),
    (without_looking_into_slack, row(wait_rows.unheard), POST_UNSAID, "is shown 2 times"),
    (without_a_second_serve, row(wait_rows.dies), "returned", "not within"),
    (without_a_second_removal, row(power_rows.kept_file), power_rows.REMOVAL[1], "not within"),
]


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("plant", "row", "strike", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", "-")
)
def test_a_planted_fault_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None],
    row: Row,
    strike: Any,
    words: str,
    tmp_path: Path,
    empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    outcome = Outcome(row)
    play(row, strike, outcome, Sights(), tmp_path, empty_database, "")
    assert words in str(outcome.problems)
    assert "VIOLATED" in outcome.cells()[3]

"""What must hold at any time of placements, capacity, machines, keys, histories, and of what dead processes held."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import yaml
from harness.aftermath import copy_images
from life import ask_rules, move_rules
from sqlalchemy import select

from kws_core.nodes.fake.machines import FakeMachine
from kws_core.nodes.values import ServerSpec
from kws_core.reconcile import steps
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.job_run import JobRun
from kws_core.tables.lease import Lease
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import TRANSITIONS, UNPLACED, Access, PlacementState, Status

if TYPE_CHECKING:
    from life.lab import Lab

Histories = Mapping[str, Sequence[Event]]
FIGURES = ("vcpus", "ram_mb", "disk_gb")
BURIED_AFTER = 45  # seconds: DEAD_AFTER, and some beats
TOLD_STATUS = {
    "wait_started": Status.WAITING,
    "requested": Status.REQUESTED,
    "to rent: asked": Status.ASKED,
    "to rent: ask_approved": Status.WAITING,
    "to rent: ask_declined": Status.ENDING,
    "wait_lapsed": Status.ENDING,
    "wait_over": Status.REQUESTED,
    "placed": Status.BUILDING,
    "ready": Status.READY,
    "stopped": Status.STOPPED,
    "restored": Status.READY,
    "returned": Status.ENDING,
    "failed": Status.ENDING,
    "vanished": Status.ENDING,
    "expired": Status.ENDING,
    "move_done": Status.ENDING,
    "move_canceled": Status.ENDING,
    "ended": Status.ENDED,
}
AT_ANY_TIME = re.compile(
    "ask.*|idle_.*|key_.*|copy_.*|node_.*|month_used|reset_.*|resize_.*|move_(planned|started|failed)|warned|extended|transferred|powered_.*|host_keys|slow_boot|web_.*"
)
HISTORY = re.compile(  # what TRANSITIONS allow, told in events
    r"(requested |(wait_started |to rent: asked (to rent: ask_approved )?)(wait_late )?(wait_over )?)"
    r"(placed ((moved|waiting|queued|building) )*(ready (stopped restored )*(stopped )?)?)?"
    r"((to rent: ask_declined|wait_lapsed|returned|failed|vanished|expired|move_done|move_canceled) (ended )?)?"
)


def words(events: Sequence[Event]) -> list[str]:
    """A history in one word a line."""
    return [event.kind.value for event in events]


def statuses(events: Sequence[Event]) -> list[str]:
    """The same, with the requests to rent told from those about a rental that there is."""
    told = [event for event in events if not event.data.get("again") and event.kind != "ask_unanswered"]
    return [f"{'to rent: ' if ask_rules.to_rent(event) else ''}{event.kind.value}" for event in told]


def check_placements(lab: Lab, rentals: Sequence[Rental]) -> None:
    """A live rental has one node, a dead one none; live names are unique."""
    for rental in rentals:
        held = [p for p in rental.placements if p.state is PlacementState.ACTIVE]
        placed = rental.live and rental.status not in UNPLACED
        assert len(held) == (1 if placed else 0), f"{rental.name} {rental.status}: {len(held)} held"
        for p in rental.placements:
            if p.state is PlacementState.DELETING and p.leased_until is None:
                assert p.next_check_at - lab.clock() <= steps.RETRY_MOST, (
                    f"{rental.name} lies about on {p.node}"
                )
        if rental.status is Status.ENDED:
            assert {p.state for p in rental.placements} <= {PlacementState.DELETED}
    names = Counter(rental.name for rental in rentals if rental.live and rental.replaces is None)
    assert [name for name, number in names.items() if number > 1] == []


def check_capacity(lab: Lab, rentals: Sequence[Rental]) -> None:
    """No node lends more than nodes.toml says, nor builds more at a time."""
    lent: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for rental in rentals:
        for p in rental.placements:
            if p.state is not PlacementState.DELETED:
                for size in (rental.wanted_size, p.new_size):  # both, until the new one is confirmed
                    lent[p.node].update({what: getattr(size, what) for what in FIGURES if size})
            builds = (
                p.state is PlacementState.ACTIVE and p.server_at and not p.active_at
            )  # a boot takes no slot
            if builds and rental.status is Status.BUILDING:
                lent[p.node]["max_builds"] += 1
    for section in lab.config.nodes:
        for what, much in lent[section.name].items():
            assert much <= getattr(section, what), f"{section.name} lends {much} {what}"


def check_machines(lab: Lab, rentals: Sequence[Rental], events: Histories) -> None:
    """Whatever a node shows is known; a machine has the one key that its owner holds."""
    marks = {rental.mark: rental for rental in rentals}
    firsts = move_rules.before(rentals)
    for name, node in lab.nodes.items():
        for mark in node.resources().keys() - copy_images(node):
            assert mark in marks, f"{name} shows {mark}, which nobody knows"
            here = [p for p in marks[mark].placements if p.node == name]
            assert [p.state for p in here if p.state is not PlacementState.DELETED], (
                f"{name} still shows something of {marks[mark].name}, which is gone there"
            )
        alive = Counter(s.spec.mark for s in node.servers.values() if s.deleted_at is None)
        assert [mark for mark, number in alive.items() if number > 1] == []
        assert [mark for mark in node.duplicates() if mark not in lab.vanished] == []
        for server in node.servers.values():
            if server.deleted_at is None:
                rental = marks[server.spec.mark]
                check_key(lab, move_rules.line(rental, firsts), server, events)


def keys_wanted(events: Sequence[Event]) -> int:
    """How often a new key was asked for, by itself or with a reset."""
    with_reset = [e for e in events if e.kind is EventKind.RESET_WANTED and e.data.get("new_key")]
    return len(with_reset) + words(events).count("key_wanted")


def key_is_open(events: Sequence[Event]) -> bool:
    """Whether the last new key that was asked for is neither in use nor given up."""
    still = False
    for event in events:
        if event.kind is EventKind.KEY_WANTED or event.data.get("new_key"):
            still = True
        lost = event.kind is EventKind.RESET_FAILED and event.data.get("lost")
        if lost or event.kind in (EventKind.KEY_RENEWED, EventKind.KEY_DROPPED, EventKind.RESET_DONE):
            still = False
    return still


def check_key(lab: Lab, line: Sequence[Rental], server: FakeMachine, events: Histories) -> None:
    """The key in the machine is one that was handed over; the last one, unless a newer one is on its way.

    ``line``: the rental and those from which it was moved, the newest first.
    """
    rental = line[0]
    assert isinstance(server.spec, ServerSpec)
    born = yaml.load(server.spec.user_data, yaml.CSafeLoader)["users"][1]["ssh_authorized_keys"]
    past = [event for one in reversed(line) for event in events[one.id]]
    handed_over = [key for one in reversed(line) for key in lab.slack.files[one.id].values()]
    wanted, moved = keys_wanted(past), words(past).count("transferred")
    own = rental.access is Access.OWN_KEY
    assert rental.key_settled
    assert len(handed_over) <= wanted + moved + (not own or wanted > 0), f"{rental.name}: too many keys"
    assert server.taken in ["", *handed_over], f"{rental.name}: not a key handed over"
    if not wanted and len(line) == 1:
        assert born == [rental.public_key]
        assert own or (born == handed_over[-1:] and (moved or len(handed_over) == 1))
    elif rental.rekey is None and rental.live and (keys_wanted(events[rental.id]) or len(line) == 1):
        next_one = server.key or born[0]
        assert rental.public_key == next_one, f"{rental.name}: not the key that the next boot takes"
    elif len(line) > 1 and not keys_wanted(events[rental.id]):
        assert born == [rental.public_key] == [line[1].public_key], f"{rental.name}: not the key that it had"


def check_histories(rentals: Sequence[Rental], events: Histories) -> None:
    """Only moves that TRANSITIONS have, each told once."""
    for rental in rentals:
        history = statuses(events[rental.id])
        told_words = "".join(f"{kind} " for kind in history if not AT_ANY_TIME.fullmatch(kind))
        assert HISTORY.fullmatch(told_words), f"{rental.name}: {history}"
        assert history.count("key_sent") <= 1 + keys_wanted(events[rental.id])
        assert key_is_open(events[rental.id]) == (rental.rekey is not None)
        told = [TOLD_STATUS[kind] for kind in history if kind in TOLD_STATUS]
        assert told[-1] is rental.status
        untouched = "placed" not in history
        for before, after in itertools.pairwise(told):
            step = TRANSITIONS[before] | ({Status.ENDING} if untouched else frozenset())
            assert after in step, f"{rental.name}: {before} -> {after}"


def check_the_dead(lab: Lab) -> None:
    """What a dead process held is free soon."""
    gone = {who for who, lived in lab.dead.items() if lab.alone or lived > BURIED_AFTER}
    if not gone:
        return
    with lab.store.read() as session:
        held = {*session.scalars(select(Placement.leased_by)), *session.scalars(select(Lease.who))}
        held |= set(session.scalars(select(JobRun.who).where(JobRun.finished_at.is_(None))))
    assert held & gone == set(), "a dead process holds something"

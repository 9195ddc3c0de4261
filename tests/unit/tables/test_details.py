"""What a row says besides its kind: one class per kind, in a stored form that does not change."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from harness.night_kit import lent
from harness.world import World
from sqlalchemy import select

from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.errors import Refusal
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details import EventDetails
from kws_core.tables.details.alerts import (
    ALERT_DETAILS,
    AlertDetails,
    AlertKind,
    AskAlert,
    CopyFailedAlert,
    DepartedAlert,
    LeaksAlert,
    NightAlert,
    NightRental,
    NodeDownAlert,
    NodeEmptyingAlert,
    NodeMissedAlert,
    NodeResumedAlert,
    NodeUpAlert,
    ResizeBrokeAlert,
    UnreachableAlert,
    WebDownAlert,
    WebUpAlert,
)
from kws_core.tables.details.ask_events import (
    AskApproved,
    AskDeclined,
    AskDelayed,
    AskFailed,
    AskMade,
    AskUnanswered,
)
from kws_core.tables.details.asks import Allowance, AskedFor, BeyondPolicy, FreeOnNode
from kws_core.tables.details.events import (
    EVENT_DETAILS,
    Adopted,
    BuildStarted,
    CopyDeleted,
    CopyFailed,
    CopyKept,
    CopyPlanned,
    CopyProlonged,
    CopyWanted,
    CopyWarned,
    Ended,
    Expired,
    Extended,
    Failed,
    HostKeysPrinted,
    KeyDropped,
    KeyFileRemoved,
    KeyRenewed,
    KeySent,
    KeyWanted,
    MoveCanceled,
    Moved,
    MoveDone,
    MoveFailed,
    MovePlanned,
    MoveStarted,
    NodeDrained,
    Placed,
    PoweredOff,
    PoweredOn,
    Queued,
    Ready,
    Rebooted,
    Requested,
    ResetDone,
    ResetFailed,
    ResetWanted,
    ResizeDone,
    ResizeFailed,
    ResizeStarted,
    Restored,
    Returned,
    SlowBoot,
    Stopped,
    SwitchedOff,
    SwitchedOn,
    Transferred,
    Vanished,
    WaitingForNode,
    WaitLapsed,
    WaitLate,
    WaitOver,
    WaitStarted,
    Warned,
)
from kws_core.tables.details.idle_events import IdleAsked, IdleKept
from kws_core.tables.details.outage_events import MonthUsed, NodeBack, NodeSilent
from kws_core.tables.details.web_events import WebChanged, WebPutBack, WebServed, WebTakenOff
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Reason

LATER, SOONER = date(2026, 12, 24), date(2026, 12, 15)
MOMENT = datetime(2026, 12, 24, 15, 30, 0, 250, tzinfo=UTC)
AT = MOMENT.isoformat()
LENT = {"until": "2026-12-24", "was": "2026-12-15"}
BRIEF = {"id": "r1", "name": "web01", "owner": "U1"}

# as databases have it, in the order of the keys
EVENTS: list[tuple[EventDetails, dict[str, Any]]] = [
    (Requested("node1", via="form"), {"node": "node1", "via": "form"}),
    (WaitStarted(earliest=LATER, via="form"), {"earliest": "2026-12-24", "via": "form"}),
    (WaitStarted(starts_on=LATER, node="node1"), {"starts_on": "2026-12-24", "node": "node1"}),
    (WaitLate("node1"), {"node": "node1"}),
    (WaitOver("node1"), {"node": "node1"}),
    (WaitLapsed(), {"reason": "lapsed"}),
    (IdleAsked(SOONER, 2), {"since": "2026-12-15", "waiting": 2}),
    (IdleKept(via="warning"), {"via": "warning"}),
    (
        AskMade("rent", "exam", LATER, "large", via="form"),
        {"what": "rent", "reason": "exam", "until": "2026-12-24", "size": "large", "via": "form"},
    ),
    (
        AskMade("extend", "exam", LATER, again=True),
        {"what": "extend", "reason": "exam", "until": "2026-12-24", "again": True},
    ),
    (
        AskApproved("rent", LATER, "large", less=True, via="form", note="enough"),
        {
            "what": "rent",
            "until": "2026-12-24",
            "size": "large",
            "less": True,
            "via": "form",
            "note": "enough",
        },
    ),
    (
        AskDeclined("resize", via="form", note="no"),
        {"what": "resize", "reason": "declined", "via": "form", "note": "no"},
    ),
    (AskUnanswered(5, "rent"), {"ask": 5, "what": "rent"}),
    (AskDelayed("extend", "promised", MOMENT), {"what": "extend", "why": "promised", "until": AT}),
    (AskFailed("extend"), {"what": "extend"}),
    (Returned(Reason.RETURNED, asked=True), {"reason": "returned", "asked": True}),
    (Placed("node1"), {"node": "node1"}),
    (
        Moved("node2", refused="node1", refusal=Refusal.QUOTA),
        {"node": "node2", "refused": "node1", "refusal": "quota"},
    ),
    (WaitingForNode("node1", refusal=Refusal.DOWN), {"node": "node1", "refusal": "down"}),
    (Queued("node1", position=3, of=12), {"node": "node1", "position": 3, "of": 12}),
    (KeySent("SHA256:x"), {"fingerprint": "SHA256:x"}),
    (BuildStarted("node1"), {"node": "node1"}),
    (SlowBoot("node1", 8), {"node": "node1", "minutes": 8}),
    (Ready("node1"), {"node": "node1"}),
    (HostKeysPrinted(), {}),
    (Rebooted(), {}),
    (SwitchedOff(via="card"), {"via": "card"}),
    (SwitchedOn(via="card"), {"via": "card"}),
    (PoweredOff("node1", asked=True), {"node": "node1", "asked": True}),
    (PoweredOn("node1", still=True), {"node": "node1", "still": True}),
    (KeyWanted(via="card"), {"via": "card"}),
    (ResetWanted(via="form"), {"via": "form"}),
    (ResetWanted(new_key=True, via="form"), {"new_key": True, "via": "form"}),
    (ResetDone("node1"), {"node": "node1"}),
    (ResetFailed("node1", refusal=Refusal.NO_IMAGE), {"node": "node1", "refusal": "no_image"}),
    (
        ResetFailed("node1", refusal=Refusal.FAILED, lost=True),
        {"node": "node1", "refusal": "failed", "lost": True},
    ),
    (ResetFailed(why="user_disabled"), {"why": "user_disabled"}),
    (KeyRenewed("node1"), {"node": "node1"}),
    (KeyRenewed("node1", works=True), {"node": "node1", "works": True}),
    (KeyRenewed("node1", refusal=Refusal.AUTH), {"node": "node1", "refusal": "auth"}),
    (KeyDropped("node1", refusal=Refusal.QUOTA), {"node": "node1", "refusal": "quota"}),
    (KeyFileRemoved(saved=True), {"saved": True}),
    (KeyDropped(why="user_disabled"), {"why": "user_disabled"}),
    (
        Returned(Reason.ADMIN, via="desk", note="thesis"),
        {"reason": "admin", "via": "desk", "note": "thesis"},
    ),
    (
        Failed(Reason.NO_NODE, "node1", refusal=Refusal.DOWN),
        {"reason": "no_node", "node": "node1", "refusal": "down"},
    ),
    (Failed(Reason.NO_KEY, why="user_disabled"), {"reason": "no_key", "why": "user_disabled"}),
    (Vanished(node="node1"), {"reason": "vanished", "node": "node1"}),
    (Warned(days=3, last_day=LATER), {"days": 3, "last_day": "2026-12-24"}),
    (Extended(until=LATER, was=SOONER, via="card"), {**LENT, "via": "card"}),
    (Expired(), {"reason": "expired"}),
    (Stopped(MOMENT), {"until": AT}),
    (Restored(until=LATER, was=SOONER, via="desk", note="why"), {**LENT, "via": "desk", "note": "why"}),
    (
        Transferred(to="U2", was="U1", channel="D1", card="1.2", via="notice"),
        {"to": "U2", "was": "U1", "channel": "D1", "card": "1.2", "via": "notice"},
    ),
    (Adopted(until=LATER, was=SOONER, node="node1"), {**LENT, "node": "node1"}),
    (Adopted(until=LATER, was=None, node="node1"), {"until": "2026-12-24", "node": "node1"}),
    (
        NodeDrained("node1", LATER, "", via="cli"),
        {"node": "node1", "until": "2026-12-24", "reason": "", "via": "cli"},
    ),
    (
        NodeSilent("node1", MOMENT, "U1", ("web01",)),
        {"node": "node1", "since": AT, "person": "U1", "names": ["web01"], "copies": []},
    ),
    (NodeBack("node1", MOMENT, "U1"), {"node": "node1", "since": AT, "person": "U1", "names": []}),
    (
        MonthUsed(LATER, "U1", 2, 30.5, 732.0),
        {"month": "2026-12-24", "person": "U1", "rentals": 2, "rental_days": 30.5, "vcpu_hours": 732.0},
    ),
    (MovePlanned(None, via="notice"), {"via": "notice"}),
    (MovePlanned(MOMENT), {"at": MOMENT.isoformat()}),
    (MoveStarted("node2", "small", via="form"), {"node": "node2", "size": "small", "via": "form"}),
    (MoveFailed("quota", started=True), {"why": "quota", "started": True}),
    (MoveCanceled(), {"reason": "moved"}),
    (MoveDone("node2", "10.0.0.9"), {"node": "node2", "address": "10.0.0.9", "reason": "moved"}),
    (ResizeStarted("node1", "large", via="form"), {"node": "node1", "size": "large", "via": "form"}),
    (
        ResizeDone("node1", "large", "small", 1, 512, 5),
        {"node": "node1", "size": "large", "was": "small", "vcpus": 1, "ram_mb": 512, "disk_gb": 5},
    ),
    (
        ResizeFailed("node1", "large", Refusal.NO_HOST, "copy"),
        {"node": "node1", "size": "large", "why": "no_host", "outcome": "copy"},
    ),
    (Ended(reason=Reason.RETURNED), {"reason": "returned"}),
    (Ended(why=Reason.EXPIRED), {"why": "expired"}),
    (
        CopyWanted("c1", "node1", at_end=True, via="card"),
        {"copy": "c1", "node": "node1", "at_end": True, "via": "card"},
    ),
    (CopyPlanned(wanted=False, via="warning"), {"wanted": False, "via": "warning"}),
    (
        CopyKept("c1", "node1", LATER, 5),
        {"copy": "c1", "node": "node1", "until": "2026-12-24", "size_bytes": 5},
    ),
    (
        CopyFailed("c1", "node1", "quota", at_end=True),
        {"copy": "c1", "node": "node1", "refusal": "quota", "at_end": True},
    ),
    (CopyWarned("c1", LATER), {"copy": "c1", "until": "2026-12-24"}),
    (CopyProlonged("c1", LATER, was=LATER), {"copy": "c1", "until": "2026-12-24", "was": "2026-12-24"}),
    (CopyDeleted("c1", "node1", why="expired"), {"copy": "c1", "node": "node1", "why": "expired"}),
    (
        WebChanged("lab", 8080, "https", second="shop", via="form"),
        {"audience": "lab", "port": 8080, "upstream": "https", "second": "shop", "via": "form"},
    ),
    (WebServed("https://web01.lab.example"), {"address": "https://web01.lab.example"}),
    (WebTakenOff(note="phishing", via="message"), {"note": "phishing", "via": "message"}),
    (WebPutBack(via="message"), {"via": "message"}),
]
ALERTS: list[tuple[AlertDetails, dict[str, Any]]] = [
    (
        NightAlert(
            day=LATER,
            ended=(NightRental("r1", "web01", "U1"),),
            stopped=(),
            stuck=(NightRental("r1", "web01", "U1", node="", why=""),),
            failed=("r2",),
        ),
        {
            "day": "2026-12-24",
            "ended": [BRIEF],
            "stopped": [],
            "stuck": [{**BRIEF, "node": "", "why": ""}],
            "failed": ["r2"],
        },
    ),
    (
        UnreachableAlert(rental="r1", name="web01", owner="U1", why="user_disabled"),
        {"rental": "r1", "name": "web01", "owner": "U1", "why": "user_disabled"},
    ),
    (DepartedAlert("U1"), {"person": "U1"}),
    (LeaksAlert("node1", ("m1",), deleted=False), {"node": "node1", "marks": ["m1"], "deleted": False}),
    (
        NodeDownAlert("node1", MOMENT, why=Refusal.DOWN),
        {"node": "node1", "since": AT, "why": "down"},
    ),
    (NodeUpAlert("node1", MOMENT, at=MOMENT), {"node": "node1", "since": AT, "at": AT}),
    (NodeMissedAlert("node1", 3), {"node": "node1", "rentals": 3}),
    (NodeResumedAlert("node1", 5, 1), {"node": "node1", "answering": 5, "failed": 1}),
    (
        NodeEmptyingAlert("node1", LATER, ("r1", "r2"), 1, 0, ("web02",), finished=False),
        {
            "node": "node1",
            "until": "2026-12-24",
            "rentals": ["r1", "r2"],
            "moved": 1,
            "ended": 0,
            "failed": ["web02"],
            "finished": False,
        },
    ),
    (
        CopyFailedAlert("r1", "web01", "U1", "node1", why="quota", last=False),
        {"rental": "r1", "name": "web01", "owner": "U1", "node": "node1", "why": "quota", "last": False},
    ),
    (
        ResizeBrokeAlert("r1", "web01", "U1", "node1", why="failed"),
        {"rental": "r1", "name": "web01", "owner": "U1", "node": "node1", "why": "failed"},
    ),
    (WebDownAlert(MOMENT, refused=False), {"since": AT, "refused": False}),
    (WebUpAlert(MOMENT, at=MOMENT), {"since": AT, "at": AT}),
    (
        AskAlert(
            ask=5,
            name="web01",
            owner="U1",
            machine="server",
            what="extend",
            image="debian-12",
            asked=AskedFor(Allowance(LATER), Allowance(SOONER), (BeyondPolicy("end_late", 120, 90, SOONER),)),
            reason="exam",
            free=(FreeOnNode("node1", 4, 2048, 50, up=True),),
            decision="less",
            by="U2",
            granted=Allowance(SOONER),
            note="enough",
        ),
        {
            "ask": 5,
            "name": "web01",
            "owner": "U1",
            "machine": "server",
            "what": "extend",
            "image": "debian-12",
            "asked": {
                "wanted": {"until": "2026-12-24"},
                "had": {"until": "2026-12-15"},
                "beyond": [{"code": "end_late", "wanted": 120, "limit": 90, "day": "2026-12-15"}],
            },
            "reason": "exam",
            "free": [{"node": "node1", "vcpus": 4, "ram_mb": 2048, "disk_gb": 50, "up": True}],
            "again": False,
            "decision": "less",
            "by": "U2",
            "granted": {"until": "2026-12-15"},
            "note": "enough",
        },
    ),
]


def event(kind: EventKind, data: dict[str, Any]) -> Event:
    """A row that says that."""
    return Event(kind=kind, data=data)


def alert(kind: AlertKind, data: dict[str, Any]) -> AdminAlert:
    """A row that says that."""
    return AdminAlert(kind=kind.value, data=data)


def test_every_kind_has_one_class() -> None:
    for base, classes in ((EventDetails, EVENT_DETAILS), (AlertDetails, ALERT_DETAILS)):
        assert sorted(cls.kind for cls in base.__subclasses__()) == sorted(classes)
    assert set(EVENT_DETAILS) == set(EventKind) == {details.kind for details, _ in EVENTS}
    assert set(ALERT_DETAILS) == set(AlertKind) == {details.kind for details, _ in ALERTS}


@pytest.mark.parametrize(("details", "stored"), [*EVENTS, *ALERTS])
def test_the_stored_form_is_as_it_always_was_and_reads_as_what_was_written(
    details: EventDetails | AlertDetails, stored: dict[str, Any]
) -> None:
    assert json.dumps(details.to_json()) == json.dumps(stored)
    row = event(details.kind, stored) if isinstance(details, EventDetails) else alert(details.kind, stored)
    assert row.details == details


@pytest.mark.parametrize(("details", "stored"), [*EVENTS, *ALERTS])
def test_a_key_of_another_version_is_left_alone(
    details: EventDetails | AlertDetails, stored: dict[str, Any]
) -> None:
    more = {"colour": "green", **stored}
    row = event(details.kind, more) if isinstance(details, EventDetails) else alert(details.kind, more)
    assert row.details == details
    assert row.data == more


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_without_its_keys_still_reads(kind: EventKind) -> None:
    for data in ({}, dict.fromkeys(("node", "until", "was", "via", "refusal"))):
        row = event(kind, data)
        assert type(row.details) is EVENT_DETAILS[kind]
        assert (row.via, row.note, getattr(row.details, "until", None)) == (None, None, None)


@pytest.mark.parametrize("kind", AlertKind)
def test_a_notice_without_its_keys_still_reads(kind: AlertKind) -> None:
    assert type(alert(kind, {}).details) is ALERT_DETAILS[kind]


def test_what_is_missing_is_empty() -> None:
    assert event(EventKind.QUEUED, {"node": "node1"}).details == Queued("node1", position=0, of=0)
    assert event(EventKind.WARNED, {"days": 1}).details == Warned(days=1, last_day=None)
    assert alert(AlertKind.LEAKS, {"node": "node1"}).details == LeaksAlert("node1", (), deleted=False)
    stuck = alert(AlertKind.NIGHT, {"stuck": [{"name": "web01"}]}).details
    assert isinstance(stuck, NightAlert)
    assert stuck.stuck == (NightRental("", "web01", ""),)


def test_a_word_of_another_version_is_kept() -> None:
    row = event(EventKind.FAILED, {"reason": "no_luck", "refusal": "tired"})
    assert row.details == Failed("no_luck", refusal="tired")


def test_it_is_read_once() -> None:
    row = event(EventKind.READY, {"node": "node1"})
    assert row.details is row.details


def test_the_audit_trail_has_all_that_was_stored_but_for_the_delivery() -> None:
    data = {"to": "U2", "was": "U1", "channel": "D1", "card": "1.2", "via": "desk", "colour": "green"}
    row = event(EventKind.TRANSFERRED, data)
    assert row.audited == {"to": "U2", "was": "U1", "colour": "green"}
    assert row.via == "desk"


def test_what_is_written_comes_back_from_the_database(world: World) -> None:
    rental = lent(world)
    stopped = Stopped(MOMENT)
    with world.store.write() as session:
        row = queries.rental(session, rental.id)
        assert row
        row.record(stopped, world.clock())
        assert alert_admins(session, DepartedAlert("U1"), "one", world.clock())
        assert not alert_admins(session, DepartedAlert("U1"), "one", world.clock())
    assert world.rental_queries.history(rental.id)[-1].details == stopped
    with world.store.read() as session:
        assert [row.details for row in session.scalars(select(AdminAlert))] == [DepartedAlert("U1")]

"""Everything that people read, with made-up values: what ``make gallery`` draws and the house tests check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from harness.cards import NOW, event, rental
from harness.message_catalogue import forms, messages
from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock
from slack_sdk.models.views import View

from bot.handlers.commands import hub_buttons
from bot.text import prose
from bot.text.i18n import Plural, Texts
from bot.text.units import room_line, used_line
from bot.views import (
    admin_form,
    admin_home,
    admin_notice,
    end_notices,
    event_lines,
    history,
    home,
    ids,
    keys_form,
    nodes_list,
    rent_form,
    rental_card,
    rental_forms,
)
from bot.views import (
    copies as copy_views,
)
from bot.views import (
    images as image_views,
)
from bot.views import (
    moves as move_views,
)
from bot.views import (
    web as web_views,
)
from bot.views.asks import ask_form, requests
from bot.views.rent_form import PASSWORD, PASTED, Shown
from bot.views.usage import month
from bot.views.waiting import calendar_lines
from bot.views.waiting.room_choice import RoomChoice
from kws_core.config import Policy, WebSection
from kws_core.copies.service import CopyTerms
from kws_core.errors import ErrorCode, UserError
from kws_core.expiry import ExpiryInfo
from kws_core.images.table import tabulate
from kws_core.moves import in_place
from kws_core.moves.service import SizeChoice
from kws_core.nodes.values import Capacity, Image, StoredImage
from kws_core.outbox.admin_queries import PAGE, Entry, Found, Search
from kws_core.rentals.admission import CUSTOM
from kws_core.rentals.form_options import FormOptions
from kws_core.rentals.lab_calendar import Booking, DayPlan, FreeDay
from kws_core.rentals.reset import ResetTerms
from kws_core.scheduling.capacity import AllocatedCapacity, NodeStatus
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.scheduling.placement import NodeCapacity
from kws_core.scheduling.waiting_list import Place, Promised
from kws_core.tables.alert import AdminAlert
from kws_core.tables.copy import Copy
from kws_core.tables.details import alerts
from kws_core.tables.details.alerts import Alert, AskAlert, NightRental
from kws_core.tables.details.asks import Allowance, AskedFor, BeyondPolicy, FreeOnNode
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.network import Site
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import Access, AskKind, Audience, CopyState, Power, Reason, Status, Upstream
from kws_core.values import Kind, Locale, Size
from kws_core.web.service import SiteForm, SiteTerms

SEOUL = ZoneInfo("Asia/Seoul")
TODAY = date(2026, 12, 1)
SIZES = [Size("small", 1, 512, 5), Size("medium", 1, 1024, 10), Size("large", 2, 2048, 20)]
BOTH = frozenset({Kind.SERVER, Kind.CONTAINER})
UP = NodeCapacity("node1", BOTH, frozenset(), 6, 6144, 80, 3, 2560, 35, builds=3, max_builds=2)
DOWN = NodeCapacity("node2", BOTH, frozenset(), 6, 6144, 80, 3, 2560, 35, up=False)
DRAINED = NodeCapacity("node3", BOTH, frozenset(), 6, 6144, 80, 3, 2560, 35, drained=True)
IMAGES = [Image(id="1", name="debian-12", title="Debian 12"), Image(id="2", name="rocky-9", title="")]
WEB = WebSection(domain="lab.example", proxy=("192.0.2.10",), open_to=("10.0.0.0/8",), everybody=True)
SAMPLES: dict[str, object] = {  # for blanks of messages that are listed alone
    "n": 3, "count": 3, "name": "web01", "node": "node1", "person": "@mina", "actor": "@joon", "day": "…", "moment": "…",
}  # fmt: skip


@dataclass(frozen=True)
class Exhibit:
    """Something as Slack gets it: a message's blocks, a modal or the App Home."""

    room: str
    title: str
    view: dict[str, Any]  # type, blocks; of a modal its title and buttons too

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Its blocks."""
        found: list[dict[str, Any]] = self.view["blocks"]
        return found


def exhibits(locale: Locale) -> Iterator[Exhibit]:
    """Every view, card, notice and help text."""
    texts = Texts(locale)
    yield from _answers(texts)
    yield from _forms(texts)
    yield from _cards(texts)
    yield from _ends(texts)
    yield from _unused(texts)
    yield from _home(texts)
    yield from _admin(texts)
    yield from _alerts(texts)


def sentences(locale: Locale) -> list[tuple[str, str]]:
    """Every message of the catalogue: in English, and in that language; of a plural its last form."""
    texts = Texts(locale)
    told = []
    for message in sorted(messages(), key=str):
        known = forms(message)
        looked = known[0] if isinstance(message, str) else Plural(known[0], known[1], "n")
        blanks = {name: SAMPLES.get(name, f"{{{name}}}") for name in re.findall(r"{(\w+)}", " ".join(known))}
        told.append((known[-1], texts.plain(looked, **{"n": 3, **blanks})))
    return told


def _message(room: str, title: str, blocks: list[Any]) -> Exhibit:
    return Exhibit(room, title, {"type": "message", "blocks": [one.to_dict() for one in blocks]})


def _view(room: str, title: str, view: View) -> Exhibit:
    return Exhibit(room, title, view.to_dict())


def _said(*lines: str) -> list[Block]:
    return [SectionBlock(text=MarkdownTextObject(text=line)) for line in lines]


def offer(mine: list[Rental] | None = None) -> FormOptions:
    """What the forms and the App Home are built from."""
    keys = [SavedKey(id=1, owner="U0MINA00001", name="laptop", public_key="", fingerprint="", added_at=NOW)]
    return FormOptions(
        images=IMAGES,
        sizes=SIZES,
        rooms=[UP, DOWN, DRAINED],
        today=TODAY,
        default_end=date(2026, 12, 15),
        last_end=date(2027, 3, 1),
        mine=mine or [],
        keys=keys,
    )


def _answers(texts: Texts) -> Iterator[Exhibit]:
    yield _message("Answers", "/kws", [*_said(texts.plain("What would you like to do?")), hub_buttons(texts)])
    yield _message("Answers", "/kws help", _said(prose.help_text("/kws", texts)))
    yield _message("Answers", "/kws admin help", _said(prose.admin_help("/kws", texts)))
    rooms = "\n".join(room_line(room, texts) for room in (UP, DOWN, DRAINED))
    for who, admin in (("a student's", False), ("an admin's", True)):
        later = calendar_lines.said(plan(admin=admin), texts)
        said = _said(used_line(offer([rental()]), Policy(), texts), rooms, *later)
        yield _message("Answers", f"/kws status, {who}", said)
    ends = datetime(2026, 12, 16, tzinfo=SEOUL)
    entries = [
        block
        for status in Status
        for block in rental_card.list_entry(rental(status, id=status.value), ends, texts)
    ]
    queued = rental_card.list_entry(rental(Status.REQUESTED), ends, texts, QueuePosition(2, 3))
    yield _message("Answers", "/kws list", [*entries, *queued])
    key = SavedKey(
        id=1, owner="U1", name="laptop", public_key="ssh-ed25519 AAAA", fingerprint="SHA256:abc", added_at=NOW
    )
    yield from _copies(texts)
    yield _message("Answers", "/kws keys", keys_form.listing([key], texts))
    yield _message("Answers", "/kws keys, none", keys_form.listing([], texts))


def copy(state: CopyState) -> Copy:
    """A copy of the rental."""
    times = {"requested_at": NOW, "kept_at": NOW, "keep_set_at": NOW, "next_check_at": NOW}
    day = date(2026, 12, 31)
    made = Copy(id=state.value, owner="U0MINA00001", state=state, node="node1", keep_until=day, **times)
    made.rental, made.size_bytes = rental(), 734_003_200
    return made


def _copies(texts: Texts) -> Iterator[Exhibit]:
    terms = CopyTerms(rental(), "node1", 5, 20, date(2026, 12, 31))
    yield _message("Answers", "/kws copy", copy_views.question(terms, texts))
    made = [copy(state) for state in CopyState if state is not CopyState.GONE]
    yield _message("Answers", "/kws copies", copy_views.listing(made, texts))
    yield _message("Answers", "/kws copies, none", copy_views.listing([], texts))
    warned = event(EventKind.COPY_WARNED, copy="c1", until="2026-12-31")
    yield _message("Reminders", "of a copy", list(rental_card.notification(rental(), warned, texts).blocks))


def served(**changes: Any) -> Site:
    """A web address of the rental."""
    values = {
        "label": "web01",
        "second": "shop",
        "port": 80,
        "upstream": Upstream.HTTP,
        "audience": Audience.LAB,
    }
    return Site(**{**values, "served_at": NOW, **changes})


def sizes(*others: Size) -> SizeChoice:
    """What can be chosen: the first one in place."""
    return SizeChoice(rental(), [*others], frozenset(size.name for size in others[:1]))


def _forms(texts: Texts) -> Iterator[Exhibit]:
    for title, shown in (
        ("a server", Shown()),
        ("a server, all options", Shown(more=True, access=PASTED, custom=True, new_network=True)),
        ("a server with a password", Shown(access=PASSWORD)),
        ("a container, all options", Shown(kind=Kind.CONTAINER, more=True)),
    ):
        view = rent_form.build(offer(), Policy(), texts, shown, admin=True)
        yield _view("Forms", f"Rent {title}", view)
    for title, choice in (
        (
            "and room later",
            RoomChoice(1, "large", None, date(2026, 12, 8), date(2026, 12, 14), ("small", "medium")),
        ),
        ("and nobody knows when", RoomChoice(1, CUSTOM)),
    ):
        view = rent_form.build(offer(), Policy(), texts, Shown(room=choice))
        yield _view("Forms", f"Rent, no room now {title}", view)
    empty = FormOptions([], SIZES, [UP], TODAY, TODAY, TODAY)
    yield _view("Forms", "Rent, no images yet", rent_form.build(empty, Policy(), texts))
    yield _view("Forms", "Extend", rental_forms.extension(rental(), _outlook(), texts))
    yield from _asking(texts)
    limited = rental_forms.extension(rental(), _outlook(), texts, date(2026, 12, 18))
    yield _view("Forms", "Extend, promised to others", limited)
    for title, terms in (
        ("a server", ResetTerms(rental(), may_change_key=True, may_copy=True)),
        (
            "a server that was made from a copy",
            ResetTerms(rental(copy_id="c1", access=Access.PASSWORD), may_change_key=False, may_copy=True),
        ),
        ("a container", ResetTerms(rental(kind=Kind.CONTAINER), may_change_key=False, may_copy=False)),
    ):
        yield _view("Forms", f"Reset {title}", rental_forms.reset(terms, "U0ADMIN0001", texts))
    yield _view(
        "Forms", "Rent, with web addresses", rent_form.build(replace(offer(), web=WEB), Policy(), texts)
    )
    yield _view("Forms", "Change size", move_views.size_form(sizes(*SIZES[1:]), texts))
    yield _view("Forms", "Change size, no other", move_views.size_form(sizes(), texts))
    site = web_views.build(SiteTerms(rental(), WEB, "web01", SiteForm(port=80, second="shop")), texts)
    yield _view("Forms", "Web address", site)
    yield _view("Forms", "Take off the web", web_views.take_off_form(rental(), texts))
    yield _view("Forms", "Add a key", keys_form.build(keys_form.Origin(None, False), texts))


def _asking(texts: Texts) -> Iterator[Exhibit]:
    """The forms where only the policy forbids what was chosen."""
    quota = UserError(ErrorCode.QUOTA_VCPUS, wanted=9, limit=8)
    late = UserError(ErrorCode.END_LATE, last=date(2027, 3, 1), days=90)
    said = ask_form.refusals([quota, late], texts)
    view = rent_form.build(offer(), Policy(), texts, Shown(ask=True, said=said))
    yield _view("Forms", "Rent, beyond the policy", view)
    view = rental_forms.extension(rental(), _outlook(), texts, said=ask_form.refusals([late], texts))
    yield _view("Forms", "Extend, beyond the policy", view)
    view = move_views.size_form(sizes(*SIZES[1:]), texts, ask_form.refusals([quota], texts))
    yield _view("Forms", "Change size, beyond the policy", view)


def _requests() -> list[AskAlert]:
    """Every sort of request, undecided; then every decision."""
    large = Size("large", 2, 2048, 20)
    whole, later = Allowance.of(date(2027, 4, 1), large), Allowance(date(2027, 4, 1))
    had = Allowance.of(date(2026, 12, 15), Size("small", 1, 512, 5))
    beyond = (
        BeyondPolicy("end_late", 121, 90, date(2027, 3, 1)),
        BeyondPolicy("quota_rentals", 4, 3),
        BeyondPolicy("quota_vcpus", 9, 8),
        BeyondPolicy("quota_ram_mb", 17408, 16384),
        BeyondPolicy("ports_forbidden", 25),
        BeyondPolicy("node_admins"),
    )
    free = (FreeOnNode("node1", 3, 2560, 35, up=True), FreeOnNode("node2", 6, 6144, 80, up=False))
    rent = AskAlert(
        ask=1,
        name="web01",
        owner="U0MINA00001",
        machine="server",
        what="rent",
        image="debian-12",
        asked=AskedFor(whole, None, beyond, "node2"),
        reason="for the exam",
        free=free,
    )
    extend = replace(rent, what="extend", asked=AskedFor(later, had, beyond[:1]))
    resize = replace(rent, what="resize", asked=AskedFor(Allowance.of(size=large), had, beyond[2:3]))
    admin, note = "U0ADMIN0001", "enough for now"
    return [
        rent,
        replace(rent, again=True),
        extend,
        resize,
        replace(rent, decision="approved", by=admin, granted=whole),
        replace(rent, decision="less", by=admin, granted=had, note=note),
        replace(extend, decision="declined", by=admin, note=note),
        replace(resize, decision="over"),
        replace(rent, decision="approved", by="kws", granted=whole),
    ]


def _cards(texts: Texts) -> Iterator[Exhibit]:
    ends = datetime(2026, 12, 16, tzinfo=SEOUL)
    for kind in Kind:
        for status in Status:
            made = rental(status, kind=kind)
            yield _card(f"{kind}, {status}", made, [EventKind.PLACED, EventKind.BUILDING], ends, texts)
        for power in (Power.STOPPING, Power.OFF, Power.STARTING):
            made = rental(kind=kind, switched_off=power is not Power.STARTING)
            made.placements[0].powered_off = power is not Power.STOPPING
            made.placements[0].act_at = None if power is Power.OFF else NOW
            assert made.power is power
            yield _card(f"{kind}, {power}", made, [EventKind.READY], ends, texts)
        made = rental(kind=kind, reset_at=NOW)
        assert made.power is Power.RESETTING
        yield _card(f"{kind}, {made.power}", made, [EventKind.READY, EventKind.RESET_WANTED], ends, texts)
    made = rental()
    made.placements[0].resize_at = NOW
    yield _card(f"server, {made.power}", made, [EventKind.READY, EventKind.RESIZE_STARTED], ends, texts)
    yield from _waiting(texts)
    for title, site in (("served", served()), ("not served yet", served(served_at=None))):
        message = rental_card.card(rental(site=site), [event(EventKind.WEB_SERVED)], ends, texts, WEB)
        yield _message("Cards", f"server with a web address, {title}", list(message.blocks))
    with_password = rental(password_hash="$6$x", key_file=None, host_keys=[])
    yield _card("server with a password", with_password, [EventKind.READY], ends, texts)
    yield _message("Cards", "the private key", _said(prose.key_message(rental(), 7, texts)))
    for actor in ("U0MINA00001", "U0ADMIN0001"):
        lines = [(kind, event_lines.line(event(kind, actor=actor), rental(), texts)) for kind in EventKind]
        told = [f"`{kind}` {line}" for kind, line in lines if line]
        said = _said(*("\n".join(told[number : number + 20]) for number in range(0, len(told), 20)))
        yield _message("Cards", f"every line, by {actor}", said)
    resets = (
        {"new_key": True, "via": "form"},
        {"node": "node2", "refusal": "failed", "lost": True},
        {"why": "user_disabled"},
    )
    kinds = (EventKind.RESET_WANTED, EventKind.RESET_FAILED, EventKind.RESET_FAILED)
    others = [
        event_lines.line(event(kind, **data), rental(), texts)
        for kind, data in zip(kinds, resets, strict=True)
    ]
    others.append(event_lines.line(event(EventKind.RESET_DONE), rental(kind=Kind.CONTAINER), texts))
    others += [
        event_lines.line(event(EventKind.RESIZE_FAILED, why=why, outcome=outcome), rental(), texts)
        for why, outcome in (
            ("no_host", in_place.COPY),
            (in_place.NO_LOGIN, in_place.AGAIN),
            ("failed", in_place.BROKEN),
            (ErrorCode.MOVE_NO_ROOM, in_place.STAYS),
        )
    ]
    yield _message("Cards", "resets and sizes", _said("\n".join(str(line) for line in others)))
    reasons = [
        event_lines.line(event(EventKind.FAILED, reason=why), rental(), texts) for why in event_lines.FAILURES
    ]
    yield _message("Cards", "failures", _said("\n".join(str(line) for line in reasons)))
    events = [event(kind, number) for number, kind in enumerate(EventKind)]
    yield from _of_nodes_and_months(texts)
    yield _message("Cards", "history", _said(history.of_rental(events, [None] * len(events), texts)))


def _of_nodes_and_months(texts: Texts) -> Iterator[Exhibit]:
    """What KWS tells by itself: of a node's outage, and of a month."""
    names = {"names": ["web01", "web02"], "person": "U0MINA00001", "since": NOW.isoformat()}
    for kind in (EventKind.NODE_SILENT, EventKind.NODE_BACK):
        rung = rental_card.notification(rental(), event(kind, **names, copies=["web01"]), texts)
        yield _message("Cards", f"{kind}, two rentals", list(rung.blocks))
    used = event(EventKind.MONTH_USED, month="2026-11-01", rentals=2, rental_days=45.5, vcpu_hours=1092.0)
    for title, held in (("two rentals", [rental(id="r1"), rental(id="r2", name="web02")]), ("none", [])):
        said = month.message(used, held, lambda day: day, texts)
        yield _message("Cards", f"a month, {title}", list(said.blocks))


def _waiting(texts: Texts) -> Iterator[Exhibit]:
    """A rental that waits, and what is told of it."""
    ends, first = datetime(2026, 12, 21, tzinfo=SEOUL), date(2026, 12, 10)
    queued, booked = rental(Status.WAITING), rental(Status.WAITING, starts_on=first)
    queued.placements, booked.placements = [], []
    started = event(EventKind.WAIT_STARTED)
    for title, place in (
        ("room later", Place(2, 5, date(2026, 12, 8))),
        ("nobody knows when", Place(1, 1, None)),
    ):
        card = rental_card.card(queued, [started], ends, texts, place=place)
        yield _message("Cards", f"waits for room, {title}", list(card.blocks))
        yield _message(
            "Answers",
            f"/kws list, waits for room, {title}",
            rental_card.list_entry(queued, ends, texts, place),
        )
    reserved = event(EventKind.WAIT_STARTED, starts_on=first.isoformat())
    card = rental_card.card(booked, [reserved], ends, texts)
    yield _message("Cards", "reserved", list(card.blocks))
    yield _message("Answers", "/kws list, reserved", rental_card.list_entry(booked, ends, texts))
    for kind, about in (
        (EventKind.WAIT_LATE, booked),
        (EventKind.WAIT_OVER, rental(Status.REQUESTED, starts_on=first)),
        (EventKind.WAIT_OVER, rental(Status.REQUESTED)),
        (EventKind.WAIT_LAPSED, queued),
    ):
        rung = rental_card.notification(about, event(kind), texts)
        when = "at its first day" if about.starts_on else "in the queue"
        yield _message("Cards", f"{kind}, {when}", list(rung.blocks))
    gone = rental(Status.ENDED)
    gone.placements = []
    left = [event(EventKind.RETURNED), event(EventKind.RETURNED, actor=gone.owner)]
    lines = [event_lines.line(one, gone, texts) for one in left]
    gone.starts_on = first
    lines += [event_lines.line(left[1], gone, texts)]
    yield _message("Cards", "left the queue", _said("\n".join(str(line) for line in lines)))


def _card(title: str, made: Rental, kinds: list[EventKind], ends: datetime, texts: Texts) -> Exhibit:
    message = rental_card.card(made, [event(kind) for kind in kinds], ends, texts)
    return _message("Cards", title, list(message.blocks))


def _outlook(**changes: Any) -> ExpiryInfo:
    values = {
        "now": datetime(2026, 12, 12, 9, tzinfo=SEOUL), "ends_at": datetime(2026, 12, 16, tzinfo=SEOUL),
        "deleted_at": datetime(2026, 12, 16, tzinfo=SEOUL), "last_day": date(2026, 12, 15), "moved": False,
        "latest": date(2027, 3, 1), "proposed": date(2026, 12, 22), "grace_hours": 0,
    }  # fmt: skip
    return ExpiryInfo(**{**values, **changes})  # type: ignore[arg-type]


def _ends(texts: Texts) -> Iterator[Exhibit]:
    warned = event(EventKind.WARNED, days=3, last_day="2026-12-15")
    for title, changes in (
        ("reminder", {}),
        ("with a grace period", {"grace_hours": 24}),
        ("moved", {"moved": True}),
    ):
        message = end_notices.message(rental(), warned, [warned], _outlook(**changes), texts)
        yield _message("Reminders", title, list(message.blocks))
    stopped = event(EventKind.STOPPED, until="2026-12-17T00:00:00+09:00")
    message = end_notices.message(rental(Status.STOPPED), stopped, [stopped], _outlook(), texts)
    yield _message("Reminders", "expired", list(message.blocks))
    for reason in Reason:
        made = rental(Status.ENDED, reason=reason)
        message = end_notices.message(made, warned, [warned], _outlook(), texts)
        yield _message("Reminders", f"afterwards: {reason}", list(message.blocks))


def _unused(texts: Texts) -> Iterator[Exhibit]:
    """The question about a server that looks unused, and what it says afterwards."""
    for waiting in (1, 3):
        asked = event(EventKind.IDLE_ASKED, since="2026-12-01", waiting=waiting)
        message = end_notices.message(rental(), asked, [asked], _outlook(), texts)
        yield _message("Reminders", f"looks unused, waiting: {waiting}", list(message.blocks))
    off = rental()
    assert off.placement
    off.placement.powered_off = True
    message = end_notices.message(off, asked, [asked], _outlook(), texts)
    yield _message("Reminders", "looks unused, and is stopped", list(message.blocks))
    for kind in (EventKind.IDLE_KEPT, EventKind.SWITCHED_OFF, EventKind.REBOOTED):
        done = event(kind, actor=off.owner)
        done.id = asked.id + 1
        message = end_notices.message(rental(), asked, [asked, done], _outlook(), texts)
        yield _message("Reminders", f"looked unused, then: {kind}", list(message.blocks))
    again = event(EventKind.IDLE_ASKED, since="2026-12-01", waiting=1)
    again.id = asked.id + 1
    message = end_notices.message(rental(), asked, [asked, again], _outlook(), texts)
    yield _message("Reminders", "looked unused, and was asked about again", list(message.blocks))


def _home(texts: Texts) -> Iterator[Exhibit]:
    mine = [rental(id="a"), rental(Status.STOPPED, id="b", name="db01")]
    ends = {one.id: datetime(2026, 12, 16, tzinfo=SEOUL) for one in mine}
    for title, desk in (("a student's", []), ("an admin's", admin_home.build(_desk(mine), texts))):
        yield _view("App Home", title, home.build(offer(mine), Policy(), ends, texts, desk, plan=plan()))
    yield _view("App Home", "no rentals", home.build(offer(), Policy(), {}, texts))


def plan(*, admin: bool = True) -> DayPlan:
    """Four weeks in which a large server is reserved, somebody waits, and some rentals end."""
    days = []
    for number in range(28):
        fits = {
            "small": 3 if number < 8 else 5,
            "medium": 1 if number < 8 else 2,
            "large": int(not 9 < number < 14),
        }
        days.append(FreeDay(TODAY + timedelta(days=number), fits, {}))
    ends = [TODAY + timedelta(days=more) for more in (2, 7, 7, 20)]
    bookings = [
        Booking("node1", f"web{number:02}", "U0MINA00001", None, day) for number, day in enumerate(ends)
    ]
    bookings.append(
        Booking("node2", "exam", "U0JOON00001", TODAY + timedelta(days=9), TODAY + timedelta(days=13))
    )
    queued, booked = rental(Status.WAITING), rental(Status.WAITING, name="exam", starts_on=date(2026, 12, 10))
    waiting = [(queued, Place(1, 2, date(2026, 12, 8))), (queued, Place(2, 2, None)), (booked, None)]
    return DayPlan(SIZES, days, bookings if admin else (), waiting if admin else ())


def _desk(mine: list[Rental]) -> admin_home.AdminHome:
    found = Found(mine, 45, 1, PAGE)
    entries = [Entry(event(kind), "web01") for kind in EventKind]
    return admin_home.AdminHome(
        Search(page=1),
        found,
        lambda day: day,
        _statuses(),
        {"old1": 2},
        IMAGES,
        entries,
        plan(),
        _requests()[:2],
    )


def _statuses() -> list[NodeStatus]:
    measured = Capacity(
        at=NOW, vcpus=6, ram_mb=6144, disk_gb=80, used_vcpus=2, used_ram_mb=1536, used_disk_gb=10
    )
    lent = AllocatedCapacity(3, 3, 2560, 35)
    return [
        NodeStatus(UP, NOW, None, None, measured, lent, 12, NOW, NOW, "503 from Nova", NOW),
        NodeStatus(DOWN, NOW, NOW, "connection refused", None, lent),
        NodeStatus(DRAINED, NOW, None, None, measured, lent, 12, NOW, NOW, drained_at=NOW),
    ]


def _admin(texts: Texts) -> Iterator[Exhibit]:
    for act in ids.RentalAct:
        view = admin_form.build(act, rental(), date(2026, 12, 22), texts, missed=True)
        hit = (
            [Promised("exam", "U0JOON00001", date(2026, 12, 19))] * 17 if act is ids.RentalAct.EXTEND else []
        )
        if hit:
            again = admin_form.build(act, rental(), date(2026, 12, 22), texts, hit=hit)
            yield _view("Admins", f"{act} form, promised to others", again)
        yield _view("Admins", f"{act} form", view)
    asked = AskedFor(Allowance.of(date(2027, 4, 1), Size("large", 2, 2048, 20))).to_json()
    ask = Ask(id=1, what=AskKind.RENT, wanted=asked, reason="for the exam", asked_by="U0MINA00001")
    ask.rental = rental(Status.ASKED)
    yield _view("Admins", "approve less", requests.less_form(ask, SIZES, [UP, DOWN], texts))
    yield _view("Admins", "decline", requests.decline_form(ask, texts))
    months = (date(2026, 11, 1), date(2026, 12, 1))
    listing = nodes_list.listing(_statuses(), {"old1": AllocatedCapacity(1)}, months, texts)
    yield _message("Admins", "/kws admin nodes", listing)
    origin = nodes_list.DrainOrigin("node1", None, False)
    yield _view("Admins", "maintenance form", nodes_list.drain_form(origin, 3, TODAY, texts))
    sites = [
        served(),
        served(served_at=None, second=None),
        served(taken_off_by="U0ADMIN0001", note="phishing"),
    ]
    listed = [rental(id=str(number), site=site) for number, site in enumerate(sites)]
    yield _message("Admins", "/kws admin web", web_views.listing(listed, WEB, texts))
    whole = StoredImage(
        "1", "debian-12", "active", size_bytes=3 * 1024**8 // 1024**5, disk_format="qcow2", md5="w" * 32
    )
    table = tabulate({"node1": [whole], "node2": []}, {"node3": "down"}, [rental()])
    yield _message("Admins", "/kws admin images", image_views.listing(table, texts))
    yield _view("Admins", "describe an image", image_views.describe_form(IMAGES[0], None, texts))


def _alerts(texts: Texts) -> Iterator[Exhibit]:
    one = NightRental("a", "web01", "U0MINA00001")
    stuck = NightRental("b", "db01", "U0MINA00001", "node1", "silent")
    told: list[Alert] = [
        alerts.NightAlert(TODAY, (one,), (one,), (stuck,), ("c",)),
        alerts.UnreachableAlert("a", "web01", "U0MINA00001", "user_disabled"),
        alerts.DepartedAlert("U0MINA00001"),
        alerts.LeaksAlert("node1", ("kws-a", "kws-b"), True),
        alerts.LeaksAlert("node1", ("kws-a", "kws-b"), False),
        alerts.NodeDownAlert("node1", NOW, "down"),
        alerts.NodeUpAlert("node1", NOW, NOW + timedelta(minutes=5)),
        alerts.NodeResumedAlert("node1", 5, 1),
        alerts.NodeMissedAlert("old1", 1),
        alerts.NodeEmptyingAlert("node1", TODAY, ("a", "b", "c"), 1, 1, ("db01",), finished=False),
        alerts.ResizeBrokeAlert("a", "web01", "U0MINA00001", "node1", "failed"),
        alerts.WebDownAlert(NOW, refused=False),
        alerts.WebDownAlert(NOW, refused=True),
        alerts.WebUpAlert(NOW, NOW + timedelta(minutes=5)),
        *_requests(),
    ]
    for number, details in enumerate(told):
        notice = AdminAlert(id=number, key=str(number), kind=details.kind, at=NOW, data=details.to_json())
        message = admin_notice.message(notice, [rental()], texts)
        yield _message("Admin alerts", details.kind, list(message.blocks))

"""Renting: the form is opened, redrawn as it is filled in, checked, and accepted; or all in one line."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import date
from threading import Lock
from typing import cast

from cachetools import LRUCache, cachedmethod
from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject
from slack_sdk.models.views import View

from bot.handlers import rent_words
from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, Redraw, RequestContext, Submission, paragraph
from bot.text import error_messages
from bot.text.i18n import N_, Locale, Mrkdwn, Texts
from bot.text.units import clip
from bot.views import ids, rent_form
from bot.views.asks import ask_form
from bot.views.waiting import room_choice
from bot.views.waiting.room_choice import RoomChoice
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.form_options import FormOptions
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import Kind

MOST_FORMS = 50  # remembered, 30 KiB each
MOST_VALUE = 2000  # characters; Slack's limit for a button
CHANGED = frozenset({"hash_conflict", "not_found"})  # the person typed on, or closed the form
KINDS = {"": Kind.SERVER, "server": Kind.SERVER, "서버": Kind.SERVER, "container": Kind.CONTAINER, "컨테이너": Kind.CONTAINER}  # fmt: skip


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws rent``, for the form, and for what is chosen in it."""
    rent = Rent(dispatcher)
    commands.add("rent", rent.asked, opens=lambda rest: rest.lower() in KINDS)
    app.view(ids.View.RENT)(dispatcher.form(rent.submitted, at=ids.Field.NAME))
    for field in (ids.Field.SIZE, ids.Field.ACCESS, ids.Field.NETWORK):
        app.action({"block_id": field.value, "action_id": ids.Action.VALUE.value})(
            dispatcher.listener(rent.changed)
        )
    app.action(ids.Action.BRING_BACK)(dispatcher.listener(rent.bring_back))
    app.action(ids.Action.MORE)(dispatcher.listener(rent.changed))
    app.action(ids.Action.LONGER)(dispatcher.listener(rent.changed))
    app.action(ids.Action.ASK_RENT)(dispatcher.listener(rent.ask))
    app.action(re.compile(f"^{ids.Action.RENT_WORDS}:"))(dispatcher.listener(rent.words_again))


class Rent:
    """The rental form."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_service = dispatcher.rental_service
        self._forms: LRUCache[Hashable, dict[str, object]] = LRUCache(MOST_FORMS)
        self._lock = Lock()

    def asked(self, request: RequestContext, rest: str) -> None:
        """``rent``, ``rent container``, or ``rent web01 ubuntu small 14d``."""
        kind = KINDS.get(rest.lower())
        if kind is None:
            self._rent_words(request, rest)
        else:
            self._open(request, self.rental_service.offer(request.who), kind)

    def bring_back(self, request: RequestContext) -> None:
        """[Bring it back]: the form with the copy chosen.

        Raises:
            UserError: If that copy is gone, or another person's.
        """
        offer = self.rental_service.offer(request.who)
        if request.value not in [copy.id for copy in offer.copies]:
            raise UserError(ErrorCode.COPY_GONE)
        self._open(request, offer, Kind.SERVER, request.value)

    def _open(self, request: RequestContext, offer: FormOptions, kind: Kind, copy: str | None = None) -> None:
        """Open the form from the last known catalog, whatever the nodes are doing."""
        if not any(kind in room.kinds for room in offer.rooms):
            raise UserError(ErrorCode.KIND_UNKNOWN)
        view = self._drawn(offer, request.texts.locale, kind, copy)
        request.open_form(view, "/kws rent" if copy is None else "/kws copies")

    @cachedmethod(lambda self: self._forms, lock=lambda self: self._lock)
    def _drawn(self, offer: FormOptions, locale: Locale, kind: Kind, copy: str | None) -> dict[str, object]:
        """The form as it opens, made once for all who see the same: JSON of it takes as long as all else they wait for."""
        shown, policy = rent_form.Shown(kind=kind), self.context.config.policy
        return rent_form.build(offer, policy, Texts(locale), shown, copy=copy).to_dict()

    def _rent_words(self, request: RequestContext, words: str, *, wait: bool = False) -> None:
        form = replace(rent_words.parse(words, self.rental_service.offer(request.who)), wait=wait)
        try:
            key = f"trigger:{request.trigger_id}"
            rental = self.rental_service.request(request.who, form, key, via=request.via)
        except FormError as error:
            lines = [
                f"• {error_messages.sentence(problem, request.texts)}" for problem in error.fields.values()
            ]
            text = "\n".join(lines)
            full = room_choice.no_room(error)
            instead = _instead(words, full, request.texts) if full else []
            below: list[Block] = [ActionsBlock(elements=instead)] if instead else []
            if error.askable:
                below = ask_form.button(ids.Action.ASK_RENT, words, request.texts)
            request.say(text, [paragraph(text), *below], replace=request.clicked)
            return
        request.say(_accepted(rental, request.texts), replace=request.clicked)

    def words_again(self, request: RequestContext) -> None:
        """A button below the answer that there is no room: the same words, with what is different behind them."""
        wait = request.action.action_id.endswith(f":{room_choice.WAIT}")
        self._rent_words(request, request.value, wait=wait)

    def ask(self, request: RequestContext) -> None:
        """[Ask an admin…] below a refusal of typed words: the form, filled in with them."""
        offer = self.rental_service.offer(request.who)
        filled, shown = rent_words.parse(request.value, offer), rent_form.Shown(ask=True)
        policy, admin = self.context.config.policy, request.who.admin
        view = rent_form.build(offer, policy, request.texts, shown, admin=admin, filled=filled)
        request.open_form(view, "/kws rent")

    def changed(self, request: RequestContext) -> None:
        """Draw the form again after a choice that changes its fields.

        Raises:
            UserError: If the form is out of date.
        """
        view = request.view
        if view is None:  # no form of ours
            raise UserError(ErrorCode.FORM_STALE)
        shown = rent_form.shown_in(view)
        if request.action.action_id == ids.Action.MORE:
            shown = replace(shown, more=True)
        if request.action.action_id == ids.Action.LONGER:
            shown = replace(shown, boxes=min(shown.boxes + 1, rent_form.MOST_BOXES))
        offer = self.rental_service.offer(request.who)
        drawn = rent_form.build(
            offer, self.context.config.policy, request.texts, shown, admin=request.who.admin
        )
        try:
            request.client.views_update(view_id=view.id, hash=view.hash, view=drawn)
        except SlackApiError as error:
            if error.response.get("error") not in CHANGED:
                raise

    def submitted(self, form: Submission) -> Redraw | None:
        """Accept the form; one form makes one rental however often it comes.

        Where only room is missing, it asks what to do instead; where only the policy forbids it, an admin can be
        asked.
        """
        who, wanted = form.authorize(), rent_form.parse(form.view)
        try:
            self.rental_service.request(who, wanted, request_key=f"view:{form.view.id}", via="form")
        except FormError as error:
            if error.askable:
                return Redraw(self._ask_form(form, who, error))
            full = room_choice.no_room(error)
            if full is None:
                raise
            return Redraw(self._choice(form, who, wanted, full))
        return None

    def _ask_form(self, form: Submission, who: Actor, error: FormError) -> View:
        """The form, with what the policy says and the field for the reason above it."""
        said = ask_form.refusals(error.fields.values(), form.texts)
        shown = replace(rent_form.shown_in(form.view), ask=True, said=said)
        offer, policy = self.rental_service.offer(who), self.context.config.policy
        return rent_form.build(offer, policy, form.texts, shown, admin=who.admin)

    def _choice(self, form: Submission, who: Actor, wanted: RentForm, full: UserError) -> View:
        shown = rent_form.shown_in(form.view)
        ends_on = form.view.state.day(ids.Field.ENDS_ON)
        choice = RoomChoice.of(full, wanted, shown.room, ends_on)
        offer, policy = self.rental_service.offer(who), self.context.config.policy
        return rent_form.build(offer, policy, form.texts, replace(shown, room=choice), admin=who.admin)


def _instead(words: str, error: UserError, texts: Texts) -> list[ButtonElement]:
    """What can be had instead, each as the words that would ask for it."""
    wanted = [(room_choice.WAIT, texts.plain(N_("Wait for it")), words)]
    sizes = cast(Sequence[str], error.data["fitting"])[-room_choice.MOST_SIZES :]
    wanted += [
        (f"{room_choice.SIZE}{size}", texts.plain(N_("Rent {size} now"), size=size), f"{words} {size}")
        for size in sizes
    ]
    until = error.data["until"]
    if isinstance(until, date):
        label = texts.plain(N_("Only until {day}"), day=texts.date(until))
        wanted.append((room_choice.UNTIL, label, f"{words} {until.isoformat()}"))
    return [
        ButtonElement(
            action_id=f"{ids.Action.RENT_WORDS}:{what}",
            text=PlainTextObject(text=clip(label, 75)),
            value=typed,
        )
        for what, label, typed in wanted
        if len(typed) <= MOST_VALUE
    ]


def _accepted(rental: Rental, texts: Texts) -> Mrkdwn:
    """What becomes of it now."""
    if rental.status is not Status.WAITING:
        return texts(N_("Creating {name}. You'll get a DM when it's ready."), name=rental.name)
    if rental.starts_on is None:
        return texts(N_("{name} waits for room. You'll get a DM when it's ready."), name=rental.name)
    said = N_("{name} is reserved from {day}. You'll get a DM when it's ready.")
    return texts(said, name=rental.name, day=texts.date(rental.starts_on))

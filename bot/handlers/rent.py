"""Renting: the form is opened, redrawn as it is filled in, checked, and accepted; or all in one line."""

from __future__ import annotations

from dataclasses import replace

from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.models.views import View

from bot.handlers import rent_words
from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, Redraw, RequestContext, Submission, paragraph
from bot.text import error_messages
from bot.text.i18n import N_
from bot.views import ids, rent_form
from bot.views.asks import ask_form
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.people import Actor
from kws_core.values import Kind

CHANGED = frozenset({"hash_conflict", "not_found"})  # the person typed on, or closed the form
KINDS = {"": Kind.SERVER, "server": Kind.SERVER, "서버": Kind.SERVER, "container": Kind.CONTAINER, "컨테이너": Kind.CONTAINER}  # fmt: skip


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws rent``, for the form, and for what is chosen in it."""
    rent = Rent(dispatcher)
    commands.add("rent", rent.asked)
    app.view(ids.View.RENT)(dispatcher.form(rent.submitted, at=ids.Field.NAME))
    for field in (ids.Field.SIZE, ids.Field.ACCESS, ids.Field.NETWORK):
        app.action({"block_id": field.value, "action_id": ids.Action.VALUE.value})(
            dispatcher.listener(rent.changed)
        )
    app.action(ids.Action.BRING_BACK)(dispatcher.listener(rent.bring_back))
    app.action(ids.Action.MORE)(dispatcher.listener(rent.changed))
    app.action(ids.Action.LONGER)(dispatcher.listener(rent.changed))
    app.action(ids.Action.ASK_RENT)(dispatcher.listener(rent.ask))


class Rent:
    """The rental form."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_service = dispatcher.rental_service

    def asked(self, request: RequestContext, rest: str) -> None:
        """``rent``, ``rent container``, or ``rent web01 ubuntu small 14d``."""
        kind = KINDS.get(rest.lower())
        if kind is None:
            self._rent_words(request, rest)
        else:
            self._open(request, kind)

    def bring_back(self, request: RequestContext) -> None:
        """[Bring it back]: the form with the copy chosen.

        Raises:
            UserError: If that copy is gone, or another person's.
        """
        offer = self.rental_service.offer(request.who)
        if request.value not in [copy.id for copy in offer.copies]:
            raise UserError(ErrorCode.COPY_GONE)
        self._open(request, Kind.SERVER, request.value)

    def _open(self, request: RequestContext, kind: Kind, copy: str | None = None) -> None:
        """Open the form from the last known catalog, whatever the nodes are doing."""
        offer = self.rental_service.offer(request.who)
        if not any(kind in room.kinds for room in offer.rooms):
            raise UserError(ErrorCode.KIND_UNKNOWN)
        shown = rent_form.Shown(kind=kind)
        view = rent_form.build(
            offer, self.context.config.policy, request.texts, shown, admin=request.who.admin, copy=copy
        )
        request.open_form(view, "/kws rent" if copy is None else "/kws copies")

    def _rent_words(self, request: RequestContext, rest: str) -> None:
        form = rent_words.parse(rest, self.rental_service.offer(request.who))
        try:
            key = f"trigger:{request.trigger_id}"
            rental = self.rental_service.request(request.who, form, key, via=request.via)
        except FormError as error:
            lines = [
                f"• {error_messages.sentence(problem, request.texts)}" for problem in error.fields.values()
            ]
            text = "\n".join(lines)
            ask = ask_form.button(ids.Action.ASK_RENT, rest, request.texts) if error.askable else []
            request.say(text, [paragraph(text), *ask])
            return
        request.say(request.texts(N_("Creating {name}. You'll get a DM when it's ready."), name=rental.name))

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

        Where only the policy forbids it, an admin can be asked in the same form.
        """
        who, wanted = form.authorize(), rent_form.parse(form.view)
        try:
            self.rental_service.request(who, wanted, request_key=f"view:{form.view.id}", via="form")
        except FormError as error:
            if not error.askable:
                raise
            return Redraw(self._ask_form(form, who, error))
        return None

    def _ask_form(self, form: Submission, who: Actor, error: FormError) -> View:
        """The form, with what the policy says and the field for the reason above it."""
        said = ask_form.refusals(error.fields.values(), form.texts)
        shown = replace(rent_form.shown_in(form.view), ask=True, said=said)
        offer, policy = self.rental_service.offer(who), self.context.config.policy
        return rent_form.build(offer, policy, form.texts, shown, admin=who.admin)

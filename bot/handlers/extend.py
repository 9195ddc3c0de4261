"""Extending a rental, restoring one that was stopped: by command, by form, by the buttons of its messages."""

from __future__ import annotations

import re
from datetime import date

from slack_bolt import App
from slack_sdk.models.views import View

from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.handlers.rent_words import day_meant
from bot.slack.dispatcher import Dispatcher, Redraw, RequestContext, Submission, paragraph
from bot.text import error_messages
from bot.text.i18n import N_, Mrkdwn, Texts
from bot.views import ids, rental_forms
from bot.views.asks import ask_form
from kws_core.asks.service import Asks
from kws_core.errors import BEYOND_POLICY, ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental


def register(app: App, dispatcher: Dispatcher, commands: Commands, terms: Extensions) -> None:
    """Listens for ``/kws extend``, its form, and the buttons of warnings and cards."""
    extend = Extend(dispatcher, terms)
    commands.add("extend", extend.asked)
    app.action(ids.Action.EXTEND)(dispatcher.listener(extend.open))
    app.action(re.compile(f"^{ids.Action.EXTEND_TO}:"))(dispatcher.listener(extend.by_button))
    app.action(ids.Action.EXTEND_UNTIL)(dispatcher.listener(extend.by_date))
    app.action(ids.Action.ASK_EXTEND)(dispatcher.listener(extend.ask))
    app.action(ids.Action.RESTORE)(dispatcher.listener(extend.restore))
    app.view(ids.View.EXTEND)(dispatcher.form(extend.submitted, at=ids.Field.ENDS_ON))


class Extend:
    """Extends and restores."""

    def __init__(self, dispatcher: Dispatcher, terms: Extensions) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_queries = dispatcher.rental_queries
        self.terms = terms
        self.asks = Asks(dispatcher.context)

    def asked(self, request: RequestContext, rest: str) -> None:
        """``extend NAME`` opens the form; ``extend NAME 7d`` or ``… 2026-12-24`` does it at once."""
        name, _, word = rest.partition(" ")
        if not name:
            MyRentals(self.dispatcher).show(request, "")
            return
        rental = self.rental_queries.rental_named(request.who, name.lower())
        if word.strip():
            until = self._until(rental, word.strip().lower())
            if (extended := self._extend(request, rental.id, until, "command")) is not None:
                text, day = N_("You can use {name} until {day}."), request.texts.date(extended.ends_on)
                request.say(request.texts(text, name=rental.name, day=day))
        else:
            self._open(request, rental)

    def open(self, request: RequestContext) -> None:
        """The card's button."""
        self._open(request, self.rental_queries.rental(request.who, request.value))

    def by_button(self, request: RequestContext) -> None:
        """A warning's button; the warning itself is edited to what happened."""
        rental_id, until = ids.parse_until(request.value)
        self._extend(request, rental_id, until, "warning")

    def by_date(self, request: RequestContext) -> None:
        """A warning's date picker."""
        action = request.action
        rental_id = action.block_id.removeprefix(ids.EXTENSION)
        self._extend(request, rental_id, action.selected_date, "warning")

    def restore(self, request: RequestContext) -> None:
        """Out of the grace period."""
        self.terms.restore(request.who, request.value)

    def ask(self, request: RequestContext) -> None:
        """[Ask an admin…] below a refusal: the form, with that date and the field for the reason."""
        rental_id, until = ids.parse_until(request.value)
        rental = self.rental_queries.rental(request.who, rental_id)
        self._open(request, rental, request.texts(ask_form.BEYOND), until)

    def submitted(self, form: Submission) -> Redraw | None:
        """Extends, or says at the field why not; where only the policy forbids it, an admin can be asked."""
        rental_id, until, reason = rental_forms.parse_extension(form.view)
        who = form.authorize()
        try:
            self.asks.extend(who, rental_id, until, reason, via="form")
        except UserError as error:
            if error.code not in BEYOND_POLICY or reason is not None:
                raise
            said = ask_form.refusals([error], form.texts)
            return Redraw(self._form(who, self.rental_queries.rental(who, rental_id), form.texts, said))
        return None

    def _extend(self, request: RequestContext, rental_id: str, until: date | None, via: str) -> Rental | None:
        """Extends it; None if the policy forbids it: then the answer has a button to ask an admin."""
        try:
            return self.terms.extend(request.who, rental_id, until, via=via)
        except UserError as error:
            if error.code not in BEYOND_POLICY or until is None:
                raise
            text = error_messages.sentence(error, request.texts)
            value = ids.until_value(rental_id, until)
            ask = ask_form.button(ids.Action.ASK_EXTEND, value, request.texts)
            request.say(text, [paragraph(text), *ask])
            return None

    def _open(
        self, request: RequestContext, rental: Rental, said: Mrkdwn | None = None, until: date | None = None
    ) -> None:
        if not rental.live:
            raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
        view = self._form(request.who, rental, request.texts, said, until)
        request.open_form(view, f"/kws extend {rental.name}")

    def _form(
        self, who: Actor, rental: Rental, texts: Texts, said: Mrkdwn | None = None, until: date | None = None
    ) -> View:
        outlook = self.context.expiry.outlook(rental, (), self.context.now())
        limit = self.terms.limit(who, rental.id)
        return rental_forms.extension(rental, outlook, texts, limit, said=said, until=until)

    def _until(self, rental: Rental, word: str) -> date:
        """``7d`` is a week more than agreed until now; a date is that date."""
        until = day_meant(
            word.lstrip("+"), self.context.expiry.choices.extends_from(rental, self.context.today())
        )
        if until is None:
            raise UserError(ErrorCode.EXTEND_WORDS, word=word)
        return until

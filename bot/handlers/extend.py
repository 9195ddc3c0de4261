"""Extending a rental, restoring one that was stopped: by command, by form, by the buttons of its messages."""

from __future__ import annotations

import re
from datetime import date

from slack_bolt import App

from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.handlers.rent_words import day_meant
from bot.slack.dispatcher import Dispatcher, RequestContext, Submission
from bot.text.i18n import N_
from bot.views import ids, rental_forms
from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental


def register(app: App, dispatcher: Dispatcher, commands: Commands, terms: Extensions) -> None:
    """Listens for ``/kws extend``, its form, and the buttons of warnings and cards."""
    extend = Extend(dispatcher, terms)
    commands.add("extend", extend.asked)
    app.action(ids.Action.EXTEND)(dispatcher.listener(extend.open))
    app.action(re.compile(f"^{ids.Action.EXTEND_TO}:"))(dispatcher.listener(extend.by_button))
    app.action(ids.Action.EXTEND_UNTIL)(dispatcher.listener(extend.by_date))
    app.action(ids.Action.RESTORE)(dispatcher.listener(extend.restore))
    app.view(ids.View.EXTEND)(dispatcher.form(extend.submitted, at=ids.Field.ENDS_ON))


class Extend:
    """Extends and restores."""

    def __init__(self, dispatcher: Dispatcher, terms: Extensions) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_queries = dispatcher.rental_queries
        self.terms = terms

    def asked(self, request: RequestContext, rest: str) -> None:
        """``extend NAME`` opens the form; ``extend NAME 7d`` or ``… 2026-12-24`` does it at once."""
        name, _, word = rest.partition(" ")
        if not name:
            MyRentals(self.dispatcher).show(request, "")
            return
        rental = self.rental_queries.rental_named(request.who, name.lower())
        if word.strip():
            until = self._until(rental, word.strip().lower())
            rental = self.terms.extend(request.who, rental.id, until, via="command")
            text = N_("You can use {name} until {day}.")
            request.say(request.texts(text, name=rental.name, day=request.texts.date(rental.ends_on)))
        else:
            self._open(request, rental)

    def open(self, request: RequestContext) -> None:
        """The card's button."""
        self._open(request, self.rental_queries.rental(request.who, request.value))

    def by_button(self, request: RequestContext) -> None:
        """A warning's button; the warning itself is edited to what happened."""
        rental_id, until = ids.parse_until(request.value)
        self.terms.extend(request.who, rental_id, until, via="warning")

    def by_date(self, request: RequestContext) -> None:
        """A warning's date picker."""
        action = request.action
        rental_id = action.block_id.removeprefix(ids.EXTENSION)
        self.terms.extend(request.who, rental_id, action.selected_date, via="warning")

    def restore(self, request: RequestContext) -> None:
        """Out of the grace period."""
        self.terms.restore(request.who, request.value)

    def submitted(self, form: Submission) -> None:
        """Extends, or says at the field why not."""
        rental_id, until = rental_forms.parse_extension(form.view)
        self.terms.extend(form.authorize(), rental_id, until, via="form")

    def _open(self, request: RequestContext, rental: Rental) -> None:
        if not rental.live:
            raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
        outlook = self.context.expiry.outlook(rental, (), self.context.now())
        limit = self.terms.limit(request.who, rental.id)
        view = rental_forms.extension(rental, outlook, request.texts, limit)
        request.open_form(view, f"/kws extend {rental.name}")

    def _until(self, rental: Rental, word: str) -> date:
        """``7d`` is a week more than agreed until now; a date is that date."""
        until = day_meant(
            word.lstrip("+"), self.context.expiry.choices.extends_from(rental, self.context.today())
        )
        if until is None:
            raise UserError(ErrorCode.EXTEND_WORDS, word=word)
        return until

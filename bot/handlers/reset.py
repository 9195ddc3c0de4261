"""Resetting a rental to its image: by command, and by the button of its card."""

from __future__ import annotations

from slack_bolt import App

from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.slack.dispatcher import Dispatcher, RequestContext, Submission
from bot.views import ids, rental_forms
from kws_core.rentals import reset


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws reset``, the button and the form."""
    handler = ResetHandler(dispatcher)
    commands.add("reset", handler.asked)
    app.action(ids.Action.RESET)(dispatcher.listener(handler.open))
    app.view(ids.View.RESET)(dispatcher.form(handler.submitted, at=ids.Field.NAME))


class ResetHandler:
    """Asks, and has it done when the name was typed."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_queries = dispatcher.rental_queries

    def asked(self, request: RequestContext, name: str) -> None:
        """``/kws reset NAME``; without a name it shows the list with its buttons."""
        if not name:
            MyRentals(self.dispatcher).show(request, "")
            return
        self._open(request, self.rental_queries.rental_named(request.who, name.lower()).id)

    def open(self, request: RequestContext) -> None:
        """The card's button."""
        self._open(request, request.value)

    def submitted(self, form: Submission) -> None:
        """Have it reset, or say at the field why not."""
        answer = rental_forms.parse_reset(form.view)
        who = form.authorize()
        reset.ask(
            self.context,
            who,
            answer.rental_id,
            answer.number,
            answer.typed,
            new_key=answer.new_key,
            via="form",
        )

    def _open(self, request: RequestContext, rental_id: str) -> None:
        terms = reset.terms(self.context, request.who, rental_id)
        view = rental_forms.reset(terms, request.who.id, request.texts)
        request.open_form(view, f"/kws reset {terms.rental.name}")

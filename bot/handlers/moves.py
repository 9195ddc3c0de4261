"""Moving a server to another node, or to another size."""

from __future__ import annotations

from slack_bolt import App

from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.slack.dispatcher import Dispatcher, Redraw, RequestContext, Submission
from bot.text.i18n import N_, slack_time
from bot.views import ids
from bot.views import moves as views
from bot.views.asks import ask_form
from kws_core.asks.service import Asks
from kws_core.errors import BEYOND_POLICY, ErrorCode, UserError
from kws_core.moves.service import Moves


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws move``, ``/kws resize``, the buttons and the form."""
    handler = MoveHandler(dispatcher)
    commands.add("move", handler.ask_by_name)
    commands.add("resize", handler.open_by_name)
    app.action(ids.Action.MOVE_ASK)(dispatcher.listener(handler.ask))
    app.action(ids.Action.MOVE)(dispatcher.listener(handler.start))
    app.action(ids.Action.MOVE_TONIGHT)(dispatcher.listener(handler.tonight))
    app.action(ids.Action.MOVE_MYSELF)(dispatcher.listener(handler.myself))
    app.action(ids.Action.SIZE)(dispatcher.listener(handler.open))
    app.view(ids.View.SIZE)(dispatcher.form(handler.submitted, at=ids.Field.SIZE))


class MoveHandler:
    """The commands, the buttons and the form."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.config = dispatcher.context.config
        self.rental_queries = dispatcher.rental_queries
        self.moves, self.asks = Moves(dispatcher.context), Asks(dispatcher.context)

    def ask_by_name(self, request: RequestContext, name: str) -> None:
        """``/kws move NAME``; without a name it shows the list."""
        if name:
            self._ask(request, self.rental_queries.rental_named(request.who, name.lower()).id)
        else:
            MyRentals(self.dispatcher).show(request, "")

    def open_by_name(self, request: RequestContext, name: str) -> None:
        """``/kws resize NAME``; without a name it shows the list with its buttons."""
        if name:
            self._open(request, self.rental_queries.rental_named(request.who, name.lower()).id)
        else:
            MyRentals(self.dispatcher).show(request, "")

    def ask(self, request: RequestContext) -> None:
        """[Move now…]: what it does, before it is done."""
        self._ask(request, request.value)

    def start(self, request: RequestContext) -> None:
        """[Move server]."""
        rental = self.moves.start(request.who, request.value, via=request.via)
        text = N_("Moving {name}. Its card shows the progress, and you'll get a DM when it's running again.")
        request.say(request.texts(text, name=rental.name), replace=True)

    def tonight(self, request: RequestContext) -> None:
        """[Tonight at 03:00]."""
        at = self.moves.tonight()
        rental = self.moves.plan(request.who, request.value, at, via=request.via)
        text = N_("KWS will move {name} at {moment}.")
        request.say(request.texts(text, name=rental.name, moment=slack_time(at, request.texts)))

    def myself(self, request: RequestContext) -> None:
        """[I'll do it myself]."""
        rental = self.moves.plan(request.who, request.value, None, via=request.via)
        text = N_("KWS won't move {name}. Save your data before the maintenance begins.")
        request.say(request.texts(text, name=rental.name))

    def open(self, request: RequestContext) -> None:
        """[Change size…] opens the form."""
        self._open(request, request.value)

    def submitted(self, form: Submission) -> Redraw | None:
        """Start the change, or say at the field why not; where only the policy forbids it, an admin can be asked.

        Raises:
            UserError: If no size was chosen, or it can't be changed.
        """
        rental_id, name, reason = views.parse_size(form.view)
        size, who = self.config.size(name or ""), form.authorize()
        if size is None:
            raise UserError(ErrorCode.SIZE_MISSING)
        try:
            self.asks.resize(who, rental_id, size, reason, via="form")
        except UserError as error:
            if error.code not in BEYOND_POLICY or reason is not None:
                raise
            said = ask_form.refusals([error], form.texts)
            return Redraw(views.size_form(self.moves.sizes(who, rental_id), form.texts, said))
        return None

    def _ask(self, request: RequestContext, rental_id: str) -> None:
        terms = self.moves.terms(request.who, rental_id)
        title = request.texts(N_("Move {name}?"), name=terms.rental.name)
        request.say(title, views.question(terms, request.texts))

    def _open(self, request: RequestContext, rental_id: str) -> None:
        choice = self.moves.sizes(request.who, rental_id)
        view = views.size_form(choice, request.texts)
        request.open_form(view, f"/kws resize {choice.rental.name}")

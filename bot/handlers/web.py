"""Web addresses: the form of one rental, and the admins' list."""

from __future__ import annotations

from slack_bolt import App

from bot.handlers.admin import AdminCommands, admins_only
from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.slack.dispatcher import Dispatcher, Later, RequestContext, Submission
from bot.text.i18n import N_
from bot.views import ids
from bot.views import web as views
from kws_core.errors import ErrorCode, UserError
from kws_core.web.service import Sites


def register(app: App, dispatcher: Dispatcher, commands: Commands, admin: AdminCommands) -> None:
    """Listen for ``/kws web``, ``/kws admin web``, their forms and buttons."""
    handler = WebHandler(dispatcher)
    commands.add("web", handler.asked)
    admin.add("web", handler.show)
    app.action(ids.Action.WEB)(dispatcher.listener(handler.open))
    app.view(ids.View.WEB)(dispatcher.form(handler.submitted, at=ids.Field.AUDIENCE))
    app.action(ids.Action.WEB_OFF)(dispatcher.listener(handler.ask_why))
    app.view(ids.View.WEB_OFF)(dispatcher.form(handler.taken_off, at=ids.Field.NOTE))
    app.action(ids.Action.WEB_BACK)(dispatcher.listener(handler.put_back))


class WebHandler:
    """The commands, buttons, and forms."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.rental_queries = dispatcher.rental_queries
        self.sites = Sites(dispatcher.context)

    def asked(self, request: RequestContext, name: str) -> None:
        """``/kws web NAME``; without a name it shows the rentals."""
        if not name:
            MyRentals(self.dispatcher).show(request, "")
            return
        rental = self.rental_queries.rental_named(request.who, name.lower())
        self._open(request, rental.id, f"/kws web {rental.name}")

    def open(self, request: RequestContext) -> None:
        """[Web address…] on the card."""
        self._open(request, request.value, "/kws list")

    def submitted(self, form: Submission) -> None:
        """The form is sent: what is wrong with it stands at the fields."""
        rental_id, wanted = views.parse(form.view)
        self.sites.change(form.authorize(), rental_id, wanted, via="form")

    def _open(self, request: RequestContext, rental_id: str, again: str) -> None:
        terms = self.sites.terms(request.who, rental_id)
        request.open_form(views.build(terms, request.texts), again)

    # -- admins

    def show(self, request: RequestContext, _rest: str = "") -> None:
        """``/kws admin web``: every web address."""
        self._show(request)

    def ask_why(self, request: RequestContext) -> None:
        """[Take off the web…]."""
        admins_only(request)
        rental = self.rental_queries.rental(request.who, request.value)
        request.open_form(views.take_off_form(rental, request.texts), "/kws admin web")

    def taken_off(self, form: Submission) -> Later:
        """The reason was sent.

        Raises:
            UserError: If no reason was given.
        """
        rental_id, note = form.view.private_metadata, form.view.state.text(ids.Field.NOTE)
        if not note:
            raise UserError(ErrorCode.NOTE_MISSING)
        return Later(lambda request: self._take_off(request, rental_id, note))

    def _take_off(self, request: RequestContext, rental_id: str, note: str) -> None:
        rental = self.sites.take_off(request.who, rental_id, note, via=request.via)
        request.say(request.texts(N_("{name} is off the web. Its owner was told."), name=rental.name))

    def put_back(self, request: RequestContext) -> None:
        """[Put back]."""
        rental = self.sites.put_back(request.who, request.value, via=request.via)
        news = request.texts(N_("{name} is on the web again, as its owner chose."), name=rental.name)
        self._show(request, news, replace=request.clicked)

    def _show(self, request: RequestContext, news: str | None = None, *, replace: bool = False) -> None:
        admins_only(request)
        rentals, web = self.sites.everybodys(), self.sites.web
        text = news or request.texts(N_("Web addresses ({count})"), count=len(rentals))
        request.say(text, views.listing(rentals, web, request.texts, news), replace=replace)

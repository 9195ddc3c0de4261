"""Copies of servers: keep one, list, keep longer, delete."""

from __future__ import annotations

from slack_bolt import App

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, RequestContext, Serve
from bot.text.i18n import N_
from bot.views import copies as views
from bot.views import ids
from kws_core.copies.service import Copies


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws copies``, ``/kws copy`` and the buttons."""
    handler = CopyHandler(dispatcher)
    commands.add("copies", handler.show)
    commands.add("copy", handler.ask_by_name)
    app.action(ids.Action.COPY_ASK)(dispatcher.listener(handler.ask))
    app.action(ids.Action.COPY)(dispatcher.listener(handler.request))
    app.action(ids.Action.COPY_AT_END)(dispatcher.listener(handler.plan(wanted=True)))
    app.action(ids.Action.NO_COPY_AT_END)(dispatcher.listener(handler.plan(wanted=False)))
    app.action(ids.Action.COPY_PROLONG)(dispatcher.listener(handler.prolong))
    app.action(ids.Action.COPY_DELETE)(dispatcher.listener(handler.delete))


class CopyHandler:
    """The commands and buttons."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.rental_queries = dispatcher.rental_queries
        self.copies = Copies(dispatcher.context)

    def show(self, request: RequestContext, _rest: str = "") -> None:
        """The person's copies."""
        self._show(request)

    def ask_by_name(self, request: RequestContext, name: str) -> None:
        """``/kws copy NAME``; without a name it shows the list."""
        if not name:
            self._show(request)
            return
        self._ask(request, self.rental_queries.rental_named(request.who, name.lower()).id)

    def ask(self, request: RequestContext) -> None:
        """[Keep a copy…]: what it costs, before it is made."""
        self._ask(request, request.value)

    def request(self, request: RequestContext) -> None:
        """[Keep copy]."""
        copy = self.copies.request(request.who, request.value, via=request.via)
        text = N_("Making a copy of {name}. You'll get a DM when it's kept.")
        request.say(request.texts(text, name=copy.name), replace=True)

    def plan(self, *, wanted: bool) -> Serve:
        """The buttons of an expiry reminder, which the delivery redraws."""

        def serve(request: RequestContext) -> None:
            self.copies.plan(request.who, request.value, wanted, via=request.via)

        return serve

    def prolong(self, request: RequestContext) -> None:
        """[Keep longer]."""
        copy = self.copies.prolong(request.who, request.value, via=request.via)
        news = N_("The copy of {name} is kept until {day}.")
        self._tell(request, request.texts(news, name=copy.name, day=request.texts.date(copy.keep_until)))

    def delete(self, request: RequestContext) -> None:
        """[Delete copy] was confirmed."""
        copy = self.copies.delete(request.who, request.value, via=request.via)
        self._tell(request, request.texts(N_("Deleting the copy of {name}."), name=copy.name))

    def _ask(self, request: RequestContext, rental_id: str) -> None:
        terms = self.copies.terms(request.who, rental_id)
        title = request.texts(N_("Keep a copy of {name}?"), name=terms.rental.name)
        request.say(title, views.question(terms, request.texts))

    def _tell(self, request: RequestContext, news: str) -> None:
        """In the list that was clicked; below a message that others see, or that stays as it is."""
        if request.message is not None and request.message.block_id(ids.CARD, ids.NOTICE) is not None:
            request.say(news)
        else:
            self._show(request, news, replace=request.clicked)

    def _show(self, request: RequestContext, news: str | None = None, *, replace: bool = False) -> None:
        copies = self.copies.of(request.who)
        text = news or request.texts(N_("Your copies ({count})"), count=len(copies))
        request.say(text, views.listing(copies, request.texts, news), replace=replace)

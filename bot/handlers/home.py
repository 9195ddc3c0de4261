"""The App Home: opening it, and searching in *Manage rentals*."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from slack_bolt import App

from bot.delivery.homes import Homes
from bot.handlers.admin import AdminCommands, admins_only
from bot.slack.dispatcher import Dispatcher, RequestContext, whole
from bot.slack.payloads import ClickedElement, EventCallback
from bot.text.i18n import N_
from bot.views import admin_home, home, ids
from kws_core.outbox.admin_queries import Search
from kws_core.tables.states import Status

IN_A_MESSAGE = 10  # rows; Slack takes less in a message than in a view

Change = Callable[[Search, ClickedElement], Search]  # the search so far, and what was chosen


def register(app: App, dispatcher: Dispatcher, homes: Homes, admin: AdminCommands) -> None:
    """Listen for the opening, the search and ``/kws admin rentals``."""
    handler = HomeHandler(dispatcher, homes)
    app.event("app_home_opened")(dispatcher.event(handler.opened))
    for action, change in CHANGES.items():
        app.action(action)(dispatcher.listener(handler.searched(change)))
    app.action(re.compile(f"^{ids.Action.DESK_PAGE}:"))(dispatcher.listener(handler.searched(_page)))
    admin.add("rentals", handler.rentals)


class HomeHandler:
    """The App Home."""

    def __init__(self, dispatcher: Dispatcher, homes: Homes) -> None:
        self.dispatcher = dispatcher
        self.homes = homes

    def opened(self, payload: EventCallback) -> None:
        """Guests and strangers get a view too, one that says so."""
        if payload.event.tab == "home":
            self.dispatcher.executor.submit(self.homes.opened, *payload.asker)

    def searched(self, change: Change) -> Callable[[RequestContext], None]:
        """A field of the search was used: the first page of what fits now."""

        def serve(request: RequestContext) -> None:
            admins_only(request)
            action = request.action
            self.homes.book.searched(request.who.id, lambda search: change(search, action))
            self.homes.show(request.who.id)

        return serve

    def rentals(self, request: RequestContext, words: str) -> None:
        """``/kws admin rentals [PART OF A NAME]``: the first page, as a message."""
        found = self.homes.queries.find(Search(name=words), IN_A_MESSAGE)
        missed = self.homes.queries.missed()
        rows = admin_home.rows(found, missed, self.dispatcher.context.expiry.last_day, request.texts)
        if found.pages > 1:
            rows.append(home.small(request.texts(N_("Open the App Home to see and search all rentals."))))
        request.say(request.texts(N_("Manage rentals")), rows)


def _person(search: Search, action: ClickedElement) -> Search:
    return replace(search, person=action.selected_user, page=0)


def _node(search: Search, action: ClickedElement) -> Search:
    return replace(search, node=_chosen(action), page=0)


def _state(search: Search, action: ClickedElement) -> Search:
    chosen = _chosen(action)
    return replace(search, state=Status(chosen) if chosen in list(Status) else None, page=0)


def _within(search: Search, action: ClickedElement) -> Search:
    chosen = _chosen(action)
    return replace(search, within=whole(chosen) if chosen else None, page=0)


def _name(search: Search, action: ClickedElement) -> Search:
    return replace(search, name=(action.value or "").strip(), page=0)


def _clear(search: Search, _action: ClickedElement) -> Search:
    return Search(round=search.round + 1)


def _page(search: Search, action: ClickedElement) -> Search:
    return replace(search, page=whole(action.value))


def _chosen(action: ClickedElement) -> str | None:
    return None if action.option == admin_home.ANY else action.option or None


CHANGES: dict[ids.Action, Change] = {
    ids.Action.DESK_PERSON: _person,
    ids.Action.DESK_NODE: _node,
    ids.Action.DESK_STATE: _state,
    ids.Action.DESK_WITHIN: _within,
    ids.Action.DESK_NAME: _name,
    ids.Action.DESK_CLEAR: _clear,
}

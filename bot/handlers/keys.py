"""A person's saved public keys: list, add, remove."""

from __future__ import annotations

import html
import re

from slack_bolt import App

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, Later, RequestContext, Submission
from bot.text.i18n import N_
from bot.views import ids, keys_form
from bot.views.keys_form import ORIGIN, Origin
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.rentals.saved_keys import KeyRing
from kws_core.tables.saved_key import SavedKey

WORDS = {"add": "add", "추가": "add", "remove": "remove", "delete": "remove", "삭제": "remove"}
KEYS = ("ssh-", "ecdsa-", "sk-", "-----")  # how a key begins, also one that is refused
LINK = re.compile(r"<(?:mailto:|https?://)[^|>]*\|([^>]*)>")  # what Slack makes of an address in a comment


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listens for ``/kws keys``, its buttons and its form."""
    keys = Keys(dispatcher)
    commands.add("keys", keys.serve)
    app.action(ids.Action.ADD_KEY)(dispatcher.listener(keys.open))
    app.action(ids.Action.REMOVE_KEY)(dispatcher.listener(keys.remove))
    app.view(ids.View.KEY)(dispatcher.form(keys.submitted, at=ids.Field.PUBLIC_KEY))


class Keys:
    """Saved keys."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.ring = KeyRing(dispatcher.context)

    def serve(self, request: RequestContext, rest: str) -> None:
        """Serve ``/kws keys``, ``keys add [KEY]``, and ``keys remove NAME``; a key alone is added.

        Raises:
            UserError: If the words aren't a command.
        """
        line = _typed(rest)
        word, words = (*line.split(None, 1), "", "")[:2]
        if not word:
            self._show(request)
        elif word.startswith(KEYS):
            self._add(request, line)
        else:
            match WORDS.get(word.lower()):
                case "add" if words:
                    self._add(request, words)
                case "add":
                    self.open(request)
                case "remove" if words:
                    key = self.ring.named(request.who, words)
                    self._removed(request, self.ring.remove(request.who, key.id, via=request.via))
                case _:
                    raise UserError(ErrorCode.KEYS_WORDS)

    def open(self, request: RequestContext) -> None:
        """[Add a key] opens the form."""
        origin = Origin(request.respond.response_url, replace=request.clicked)
        view = keys_form.build(origin, request.texts)
        request.open_form(view, "/kws keys add")

    def remove(self, request: RequestContext) -> None:
        """[Remove] was confirmed."""
        key = self.ring.remove(request.who, request.number, via=request.via)
        self._removed(request, key, replace=True)

    def submitted(self, form: Submission) -> Later:
        """Save the key; then the list is shown where it was asked for."""
        who, origin = form.authorize(), form.view.kept(ORIGIN)
        key = self.ring.add(who, *keys_form.parse(form.view), via="form")
        return Later(lambda request: self._added(request, key, replace=origin.replace), origin.response_url)

    def _add(self, request: RequestContext, line: str) -> None:
        try:
            key = self.ring.add(request.who, None, line, via=request.via)
        except FormError as error:
            raise next(iter(error.fields.values())) from None
        self._added(request, key)

    def _added(self, request: RequestContext, key: SavedKey, *, replace: bool = False) -> None:
        self._show(request, request.texts(N_("Saved the key {name}."), name=key.name), replace=replace)

    def _removed(self, request: RequestContext, key: SavedKey, *, replace: bool = False) -> None:
        self._show(request, request.texts(N_("Removed the key {name}."), name=key.name), replace=replace)

    def _show(self, request: RequestContext, news: str | None = None, *, replace: bool = False) -> None:
        keys = self.ring.list(request.who)
        text = news or request.texts(N_("Your saved keys ({count})"), count=len(keys))
        request.say(text, keys_form.listing(keys, request.texts, news), replace=replace)


def _typed(words: str) -> str:
    """What the person typed, without what Slack made of it."""
    return html.unescape(LINK.sub(r"\1", words)).strip()

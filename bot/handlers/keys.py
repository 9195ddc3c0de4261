"""A person's saved public keys: list, add, remove."""

from __future__ import annotations

import html
import re
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, RequestContext
from bot.text import error_messages
from bot.text.i18n import N_, Texts
from bot.views import ids, keys_form
from bot.views.keys_form import Origin
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
    app.action(ids.Action.ADD_KEY)(keys.on_add)
    app.action(ids.Action.REMOVE_KEY)(keys.on_remove)
    app.view(ids.View.KEY)(keys.submitted)


class Keys:
    """Saved keys."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.ring = KeyRing(dispatcher.context)

    def serve(self, request: RequestContext, rest: str) -> None:
        """``/kws keys``, ``keys add [KEY]``, ``keys remove NAME``; a key alone is added."""
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
                    self._open(request)
                case "remove" if words:
                    key = self.ring.named(request.who, words)
                    self._removed(request, self.ring.remove(request.who, key.id, via=request.via))
                case _:
                    raise UserError(ErrorCode.KEYS_WORDS)

    def on_add(self, ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        """[Add a key] opens the form."""
        ack()
        self.dispatcher.dispatch(self._open, body=body, client=client, context=context)

    def on_remove(self, ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        """[Remove] was confirmed."""
        ack()
        self.dispatcher.dispatch(self._remove, body=body, client=client, context=context)

    def submitted(
        self, ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient, context: BoltContext
    ) -> None:
        """Saves the key or puts an error at each field; then the list is shown where it was asked for."""
        user_id = str(body["user"]["id"])
        texts = self.dispatcher.directory.texts_of(user_id)
        try:
            who, texts = self.dispatcher.directory.authorize_known(user_id)
            origin = keys_form.origin_of(view)  # a form has no answer of its own
            key = self.ring.add(who, *keys_form.parse(view), via="form")
        except FormError as error:
            ack(response_action="errors", errors=_at_fields(error, texts))
        except Exception as error:
            ack(
                response_action="errors",
                errors={
                    ids.Field.PUBLIC_KEY: self.dispatcher.explain_plain(
                        error, texts, f"key form of {user_id}"
                    )
                },
            )
        else:
            ack()
            replace, context["respond"] = origin.replace, self.dispatcher.way_back(origin.response_url)
            self.dispatcher.dispatch(
                lambda request: self._added(request, key, replace=replace),
                body=body,
                client=client,
                context=context,
            )

    def _open(self, request: RequestContext) -> None:
        origin = Origin(request.respond.response_url, replace="actions" in request.body)
        view = keys_form.build(origin, request.texts)
        request.open_form(view, "/kws keys add")

    def _add(self, request: RequestContext, line: str) -> None:
        try:
            key = self.ring.add(request.who, None, line, via=request.via)
        except FormError as error:
            raise next(iter(error.fields.values())) from None
        self._added(request, key)

    def _remove(self, request: RequestContext) -> None:
        key = self.ring.remove(request.who, request.number, via=request.via)
        self._removed(request, key, replace=True)

    def _added(self, request: RequestContext, key: SavedKey, *, replace: bool = False) -> None:
        self._show(request, request.texts(N_("{name} is saved."), name=key.name), replace=replace)

    def _removed(self, request: RequestContext, key: SavedKey, *, replace: bool = False) -> None:
        self._show(request, request.texts(N_("{name} is removed."), name=key.name), replace=replace)

    def _show(self, request: RequestContext, news: str | None = None, *, replace: bool = False) -> None:
        keys = self.ring.list(request.who)
        text = news or request.texts(N_("Your saved keys ({count})"), count=len(keys))
        request.say(text, keys_form.listing(keys, request.texts, news), replace=replace)


def _at_fields(error: FormError, texts: Texts) -> dict[str, str]:
    return {field: error_messages.plain_sentence(problem, texts) for field, problem in error.fields.items()}


def _typed(words: str) -> str:
    """What the person typed, without what Slack made of it."""
    return html.unescape(LINK.sub(r"\1", words)).strip()

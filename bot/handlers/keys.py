"""A person's saved public keys: list, add, remove."""

from __future__ import annotations

import html
import re
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Desk, Visit
from bot.text import error_messages
from bot.text.i18n import N_, Texts
from bot.views import ids, keys_form
from bot.views.keys_form import Origin
from kws_core.errors import FormError, UserError
from kws_core.rentals.saved_keys import KeyRing
from kws_core.tables.saved_key import SavedKey

WORDS = {"add": "add", "추가": "add", "remove": "remove", "delete": "remove", "삭제": "remove"}
KEYS = ("ssh-", "ecdsa-", "sk-", "-----")  # how a key begins, also one that is refused
LINK = re.compile(r"<(?:mailto:|https?://)[^|>]*\|([^>]*)>")  # what Slack makes of an address in a comment


def register(app: App, desk: Desk, commands: Commands) -> None:
    """Listens for ``/kws keys``, its buttons and its form."""
    keys = Keys(desk)
    commands.add("keys", keys.serve)
    app.action(ids.Action.ADD_KEY)(keys.on_add)
    app.action(ids.Action.REMOVE_KEY)(keys.on_remove)
    app.view(ids.View.KEY)(keys.submitted)


class Keys:
    """Saved keys."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ring = KeyRing(desk.core)

    def serve(self, visit: Visit, rest: str) -> None:
        """``/kws keys``, ``keys add [KEY]``, ``keys remove NAME``; a key alone is added."""
        line = _typed(rest)
        word, words = (*line.split(None, 1), "", "")[:2]
        if not word:
            self._show(visit)
        elif word.startswith(KEYS):
            self._add(visit, line)
        else:
            match WORDS.get(word.lower()):
                case "add" if words:
                    self._add(visit, words)
                case "add":
                    self._open(visit)
                case "remove" if words:
                    key = self.ring.named(visit.who, words)
                    self._removed(visit, self.ring.remove(visit.who, key.id, via=visit.via))
                case _:
                    raise UserError("keys_words")

    def on_add(self, ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        """[Add a key] opens the form."""
        ack()
        self.desk.take(self._open, body=body, client=client, context=context)

    def on_remove(self, ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
        """[Remove] was confirmed."""
        ack()
        self.desk.take(self._remove, body=body, client=client, context=context)

    def submitted(
        self, ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient, context: BoltContext
    ) -> None:
        """Saves the key or puts an error at each field; then the list is shown where it was asked for."""
        user_id = str(body["user"]["id"])
        texts = self.desk.directory.texts_of(user_id)
        try:
            who, texts = self.desk.directory.admit_known(user_id)
            origin = keys_form.origin_of(view)  # a form has no answer of its own
            key = self.ring.add(who, *keys_form.parse(view), via="form")
        except FormError as error:
            ack(response_action="errors", errors=_at_fields(error, texts))
        except Exception as error:
            ack(
                response_action="errors",
                errors={
                    ids.Field.PUBLIC_KEY: self.desk.explain_plain(error, texts, f"key form of {user_id}")
                },
            )
        else:
            ack()
            replace, context["respond"] = origin.replace, self.desk.way_back(origin.response_url)
            self.desk.take(
                lambda visit: self._added(visit, key, replace=replace),
                body=body,
                client=client,
                context=context,
            )

    def _open(self, visit: Visit) -> None:
        origin = Origin(visit.respond.response_url, replace="actions" in visit.body)
        view = keys_form.build(origin, visit.texts)
        visit.open_form(view, "/kws keys add")

    def _add(self, visit: Visit, line: str) -> None:
        try:
            key = self.ring.add(visit.who, None, line, via=visit.via)
        except FormError as error:
            raise next(iter(error.fields.values())) from None
        self._added(visit, key)

    def _remove(self, visit: Visit) -> None:
        key = self.ring.remove(visit.who, visit.number, via=visit.via)
        self._removed(visit, key, replace=True)

    def _added(self, visit: Visit, key: SavedKey, *, replace: bool = False) -> None:
        self._show(visit, visit.texts(N_("{name} is saved."), name=key.name), replace=replace)

    def _removed(self, visit: Visit, key: SavedKey, *, replace: bool = False) -> None:
        self._show(visit, visit.texts(N_("{name} is removed."), name=key.name), replace=replace)

    def _show(self, visit: Visit, news: str | None = None, *, replace: bool = False) -> None:
        keys = self.ring.list(visit.who)
        text = news or visit.texts(N_("Your saved keys ({count})"), count=len(keys))
        visit.say(text, keys_form.listing(keys, visit.texts, news), replace=replace)


def _at_fields(error: FormError, texts: Texts) -> dict[str, str]:
    return {field: error_messages.plain_sentence(problem, texts) for field, problem in error.fields.items()}


def _typed(words: str) -> str:
    """What the person typed, without what Slack made of it."""
    return html.unescape(LINK.sub(r"\1", words)).strip()

"""``/kws admin images``: list, copy to every node, hide, describe, delete. For admins, asked for at each click."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot.delivery.image_jobs import ImageJobs
from bot.handlers.admin import AdminCommands, admins_only
from bot.slack.dispatcher import Desk, Visit
from bot.text import error_messages
from bot.text.i18n import N_
from bot.views import ids, image_form, image_list
from kws_core.errors import UserError
from kws_core.images.image_audit import By
from kws_core.images.reports import Description, Report

WORDS = {
    "목록": "list",
    "복사": "sync",
    "설명": "describe",
    "숨김": "hide",
    "표시": "show",
    "보호": "protect",
    "보호해제": "unprotect",
    "삭제": "delete",
}


def register(app: App, desk: Desk, admin: AdminCommands, jobs: ImageJobs) -> None:
    """Listens for the command, the buttons of the list, and the form."""
    images = ImagesHandler(desk, jobs)
    admin.add("images", images.asked)
    app.action(re.compile(f"^{ids.Action.IMAGES}:"))(desk.listener(images.page))
    app.action(ids.Action.IMAGE_SYNC)(desk.listener(images.by_button(images.sync)))
    app.action(ids.Action.IMAGE_DESCRIBE)(desk.listener(images.by_button(images.describe)))
    app.action(ids.Action.IMAGE_HIDE)(desk.listener(images.by_button(images.hide)))
    app.action(ids.Action.IMAGE_SHOW)(desk.listener(images.by_button(images.show)))
    app.action(ids.Action.IMAGE_DELETE)(desk.listener(images.by_button(images.delete)))
    app.view(ids.View.IMAGE)(images.submitted)


class ImagesHandler:
    """No method waits for a node: ``jobs`` do."""

    def __init__(self, desk: Desk, jobs: ImageJobs) -> None:
        self.desk = desk
        self.jobs = jobs
        self.images = jobs.images
        self._words: dict[str, Callable[[Visit, str], None]] = {
            "sync": self.sync,
            "describe": self.describe,
            "hide": self.hide,
            "show": self.show,
            "protect": self.protect,
            "unprotect": self.unprotect,
            "delete": self.ask_to_delete,
        }

    def asked(self, visit: Visit, rest: str) -> None:
        """``images``, ``images sync [NAME]``, ``images hide NAME`` …"""
        word, name = (*html.unescape(rest).split(None, 1), "", "")[:2]
        word = WORDS.get(word.lower(), word.lower())
        if word in ("", "list"):
            self.jobs.soon(self._list, visit)
        elif word == "sync" and name in ("", ids.ALL):
            self.sync(visit, ids.ALL)
        elif word in self._words and name:
            self._words[word](visit, name)
        else:
            raise UserError("images_words")

    def by_button(self, act: Callable[[Visit, str], None]) -> Callable[[Visit], None]:
        """The act on the image that a button names."""

        def serve(visit: Visit) -> None:
            admins_only(visit)
            act(visit, visit.value)

        return serve

    def page(self, visit: Visit) -> None:
        """Another page of the list."""
        admins_only(visit)
        page = visit.number
        self.jobs.soon(lambda visit: self._list(visit, page=page, replace=True), visit)

    def sync(self, visit: Visit, name: str) -> None:
        """Copies it, or all, to the nodes that lack it."""
        one = None if name == ids.ALL else name
        self.jobs.soon(lambda visit: self.jobs.sync(visit, _by(visit), name, one), visit)

    def hide(self, visit: Visit, name: str) -> None:
        """Takes it out of the form."""
        self._act(visit, lambda by: self.images.hide(by, name))

    def show(self, visit: Visit, name: str) -> None:
        """Brings it back into the form."""
        self._act(visit, lambda by: self.images.hide(by, name, hidden=False))

    def protect(self, visit: Visit, name: str) -> None:
        """Lets nobody delete it."""
        self._act(visit, lambda by: self.images.protect(by, name))

    def unprotect(self, visit: Visit, name: str) -> None:
        """Lets it be deleted."""
        self._act(visit, lambda by: self.images.protect(by, name, protected=False))

    def delete(self, visit: Visit, name: str) -> None:
        """Deletes it; the button has asked."""
        self._act(visit, lambda by: self.images.delete(by, name))

    def ask_to_delete(self, visit: Visit, name: str) -> None:
        """Shows that image alone: its button asks, and says where it goes."""

        def serve(visit: Visit) -> None:
            _, row = self.images.row(name)
            visit.say(visit.texts("{name}", name=name), image_list.entry(row, visit.texts))

        self.jobs.soon(serve, visit)

    def describe(self, visit: Visit, name: str) -> None:
        """Opens the form, from what the nodes said last."""
        image = self.images.known(name)
        if image is None:
            raise UserError("image_not_there", name=name, silent=[])
        view = image_form.build(image, visit.respond.response_url, visit.texts)
        visit.open_form(view, f"/kws admin images describe {name}")

    def submitted(
        self, ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient, context: BoltContext
    ) -> None:
        """Errors at their fields; then, with the time to ask Slack who is an admin, the nodes are asked."""
        try:
            name, response_url, wanted = image_form.parse(view)
            found = wanted.errors()
        except UserError as error:
            found = {ids.Field.TITLE: error}
        if found:
            texts = self.desk.directory.texts_of(str(body["user"]["id"]))
            ack(
                response_action="errors",
                errors={field: error_messages.plain_sentence(error, texts) for field, error in found.items()},
            )
            return
        ack()
        context["respond"] = self.desk.way_back(response_url)
        self.desk.take(
            lambda visit: self._describe(visit, name, wanted), body=body, client=client, context=context
        )

    def _describe(self, visit: Visit, name: str, wanted: Description) -> None:
        admins_only(visit)
        if wanted == Description():
            raise UserError("nothing_changed")
        self._act(visit, lambda by: self.images.describe(by, name, wanted))

    def _act(self, visit: Visit, act: Callable[[By], Report]) -> None:
        def serve(visit: Visit) -> None:
            report = act(_by(visit))
            self._list(
                visit, news=image_list.report_line(report, visit.texts), replace="actions" in visit.body
            )

        self.jobs.soon(serve, visit)

    def _list(self, visit: Visit, *, page: int = 0, news: str | None = None, replace: bool = False) -> None:
        table = self.images.table()
        text = news or visit.texts(N_("Images on all nodes"))
        visit.say(text, image_list.listing(table, visit.texts, page, news), replace=replace)


def _by(visit: Visit) -> By:
    if "command" in visit.body:
        return By(visit.who.id, "command")
    return By(visit.who.id, "form" if visit.body.get("view") else "message")

"""``/kws admin images``: list, copy to every node, hide, describe, delete. For admins, asked for at each click."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from slack_bolt import App

from bot.delivery.image_jobs import ImageJobs
from bot.handlers.admin import AdminCommands, admins_only
from bot.slack.dispatcher import Dispatcher, Later, RequestContext, Submission
from bot.text.i18n import N_
from bot.views import ids
from bot.views import images as views
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.images.image_audit import By
from kws_core.images.reports import Description, ImageReport

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


def register(app: App, dispatcher: Dispatcher, admin: AdminCommands, jobs: ImageJobs) -> None:
    """Listen for the command, the buttons of the list, and the form."""
    images = ImagesHandler(dispatcher, jobs)
    admin.add("images", images.asked)
    app.action(re.compile(f"^{ids.Action.IMAGES}:"))(dispatcher.listener(images.page))
    app.action(ids.Action.IMAGE_SYNC)(dispatcher.listener(images.by_button(images.sync)))
    app.action(ids.Action.IMAGE_DESCRIBE)(dispatcher.listener(images.by_button(images.describe)))
    app.action(ids.Action.IMAGE_HIDE)(dispatcher.listener(images.by_button(images.hide)))
    app.action(ids.Action.IMAGE_SHOW)(dispatcher.listener(images.by_button(images.show)))
    app.action(ids.Action.IMAGE_DELETE)(dispatcher.listener(images.by_button(images.delete)))
    app.view(ids.View.IMAGE)(dispatcher.form(images.submitted, at=ids.Field.TITLE))


class ImagesHandler:
    """No method waits for a node: ``jobs`` do."""

    def __init__(self, dispatcher: Dispatcher, jobs: ImageJobs) -> None:
        self.dispatcher = dispatcher
        self.jobs = jobs
        self.images = jobs.images
        self._words: dict[str, Callable[[RequestContext, str], None]] = {
            "sync": self.sync,
            "describe": self.describe,
            "hide": self.hide,
            "show": self.show,
            "protect": self.protect,
            "unprotect": self.unprotect,
            "delete": self.ask_to_delete,
        }

    def asked(self, request: RequestContext, rest: str) -> None:
        """``images``, ``images sync [NAME]``, ``images hide NAME`` …

        Raises:
            UserError: If the words aren't a command.
        """
        word, name = (*html.unescape(rest).split(None, 1), "", "")[:2]
        word = WORDS.get(word.lower(), word.lower())
        if word in ("", "list"):
            self.jobs.soon(self._list, request)
        elif word == "sync" and name in ("", ids.ALL):
            self.sync(request, ids.ALL)
        elif word in self._words and name:
            self._words[word](request, name)
        else:
            raise UserError(ErrorCode.IMAGES_WORDS)

    def by_button(self, act: Callable[[RequestContext, str], None]) -> Callable[[RequestContext], None]:
        """The act on the image that a button names."""

        def serve(request: RequestContext) -> None:
            admins_only(request)
            act(request, request.value)

        return serve

    def page(self, request: RequestContext) -> None:
        """Another page of the list."""
        admins_only(request)
        page = request.number
        self.jobs.soon(lambda request: self._list(request, page=page, replace=True), request)

    def sync(self, request: RequestContext, name: str) -> None:
        """Copy it, or all, to the nodes without it."""
        one = None if name == ids.ALL else name
        self.jobs.soon(lambda request: self.jobs.sync(request, _by(request), name, one), request)

    def hide(self, request: RequestContext, name: str) -> None:
        """Take it out of the form."""
        self._act(request, lambda by: self.images.hide(by, name))

    def show(self, request: RequestContext, name: str) -> None:
        """Bring it back into the form."""
        self._act(request, lambda by: self.images.hide(by, name, hidden=False))

    def protect(self, request: RequestContext, name: str) -> None:
        """Let nobody delete it."""
        self._act(request, lambda by: self.images.protect(by, name))

    def unprotect(self, request: RequestContext, name: str) -> None:
        """Let it be deleted."""
        self._act(request, lambda by: self.images.protect(by, name, protected=False))

    def delete(self, request: RequestContext, name: str) -> None:
        """Delete it; the button has asked."""
        self._act(request, lambda by: self.images.delete(by, name))

    def ask_to_delete(self, request: RequestContext, name: str) -> None:
        """Shows that image alone: its button asks, and says where it goes."""

        def serve(request: RequestContext) -> None:
            _, row = self.images.row(name)
            request.say(request.texts("{name}", name=name), views.entry(row, request.texts))

        self.jobs.soon(serve, request)

    def describe(self, request: RequestContext, name: str) -> None:
        """Open the form, from the last known state of the nodes.

        Raises:
            UserError: If no node has the image.
        """
        image = self.images.known(name)
        if image is None:
            raise UserError(ErrorCode.IMAGE_NOT_THERE, name=name, silent=[])
        view = views.describe_form(image, request.respond.response_url, request.texts)
        request.open_form(view, f"/kws admin images describe {name}")

    def submitted(self, form: Submission) -> Later:
        """Check the fields, then do it on the nodes once Slack has confirmed that the person is an admin.

        Raises:
            FormError: With what is wrong, by field.
        """
        name, response_url, wanted = views.parse_description(form.view)
        found = wanted.errors()
        if found:
            raise FormError(found)
        return Later(lambda request: self._describe(request, name, wanted), response_url)

    def _describe(self, request: RequestContext, name: str, wanted: Description) -> None:
        admins_only(request)
        if wanted == Description():
            raise UserError(ErrorCode.NOTHING_CHANGED)
        self._act(request, lambda by: self.images.describe(by, name, wanted))

    def _act(self, request: RequestContext, act: Callable[[By], ImageReport]) -> None:
        def serve(request: RequestContext) -> None:
            report = act(_by(request))
            self._list(request, news=views.report_line(report, request.texts), replace=request.clicked)

        self.jobs.soon(serve, request)

    def _list(
        self, request: RequestContext, *, page: int = 0, news: str | None = None, replace: bool = False
    ) -> None:
        table = self.images.table()
        text = news or request.texts(N_("Images on all nodes"))
        request.say(text, views.listing(table, request.texts, page, news), replace=replace)


def _by(request: RequestContext) -> By:
    return By(request.who.id, request.via)

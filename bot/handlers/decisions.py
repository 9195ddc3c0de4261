"""What admins decide on the messages to them: who takes a rental over, or that it ends."""

from __future__ import annotations

from slack_bolt import App

from bot.delivery.admins import AdminNotices
from bot.handlers.admin import admins_only
from bot.slack.dispatcher import NUMBER, Dispatcher, RequestContext
from bot.views import admin_notice, ids
from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.extension import Extensions


def register(app: App, dispatcher: Dispatcher, terms: Extensions, notices: AdminNotices) -> None:
    """Listen for the person picker and the button of such a message."""
    decisions = Decisions(dispatcher, terms, notices)
    app.action(ids.Action.TRANSFER)(dispatcher.listener(decisions.transfer))
    app.action(ids.Action.END)(dispatcher.listener(decisions.end))


class Decisions:
    """Acts, and redraws the message that was clicked."""

    def __init__(self, dispatcher: Dispatcher, terms: Extensions, notices: AdminNotices) -> None:
        self.dispatcher = dispatcher
        self.terms = terms
        self.notices = notices

    def transfer(self, request: RequestContext) -> None:
        """Transfer the rental to the chosen person; not to guests, strangers, or bots.

        Raises:
            UserError: If nobody was chosen.
        """
        admins_only(request)
        action, to = request.action, request.action.selected_user
        if to is None:
            raise UserError(ErrorCode.BUTTON_STALE)
        self.dispatcher.directory.authorize(to, None)
        self.terms.transfer(request.who, action.block_id.removeprefix(ids.HANDOVER), to)
        self._redraw(request)

    def end(self, request: RequestContext) -> None:
        """The rental is deleted."""
        admins_only(request)
        self.dispatcher.rental_service.return_rental(request.who, request.value, via=request.via)
        self._redraw(request)

    def _redraw(self, request: RequestContext) -> None:
        where, message = request.channel, request.message
        number = ((message and message.block_id(ids.ADMIN_NOTICE)) or "").removeprefix(ids.ADMIN_NOTICE)
        notice = self.notices.box.notice(int(number)) if NUMBER.fullmatch(number) else None
        if notice is not None and where and message:
            drawn = admin_notice.message(notice, self.notices.box.concerned(notice), request.texts)
            self.notices.post.edit(where, message.ts, drawn)

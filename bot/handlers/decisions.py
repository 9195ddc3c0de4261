"""What admins decide on the messages to them: who takes a rental over, or that it ends."""

from __future__ import annotations

from slack_bolt import App

from bot.delivery.admins import AdminNotices
from bot.handlers.admin import admins_only
from bot.slack.dispatcher import NUMBER, Desk, Visit
from bot.views import admin_notice, ids
from kws_core.errors import UserError
from kws_core.rentals.extension import Terms


def register(app: App, desk: Desk, terms: Terms, notices: AdminNotices) -> None:
    """Listens for the person picker and the button of such a message."""
    decisions = Decisions(desk, terms, notices)
    app.action(ids.Action.TRANSFER)(desk.listener(decisions.transfer))
    app.action(ids.Action.END)(desk.listener(decisions.end))


class Decisions:
    """Acts, and redraws the message that was clicked."""

    def __init__(self, desk: Desk, terms: Terms, notices: AdminNotices) -> None:
        self.desk = desk
        self.terms = terms
        self.notices = notices

    def transfer(self, visit: Visit) -> None:
        """The chosen person takes the rental over; guests, strangers and bots can't."""
        admins_only(visit)
        action, to = visit.action, visit.action.get("selected_user")
        if to is None:
            raise UserError("button_stale")
        self.desk.directory.admit(to, None)
        self.terms.transfer(visit.who, action["block_id"].removeprefix(ids.HANDOVER), to)
        self._redraw(visit)

    def end(self, visit: Visit) -> None:
        """The rental is deleted."""
        admins_only(visit)
        self.desk.core.give_back(visit.who, visit.value, via=visit.via)
        self._redraw(visit)

    def _redraw(self, visit: Visit) -> None:
        block_ids = [
            str(b.get("block_id", "")) for b in (visit.body.get("message") or {}).get("blocks") or ()
        ]
        found = next((i for i in block_ids if i.startswith(ids.ADMIN_NOTICE)), "")
        number = found.removeprefix(ids.ADMIN_NOTICE)
        notice = self.notices.box.notice(int(number)) if NUMBER.fullmatch(number) else None
        if notice is not None:
            message = admin_notice.message(notice, self.notices.box.concerned(notice), visit.texts)
            self.notices.post.edit(visit.body["channel"]["id"], visit.body["message"]["ts"], message)

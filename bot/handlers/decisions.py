"""What admins decide on the messages to them: who takes a rental over, that it ends, and what is beyond the policy."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot.delivery.admins import AdminNotices
from bot.delivery.homes import Homes
from bot.handlers.admin import admins_only
from bot.slack.dispatcher import NUMBER, Dispatcher, Later, RequestContext, Submission
from bot.text.i18n import N_
from bot.views import admin_notice, ids
from bot.views.asks import requests
from bot.views.asks.requests import Answer
from kws_core.asks.service import Asks
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.details.asks import Allowance

Decide = Callable[[Actor, Answer], None]


def register(
    app: App, dispatcher: Dispatcher, terms: Extensions, notices: AdminNotices, homes: Homes
) -> None:
    """Listen for the person picker and the buttons of such messages, and for the forms that these open."""
    decisions = Decisions(dispatcher, terms, notices)
    app.action(ids.Action.TRANSFER)(dispatcher.listener(decisions.transfer))
    app.action(ids.Action.END)(dispatcher.listener(decisions.end))
    answers = Answers(dispatcher, notices, homes)
    app.action(ids.Action.ASK_APPROVE)(dispatcher.listener(answers.approve))
    app.action(ids.Action.ASK_LESS)(dispatcher.listener(answers.open_less))
    app.action(ids.Action.ASK_DECLINE)(dispatcher.listener(answers.open_decline))
    app.action(ids.Action.ASK_AGAIN)(dispatcher.listener(answers.again))
    app.view(ids.View.ASK_LESS)(dispatcher.form(answers.less, at=ids.Field.NOTE))
    app.view(ids.View.ASK_DECLINE)(dispatcher.form(answers.declined, at=ids.Field.NOTE))


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


class Answers:
    """Approves and declines requests, also in part; a person asks again.

    All messages about a request are edited, also those to other admins.
    """

    def __init__(self, dispatcher: Dispatcher, notices: AdminNotices, homes: Homes) -> None:
        self.dispatcher = dispatcher
        self.config = dispatcher.context.config
        self.asks = Asks(dispatcher.context)
        self.notices = notices
        self.homes = homes

    def approve(self, request: RequestContext) -> None:
        """[Approve]: all of it."""
        admins_only(request)
        self.asks.approve(request.who, request.number, via=request.via)
        self._show(request)

    def open_less(self, request: RequestContext) -> None:
        """[Approve less…]: a form with what is left free now."""
        admins_only(request)
        ask = self.asks.ask(request.who, request.number)
        rooms = [status.room for status in self.dispatcher.rental_queries.nodes()]
        request.open_form(requests.less_form(ask, self.config.all_sizes(), rooms, request.texts), ids.COMMAND)

    def open_decline(self, request: RequestContext) -> None:
        """[Decline…]: a form for the reason."""
        admins_only(request)
        ask = self.asks.ask(request.who, request.number)
        request.open_form(requests.decline_form(ask, request.texts), ids.COMMAND)

    def less(self, form: Submission) -> Later:
        """Say at once what is wrong with a field, if the person is known to be an admin."""
        return self._answer(form, self._approve_less)

    def declined(self, form: Submission) -> Later:
        """The same."""
        return self._answer(form, self._decline)

    def again(self, request: RequestContext) -> None:
        """[Ask again], by its owner."""
        self.asks.again(request.who, request.number, via=request.via)
        request.say(request.texts(N_("Asked the admins again. You'll get their answer by DM.")))
        self.notices.deliver_due()

    def _answer(self, form: Submission, decide: Decide) -> Later:
        filled, who = requests.parse(form.view), form.authorize()
        if who.admin:
            decide(who, filled)
            return Later(self._show)

        def once_known(request: RequestContext) -> None:
            admins_only(request)
            decide(request.who, filled)
            self._show(request)

        return Later(once_known)  # Slack may have to be asked who is in a group

    def _approve_less(self, who: Actor, filled: Answer) -> None:
        size = self.config.size(filled.size) if filled.size else None
        less = Allowance.of(filled.until, size)
        self.asks.approve(who, filled.ask, less, note=filled.note, via="form")

    def _decline(self, who: Actor, filled: Answer) -> None:
        self.asks.decline(who, filled.ask, note=filled.note, via="form")

    def _show(self, request: RequestContext) -> None:
        self.notices.deliver_due()
        self.homes.show(request.who.id)

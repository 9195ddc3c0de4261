"""Builds the Bolt app: every handler, and the one place where errors of listeners end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from slack_bolt import App, BoltContext, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.delivery.admins import AdminNotices
from bot.delivery.day_pictures import DayChartSender
from bot.delivery.homes import Homes
from bot.delivery.image_jobs import ImageJobs
from bot.delivery.pictures import ChartSender
from bot.handlers import (
    admin_rentals,
    copies,
    decisions,
    extend,
    home,
    images,
    keys,
    machine_actions,
    moves,
    my_rentals,
    nodes,
    rent,
    reset,
    status,
    web,
)
from bot.handlers.admin import AdminCommands
from bot.handlers.commands import Commands
from bot.slack import payloads
from bot.slack.dispatcher import Dispatcher
from bot.slack.payloads import Payload, SlashCommand
from bot.text import error_messages
from kws_core.rentals.extension import Extensions
from kws_core.rentals.machine_actions import Operations

log = logging.getLogger(__name__)
SLACK_LOG = logging.getLogger("bot.slack")  # Bolt and its sockets: chatty about every reconnect
SLACK_LOG.setLevel(logging.WARNING)
SLACK_LOG.addFilter(lambda record: "will be ignored" not in record.getMessage())  # we authorize by ourselves


@dataclass(frozen=True, slots=True)
class AppParts:
    """What the listeners work with."""

    dispatcher: Dispatcher
    operations: Operations
    extensions: Extensions
    admin_notices: AdminNotices
    chart_sender: ChartSender
    day_charts: DayChartSender
    image_jobs: ImageJobs
    homes: Homes
    client: WebClient
    signing_secret: str = ""


def build_app(parts: AppParts) -> App:
    """The app with all its listeners. It needs no network: Slack may be away when it is built.

    Listeners acknowledge, and leave the rest to the dispatcher's threads. So they need none of Bolt's: it would look for
    the acknowledgement only every 10 ms.
    """
    app = App(
        name="kws",  # else Bolt looks for it in the sources of everybody on the stack
        client=parts.client,
        authorize=_authorize(parts.client.token or ""),
        signing_secret=parts.signing_secret or "unused in Socket Mode",
        token_verification_enabled=False,
        before_authorize=payloads.checker(parts.client.base_url),
        process_before_response=True,  # on the thread that took the request
        raise_error_for_unhandled_request=False,
        logger=SLACK_LOG,
    )
    _register(app, parts)
    app.error(_error_listener(parts.dispatcher))
    return app


def _register(app: App, parts: AppParts) -> None:
    dispatcher, extensions, homes = parts.dispatcher, parts.extensions, parts.homes
    commands = Commands(dispatcher)
    commands.register(app)  # first: Bolt asks all listeners in turn, and somebody waits for what is typed
    rent.register(app, dispatcher, commands)
    my_rentals.register(app, dispatcher, commands)
    extend.register(app, dispatcher, commands, extensions)
    machine_actions.register(app, dispatcher, parts.operations)
    decisions.register(app, dispatcher, extensions, parts.admin_notices, homes)
    status.register(dispatcher, commands, parts.chart_sender, parts.day_charts)
    keys.register(app, dispatcher, commands)
    admin = AdminCommands(dispatcher, commands)
    nodes.register(app, dispatcher, admin)
    images.register(app, dispatcher, admin, parts.image_jobs)
    home.register(app, dispatcher, homes, admin)
    admin_rentals.register(app, dispatcher, homes, extensions)
    copies.register(app, dispatcher, commands)
    reset.register(app, dispatcher, commands)
    moves.register(app, dispatcher, commands)
    web.register(app, dispatcher, commands, admin)


def _authorize(token: str) -> Any:
    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """One workspace, one token: nothing to ask Slack for while a person waits for the ack."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    return authorize


def _error_listener(dispatcher: Dispatcher) -> Any:
    def on_error(error: Exception, context: BoltContext) -> BoltResponse:
        """A 200 keeps Slack from showing its own error; the person gets ours."""
        payload: Payload | None = context.get(payloads.KEY)  # None: it failed before that was read
        user_id = payload.asker[0] if payload else ""
        texts = dispatcher.directory.texts_of(user_id)
        reference = error_messages.new_reference(error, f"listener for {user_id}")
        command = isinstance(payload, SlashCommand)
        return BoltResponse(status=200, body=texts(error_messages.BUG, ref=reference) if command else "")

    return on_error

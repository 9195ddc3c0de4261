"""Where requests from Slack are taken: acknowledged at once, served on our own threads.

Bolt's threads only acknowledge. Everything that may wait (Slack, or a person who is not known yet) runs
here, and whatever goes wrong ends as a sentence for the person, never as a traceback.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, BoltContext, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock
from slack_sdk.models.views import View

from bot.slack import payloads
from bot.slack.directory import Directory
from bot.text import error_messages
from bot.text.i18n import N_, Texts
from bot.text.units import clip
from bot.views import ids, notice
from kws_core.cluster.deliveries import Deliveries
from kws_core.context import Context
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService

log = logging.getLogger(__name__)

STALE = frozenset(
    {
        "expired_trigger_id",
        "exchanged_trigger_id",
        "invalid_trigger_id",
        "trigger_expired",
        "trigger_exchanged",
    }
)
TRY_AGAIN = STALE | {"ratelimited"}  # many people at once: Slack opens about 100 forms a minute

NUMBER = re.compile(r"[0-9]{1,9}")

PLACES = {ids.CARD: "card", ids.NOTICE: "warning", ids.ADMIN_NOTICE: "notice"}  # messages by their block ids


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request of one person who was let in."""

    who: Actor
    texts: Texts
    body: dict[str, Any]
    client: WebClient
    respond: Respond

    @property
    def via(self) -> str:
        """Where the person asked, in one word for the audit trail."""
        if "command" in self.body:
            return "command"
        if self.body.get("view"):
            return "home" if self.body["view"].get("type") == "home" else "form"
        blocks = (self.body.get("message") or {}).get("blocks") or ()
        ours = (PLACES[p] for b in blocks for p in PLACES if str(b.get("block_id", "")).startswith(p))
        return next(ours, "message")

    @property
    def action(self) -> Mapping[str, Any]:
        """What was clicked or chosen, in Slack's words."""
        first: Mapping[str, Any] = self.body["actions"][0]
        return first

    @property
    def value(self) -> str:
        """Of the button that was clicked; UserError for one that never was ours."""
        value = self.action.get("value")
        if not isinstance(value, str):
            raise UserError(ErrorCode.BUTTON_STALE)
        return value

    @property
    def number(self) -> int:
        """The same, where it is a number."""
        return whole(self.action.get("value"))

    def say(self, text: str, blocks: list[Block] | None = None, *, replace: bool = False) -> None:
        """Answers where the person asked, to them alone."""
        answer(self.body, self.client, self.respond, text, blocks or [paragraph(text)], replace=replace)

    def open_form(self, view: View, again: str) -> None:
        """Opens a modal; where that came too late for Slack, the person is asked to type ``again`` again."""
        try:
            self.client.views_open(trigger_id=self.body["trigger_id"], view=view)
        except SlackApiError as error:
            if error.response.get("error") not in TRY_AGAIN:
                raise
            log.info("form for %s came too late: %s", self.who.id, error.response.get("error"))
            text = N_("That took too long for Slack. Please type {command} again.")
            self.say(self.texts(text, command=again))


Serve = Callable[[RequestContext], None]


class Dispatcher:
    """Takes requests; the use cases do what is asked."""

    def __init__(self, context: Context, directory: Directory, executor: Executor) -> None:
        self.context = context
        self.deliveries = Deliveries(context)
        self.members = Members(context)
        self.rental_queries = RentalQueries(context)
        self.rental_service = RentalService(context)
        self.directory = directory
        self.executor = executor

    def dispatch(
        self, serve: Serve, *, body: dict[str, Any], client: WebClient, context: BoltContext
    ) -> None:
        """Serves the request soon, on a thread of ours; a repeated delivery is dropped."""
        self.executor.submit(self._serve, serve, body, client, context["respond"])

    def way_back(self, url: str | None) -> Respond:
        """Answers where a form was opened from, if that is Slack."""
        slack = payloads.answers_to_slack(url, self.directory.client.base_url)
        return Respond(response_url=url if slack else None)

    def run(self, serve: Serve, request: RequestContext) -> None:
        """Serves on this thread somebody who was let in; what goes wrong ends as in ``take``."""
        try:
            serve(request)
        except Exception as error:
            self._apologise(error, request.body, request.client, request.respond)

    def listener(self, serve: Serve) -> Callable[..., None]:
        """A listener for Bolt that acknowledges, and serves on a thread of ours."""

        def listen(ack: Ack, body: dict[str, Any], client: WebClient, context: BoltContext) -> None:
            ack()
            self.dispatch(serve, body=body, client=client, context=context)

        return listen

    def _serve(self, serve: Serve, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        user_id, team_id = asker(body)
        try:
            trigger = body.get("trigger_id")
            if not trigger or self.deliveries.first_time(f"trigger:{trigger}"):
                who, texts = self.directory.authorize(user_id, team_id)
                serve(RequestContext(who, texts, body, client, respond))
        except Exception as error:
            self._apologise(error, body, client, respond)

    def _apologise(self, error: Exception, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        user_id, _ = asker(body)
        try:
            text = self.explain(error, self.directory.texts_of(user_id), user_id)
            answer(body, client, respond, text, [paragraph(text)])
        except Exception:
            log.exception("could not tell %s that something failed", user_id)

    def explain_plain(self, error: Exception, texts: Texts, what: str) -> str:
        """The same for the field of a form, where nothing is markup."""
        if isinstance(error, UserError):
            return error_messages.plain_sentence(error, texts)
        return texts.plain(error_messages.BUG, ref=error_messages.new_reference(error, what))

    def explain(self, error: Exception, texts: Texts, user_id: str) -> str:
        """A sentence about the error; what is our own fault gets a reference id that the log has too."""
        if isinstance(error, UserError):
            return error_messages.sentence(error, texts)
        return texts(error_messages.BUG, ref=error_messages.new_reference(error, f"request of {user_id}"))


def answer(
    body: dict[str, Any],
    client: WebClient,
    respond: Respond,
    text: str,
    blocks: list[Block],
    *,
    replace: bool = False,
) -> None:
    """Says something to whoever sent ``body``, to them alone, where they are.

    Views have no place for messages: there it is a modal while the click is fresh, later a direct message.
    """
    if respond.response_url:
        drawn = [block.to_dict() for block in blocks]
        respond(text=clip(text, 3000), blocks=drawn, response_type="ephemeral", replace_original=replace)
        return
    user_id, _ = asker(body)
    in_modal = body.get("type") == "block_actions" and (body.get("view") or {}).get("type") == "modal"
    show = client.views_push if in_modal else client.views_open
    try:
        show(trigger_id=body.get("trigger_id") or "", view=notice.build(blocks))
    except SlackApiError as error:
        log.info("%s is answered in the direct message: %s", user_id, error.response.get("error"))
        client.chat_postMessage(channel=user_id, text=clip(text, 3000), blocks=blocks)


def whole(text: str | None) -> int:
    """The number that a button of ours carries; UserError for anything else."""
    if text is None or not NUMBER.fullmatch(text):
        raise UserError(ErrorCode.BUTTON_STALE)
    return int(text)


def asker(body: dict[str, Any]) -> tuple[str, str | None]:
    """(user id, team id) of whoever sent a command, a click or a form, or did what an event tells of."""
    if "event" in body:
        return str(body["event"].get("user") or ""), None  # the event's team is ours, not the person's
    if "user_id" in body:
        return str(body["user_id"]), body.get("team_id")
    user = body.get("user") or {}
    return str(user.get("id", "")), user.get("team_id") or (body.get("team") or {}).get("id")


def paragraph(text: str) -> SectionBlock:
    """Text as one block."""
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))

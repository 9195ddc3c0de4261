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

from slack_bolt import Ack, BoltContext, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock
from slack_sdk.models.views import View

from bot.slack import payloads
from bot.slack.directory import Directory
from bot.slack.payloads import (
    BlockActions,
    ClickedElement,
    EventCallback,
    Interaction,
    Payload,
    SentMessage,
    SlashCommand,
    ViewSubmission,
)
from bot.text import error_messages
from bot.text.i18n import N_, Texts
from bot.text.units import clip
from bot.views import form_fields, ids
from bot.views.form_fields import SentView
from kws_core.cluster.deliveries import Deliveries
from kws_core.context import Context
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.people import Actor
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService

log = logging.getLogger(__name__)

STALE = frozenset({"expired_trigger_id", "invalid_trigger_id", "trigger_expired"})
OPEN_ALREADY = frozenset({"exchanged_trigger_id", "trigger_exchanged"})  # Slack opens one form for a trigger
TRY_AGAIN = STALE | {"ratelimited"}  # many people at once: Slack opens about 100 forms a minute

NUMBER = re.compile(r"[0-9]{1,9}")

PLACES = {ids.CARD: "card", ids.NOTICE: "warning", ids.ADMIN_NOTICE: "notice"}  # messages by their block ids


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request of one person who was let in."""

    who: Actor
    texts: Texts
    payload: Payload
    client: WebClient
    respond: Respond
    first: Callable[[], bool] = lambda: True  # notes the delivery, and says whether nobody has before

    @property
    def via(self) -> str:
        """Where the person asked, in one word for the audit trail."""
        if isinstance(self.payload, SlashCommand):
            return "command"
        if self.view:
            return "home" if self.view.type == "home" else "form"
        block_id = (self.message and self.message.block_id(*PLACES)) or ""
        return next((PLACES[prefix] for prefix in PLACES if block_id.startswith(prefix)), "message")

    @property
    def words(self) -> str:
        """What was typed behind the command."""
        return self.payload.text if isinstance(self.payload, SlashCommand) else ""

    @property
    def view(self) -> SentView | None:
        """The modal or App Home that was used or sent."""
        return self.payload.view if isinstance(self.payload, Interaction) else None

    @property
    def message(self) -> SentMessage | None:
        """The message that was clicked."""
        return self.payload.message if isinstance(self.payload, Interaction) else None

    @property
    def channel(self) -> str | None:
        """Where that message is."""
        channel = self.payload.channel if isinstance(self.payload, Interaction) else None
        return channel.id if channel else None

    @property
    def trigger_id(self) -> str:
        """Return what opens a form, different for each request.

        Raises:
            UserError: If nothing was typed or clicked.
        """
        if self.payload.trigger_id is None:
            raise UserError(ErrorCode.BUTTON_STALE)
        return self.payload.trigger_id

    @property
    def clicked(self) -> bool:
        """Whether it began with a click, not with a command or a form that was sent."""
        return isinstance(self.payload, BlockActions)

    @property
    def action(self) -> ClickedElement:
        """Return what was clicked or chosen.

        Raises:
            UserError: If nothing was.
        """
        if not isinstance(self.payload, BlockActions):
            raise UserError(ErrorCode.BUTTON_STALE)
        return self.payload.actions[0]

    @property
    def value(self) -> str:
        """Return the value of the button that was clicked.

        Raises:
            UserError: If it has none, so it isn't ours.
        """
        if self.action.value is None:
            raise UserError(ErrorCode.BUTTON_STALE)
        return self.action.value

    @property
    def number(self) -> int:
        """The same, where it is a number."""
        return whole(self.action.value)

    def say(self, text: str, blocks: list[Block] | None = None, *, replace: bool = False) -> None:
        """Answers where the person asked, to them alone."""
        answer(self.payload, self.client, self.respond, text, blocks or [paragraph(text)], replace=replace)

    def open_form(self, view: View | dict[str, object], again: str) -> None:
        """Open a modal; where that came too late for Slack, the person is asked to type ``again`` again.

        A delivery that was repeated opens none, and says nothing: its first one has done that.
        """
        try:
            self.client.views_open(trigger_id=self.trigger_id, view=view)
        except SlackApiError as error:
            code = error.response.get("error")
            if code not in TRY_AGAIN | OPEN_ALREADY:
                raise
            log.info("can't open the form for %s in time: %s", self.who.id, code)
            if code in TRY_AGAIN and self.first():
                self.say(self.texts(N_("Slack timed out. Enter {command} again."), command=again))


Serve = Callable[[RequestContext], None]
Opens = Callable[[Payload], bool]  # whether that request does nothing but open a form


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that somebody sent, before it is acknowledged: no time to ask Slack or a node."""

    payload: ViewSubmission
    directory: Directory

    @property
    def view(self) -> SentView:
        """The form."""
        return self.payload.view

    def authorize(self) -> Actor:
        """Who sent it, from memory; UserError when never seen. Else ``Later`` looks the person up."""
        return self.directory.authorize_known(self.payload.user.id)[0]

    @property
    def texts(self) -> Texts:
        """The sentences in the person's language."""
        return self.directory.texts_of(self.payload.user.id)


@dataclass(frozen=True, slots=True)
class Later:
    """What is left to do once a form is acknowledged, on a thread that may wait."""

    serve: Serve
    response_url: str | None = None  # where the form was opened from: a form has no answer of its own


@dataclass(frozen=True, slots=True)
class Redraw:
    """The form stays open, drawn again; what was typed stays in fields whose block and action ids stay."""

    view: View


Submit = Callable[[Submission], Later | Redraw | None]


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

    def dispatch(self, serve: Serve, payload: Payload, respond: Respond, *, opens: bool = False) -> None:
        """Serve the request soon, on a thread of ours; a repeated delivery is dropped.

        With our client, not with the one that Bolt makes for each request: that counts no failures, and keeps no
        connection open.
        """
        once = self._open_once if opens and payload.trigger_id else self._serve
        self.executor.submit(once, serve, payload, self.directory.client, respond)

    def run(self, serve: Serve, request: RequestContext) -> None:
        """Serve on this thread somebody who was let in; what goes wrong ends as in ``dispatch``."""
        try:
            serve(request)
        except Exception as error:
            self._apologise(error, request.payload, request.client, request.respond)

    def listener(self, serve: Serve, opens: Opens = lambda _: False) -> Callable[..., None]:
        """A listener for Bolt that acknowledges, and serves on a thread of ours."""

        def listen(ack: Ack, context: BoltContext) -> None:
            ack()
            payload = context[payloads.KEY]
            self.dispatch(serve, payload, context["respond"], opens=opens(payload))

        return listen

    def event(self, serve: Callable[[EventCallback], None]) -> Callable[..., None]:
        """A listener for an event, which Bolt has acknowledged."""

        def listen(context: BoltContext) -> None:
            payload = context[payloads.KEY]
            if isinstance(payload, EventCallback):
                serve(payload)

        return listen

    def form(self, submit: Submit, at: ids.Field) -> Callable[..., None]:
        """A listener for a form that is sent.

        What ``submit`` raises stands at the fields, and the form stays open; a bug gets a reference id.

        Args:
            submit: Checks the form, and does what needs no waiting.
            at: The field for errors that name none, or one that this form does not show.
        """

        def listen(ack: Ack, context: BoltContext) -> None:
            payload = context[payloads.KEY]
            try:
                later = submit(Submission(payload, self.directory))
            except Exception as error:
                ack(response_action="errors", errors=self._at_fields(error, payload, at))
                return
            if isinstance(later, Redraw):
                ack(response_action="update", view=later.view.to_dict())
                return
            ack()
            if later is not None:
                self.dispatch(later.serve, payload, self._way_back(later.response_url))

        return listen

    def _at_fields(self, error: Exception, payload: ViewSubmission, at: ids.Field) -> dict[str, str]:
        """Each error at its field, where the form has it."""
        user_id = payload.user.id
        texts = self.directory.texts_of(user_id)
        problems: Mapping[str, Exception] = error.fields if isinstance(error, FormError) else {at: error}
        found: dict[str, str] = {}
        for field, problem in problems.items():
            place = str(field if field in payload.view.fields else at)
            text = self.explain_plain(problem, texts, f"{payload.view.callback_id} form of {user_id}")
            found[place] = f"{found[place]} {text}" if place in found else text
        return found

    def _way_back(self, url: str | None) -> Respond:
        """Answers where a form was opened from, if that is Slack."""
        slack = payloads.answers_to_slack(url, self.directory.client.base_url)
        return Respond(response_url=url if slack else None)

    def _serve(self, serve: Serve, payload: Payload, client: WebClient, respond: Respond) -> None:
        try:
            trigger = payload.trigger_id
            if not trigger or self.deliveries.first_time(f"trigger:{trigger}"):
                who, texts = self.directory.authorize(*payload.asker)
                serve(RequestContext(who, texts, payload, client, respond))
        except Exception as error:
            self._apologise(error, payload, client, respond)

    def _open_once(self, serve: Serve, payload: Payload, client: WebClient, respond: Respond) -> None:
        """The form first, as nobody waits for the note: Slack opens one form for a trigger, no matter who asks again.

        Only what else is said must wait until it is noted, so that it isn't said twice.
        """
        key = f"trigger:{payload.trigger_id}"

        def first() -> bool:
            try:
                return self.deliveries.first_time(key)
            except Exception:
                log.exception("can't note a delivery")
                return True

        try:
            who, texts = self.directory.authorize(*payload.asker)
            serve(RequestContext(who, texts, payload, client, respond, first))
        except Exception as error:
            if first():
                self._apologise(error, payload, client, respond)
        else:
            self.deliveries.note(key)

    def _apologise(self, error: Exception, payload: Payload, client: WebClient, respond: Respond) -> None:
        user_id, _ = payload.asker
        try:
            text = self.explain(error, self.directory.texts_of(user_id), user_id)
            answer(payload, client, respond, text, [paragraph(text)])
        except Exception:
            log.exception("can't tell %s about the error", user_id)

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
    payload: Payload,
    client: WebClient,
    respond: Respond,
    text: str,
    blocks: list[Block],
    *,
    replace: bool = False,
) -> None:
    """Say something to the person who sent ``payload``, to them alone, where they are.

    Views have no place for messages: there it is a modal while the click is fresh, later a DM.
    """
    if respond.response_url:
        drawn = [block.to_dict() for block in blocks]
        respond(text=clip(text, 3000), blocks=drawn, response_type="ephemeral", replace_original=replace)
        return
    user_id, _ = payload.asker
    in_modal = isinstance(payload, BlockActions) and payload.view and payload.view.type == "modal"
    show = client.views_push if in_modal else client.views_open
    try:
        show(trigger_id=payload.trigger_id or "", view=form_fields.notice(blocks))
    except SlackApiError as error:
        log.info("answering %s in a DM: %s", user_id, error.response.get("error"))
        client.chat_postMessage(channel=user_id, text=clip(text, 3000), blocks=blocks)


def whole(text: str | None) -> int:
    """Return the number that one of our buttons has.

    Raises:
        UserError: For anything else.
    """
    if text is None or not NUMBER.fullmatch(text):
        raise UserError(ErrorCode.BUTTON_STALE)
    return int(text)


def paragraph(text: str) -> SectionBlock:
    """Text as one block."""
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))

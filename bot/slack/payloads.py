"""The shape of what Slack sends, as far as we read it. What has another shape is not Slack's, and is dropped.

So handlers need not ask whether a key is there: they only judge what a person chose or typed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError
from slack_bolt import BoltContext, BoltResponse

from bot.views.form_fields import Id, Name, SentBlock, SentElement, SentView, SlackModel

log = logging.getLogger(__name__)

Trigger = Annotated[str, StringConstraints(min_length=1, max_length=200)]
KEY = "kws_payload"  # where the middleware puts the model in Bolt's context


class ClickedElement(SentElement):
    """What was clicked or chosen outside of a form that is sent."""

    action_id: Name
    block_id: Name


class SentUser(SlackModel):
    """Who did it."""

    id: Id
    team_id: Id | None = None


class SentTeam(SlackModel):
    """The workspace."""

    id: Id


class SentMessage(SlackModel):
    """The message that was clicked."""

    ts: str
    blocks: list[SentBlock] | None = None

    def block_id(self, *prefixes: str) -> str | None:
        """The first block id that begins with one of these."""
        found = (block.block_id for block in self.blocks or () if block.block_id.startswith(prefixes))
        return next(found, None)


class SentChannel(SlackModel):
    """Where that message is."""

    id: Id


class SlackPayload(SlackModel):
    """One request of Slack's."""

    trigger_id: Trigger | None = None
    response_url: str | None = None

    @property
    def asker(self) -> tuple[str, str | None]:
        """(user id, team id) of the sender."""
        return "", None


class SlashCommand(SlackPayload):
    """``/kws …``."""

    command: str
    text: str = ""
    user_id: Id
    team_id: Id
    trigger_id: Trigger
    response_url: str

    @property
    def asker(self) -> tuple[str, str | None]:
        """The person who typed it."""
        return self.user_id, self.team_id


class Interaction(SlackPayload):
    """Something that was done to a message or a view."""

    user: SentUser
    team: SentTeam | None = None
    view: SentView | None = None
    message: SentMessage | None = None
    channel: SentChannel | None = None

    @property
    def asker(self) -> tuple[str, str | None]:
        """The person who did it."""
        return self.user.id, self.user.team_id or (self.team.id if self.team else None)


class BlockActions(Interaction):
    """A click, or a choice."""

    type: Literal["block_actions"]
    actions: Annotated[list[ClickedElement], Field(min_length=1)]
    trigger_id: Trigger


class ViewSubmission(Interaction):
    """A form that was sent, or closed."""

    type: Literal["view_submission", "view_closed"]
    view: SentView


class BlockSuggestion(Interaction):
    """What is typed in a select that asks us for its options."""

    type: Literal["block_suggestion"]
    action_id: Name
    block_id: Name
    value: str


class AppEvent(SlackModel):
    """What happened, of what we subscribed to."""

    type: str
    user: Id
    tab: str | None = None


class EventCallback(SlackPayload):
    """An event: the App Home was opened. Its team is ours, not the person's."""

    type: Literal["event_callback"]
    event: AppEvent

    @property
    def asker(self) -> tuple[str, str | None]:
        """The person whom it happened to."""
        return self.event.user, None


class UrlVerification(SlackPayload):
    """Asked once, when a Request URL is entered at Slack."""

    type: Literal["url_verification"]
    challenge: str


Payload = SlashCommand | BlockActions | ViewSubmission | BlockSuggestion | EventCallback | UrlVerification
OF_A_TYPE: TypeAdapter[Payload] = TypeAdapter(
    Annotated[
        BlockActions | ViewSubmission | BlockSuggestion | EventCallback | UrlVerification,
        Field(discriminator="type"),
    ]
)


class BadPayloadError(Exception):
    """Not as Slack's; says in one line what is wrong, without what the payload says."""


def read(body: object) -> Payload:
    """Parse a payload.

    Raises:
        BadPayloadError: If Slack doesn't send such.
    """
    try:
        command = isinstance(body, dict) and "type" not in body  # the one request that says no type
        payload = SlashCommand.model_validate(body) if command else OF_A_TYPE.validate_python(body)
        text = json.dumps(body, ensure_ascii=False)
        text.encode()
    except ValidationError as error:
        places = (".".join(map(str, one["loc"]))[:80] for one in error.errors(include_input=False)[:3])
        raise BadPayloadError(", ".join(places)) from None
    except (ValueError, TypeError, RecursionError) as error:  # half a character; what is no JSON
        raise BadPayloadError(type(error).__name__) from None
    if "\\u0000" in text:
        raise BadPayloadError("a NUL")
    return payload


def checker(api_url: str) -> Callable[..., BoltResponse]:
    """The middleware. ``api_url`` says where answers may go: to Slack, and nowhere else."""

    def check(
        body: dict[str, Any],
        context: BoltContext,
        next: Callable[[], BoltResponse],  # noqa: A002 - Bolt's name
    ) -> BoltResponse:
        """Check where answers would go.

        Raises:
            BadPayloadError: If the response URL isn't Slack's.
        """
        try:
            payload = read(body)
            if not answers_to_slack(payload.response_url, api_url):
                raise BadPayloadError("response_url")
        except BadPayloadError as problem:
            log.warning("dropped a request that isn't from Slack: %s", problem)
            return BoltResponse(status=200, body="")
        context[KEY] = payload
        return next()

    return check


def answers_to_slack(url: str | None, api_url: str) -> bool:
    """Whether an answer to that URL goes to the Slack that this bot speaks with."""
    if url is None:
        return True
    try:
        there, slack = urlsplit(url), urlsplit(api_url)
    except ValueError:
        return False
    known = {slack.netloc, f"hooks.{slack.netloc}"}
    return there.scheme == slack.scheme and there.netloc in known

"""The shape of what Slack sends, as far as we read it. What has another shape is not Slack's, and is dropped.

So handlers need not ask whether a key is there: they only judge what a person chose or typed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from slack_bolt import BoltResponse

log = logging.getLogger(__name__)

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,32}$")]  # as our columns have them
Name = Annotated[str, StringConstraints(max_length=255)]  # of blocks and actions
Trigger = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _a_day(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_a_day)]


class _Loose(BaseModel):
    """Keys that we do not read may be anything."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Option(_Loose):
    value: Name


class _Element(_Loose):
    """What was chosen or typed in one element."""

    value: str | None = None
    selected_option: _Option | None = None
    selected_options: list[_Option] | None = None
    selected_user: Id | None = None
    selected_date: Day | None = None


class _Action(_Element):
    action_id: Name
    block_id: Name


class _User(_Loose):
    id: Id
    team_id: Id | None = None


class _Team(_Loose):
    id: Id


class _Block(_Loose):
    type: str
    block_id: Name = ""


class _State(_Loose):
    values: dict[str, dict[str, _Element]]


class _View(_Loose):
    id: Name
    type: Literal["modal", "home"]
    callback_id: Name
    private_metadata: Annotated[str, StringConstraints(max_length=3000)]
    hash: str
    state: _State
    blocks: list[_Block]


class _Message(_Loose):
    ts: str
    blocks: list[_Block] | None = None


class _Channel(_Loose):
    id: Id


class _Command(_Loose):
    command: str
    text: str = ""
    user_id: Id
    team_id: Id
    trigger_id: Trigger
    response_url: str


class _Interaction(_Loose):
    user: _User
    team: _Team | None = None


class _Click(_Interaction):
    type: Literal["block_actions"]
    actions: Annotated[list[_Action], Field(min_length=1)]
    trigger_id: Trigger
    view: _View | None = None
    message: _Message | None = None
    channel: _Channel | None = None
    response_url: str | None = None


class _Form(_Interaction):
    type: Literal["view_submission", "view_closed"]
    trigger_id: Trigger | None = None
    view: _View


class _Search(_Interaction):
    """What is typed in a select that asks us for its options."""

    type: Literal["block_suggestion"]
    action_id: Name
    block_id: Name
    value: str
    view: _View | None = None
    message: _Message | None = None
    channel: _Channel | None = None


class _Inner(_Loose):
    type: str
    user: Id
    tab: str | None = None


class _Event(_Loose):
    type: Literal["event_callback"]
    event: _Inner


class _Challenge(_Loose):
    """Asked once, when a Request URL is entered at Slack."""

    type: Literal["url_verification"]
    challenge: str


SHAPES: TypeAdapter[Any] = TypeAdapter(_Command | _Click | _Form | _Search | _Event | _Challenge)


def trouble(body: Any) -> str | None:
    """What is wrong with a payload, in one line without what it says; None when it is as Slack's."""
    try:
        SHAPES.validate_python(body)
        text = json.dumps(body, ensure_ascii=False)
        text.encode()
    except ValidationError as error:
        places = (".".join(map(str, one["loc"]))[:80] for one in error.errors(include_input=False)[:3])
        return ", ".join(places)
    except (ValueError, TypeError, RecursionError) as error:  # half a character; what is no JSON
        return type(error).__name__
    return "a NUL" if "\\u0000" in text else None


def checker(api_url: str) -> Callable[..., BoltResponse]:
    """The middleware. ``api_url`` says where answers may go: to Slack, and nowhere else."""

    def check(body: dict[str, Any], next: Callable[[], BoltResponse]) -> BoltResponse:  # noqa: A002 - Bolt's name
        problem = trouble(body)
        if problem is None and not answers_to_slack(body.get("response_url"), api_url):
            problem = "response_url"
        if problem is None:
            return next()
        log.warning("a request that is not as Slack's is dropped: %s", problem)
        return BoltResponse(status=200, body="")

    return check


def answers_to_slack(url: Any, api_url: str) -> bool:
    """Whether an answer to that URL goes to the Slack that this bot speaks with."""
    if url is None:
        return True
    try:
        there, slack = urlsplit(url), urlsplit(api_url)
    except ValueError:
        return False
    known = {slack.netloc, f"hooks.{slack.netloc}"}
    return there.scheme == slack.scheme and there.netloc in known

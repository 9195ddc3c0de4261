"""When a Slack call is sent again by itself: on the rules alone, and through the real client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness.slack_api import SlackApi
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryState

from bot.slack.client import CountingClient
from bot.slack.retries import LONGEST_PAUSE, REPEATABLE, SlackRetryHandler

ONCE_ONLY = [
    "chat.postMessage", "chat.postEphemeral", "views.open", "files.getUploadURLExternal",
    "files.completeUploadExternal",
]  # fmt: skip


def request(method: str) -> HttpRequest:
    """A call of that method."""
    return HttpRequest(
        method="POST", url=f"https://slack.com/api/{method}?x=1", headers={}, body_params={}, data=None
    )


def response(status: int, **headers: str) -> HttpResponse:
    """Slack's answer."""
    return HttpResponse(status_code=status, headers={k.replace("_", "-"): [v] for k, v in headers.items()})


class Pauses(list[float]):
    """How long was waited."""

    def handler(self, most: int = 3) -> SlackRetryHandler:
        """A handler that waits here."""
        return SlackRetryHandler(most, sleep=self.append)


def again(method: str, **outcome: Any) -> bool:
    """Whether it is sent again."""
    return SlackRetryHandler(sleep=lambda _: None).can_retry(
        state=RetryState(), request=request(method), **outcome
    )


@pytest.mark.parametrize("method", [*ONCE_ONLY, *sorted(REPEATABLE)])
def test_a_429_was_not_carried_out_and_is_sent_again(method: str) -> None:
    assert again(method, response=response(429, Retry_After="1"))


def test_no_thread_waits_for_a_form_that_can_not_be_opened_any_more() -> None:
    assert not again("views.open", response=response(429, Retry_After="3"))
    assert again("chat.postMessage", response=response(429, Retry_After="3"))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_a_5xx_only_what_may_be_repeated_is(status: int) -> None:
    assert [m for m in ONCE_ONLY if again(m, response=response(status))] == []
    assert [m for m in sorted(REPEATABLE) if not again(m, response=response(status))] == []


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), OSError("tls"), BrokenPipeError()])
def test_a_lost_connection_never_sends_a_message_twice(error: Exception) -> None:
    assert [m for m in ONCE_ONLY if again(m, error=error)] == []
    assert [m for m in sorted(REPEATABLE) if not again(m, error=error)] == []


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404])
def test_an_answer_is_an_answer(status: int) -> None:
    assert not any(again(m, response=response(status)) for m in [*ONCE_ONLY, *REPEATABLE])


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_the_pause_is_the_one_that_slack_names(name: str) -> None:
    pauses = Pauses()
    answer = HttpResponse(status_code=429, headers={name: ["7"]})
    pauses.handler().prepare_for_next_attempt(
        state=RetryState(), request=request("chat.postMessage"), response=answer
    )
    assert pauses == [7]


def test_without_a_word_of_slack_the_pauses_grow() -> None:
    pauses, state = Pauses(), RetryState()
    handler = pauses.handler()
    for _ in range(3):
        assert handler.can_retry(state=state, request=request("users.info"), error=ConnectionResetError())
        handler.prepare_for_next_attempt(
            state=state, request=request("users.info"), error=ConnectionResetError()
        )
    assert pauses == [0.5, 1, 2]
    assert not handler.can_retry(state=state, request=request("users.info"), error=ConnectionResetError())


def test_slack_is_never_asked_again_before_the_time_it_named() -> None:
    pauses, answer = Pauses(), response(429, Retry_After=str(int(LONGEST_PAUSE) + 30))
    handler, state = pauses.handler(), RetryState()
    if handler.can_retry(state=state, request=request("chat.postMessage"), response=answer):
        handler.prepare_for_next_attempt(state=state, request=request("chat.postMessage"), response=answer)
        assert pauses[0] >= LONGEST_PAUSE + 30


@pytest.mark.parametrize("value", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_does_not_raise(value: str) -> None:
    Pauses().handler().prepare_for_next_attempt(
        state=RetryState(), request=request("chat.postMessage"), response=response(429, Retry_After=value)
    )


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi.running() as api:
        yield api


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(slack: SlackApi, pauses: Pauses) -> Iterator[CountingClient]:
    client = CountingClient("xoxb-1", slack.url, retry_handlers=[pauses.handler()])
    yield client
    client.close()


def test_a_message_that_slack_put_off_is_posted_once(
    slack: SlackApi, client: CountingClient, pauses: Pauses
) -> None:
    slack.answers = [429, 429]
    client.chat_postMessage(channel="D1", text="x")
    assert (slack.asked, pauses) == (["chat.postMessage"] * 3, [2, 2])


@pytest.mark.parametrize("status", [500, 503, None])
def test_a_message_that_may_have_been_posted_is_not_sent_again(
    slack: SlackApi, client: CountingClient, status: int | None
) -> None:
    slack.answers = [status] * 5
    with pytest.raises((SlackApiError, OSError)):
        client.chat_postMessage(channel="D1", text="x")
    assert slack.asked == ["chat.postMessage"]


@pytest.mark.parametrize("status", [500, 503, None])
def test_a_question_is_asked_again_three_times(
    slack: SlackApi, client: CountingClient, status: int | None
) -> None:
    slack.answers = [status] * 3
    assert client.conversations_history(channel="D1")["ok"]
    assert len(slack.asked) == 4

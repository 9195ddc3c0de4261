"""The client that all calls to Slack go through."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.slack_api import SlackApi
from slack_sdk.errors import SlackApiError

from bot.slack.client import IDLE, CountingClient, slack_client
from kws_core.config import Environment

ENVIRONMENT = Environment(bot_token="xoxb-1")


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi.running() as api:
        yield api


@pytest.fixture
def client(slack: SlackApi) -> Iterator[CountingClient]:
    client = slack_client(Environment(bot_token="xoxb-1", slack_api_url=slack.url))
    yield client
    client.close()


def test_certificate_authorities_are_read_once_and_checked() -> None:
    first, second = slack_client(ENVIRONMENT), slack_client(ENVIRONMENT)
    assert first.ssl is not None and first.ssl is second.ssl
    assert first.ssl.verify_mode is ssl.CERT_REQUIRED and first.ssl.check_hostname


def test_all_threads_share_the_connections_that_are_open(slack: SlackApi, client: CountingClient) -> None:
    slack.answers = [200, 500, 404]
    client.views_open(trigger_id="1.a", view={"type": "modal"})
    for _ in range(2):
        with pytest.raises(SlackApiError):
            client.chat_postMessage(channel="D1", text="x")
    with ThreadPoolExecutor() as another:
        another.submit(client.users_info, user="U1").result()
    assert (len(slack.asked), len(slack.connections)) == (4, 1)


def test_no_call_is_written_out_for_a_log_that_nobody_reads(slack: SlackApi, client: CountingClient) -> None:
    class Word(str):
        def __repr__(self) -> str:
            raise AssertionError("a whole view, with each call")

    client.views_open(trigger_id="1.a", view={"type": Word("modal")})
    assert slack.asked == ["views.open"]


def test_a_connection_that_slack_has_closed_is_not_tried(slack: SlackApi, client: CountingClient) -> None:
    failures: list[Any] = []
    client.failed = lambda *what: failures.append(what)  # type: ignore[method-assign]
    client.chat_postMessage(channel="D1", text="x")
    slack.hang_up()
    client.chat_postMessage(channel="D1", text="y")
    assert (slack.asked, len(slack.connections), failures) == (["chat.postMessage"] * 2, 2, [])


def test_a_connection_that_slack_may_be_about_to_close_is_not_tried(
    slack: SlackApi, client: CountingClient
) -> None:
    now = 100.0
    client.clock = lambda: now  # type: ignore[method-assign]
    client.api_test()
    now += IDLE - 0.1
    client.api_test()
    now += IDLE
    client.api_test()
    assert len(slack.connections) == 2


def test_a_message_that_is_lost_on_an_open_connection_is_not_sent_again(
    slack: SlackApi, client: CountingClient
) -> None:
    slack.answers = [200, None]
    client.api_test()
    with pytest.raises(OSError, match="closed"):
        client.chat_postMessage(channel="D1", text="x")
    client.api_test()
    assert slack.asked == ["api.test", "chat.postMessage", "api.test"]
    assert len(slack.connections) == 2


def test_behind_a_proxy_calls_are_slack_sdks_own(slack: SlackApi) -> None:
    proxy = slack.url.removesuffix("/api/")
    client = CountingClient("xoxb-1", "http://slack.invalid/api/", proxy=proxy)
    for _ in range(2):
        client.api_test()
    assert (slack.asked, len(slack.connections)) == (["http://slack.invalid/api/api.test"] * 2, 2)

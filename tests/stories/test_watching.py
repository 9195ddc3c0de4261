"""The pages for the lab's monitoring, asked over HTTP of a bot that runs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.storybook import Story

from bot.ops import watch_server
from bot.ops.watch_server import WatchPages


@pytest.fixture
def get(story: Story) -> Iterator[Callable[..., tuple[int, Any]]]:
    """Asks the pages of a story's bot over HTTP."""
    server = watch_server.serve(WatchPages(story.service.health, story.service.metrics), 0)

    def ask(path: str, method: str = "GET") -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    yield ask
    server.close()


def test_the_pages_of_a_running_bot(story: Story, get: Callable[..., tuple[int, Any]]) -> None:
    assert get("/healthz")[0] == 200
    assert get("/livez") == (200, '{"ok": true, "wrong": []}\n')
    status, text = get("/metrics")
    assert (
        status == 200
        and "kws_slack_connections 2.0" in text
        and 'kws_loop_idle_seconds{loop="notifier"}' in text
    )
    assert get("/secret")[0] == 404
    assert get("/metrics", "POST")[0] == 405
    story.workspace.down()
    story.workspace.wait_for(lambda: story.service.connected() == 0)
    code, body = get("/healthz")
    assert code == 503
    assert json.loads(body)["wrong"] == ["not connected to Slack"]
    assert get("/livez")[0] == 200
    story.workspace.up()


def test_errors_of_slack_are_counted(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail("chat.postMessage", error="channel_is_limited_access")
    story.workspace.faults.fail("conversations.open", status=503, times=4)
    story.rent(mina)
    story.settle(8)
    text = story.service.metrics.page().decode()
    assert 'kws_slack_errors_total{error="http_503",method="conversations.open"} 1.0' in text
    assert 'error="channel_is_limited_access",method="chat.postMessage"} 1.0' in text
    story.settle(30)

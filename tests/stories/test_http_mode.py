"""Request URLs instead of Socket Mode: only what Slack has signed, and lately, is served."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from harness.storybook import SIGNING_SECRET as SECRET
from harness.storybook import Story
from slack_sdk.signature import SignatureVerifier

from bot.ops.http import PATH, serve


@pytest.fixture
def url(story: Story) -> Iterator[str]:
    server = serve(story.service.app, SECRET, 0)
    yield f"http://127.0.0.1:{server.port}{PATH}"
    server.close()


def post(url: str, *, secret: str = SECRET, age: int = 0) -> int:
    body = urllib.parse.urlencode(
        {"command": "/kws", "text": "help", "user_id": "U0JOON0001", "team_id": "T0KWSTEAM1", "trigger_id": f"1.{age}",
         "response_url": url}
    )  # fmt: skip
    stamp = str(int(time.time()) - age)
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature or ""}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_slack_signed_is_served(url: str) -> None:
    assert post(url) == 200


def test_a_wrong_signature_is_refused(url: str) -> None:
    assert post(url, secret="another") == 401


def test_an_old_request_is_refused(url: str) -> None:
    assert post(url, age=3600) == 401

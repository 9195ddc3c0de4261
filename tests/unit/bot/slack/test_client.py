"""The client that all calls to Slack go through."""

from __future__ import annotations

import ssl

from bot.slack.client import slack_client
from kws_core.config import Environment

ENVIRONMENT = Environment(bot_token="xoxb-1")


def test_certificate_authorities_are_read_once_and_checked() -> None:
    first, second = slack_client(ENVIRONMENT), slack_client(ENVIRONMENT)
    assert first.ssl is not None and first.ssl is second.ssl
    assert first.ssl.verify_mode is ssl.CERT_REQUIRED and first.ssl.check_hostname

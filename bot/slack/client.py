"""The one Web API client, with our own rules for sending again and a count of what failed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import cache
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.slack.retries import SlackRetryHandler
from kws_core.config import Environment

SLACK_TIMEOUT = 15  # seconds
NETWORK, NO_JSON = "network", "no_json"
Failed = Callable[[str, str], None]  # method, what went wrong


class CountingClient(WebClient):
    """Tells ``failed`` of every call that failed for good, after the tries that are its own."""

    failed: Failed = staticmethod(lambda method, why: None)

    def api_call(self, api_method: str, **options: Any) -> SlackResponse:
        """As WebClient's."""
        try:
            return super().api_call(api_method, **options)
        except SlackApiError as error:
            self.failed(api_method, _why(error))
            raise
        except (HTTPException, OSError):  # URLError and time-outs are OSErrors
            self.failed(api_method, NETWORK)
            raise


def slack_client(environment: Environment, sleep: Callable[[float], None] = time.sleep) -> CountingClient:
    """The client for this environment's token and API; before it repeats a call it waits with ``sleep`` (seconds)."""
    return CountingClient(
        token=environment.bot_token,
        base_url=environment.slack_api_url,
        timeout=SLACK_TIMEOUT,
        ssl=_authorities(),
        retry_handlers=[SlackRetryHandler(sleep=sleep)],
    )


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to trust, once for all calls.

    Without a context, urllib reads all certificate authorities with each call. That is 43 ms of processor time, more than
    the rest of a call: ``python -m timeit -s "import ssl" "ssl.create_default_context()"``.
    """
    return ssl.create_default_context()


def _why(error: SlackApiError) -> str:
    """Slack's own code; where it gave none the HTTP status."""
    status = getattr(error.response, "status_code", None)
    if isinstance(status, int) and status >= 500:
        return f"http_{status}"
    code = error.response.get("error") if hasattr(error.response, "get") else None
    return str(code or NO_JSON)

"""The one Web API client: its connections stay open, and it has our own rules for sending again and a count of what failed."""

from __future__ import annotations

import io
import logging
import select
import ssl
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.slack.retries import SlackRetryHandler
from kws_core.config import Environment

SLACK_TIMEOUT = 15  # seconds
LOG = logging.getLogger(__name__)
# a level of its own: slack_sdk looks at no other one before it writes each call out, view and all
LOG.setLevel(logging.WARNING)
IDLE = 30.0  # seconds that a connection is kept unused: servers and what is between close theirs after a minute or more
NETWORK, NO_JSON = "network", "no_json"
Failed = Callable[[str, str], None]  # method, what went wrong


class CountingClient(WebClient):
    """Tells ``failed`` of every call that failed for good, after the tries that are its own.

    Its threads share the connections that stay open: slack_sdk's own way opens one for each call, with a TLS handshake
    for which a person waits. Behind a proxy it is still that way.
    """

    failed: Failed = staticmethod(lambda method, why: None)
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # and since when; the last one used is at the end
        self._kept: deque[tuple[HTTPConnection, float]] = deque()

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

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        while self._kept:
            self._kept.pop()[0].close()

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """One try of a call: slack_sdk asks its retry handlers what an error means."""
        if self.proxy is not None:
            found: dict[str, Any] = super()._perform_urllib_http_request_internal(url, req)
            return found
        connection = self._connection(req)
        try:
            connection.request("POST", req.selector, req.data, dict(req.header_items()))
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._kept.append((connection, self.clock()))
        if not 200 <= response.status < 300:
            raise HTTPError(url, response.status, response.reason, response.headers, io.BytesIO(body))
        text = body.decode(response.headers.get_content_charset() or "utf-8")
        return {"status": response.status, "headers": response.headers, "body": text}

    def _connection(self, req: Request) -> HTTPConnection:
        """One that is kept, or a new one.

        Of a call that fails on a connection nobody knows whether Slack has seen it, so one that may be closed is not
        tried: neither one that Slack has closed, nor one that it may be about to close.
        """
        while self._kept:
            try:
                connection, since = self._kept.pop()
            except IndexError:  # another thread was faster
                break
            if self.clock() - since < IDLE and not _has_news(connection):
                return connection
            connection.close()
        if req.type == "https":
            return HTTPSConnection(req.host, timeout=self.timeout, context=self.ssl)
        return HTTPConnection(req.host, timeout=self.timeout)


def slack_client(environment: Environment, sleep: Callable[[float], None] = time.sleep) -> CountingClient:
    """The client for this environment's token and API; before it repeats a call it waits with ``sleep`` (seconds)."""
    return CountingClient(
        token=environment.bot_token,
        base_url=environment.slack_api_url,
        timeout=SLACK_TIMEOUT,
        ssl=_authorities(),
        logger=LOG,
        retry_handlers=[SlackRetryHandler(sleep=sleep)],
    )


def _has_news(connection: HTTPConnection) -> bool:
    """Whether there is something to read although nothing was asked: that it was closed."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to trust, once for all calls.

    Without a context, all certificate authorities are read for each connection. That is 43 ms of processor time, more
    than the rest of a call: ``python -m timeit -s "import ssl" "ssl.create_default_context()"``.
    """
    return ssl.create_default_context()


def _why(error: SlackApiError) -> str:
    """Slack's own code; where it gave none the HTTP status."""
    status = getattr(error.response, "status_code", None)
    if isinstance(status, int) and status >= 500:
        return f"http_{status}"
    code = error.response.get("error") if hasattr(error.response, "get") else None
    return str(code or NO_JSON)

"""What Caddy is told when it asks whether a name may have a certificate."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from bot.ops.ask_server import MOST, AskPage, serve
from bot.ops.web_server import WebServer


class Watch:
    """A clock in seconds."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def server(asked: list[str], watch: Watch) -> Iterator[WebServer]:
    """Says yes to web01 only."""

    def may_have(host: str) -> bool:
        asked.append(host)
        if host == "broken":
            raise RuntimeError
        return host == "web01.lab.example"

    server = serve(AskPage(may_have, watch), 0)
    yield server
    server.close()


def status(server: WebServer, path: str, method: str = "GET") -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_live_site_may_and_others_may_not(server: WebServer, asked: list[str]) -> None:
    assert status(server, "/ask?domain=web01.lab.example") == 200
    assert status(server, "/ask?domain=web02.lab.example") == 403
    assert status(server, "/ask?domain=web01.lab.example&domain=x") == 200
    assert status(server, "/ask") == 403
    assert status(server, "/other?domain=web01.lab.example") == 404
    assert status(server, "/ask?domain=web01.lab.example", "POST") == 404
    assert len(asked) == 4


def test_a_database_that_is_away_is_a_no(server: WebServer) -> None:
    assert status(server, "/ask?domain=broken") == 500


def test_made_up_names_do_not_reach_the_database_without_end(
    server: WebServer, asked: list[str], watch: Watch
) -> None:
    said = [status(server, f"/ask?domain=x{number}.lab.example") for number in range(MOST + 5)]
    assert said == [403] * MOST + [429] * 5
    assert len(asked) == MOST
    watch.at += 1
    assert status(server, "/ask?domain=web01.lab.example") == 200

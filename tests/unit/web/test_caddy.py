"""Caddy's configuration from routes, without a Caddy."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import requests
from harness.caddy_kit import PAGES
from hypothesis import given
from hypothesis import strategies as st

from bot.text.web_pages import pages
from kws_core.config import WebSection
from kws_core.web.caddy import Caddy, ProxyDown, ProxyRefused, apps
from kws_core.web.routes import Page, Route, Target

WEB = WebSection(domain="lab.example", proxy=("192.0.2.10",), open_to=("10.0.0.0/8",))
SITE = Route("r1", ("web01", "shop"), Target("203.0.113.10", 80), lab_only=True)


def servers(routes: list[Route], **more: Any) -> dict[str, Any]:
    made = apps(WEB.model_copy(update=more), routes, PAGES)
    found: dict[str, Any] = json.loads(json.dumps(made))["http"]["servers"]
    return found


def test_a_page_is_said_once_for_all_its_names() -> None:
    routes = [Route(f"r{n}", (f"web{n}",), Page.ENDED) for n in range(300)]
    text = json.dumps(servers(routes))
    assert text.count("This site has ended</h1>") == 1
    assert text.count("web299.lab.example") == 1


def test_the_order_of_the_routes_decides() -> None:
    _, closed, proxied, unknown = servers([SITE])["kws"]["routes"]
    assert closed["match"] == [
        {
            "host": ["web01.lab.example", "shop.lab.example"],
            "not": [{"remote_ip": {"ranges": ["10.0.0.0/8"]}}],
        }
    ]
    assert proxied["handle"][0]["upstreams"] == [{"dial": "203.0.113.10:80"}]
    assert "match" not in unknown
    assert all(route["terminal"] for route in (closed, proxied, unknown))


def test_the_same_rows_make_the_same_configuration() -> None:
    assert apps(WEB, [SITE], PAGES) == json.loads(json.dumps(apps(WEB, [SITE], PAGES)))


@pytest.mark.parametrize(
    ("more", "tls"),
    [
        ({}, {"automation", "certificates"}),
        ({"tls": "acme"}, {"automation"}),
        ({"tls": "files", "certificate": "/c.pem", "key": "/k.pem"}, {"certificates"}),
    ],
)
def test_certificates_come_from_one_place(more: dict[str, str], tls: set[str]) -> None:
    made = apps(WEB.model_copy(update=more), [], PAGES)
    assert set(made["tls"]) == tls
    assert ("pki" in made) == (not more)
    if more.get("tls") == "acme":
        assert made["tls"]["automation"]["on_demand"] == {"ask": "http://127.0.0.1:8702/ask"}


def test_an_address_of_version_six_is_written_in_brackets() -> None:
    (_, proxied, _) = servers([Route("r1", ("web01",), Target("2001:db8::5", 80))])["kws"]["routes"]
    assert proxied["handle"][0]["upstreams"] == [{"dial": "[2001:db8::5]:80"}]


@pytest.mark.parametrize("locale", ["ko", "en"])
def test_no_page_has_a_placeholder_or_markup_that_it_should_not(locale: Any) -> None:
    for text in pages(locale).values():
        assert "{http" not in text
        assert "<script" not in text
        assert text.isprintable() or "\n" in text


@given(st.integers(1, 65535), st.booleans())
def test_only_the_address_and_the_port_are_dialed(port: int, tls: bool) -> None:
    (_, proxied, _) = servers([Route("r1", ("web01",), Target("203.0.113.10", port, tls))])["kws"]["routes"]
    handler = proxied["handle"][0]
    assert handler["upstreams"] == [{"dial": f"203.0.113.10:{port}"}]
    assert ("tls" in handler["transport"]) is tls


# -- the admin API


class Answers(requests.adapters.BaseAdapter):
    """Answers of a Caddy that may be none."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self.status, self.text = status, text

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.raw, answer.request = self.status, io.BytesIO(self.text.encode()), request
        return answer

    def close(self) -> None:
        """Nothing."""


def caddy(monkeypatch: pytest.MonkeyPatch, status: int, text: str) -> Caddy:
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: Answers(status, text))
    return Caddy("http://127.0.0.1:2019/")


@pytest.mark.parametrize(
    ("status", "text"), [(200, "<html>"), (200, "[]"), (200, '"x"'), (403, "{}"), (502, "")]
)
def test_what_is_no_caddy_is_told(monkeypatch: pytest.MonkeyPatch, status: int, text: str) -> None:
    with pytest.raises(ProxyDown):
        caddy(monkeypatch, status, text).config()


def test_no_configuration_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert caddy(monkeypatch, 200, "null").config() == {}


def test_a_load_that_is_refused_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProxyRefused, match=r"400: .*unknown module"):
        caddy(monkeypatch, 400, '{"error":"unknown module"}').load({})
    with pytest.raises(ProxyDown):
        caddy(monkeypatch, 404, "{}").root_certificate()


def test_nobody_there_is_told() -> None:
    with pytest.raises(ProxyDown):
        Caddy("http://127.0.0.1:9").load({})

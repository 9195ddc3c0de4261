"""Caddy: its configuration made from routes, and its admin API.

The names in the JSON are Caddy's own (https://caddyserver.com/docs/json/), as version 2.6 knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from kws_core.config import WebSection
from kws_core.errors import KwsError
from kws_core.values import Locale
from kws_core.web.routes import Page, Route, Target

Json = dict[str, Any]
Pages = Mapping[
    tuple[Page, Locale], str
]  # HTML documents; the first locale is for visitors who speak none of them

CONNECT, READ = 2.0, 15.0  # seconds
CHECK = "/.well-known/kws"  # over HTTP, under any name: what answers is this proxy
STATUS = {
    Page.STARTING: 503,
    Page.SILENT: 503,
    Page.STOPPED: 503,
    Page.ENDED: 410,
    Page.CLOSED: 403,
    Page.UNKNOWN: 404,
}
# Event streams pass at once whatever this says. With -1 for all, Caddy 2.6 would cut every answer that is under way when
# its configuration changes.
FLUSH = "50ms"
NO_ANSWER = "{http.error.status_code} in [502, 503, 504]"
# Headers with which a visitor could pretend to be somebody else. Behind this, Caddy itself sets X-Forwarded-For, -Host and
# -Proto; an underscore reads as a hyphen in many frameworks.
FORGEABLE = [
    "*_*", "Client-Ip", "Cf-Connecting-Ip", "Forwarded", "Proxy", "Remote-User", "True-Client-Ip", "X-Client-Ip",
    "X-Cluster-Client-Ip", "X-Forwarded*", "X-Original-*", "X-Real-Ip", "X-Remote-User", "X-Rewrite-Url",
]  # fmt: skip


class ProxyDown(KwsError):
    """Nothing answers at the admin API, or not as Caddy does."""


class ProxyRefused(KwsError):
    """Caddy does not take the configuration; it goes on with the one that it has."""


class Caddy:
    """The admin API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment is between us
        self._session.headers["Connection"] = "close"  # a load ends the connections of the admin API
        again = Retry(
            connect=0, read=2, status=0, redirect=0, other=0, backoff_factor=0.1
        )  # a GET that it ended
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def config(self) -> Json:
        """Return the configuration that is in use, {} for none.

        Raises:
            ProxyDown: If it can't be read.
        """
        answer = self._ask("GET", "/config/")
        try:
            found = answer.json()
        except ValueError as error:
            raise ProxyDown(f"no JSON: {error}") from error
        if answer.status_code != 200 or not isinstance(found, dict | None):
            raise ProxyDown(f"{answer.status_code} for GET /config/")
        return found or {}

    def load(self, config: Json) -> None:
        """Put a configuration into use: all of it or nothing, without a pause for visitors.

        Raises:
            ProxyDown: If nobody knows whether it was taken.
            ProxyRefused: If it was not.
        """
        try:
            answer = self._ask("POST", "/load", config)
        except (
            ProxyDown
        ) as error:  # a load starts the admin API again, which may hang up before it has answered
            if self.config() == config:
                return
            raise ProxyRefused(f"it isn't in use: {error}") from error
        if answer.status_code != 200:
            raise ProxyRefused(f"{answer.status_code}: {answer.text[:500]}")

    def root_certificate(self) -> str:
        """Return the root certificate of its own CA, as PEM.

        Raises:
            ProxyDown: If it has none.
        """
        answer = self._ask("GET", "/pki/ca/local")
        try:
            return str(answer.json()["root_certificate"])
        except (ValueError, KeyError, TypeError) as error:
            raise ProxyDown(f"{answer.status_code} for GET /pki/ca/local") from error

    def _ask(self, method: str, path: str, sent: Json | None = None) -> requests.Response:
        try:
            return self._session.request(
                method, self._url + path, json=sent, timeout=(CONNECT, READ), allow_redirects=False
            )
        except requests.RequestException as error:
            raise ProxyDown(str(error)) from error


def apps(web: WebSection, routes: Sequence[Route], pages: Pages) -> Json:
    """Everything that Caddy is to do. The rest of its configuration (admin, logging, storage) is the lab's."""
    found: Json = {
        "http": {
            "http_port": web.http_port,
            "https_port": web.https_port,
            "servers": {"kws": _server(web, routes, pages), "kws-http": _redirects(web)},
        },
        "tls": _tls(web),
    }
    if web.tls == "internal":
        found["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return found


def _server(web: WebSection, routes: Sequence[Route], pages: Pages) -> Json:
    return {
        "listen": [f":{web.https_port}"],
        "protocols": ["h1", "h2"],
        "automatic_https": {
            "disable": True
        },  # certificates are said below, redirects are a server of their own
        "tls_connection_policies": [{}],
        "strict_sni_host": True,  # no request to another site over a connection that was opened for this one
        "read_header_timeout": "10s",
        "idle_timeout": "5m",
        "metrics": {},
        **({"logs": {}} if web.access_log else {}),
        "routes": _routes(web, routes, pages),
        "errors": {
            "routes": [
                _said(Page.SILENT, pages, {"expression": NO_ANSWER}),
                {
                    "handle": [
                        {
                            "handler": "static_response",
                            "status_code": "{http.error.status_code}",
                            "close": True,
                        }
                    ]
                },
            ]
        },
    }


def _routes(web: WebSection, routes: Sequence[Route], pages: Pages) -> list[Json]:
    """In this order: who may not, what is only said, the sites, and all other names."""
    by_page: dict[Page, list[str]] = {}
    for route in routes:
        if isinstance(route.goes_to, Page):
            by_page.setdefault(route.goes_to, []).extend(_hosts(web, route))
    restricted = [host for route in routes if route.lab_only for host in _hosts(web, route)]
    closed = {"host": restricted, "not": [{"remote_ip": {"ranges": list(web.open_to)}}]}
    return [
        {"handle": [{"handler": "headers", "request": {"delete": FORGEABLE}}]},
        *([_said(Page.CLOSED, pages, closed)] if restricted else []),
        *(_said(page, pages, {"host": hosts}) for page, hosts in by_page.items()),
        *(
            _proxied(_hosts(web, route), route.goes_to)
            for route in routes
            if isinstance(route.goes_to, Target)
        ),
        _said(Page.UNKNOWN, pages),
    ]


def _hosts(web: WebSection, route: Route) -> list[str]:
    return [f"{label}.{web.domain}" for label in route.labels]


def _proxied(hosts: list[str], target: Target) -> Json:
    """The target's own answers pass as they are: streams at once, bodies of any size, upgrades to WebSocket."""
    transport: Json = {"protocol": "http", "dial_timeout": "3s", "compression": False}
    if target.tls:
        transport["tls"] = {"insecure_skip_verify": True}  # a rental's certificate is its own
    address = f"[{target.address}]" if ":" in target.address else target.address
    handler = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{address}:{target.port}"}],
        "flush_interval": FLUSH,
        "transport": transport,
    }
    return {"match": [{"host": hosts}], "handle": [handler], "terminal": True}


def _said(page: Page, pages: Pages, match: Json | None = None) -> Json:
    """The page in the language that the visitor's browser asks for first."""
    texts = {locale: text for (one, locale), text in pages.items() if one is page}
    first = next(iter(texts))
    spoken = [
        {
            "match": [{"header_regexp": {"Accept-Language": {"pattern": rf"(?i)^\s*{locale}\b"}}}],
            "handle": [_document(page, text, locale)],
            "terminal": True,
        }
        for locale, text in texts.items()
        if locale != first
    ]
    choice = {
        "handler": "subroute",
        "routes": [*spoken, {"handle": [_document(page, texts[first], first)]}],
    }
    return {**({"match": [match]} if match else {}), "handle": [choice], "terminal": True}


def _document(page: Page, text: str, locale: Locale) -> Json:
    headers = {
        "Content-Type": ["text/html; charset=utf-8"],
        "Content-Language": [locale],
        "Vary": ["Accept-Language"],
        "Cache-Control": ["no-store"],
        "Content-Security-Policy": ["default-src 'none'; style-src 'unsafe-inline'"],
    }
    return {"handler": "static_response", "status_code": STATUS[page], "headers": headers, "body": text}


def _redirects(web: WebSection) -> Json:
    """Plain HTTP leads to HTTPS, for names under the domain only."""
    port = "" if web.https_port == 443 else f":{web.https_port}"
    location = f"https://{{http.request.host}}{port}{{http.request.uri}}"
    return {
        "listen": [f":{web.http_port}"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "10s",
        "routes": [
            {
                "match": [{"host": [f"*.{web.domain}"], "path": [CHECK]}],
                "handle": [{"handler": "static_response", "body": "kws\n"}],
                "terminal": True,
            },
            {
                "match": [{"host": [f"*.{web.domain}"]}],
                "handle": [
                    {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}
                ],
                "terminal": True,
            },
            {"handle": [{"handler": "static_response", "status_code": 404}]},
        ],
    }


def _tls(web: WebSection) -> Json:
    wildcard = f"*.{web.domain}"
    if web.tls == "files":
        return {"certificates": {"load_files": [{"certificate": web.certificate, "key": web.key}]}}
    if web.tls == "acme":
        return {
            "automation": {
                "on_demand": {"ask": f"http://{web.ask}/ask"},
                "policies": [{"subjects": [wildcard], "on_demand": True}],
            }
        }
    policy = {"subjects": [wildcard], "issuers": [{"module": "internal"}]}
    return {"certificates": {"automate": [wildcard]}, "automation": {"policies": [policy]}}

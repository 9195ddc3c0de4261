"""What ``kws doctor`` finds of the proxy: whether Caddy answers, names lead to it, and its certificate is good."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import requests

from kws_core.config import WebSection
from kws_core.findings import Finding, fail, note, ok
from kws_core.web.caddy import CHECK, Caddy, ProxyDown

SECONDS = 5.0  # that each connection may take
SOON = timedelta(days=14)
ANY_LABEL = "kws-check"  # under a wildcard, any name does


def findings(web: WebSection, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Look at the proxy from this machine; changes nothing."""
    caddy, host = Caddy(web.admin), f"{ANY_LABEL}.{web.domain}"
    root = None
    try:
        servers = caddy.config().get("apps", {}).get("http", {}).get("servers", {})
        if "kws" in servers:
            yield ok("web_caddy", admin=web.admin)
        else:
            yield note("web_not_loaded", admin=web.admin)
        if web.tls == "internal":
            with suppress(ProxyDown):
                root = caddy.root_certificate()
    except ProxyDown as error:
        yield fail("web_caddy_down", admin=web.admin, why=str(error))
    try:
        address = str(socket.getaddrinfo(host, web.https_port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        yield fail("web_dns_missing", host=host, domain=web.domain)
        return
    yield _leads_here(web, host, address)
    yield _certificate(web, host, root, now())


def _leads_here(web: WebSection, host: str, address: str) -> Finding:
    port = "" if web.http_port == 80 else f":{web.http_port}"
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment would see another network
    try:
        answer = session.get(f"http://{host}{port}{CHECK}", timeout=SECONDS, allow_redirects=False)
    except requests.RequestException:
        return fail("web_http_port", host=host, address=address, port=web.http_port)
    if answer.text != "kws\n":
        return fail("web_elsewhere", host=host, address=address)
    return ok("web_dns", domain=web.domain, address=address)


def _certificate(web: WebSection, host: str, root: str | None, now: datetime) -> Finding:
    """A name that is no site has no certificate with ACME: there only the port is looked at."""
    context = ssl.create_default_context(cadata=root)
    try:
        with socket.create_connection((host, web.https_port), timeout=SECONDS) as plain:
            if web.tls == "acme":
                return ok("web_port", port=web.https_port)
            with context.wrap_socket(plain, server_hostname=host) as secure:
                shown = secure.getpeercert() or {}
    except ssl.SSLError as error:
        return fail(
            "web_certificate_bad", host=host, why=getattr(error, "verify_message", "") or error.reason
        )
    except OSError:
        return fail("web_https_port", host=host, port=web.https_port)
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    if web.tls == "files" and ends - now < SOON:
        return note("web_certificate_soon", day=f"{ends:%Y-%m-%d}")
    return ok("web_certificate", host=host)

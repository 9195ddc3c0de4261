"""Web addresses in the demo: a simulated Caddy takes what KWS loads, and the page's port serves the names.

Names under `lab.localhost` lead a browser to this machine without DNS. There is no HTTPS: nobody has a certificate for
them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from bot.text import i18n, prose
from bot.text.i18n import N_, Texts
from demo.nodes import DemoNode
from kws_core.config import WebSection
from kws_core.web.caddy import Caddy
from slack_workspace import SiteReply

Json = dict[str, Any]
DOMAIN = "lab.localhost"
VISITOR = ip_address("127.0.0.1")  # anyone who opens a site sits at this machine
NOBODY_LISTENS = 502
HELLO = (
    N_("{name} says hello"),
    N_(
        "This page comes from a simulated web server on port {port} of {name}. A real one would show your site."
    ),
)


class DemoWeb(WebSection):
    """[web] of the demo: the sites are at the page's own port, over HTTP."""

    page_port: int

    def address(self, label: str) -> str:
        """What people open in a browser for the name ``label``."""
        return f"http://{label}.{self.domain}:{self.page_port}"


def section(page_port: int) -> DemoWeb:
    """Return the section for a page at that port."""
    return DemoWeb(
        domain=DOMAIN,
        proxy=("127.0.0.1",),
        open_to=("127.0.0.0/8",),
        everybody=True,
        page_port=page_port,
    )


@dataclass(frozen=True, slots=True)
class _Visit:
    host: str
    languages: str  # the browser's Accept-Language
    status: int = 200  # of the error, once there is one


class DemoCaddy(Caddy):
    """Keeps the configuration as Caddy does, and answers visitors as far as the demo's routes need it."""

    def __init__(self, nodes: Mapping[str, DemoNode]) -> None:
        super().__init__("http://127.0.0.1")
        self._nodes = nodes
        self._config: Json = {}

    def config(self) -> Json:
        """See Caddy."""
        return copy.deepcopy(self._config)

    def load(self, config: Json) -> None:
        """See Caddy. It refuses nothing."""
        self._config = copy.deepcopy(config)

    def visit(self, host: str, languages: str) -> SiteReply | None:
        """Answer a browser that asks for that host name; None: it isn't one of the lab's."""
        name = host.partition(":")[0].lower()
        servers = self._config.get("apps", {}).get("http", {}).get("servers", {})
        if not name.endswith(f".{DOMAIN}") or "kws" not in servers:
            return None
        visit, server = _Visit(name, languages), servers["kws"]
        reply = self._routed(server["routes"], visit)
        if reply is not None and reply.status == NOBODY_LISTENS:
            return self._routed(server["errors"]["routes"], _Visit(name, languages, reply.status))
        return reply

    def _routed(self, routes: Sequence[Json], visit: _Visit) -> SiteReply | None:
        for route in routes:
            if any(_matches(match, visit) for match in route.get("match", [{}])):
                for handler in route["handle"]:
                    if (reply := self._handled(handler, visit)) is not None:
                        return reply
        return None

    def _handled(self, handler: Json, visit: _Visit) -> SiteReply | None:
        match handler["handler"]:
            case "subroute":
                return self._routed(handler["routes"], visit)
            case "static_response":
                headers = {name: ", ".join(values) for name, values in handler.get("headers", {}).items()}
                status = handler["status_code"]
                return SiteReply(
                    status if isinstance(status, int) else visit.status, headers, handler.get("body", "")
                )
            case "reverse_proxy":
                address, _, port = handler["upstreams"][0]["dial"].rpartition(":")
                return self._upstream(address, int(port), visit)
        return None  # the others change headers of the request, which no simulated server reads

    def _upstream(self, address: str, port: int, visit: _Visit) -> SiteReply:
        found = [name for node in self._nodes.values() if (name := node.listens(address, port))]
        if not found:
            return SiteReply(NOBODY_LISTENS, {}, "")
        texts = Texts(_spoken(visit.languages))
        title, said = (texts.plain(text, name=found[0], port=port) for text in HELLO)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return SiteReply(200, headers, prose.web_page(title, said, texts))


def _spoken(languages: str) -> i18n.Locale:
    return i18n.locale_of(languages.strip()[:2], "en")


def _matches(match: Json, visit: _Visit) -> bool:
    """Whether all matchers of the set fit, as in Caddy's JSON."""
    return all(_MATCHERS[name](value, visit) for name, value in match.items())


def _header(wanted: Mapping[str, Json], visit: _Visit) -> bool:
    headers = {"Accept-Language": visit.languages}
    return all(re.search(one["pattern"], headers[name]) for name, one in wanted.items())


_MATCHERS: Mapping[str, Callable[[Any, _Visit], bool]] = {
    "host": lambda hosts, visit: visit.host in hosts,
    "not": lambda sets, visit: not any(_matches(one, visit) for one in sets),
    "remote_ip": lambda found, _: any(VISITOR in ip_network(one) for one in found["ranges"]),
    "header_regexp": _header,
    "expression": lambda text, visit: str(visit.status) in text,  # of errors: which ones it is for
}

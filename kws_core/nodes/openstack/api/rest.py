"""The one place where requests leave: through the SDK's service proxies, which know endpoints and tokens.

The proxies are used as HTTP clients and the JSON is read here, not by the SDK's resource classes:
those drop unknown filters and list everything instead, pass over an answer that is no JSON, and
pick microversions in which fields that we read no longer exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl, urlsplit

from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.openstack.faults import OpenStackRefused, from_answer, translated, unless_missing

if TYPE_CHECKING:
    from openstack.connection import Connection

Json = dict[str, Any]
Params = Mapping[str, str | int | Sequence[str]]  # several values of a filter: any of them (Neutron)

NOVA = "2.79"  # Train: description, tags, flavors inside servers, networks required
_PAGE_LIMIT = 200  # pages of one listing: a guard against a node that links in circles


class Named(Protocol):
    """Anything with an id and a name."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


class Rest:
    """JSON requests to one node; every error is NodeDown or NodeRefused."""

    def __init__(self, connection: Connection, node: str) -> None:
        self.node = node
        self._connection = connection
        self._lock = Lock()
        self._proxies: dict[str, Any] = {}

    def get(
        self,
        service: str,
        path: str,
        params: Params | None = None,
        version: str | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> Json:
        """The JSON object at ``path``; ``timeout`` in seconds (connect, read) where the usual one won't do."""
        return self._send(service, "GET", path, params=params, microversion=version, timeout=timeout)

    def post(self, service: str, path: str, body: Any, version: str | None = None) -> Json:
        """The JSON object in the answer to a POST, sent exactly once."""
        return self._send(service, "POST", path, json=body, microversion=version)

    def put(self, service: str, path: str, body: Any, version: str | None = None) -> Json:
        """The JSON object in the answer to a PUT."""
        return self._send(service, "PUT", path, json=body, microversion=version)

    def send(self, service: str, method: str, path: str, **options: Any) -> None:
        """Any request whose answer has no body of interest."""
        self._send(service, method, path, empty=True, **options)

    def delete(self, service: str, path: str, version: str | None = None) -> bool:
        """False when it was not there (any longer)."""
        with unless_missing():
            self.send(service, "DELETE", path, microversion=version)
            return True
        return False

    def pages(
        self, service: str, path: str, key: str, params: Params | None = None, version: str | None = None
    ) -> list[Json]:
        """Yield all entries of a listing, page after page.

        Raises:
            NodeDown: If an answer isn't a listing.
        """
        found: list[Json] = []
        query: dict[str, Any] = dict(params or {})
        for _ in range(_PAGE_LIMIT):
            body = self.get(service, path, query, version)
            entries = body.get(key)
            if not isinstance(entries, list):
                raise NodeDown(self.node, Refusal.DOWN, f"GET {path}: no {key} in the response")
            found += entries
            following = _next_query(body, key)
            if not entries or following is None or following == query:
                return found
            query = following
        return found

    @contextmanager
    def stream(self, service: str, path: str, chunk: int) -> Iterator[Iterator[bytes]]:
        """Yield the body of the answer to a GET, ``chunk`` bytes at a time.

        Raises:
            NodeError: If the node refuses, or the body is cut short.
        """
        with translated(self.node):
            response = self._proxy(service).request(path, "GET", connect_retries=0, stream=True)
        with closing(response):
            if response.status_code >= 400:
                raise from_answer(self.node, response.status_code, None, str(response.reason or ""))
            yield self._chunks(response, chunk)

    def _chunks(self, response: Any, chunk: int) -> Iterator[bytes]:
        with translated(self.node):
            yield from response.iter_content(chunk)

    def hosts(self) -> set[str]:
        """Hosts of the node's interfaces: Keystone's, and those of the catalog once there was a token."""
        urls = [str(self._connection.config.get_auth_args().get("auth_url") or "")]
        known = getattr(self._connection.session.auth, "auth_ref", None)  # asks nobody
        catalog = known.service_catalog.catalog if known else ()
        urls += [str(place["url"]) for entry in catalog for place in entry.get("endpoints") or ()]
        return {urlsplit(url).hostname or "" for url in urls} - {""}

    def has(self, *types: str) -> bool:
        """Whether the node's catalog offers one of these service types."""
        with translated(self.node):
            session: Any = self._connection.session
            catalog = session.auth.get_access(session).service_catalog.catalog  # comes with each new token
        return any(entry.get("type") in types for entry in catalog)

    def project_id(self) -> str:
        """The project that the credentials belong to."""
        with translated(self.node):
            return str(self._connection.current_project_id or "")

    def _proxy(self, service: str) -> Any:
        # Making a proxy may discover its version over HTTP: once, not once per thread.
        proxy = self._proxies.get(service)
        if proxy is None:
            with self._lock:
                proxy = self._proxies.get(service) or getattr(self._connection, service)
                self._proxies[service] = proxy
        return proxy

    def _send(self, service: str, method: str, path: str, empty: bool = False, **options: Any) -> Json:
        options = {key: value for key, value in options.items() if value is not None}
        with translated(self.node):
            response = self._proxy(service).request(path, method, connect_retries=0, **options)
        try:
            body = None if empty and response.status_code < 400 else response.json()
        except ValueError:
            body = None
        if response.status_code >= 400:
            raise from_answer(self.node, response.status_code, body, _line(response))
        if empty:
            return {}
        if not isinstance(body, dict):
            raise NodeDown(self.node, Refusal.DOWN, f"{method} {path}: the response isn't a JSON object")
        return body


def inner(rest: Rest, body: Json, key: str) -> Json:
    """Return ``body[key]``.

    Raises:
        NodeDown: If an answer doesn't have it or its ID, so nobody knows what was done.
    """
    value = body.get(key)
    if not isinstance(value, dict) or not (value.get("id") or value.get("name")):
        raise NodeDown(rest.node, Refusal.DOWN, f"no {key} in the response")
    return value


def pick(rest: Rest, kind: str, found: Sequence[N], name_or_id: str) -> N:
    """Return the one with this ID, or the only one of this name.

    Raises:
        OpenStackRefused: If there is none, or several of the name.
    """
    for one in found:
        if one.id == name_or_id:
            return one
    named = [one for one in found if one.name == name_or_id]
    if not named:
        raise OpenStackRefused(rest.node, Refusal.MISSING, f"no {kind} {name_or_id!r}")
    if len(named) > 1:
        ids = ", ".join(one.id for one in named)
        raise OpenStackRefused(
            rest.node, Refusal.INVALID, f"{len(named)} {kind}s are called {name_or_id!r}: {ids}"
        )
    return named[0]


def marks_of(entry: Json) -> tuple[str, ...]:
    """Name, description and tags: where a Neutron resource may carry a mark."""
    texts = [entry.get("name"), entry.get("description"), *(entry.get("tags") or ())]
    return tuple(str(text) for text in texts if text)


def addresses_of(entry: Json) -> tuple[str, ...]:
    """Every address of a server (Nova) or container (Zun): both list them by network."""
    networks = entry.get("addresses") or {}
    return tuple(str(one["addr"]) for listed in networks.values() for one in listed or () if one.get("addr"))


def when(text: Any) -> datetime | None:
    """OpenStack's UTC times ("2026-11-23T07:10:49Z") as aware datetimes; None when there is none."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _next_query(body: Json, key: str) -> dict[str, Any] | None:
    # Only the query is taken from the link: behind a proxy its host and scheme are often wrong.
    links = body.get(f"{key}_links")
    hrefs = [link.get("href") for link in links or () if link.get("rel") == "next"]
    href = hrefs[0] if hrefs else body.get("next")
    return dict(parse_qsl(urlsplit(href).query)) if isinstance(href, str) else None


def _line(response: Any) -> str:
    return " ".join(str(response.text or response.reason or "").split())[:300]

"""Downloads from a URL that somebody typed, and from nowhere that it should not reach.

Each host is resolved here and every one of its addresses is judged; then the connection goes to that address,
not to the name, so that a second answer of the DNS changes nothing. A redirect is judged as the first URL.
Addresses of a private network are fine, since labs have mirrors; those of the nodes' own interfaces are not.
Proxies of the environment are not used: behind one nobody here could judge an address.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from kws_core.errors import ErrorCode, UserError
from kws_core.images.files import MOST_BYTES, Content, Count, check_room, spooled
from kws_core.nodes.image_store import CHUNK

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_REDIRECTS = 5
CONNECT, READ = 10.0, 60.0  # seconds
_PORTS = {"http": 80, "https": 443}
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # Linux takes 0.x.y.z for itself in places
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Rules:
    """What may not be reached: what nobody may reach, and ``hosts``, by name or address."""

    hosts: Collection[str] = ()

    def forbidden(self) -> frozenset[Ip]:
        """The addresses behind ``hosts``; what has no address can't be reached anyway."""
        found: set[Ip] = set()
        for host in self.hosts:
            with suppress(OSError, UnicodeError):
                found.update(_addresses(host, 0))
        return frozenset(found)

    def judge(self, host: str, port: int, address: Ip, forbidden: frozenset[Ip]) -> None:
        """Check that the address behind the host may be reached.

        Raises:
            UserError: If it isn't public enough, or belongs to a node.
        """
        if not _public_enough(address):
            raise UserError(ErrorCode.URL_FORBIDDEN, host=host, address=str(address))
        if forbidden & _seen_as(address):
            raise UserError(ErrorCode.URL_NODE, host=host, address=str(address))


@dataclass(frozen=True, slots=True)
class Download:
    """An answer whose body is waiting to be read; ``size`` is 0 when the server does not tell it."""

    url: str
    size: int
    response: Any

    def chunks(self) -> Iterator[bytes]:
        """Yield the body.

        Raises:
            UserError: If it breaks off or grows too large.
        """
        from urllib3.exceptions import HTTPError

        got = 0
        try:
            for chunk in self.response.stream(CHUNK, decode_content=False):
                got += len(chunk)
                if got > MOST_BYTES:
                    raise UserError(ErrorCode.IMAGE_LARGE, gib=MOST_BYTES // 1024**3)
                yield chunk
        except (HTTPError, OSError) as error:
            raise UserError(ErrorCode.URL_BROKEN, host=_host(self.url), why=_why(error)) from error


def from_url(
    url: str, rules: Callable[[], Rules], by_nodes: bool = False
) -> Callable[[Count], AbstractContextManager[Content]]:
    """A URL as the source of an image. What can be said against it at sight is said at once.

    It is read here in any case; ``by_nodes`` lets nodes read it as well instead of being sent it.
    """
    check(url)

    @contextmanager
    def source(count: Count) -> Iterator[Content]:
        with opened(url, rules()) as download:
            check_room(download.size, download.size)
            with spooled(download.chunks(), count) as content:
                yield replace(content, url=download.url if by_nodes else "")

    return source


@contextmanager
def opened(url: str, rules: Rules) -> Iterator[Download]:
    """Request a URL, following its redirects, and yield the answer.

    Raises:
        UserError: If it is refused, too large, redirected too often, or leads to a forbidden address.
    """
    forbidden = rules.forbidden()
    for _ in range(MOST_REDIRECTS + 1):
        parts = check(url)
        pool, response = _ask(parts, _judged(parts, rules, forbidden))
        try:
            if response.status in (301, 302, 303, 307, 308) and response.headers.get("location"):
                url = urljoin(url, _encoded(response.headers["location"]))
                continue
            if response.status != 200:
                raise UserError(ErrorCode.URL_REFUSED, host=_host(url), status=response.status)
            size = _size(response.headers.get("content-length"))
            if size > MOST_BYTES:
                raise UserError(ErrorCode.IMAGE_LARGE, gib=MOST_BYTES // 1024**3)
            yield Download(url, size, response)
            return
        finally:
            response.close()
            pool.close()
    raise UserError(ErrorCode.URL_REDIRECTS, most=MOST_REDIRECTS)


def _encoded(location: str) -> str:
    """A redirect's target with spaces and other letters percent-encoded, as browsers read it."""
    text = location.encode("latin-1", "replace").decode("utf-8", "replace")
    return quote(text, safe="%/:?#[]@!$&'()*+,;=~")


def _ascii(url: str) -> str:
    """The URL with its host in the DNS's own letters and the rest percent-encoded; ValueError when that can't be."""
    if url.isascii():
        return url
    parts, safe = urlsplit(url), "%/:?[]@!$&'()*+,;=~"
    host = parts.hostname or ""
    netloc = (
        parts.netloc if host.isascii() else parts.netloc.lower().replace(host, host.encode("idna").decode())
    )
    changed = parts._replace(
        netloc=netloc, path=quote(parts.path, safe), query=quote(parts.query, safe), fragment=""
    )
    return urlunsplit(changed)


def check(url: str) -> SplitResult:
    """Return the parts of a URL that may be requested, in ASCII.

    Raises:
        UserError: If it isn't an http or https URL with a host, or has a password.
    """
    try:
        if any(ord(sign) <= 32 for sign in url):
            raise UserError(ErrorCode.URL_INVALID)
        parts = urlsplit(_ascii(url))
        port = parts.port
    except ValueError:
        raise UserError(ErrorCode.URL_INVALID) from None
    if parts.scheme.lower() not in _PORTS:
        raise UserError(ErrorCode.URL_SCHEME, scheme=parts.scheme or "?")
    if not parts.hostname or port == 0 or any(ord(sign) <= 32 for sign in url):
        raise UserError(ErrorCode.URL_INVALID)
    if parts.username is not None or parts.password is not None:
        raise UserError(ErrorCode.URL_PASSWORD)
    return parts


def _judged(parts: SplitResult, rules: Rules, forbidden: frozenset[Ip]) -> list[Ip]:
    """The host's addresses if every one of them may be reached: one bad one spoils the name."""
    host, port = parts.hostname or "", _port(parts)
    try:
        addresses = _addresses(host, port)
    except (OSError, UnicodeError):
        raise UserError(ErrorCode.URL_UNKNOWN_HOST, host=host) from None
    for address in addresses:
        rules.judge(host, port, address, forbidden)
    return addresses


def _public_enough(address: Ip) -> bool:
    return not any(
        one.is_loopback
        or one.is_link_local
        or one.is_multicast
        or one.is_unspecified
        or one.is_reserved
        or (one.version == 4 and one in _THIS_NETWORK)
        for one in _seen_as(address)
    )


def _seen_as(address: Ip) -> frozenset[Ip]:
    """The address, and the IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return frozenset({address})
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        return frozenset({ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)})
    found = [one for one in inner if one is not None]
    return frozenset(found) if address.ipv4_mapped else frozenset({address, *found})


def _addresses(host: str, port: int) -> list[Ip]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(info[4][0]).split("%")[0] for info in infos)
    return [ipaddress.ip_address(text) for text in texts]


def _ask(parts: SplitResult, addresses: Iterable[Ip]) -> tuple[Any, Any]:
    from urllib3.exceptions import HTTPError

    last: Exception = OSError("no address")
    for address in addresses:
        pool = _pool(parts, str(address))
        try:
            return pool, pool.request(
                "GET",
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                headers={"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "kws"},
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            pool.close()
            last = error
    raise UserError(ErrorCode.URL_BROKEN, host=parts.hostname or "", why=_why(last)) from last


def _pool(parts: SplitResult, address: str) -> Any:
    """Connect to the address; the certificate must be the name's."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.util import Timeout

    timeout = Timeout(connect=CONNECT, read=READ)
    if parts.scheme.lower() == "http":
        return HTTPConnectionPool(address, _port(parts), timeout=timeout)
    return HTTPSConnectionPool(
        address,
        _port(parts),
        timeout=timeout,
        ssl_context=ssl.create_default_context(),
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
    )


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme.lower()]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _size(length: str | None) -> int:
    return int(length) if length and length.isdigit() else 0


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]

"""Keeps other web pages out: what listens on loopback is still in reach of every page in the same browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


@web.middleware
async def same_machine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let only this machine's own pages in (DNS rebinding, other pages' scripts).

    Raises:
        web.HTTPForbidden: For everybody else.
    """
    problem = trouble(request)
    if problem:
        raise web.HTTPForbidden(text=problem)
    return await handler(request)


def trouble(request: web.Request) -> str | None:
    """Why the request is refused."""
    host = request.headers.get("Host", "")
    if host.rpartition(":")[0] not in LOOPBACK and host not in LOOPBACK:
        return "this page is for this machine only"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return "another page may not do this"
    site = request.headers.get("Sec-Fetch-Site", "none")
    opened = request.path == "/" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("none", "same-origin") and not opened:
        return "another page may not ask for this"
    return None


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: every answer, also a stream, says what may be done with it."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)

"""The workspace's web page: its files, the stream of what a person sees, downloads, and the side panel.

What a person does goes through `/_control/{verb}` (see slack_workspace/page_server/control.py); here is only what nobody but the page needs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from importlib.resources import files
from typing import Protocol
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from slack_workspace.errors import Json, NotOnScreenError, SlackError
from slack_workspace.page_server.control import body_of
from slack_workspace.page_server.guard import LOOPBACK
from slack_workspace.page_server.screen import House, cast, screen
from slack_workspace.page_server.stage import Stage

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PNG = b"\x89PNG\r\n\x1a\n"  # a picture is shown in the conversation, not only saved
LOOK = 1.0  # seconds between looks at the side panel, which changes without the workspace hearing of it
GATHER = 0.03  # seconds in which changes are taken together
HEARTBEAT = 15  # looks without news after which a comment keeps the stream alive


class Theatre(House, Protocol):
    """A workspace with a stage."""

    stage: Stage


def add_page_routes(application: web.Application, theatre: Theatre) -> None:
    """Put the page at `/`."""
    page = _Page(theatre)
    application.router.add_get("/", page.index)
    application.router.add_get("/page/{name}", page.asset)
    application.router.add_get("/_page/stream", page.stream)
    application.router.add_get("/_page/file/{file_id}/{name}", page.download)
    application.router.add_post("/_page/stage/{verb}", page.act)


def at_other_names(theatre: Theatre) -> Middleware:
    """Serve what the stage has at other host names of this port, before the page's guard sees the request."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.rpartition(":")[0] in LOOPBACK:
            return await handler(request)
        host, languages = request.host, request.headers.get("Accept-Language", "")
        reply = await asyncio.to_thread(theatre.stage.site, host, languages)
        if reply is None:
            return await handler(request)
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body.encode())

    return answer


class _Page:
    def __init__(self, theatre: Theatre) -> None:
        self._theatre = theatre
        self._boot = secrets.token_hex(4)  # a new one after a restart: the page reloads

    async def index(self, _request: web.Request) -> web.Response:
        return _asset("index.html")

    async def asset(self, request: web.Request) -> web.Response:
        return _asset(request.match_info["name"])

    async def download(self, request: web.Request) -> web.Response:
        """Send a file as the person's browser would save it.

        Raises:
            web.HTTPNotFound: If there is none that they may see.
        """
        try:
            person = self._theatre.person(request.query.get("user", ""))
            content = person.download(request.match_info["file_id"])
        except (SlackError, NotOnScreenError) as error:
            raise web.HTTPNotFound(text=str(error)) from error
        name = quote(request.match_info["name"], safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        kind = "image/png" if content.startswith(PNG) else "application/octet-stream"
        return web.Response(body=content, content_type=kind, headers=headers)

    async def act(self, request: web.Request) -> web.Response:
        """Something in the side panel."""
        verb, body = request.match_info["verb"], await body_of(request)
        try:
            await asyncio.to_thread(self._theatre.stage.act, verb, body)
        except (LookupError, ValueError, TypeError, SlackError) as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({"ok": True})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send server-sent events: `hello` once, then `screen` and `panel` whenever they changed.

        Raises:
            web.HTTPNotFound: If there is no such person.
        """
        name = request.query.get("user", "")
        try:
            hello = self._hello(name)
        except SlackError as error:
            raise web.HTTPNotFound(text=str(error)) from error
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionError):
            await _send(response, "hello", json.dumps(hello))
            await self._follow(response, name)
        return response

    async def _follow(self, response: web.StreamResponse, name: str) -> None:
        loop, news, state = asyncio.get_running_loop(), asyncio.Event(), self._theatre.state

        def told() -> None:
            with suppress(RuntimeError):  # the server is being stopped
                loop.call_soon_threadsafe(news.set)

        sent: dict[str, str] = {}
        quiet = 0
        state.watchers.add(told)
        try:
            while True:
                news.clear()
                panel = await asyncio.to_thread(self._theatre.stage.panel)
                shown = {"screen": screen(self._theatre, name), "panel": panel or {}}
                fresh = {
                    key: text for key, one in shown.items() if sent.get(key) != (text := json.dumps(one))
                }
                for event, text in fresh.items():
                    await _send(response, event, text)
                sent |= fresh
                quiet = 0 if fresh else quiet + 1
                if quiet >= HEARTBEAT:
                    quiet = 0
                    await response.write(b": still here\n\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), LOOK)
                    await asyncio.sleep(GATHER)
        finally:
            state.watchers.discard(told)

    def _hello(self, name: str) -> Json:
        stage, me = self._theatre.stage, self._theatre.person(name)
        return {
            "boot": self._boot, "me": me.id, "words": stage.words(me.user.locale),
            "hints": stage.hints(me.user.locale), "languages": stage.languages, **cast(self._theatre, stage.cast),
        }  # fmt: skip


def _asset(name: str) -> web.Response:
    """A file of the page; only names that are really there are served."""
    folder = files("slack_workspace").joinpath("page")
    found = next((one for one in folder.iterdir() if one.name == name), None)
    kind = KINDS.get(f".{name.rsplit('.', 1)[-1]}")
    if found is None or kind is None:
        raise web.HTTPNotFound
    return web.Response(text=found.read_text(encoding="utf-8"), content_type=kind)


async def _send(response: web.StreamResponse, event: str, text: str) -> None:
    await response.write(f"event: {event}\ndata: {text}\n\n".encode())

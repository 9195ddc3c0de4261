"""One loopback port that speaks HTTP and WebSocket, on a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from slack_workspace.errors import Json, SlackError
from slack_workspace.faults import Fault
from slack_workspace.page_server.control import add_control_routes
from slack_workspace.page_server.guard import add_headers, same_machine
from slack_workspace.page_server.routes import add_page_routes, at_other_names
from slack_workspace.parts import WorkspaceParts
from slack_workspace.state import Call
from slack_workspace.web_api.dispatch import call

T = TypeVar("T")
HOST = "127.0.0.1"
MAX_UPLOAD = 64 * 1024 * 1024


class Server:
    """Starts, stops, and goes down and up again on the same port."""

    def __init__(self, core: WorkspaceParts, people: Any) -> None:
        self.port = 0
        self._core = core
        self._people = people
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="workspace", daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self, port: int) -> None:
        self._thread.start()
        self._core.sockets.loop = self._loop
        self._on_loop(self._listen(port))
        self._core.moved_to(f"http://{HOST}:{self.port}")

    def stop(self) -> None:
        self._on_loop(self._silence())
        self._on_loop(_cancel_the_rest())
        self._core.sockets.loop = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def down(self) -> None:
        """Refuse connections and drop those there are."""
        self._on_loop(self._silence())

    def up(self) -> None:
        if self._runner is None:
            self._on_loop(self._listen(self.port))

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(15)

    async def _listen(self, port: int) -> None:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, HOST, port, reuse_address=True).start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def _silence(self) -> None:
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        for connection in list(self._core.sockets.connections):
            self._core.sockets.cut(connection)
        await runner.cleanup()

    def _application(self) -> web.Application:
        guards: list[Middleware] = [at_other_names(self._people), same_machine]
        application = web.Application(client_max_size=MAX_UPLOAD, middlewares=guards)
        application.on_response_prepare.append(add_headers)
        application.router.add_route("*", "/api/{method}", self._api)
        application.router.add_post("/upload/v1/{file_id}", self._upload)
        application.router.add_get("/files/{file_id}/{name}", self._download)
        application.router.add_post("/response/{token}", self._response_url)
        application.router.add_get("/link/", self._core.sockets.serve)
        add_control_routes(application, self._people)
        add_page_routes(application, self._people)
        return application

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method, args = request.match_info["method"], await _arguments(request)
        fault = self._core.faults.take(method)
        if fault:
            refusal = await self._suffer(request, fault)
            if refusal is not None:
                self._log(method, args)
                return refusal
        wait = self._too_soon(method, args)
        if wait:
            self._log(method, args)
            return _rate_limited(wait)
        token = _token(request, args)
        answer = web.json_response(call(self._core, method, token, args))
        if self._core.scopes is not None and token == self._core.bot_token:
            answer.headers["x-oauth-scopes"] = ",".join(sorted(self._core.scopes))
        if fault and fault.drop_after:
            _cut(request)
        return answer

    async def _suffer(self, request: web.Request, fault: Fault) -> web.Response | None:
        """The planned failure, or None when the call is to be performed all the same."""
        if fault.before:
            await asyncio.sleep(fault.before)
        if fault.drop_before:
            _cut(request)
            return web.Response()
        if fault.status == 429:
            return _rate_limited(fault.retry_after or 1)
        if fault.status:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else None
            return web.Response(status=fault.status, text="upstream trouble", headers=headers)
        return web.json_response({"ok": False, "error": fault.error}) if fault.error else None

    def _log(self, method: str, args: Json) -> None:
        with self._core.state.changed:
            self._core.state.calls.append(Call(method, args, self._core.state.clock()))
            self._core.state.touch()

    def _too_soon(self, method: str, args: Json) -> int | None:
        wait = self._core.faults.over_tier(method)
        if wait or method != "chat.postMessage":
            return wait
        channel = str(args.get("channel"))
        with suppress(SlackError):
            channel = self._core.state.channel(channel).id
        return self._core.faults.too_soon(channel)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        fault = self._core.faults.take("upload")
        refusal = await self._suffer(request, fault) if fault else None
        if refusal is not None:
            return refusal if refusal.status != 200 else web.Response(status=400, text=str(refusal.text))
        taken = self._core.files.receive(request.match_info["file_id"], content)
        if fault and fault.drop_after:
            _cut(request)
        return (
            web.Response(text=f"OK - {len(content)}")
            if taken
            else web.Response(status=400, text="no such upload")
        )

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if _token(request, {}) != self._core.bot_token:
            return web.Response(status=401, text="sign in to see this file")
        try:
            file = self._core.files.get(request.match_info["file_id"])
        except SlackError as refusal:
            return web.json_response(refusal.body(), status=404)
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        body = await _arguments(request)
        fault = self._core.faults.take("response_url")
        refusal = await self._suffer(request, fault) if fault else None
        if refusal is not None:
            return refusal
        self._log("response_url", body)
        try:
            self._core.responses.use(request.match_info["token"], body)
        except SlackError as error:
            return web.json_response(error.body(), status=404 if error.error.endswith("_url") else 400)
        finally:
            self._core.state.touch()
        if fault and fault.drop_after:
            _cut(request)
        return web.Response(text="ok")


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _cut(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()


def _rate_limited(seconds: int) -> web.Response:
    body = {"ok": False, "error": "ratelimited"}
    return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})


def _token(request: web.Request, args: Json) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else args.get("token")


async def _arguments(request: web.Request) -> Json:
    """Query, form and JSON body taken together, as Slack takes them."""
    args: Json = dict(request.query)
    if "json" in request.content_type:
        with suppress(json.JSONDecodeError):
            body = await request.json()
            args |= body if isinstance(body, dict) else {}
    else:
        args |= dict(await request.post())
    return args

"""The Slack end of Socket Mode: connections, envelopes, acknowledgements, re-delivery."""

from __future__ import annotations

import asyncio
import copy
import itertools
import random
import secrets
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMessage, WSMsgType, web

from slack_workspace.errors import Json
from slack_workspace.faults import Faults
from slack_workspace.state import State

MAX_CONNECTIONS = 10
WANTS_PAYLOAD = {"slash_commands", "view_submission", "block_suggestion"}


@dataclass(eq=False)
class Connection:
    """One WebSocket of the bot. A retiring one has been told to leave."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    number: int
    retiring: bool = False
    unacked: set[str] = field(default_factory=set)


@dataclass
class Envelope:
    """A payload on its way, across all its deliveries."""

    kind: str
    payload: Json
    wants_payload: bool
    react: Callable[[Json | None], None] | None = None
    answered: Future[Json | None] = field(default_factory=Future)


class Sockets:
    """Hands each payload to exactly one connection, chosen at random. Lives on the server's loop."""

    def __init__(
        self, state: State, faults: Faults, *, ping_interval: float, rng: random.Random | None
    ) -> None:
        self.connections: list[Connection] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        self.base_url = ""
        self._state = state
        self._faults = faults
        self._ping_interval = ping_interval
        self._rng = rng or random.Random()  # noqa: S311 - load spreading, no secret
        self._tickets: set[str] = set()
        self._waiting: dict[str, Envelope] = {}
        self._numbers = itertools.count(1)

    def issue_url(self) -> str:
        """A WebSocket address that is good for one connection."""
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return f"{self.base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._state.app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket route."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        if len(self.connections) >= MAX_CONNECTIONS:
            await socket.send_json(self._farewell("too_many_websockets"))
            await socket.close()
            return socket
        await self._converse(Connection(socket, request.transport, next(self._numbers)))
        return socket

    async def _converse(self, connection: Connection) -> None:
        with suppress(ConnectionError):
            await connection.socket.send_json(self._hello(len(self.connections) + 1))
            pings = asyncio.ensure_future(self._ping(connection))
            with self._state.changed:
                self.connections.append(connection)
                self._state.touch()
            try:
                async for frame in connection.socket:
                    self._hear(connection, frame)
            finally:
                pings.cancel()
                self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._state.changed:
            if connection in self.connections:
                self.connections.remove(connection)
            self._state.touch()

    def _hello(self, count: int) -> Json:
        return {
            "type": "hello", "num_connections": count, "connection_info": {"app_id": self._state.app_id},
            "debug_info": {"host": "applink-local", "build_number": 1, "approximate_connection_time": 18060},
        }  # fmt: skip

    def _farewell(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}

    async def _ping(self, connection: Connection) -> None:
        with suppress(ConnectionError):
            while True:
                await asyncio.sleep(self._ping_interval)
                await connection.socket.ping(b"Ping from applink-local")

    def _hear(self, connection: Connection, frame: WSMessage) -> None:
        if frame.type is not WSMsgType.TEXT or not frame.data.startswith("{"):
            return
        answer = frame.json()
        envelope_id = str(answer.get("envelope_id"))
        connection.unacked.discard(envelope_id)
        envelope = self._waiting.pop(envelope_id, None)
        if envelope is None:
            return
        if answer.get("payload") and not envelope.wants_payload:
            self._state.violate(envelope.kind, ["this payload's ack carries no payload"])
        if not envelope.answered.done() and envelope.answered.set_running_or_notify_cancel():
            if envelope.react:
                envelope.react(answer.get("payload"))
            envelope.answered.set_result(answer.get("payload"))

    # What follows is called from other threads.

    def deliver(
        self,
        kind: str,
        payload: Json,
        *,
        interaction: str = "",
        react: Callable[[Json | None], None] | None = None,
    ) -> Future[Json | None]:
        """Send once (twice if a fault says so); the future holds the ack's payload.

        `react` gets it first, on the server's thread, before anything that the bot sends after it.
        Cancel the future to stop waiting; an ack that comes later changes nothing.
        """
        wants = bool({kind, interaction} & WANTS_PAYLOAD)
        envelope = Envelope(kind, copy.deepcopy(payload), wants, react)
        delay = self._faults.take_delay()
        copies = 2 if self._faults.take_duplicate(*filter(None, (interaction, kind))) else 1
        for _ in range(copies):
            self._dispatch(envelope, delay)
        return envelope.answered

    def deliver_event(
        self, payload: Json, retry_after: Iterable[float], ack_timeout: float
    ) -> Future[Json | None]:
        """Send an event, again after each delay (seconds) for as long as it is not acknowledged."""
        envelope = Envelope("events_api", copy.deepcopy(payload), wants_payload=False)
        copies = 2 if self._faults.take_duplicate("events_api", payload["event"]["type"]) else 1
        for _ in range(copies):
            self._dispatch(envelope, self._faults.take_delay())
        if self.loop:
            asyncio.run_coroutine_threadsafe(
                self._redeliver(envelope, list(retry_after), ack_timeout), self.loop
            )
        return envelope.answered

    async def _redeliver(self, envelope: Envelope, delays: list[float], ack_timeout: float) -> None:
        for attempt, delay in enumerate(delays, start=1):
            await asyncio.sleep(ack_timeout + delay)
            if envelope.answered.done():
                return
            await self._send(envelope, 0.0, retry_attempt=attempt, retry_reason="timeout")

    def _dispatch(self, envelope: Envelope, delay: float) -> None:
        if self.loop:
            asyncio.run_coroutine_threadsafe(self._send(envelope, delay), self.loop)

    async def _send(self, envelope: Envelope, delay: float, **retry: object) -> None:
        if delay:
            await asyncio.sleep(delay)
        alive = [one for one in self.connections if not one.socket.closed]
        staying = [one for one in alive if not one.retiring] or alive
        if not staying:
            return
        connection = self._rng.choice(staying)
        envelope_id = str(uuid.uuid4())
        self._waiting[envelope_id] = envelope
        connection.unacked.add(envelope_id)
        with suppress(ConnectionError):
            await connection.socket.send_json(
                {
                    "envelope_id": envelope_id, "type": envelope.kind, "payload": envelope.payload,
                    "accepts_response_payload": envelope.wants_payload, **retry,
                }
            )  # fmt: skip

    def disconnect(self, which: str, *, reason: str, abrupt: bool, linger: float) -> None:
        """Ask `all` or `one` of the connections to leave, or cut them off without a close frame (`abrupt`).

        Who is still there `linger` seconds after being asked is closed.
        """
        if self.loop:
            work = self._disconnect(which, reason, abrupt, linger)
            asyncio.run_coroutine_threadsafe(work, self.loop).result(5)

    async def _disconnect(self, which: str, reason: str, abrupt: bool, linger: float) -> None:
        chosen = list(self.connections)
        for connection in chosen if which == "all" else chosen[:1]:
            if abrupt:
                self.cut(connection)
            else:
                connection.retiring = True
                with suppress(ConnectionError):
                    await connection.socket.send_json(self._farewell(reason))
                asyncio.get_running_loop().call_later(linger, self.cut, connection)

    def cut(self, connection: Connection) -> None:
        """Drop the TCP connection; to be called on the loop."""
        self._forget(connection)
        if connection.transport is not None:
            connection.transport.abort()

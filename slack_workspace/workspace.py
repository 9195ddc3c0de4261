"""A Slack workspace on this machine: see `Workspace`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, TypeVar

from slack_workspace.errors import Json
from slack_workspace.faults import Faults
from slack_workspace.page_server.stage import EmptyStage, Stage
from slack_workspace.parts import WorkspaceParts
from slack_workspace.people import User, UserGroup
from slack_workspace.persons.person import Person
from slack_workspace.server import Server
from slack_workspace.state import TRIGGER_SECONDS, Call, State, Violation

T = TypeVar("T")
LOOK_AGAIN = 0.05


class Workspace:
    """Web API, Socket Mode and a web page on one loopback port, with people who use the bot.

        with Workspace() as ws:
            client = WebClient(ws.bot_token, base_url=ws.api_url)
            …
            mina = ws.person("mina")
            mina.command("/kws rent")
            ws.wait_for(lambda: mina.open_view)

    `clock` rules trigger, response_url and message times; acks are timed by the real clock (`ack_timeout`).
    `event_retries` are the pauses before an unacknowledged event is sent again. `scopes` are those that the
    bot token was granted; None: whatever it asks for. A trigger_id lives `trigger_seconds`. `parts` are for
    who has to do what no person can, e.g. send what Slack never would.
    """

    def __init__(
        self,
        *,
        users: Iterable[User] | None = None,
        groups: Iterable[UserGroup] | None = None,
        clock: Callable[[], float] = time.time,
        port: int = 0,
        ack_timeout: float = 3.0,
        event_retries: Iterable[float] = (0.0, 60.0, 300.0),
        ping_interval: float = 10.0,
        rng: random.Random | None = None,
        scopes: Iterable[str] | None = None,
        trigger_seconds: float = TRIGGER_SECONDS,
    ) -> None:
        self.parts = WorkspaceParts(
            users, groups, clock, ack_timeout=ack_timeout, event_retries=event_retries,
            ping_interval=ping_interval, rng=rng, scopes=scopes, trigger_seconds=trigger_seconds,
        )  # fmt: skip
        self._wanted_port = port
        self._server = Server(self.parts, self)
        self._people: dict[str, Person] = {}
        self.faults: Faults = self.parts.faults
        self.state: State = self.parts.state
        self.stage: Stage = EmptyStage()  # what the web page shows beside Slack

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        self._server.start(self._wanted_port)
        return self

    def stop(self) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def api_url(self) -> str:
        """The `base_url` for slack_sdk's WebClient."""
        return f"{self.parts.base_url}/api/"

    @property
    def page_url(self) -> str:
        """The web page, for people."""
        return f"{self.parts.base_url}/"

    @property
    def bot_token(self) -> str:
        return self.parts.bot_token

    @property
    def app_token(self) -> str:
        return self.parts.app_token

    @property
    def revision(self) -> int:
        """Counts every change of the state."""
        return self.state.revision

    @property
    def calls(self) -> list[Call]:
        """The Web API calls so far, failed ones included; `response_url` counts as a method."""
        with self.state.changed:
            return list(self.state.calls)

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def violations(self) -> list[Violation]:
        """Everything the bot sent that Slack would refuse. A good story ends with none."""
        with self.state.changed:
            return list(self.state.violations)

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the bot holds."""
        return len(self.parts.sockets.connections)

    def person(self, name: str) -> Person:
        """The person with that user id or user name; always the same object."""
        with self.state.changed:
            user_id = next((one.id for one in self.state.users.values() if one.name == name), name)
            user = self.state.user(user_id)
            return self._people.setdefault(user.id, Person(self.parts, user))

    def wait_for(self, what: Callable[[], T], timeout: float = 15.0) -> T:
        """Return what `what()` returns as soon as that is true, checked after every change here.

        `what` runs under the workspace's lock: look at people and lists in it, make no calls. For the sake
        of conditions outside the workspace (a database, the bot's own state) it is also looked at twenty
        times a second.

        Raises:
            TimeoutError: If it takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self.state.changed:
            while not (seen := what()):
                left = deadline - time.monotonic()
                if left <= 0:
                    last = [call.method for call in self.state.calls[-5:]]
                    told = f"last calls {last}, violations {self.violations}"
                    raise TimeoutError(f"not seen within {timeout} s; {told}")
                self.state.changed.wait(min(left, LOOK_AGAIN))
            return seen

    def wait_connected(self, count: int = 1, timeout: float = 10.0) -> None:
        """Wait at most `timeout` seconds until the bot has at least `count` sockets."""
        self.wait_for(lambda: self.connections >= count, timeout)

    def deactivate(self, name: str) -> None:
        """The account is closed, as when somebody leaves; the DM and its messages stay."""
        with self.state.changed:
            self.person(name).user.deleted = True
            self.state.touch()

    def add_user(self, user: User) -> Person:
        with self.state.changed:
            self.state.users[user.id] = user
            self.state.touch()
        return self.person(user.id)

    def add_group(self, group: UserGroup) -> None:
        with self.state.changed:
            self.state.groups[group.id] = group
            self.state.touch()

    def invite(self, name: str, channel: str) -> None:
        """Put a user into a channel."""
        with self.state.changed:
            members = self.state.channel(channel).members
            user_id = self.person(name).id
            if user_id not in members:
                members.append(user_id)
            self.state.touch()

    def channel_messages(self, channel: str) -> list[Json]:
        """Everything in a channel (id or #name), newest last."""
        with self.state.changed:
            return [dict(one) for one in self.state.channel(channel).messages]

    def disconnect(
        self,
        which: str = "all",
        *,
        reason: str = "refresh_requested",
        abrupt: bool = False,
        linger: float = 10.0,
    ) -> None:
        """Ask `all` or `one` of the bot's sockets to reconnect, or cut them off without a close frame (`abrupt`).

        A socket that was asked is cut off after `linger` seconds; until then it gets payloads only when
        there is no other.
        """
        self.parts.sockets.disconnect(which, reason=reason, abrupt=abrupt, linger=linger)

    def down(self) -> None:
        """Slack is unreachable: nothing listens on the port, every connection is gone."""
        self._server.down()

    def up(self) -> None:
        """Slack is back, on the same port."""
        self._server.up()

"""The parts that the server, the Web API and the people share."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable

from slack_workspace.faults import Faults
from slack_workspace.files import Files
from slack_workspace.people import User, UserGroup
from slack_workspace.responses import Responses
from slack_workspace.socket_mode import Sockets
from slack_workspace.state import TRIGGER_SECONDS, State
from slack_workspace.views import Views


class WorkspaceParts:
    """State, views, files, response_urls, sockets and faults of one workspace, wired together."""

    def __init__(
        self,
        users: Iterable[User] | None,
        groups: Iterable[UserGroup] | None,
        clock: Callable[[], float],
        *,
        ack_timeout: float,
        event_retries: Iterable[float],
        ping_interval: float,
        rng: random.Random | None,
        scopes: Iterable[str] | None = None,
        trigger_seconds: float = TRIGGER_SECONDS,
    ) -> None:
        self.state = State(clock, trigger_seconds)
        self.state.populate(users, groups)
        self.faults = Faults(clock)
        self.views = Views(self.state)
        self.files = Files(self.state)
        self.responses = Responses(self.state)
        self.sockets = Sockets(self.state, self.faults, ping_interval=ping_interval, rng=rng)
        self.ack_timeout = ack_timeout
        self.event_retries = tuple(event_retries)
        self.bot_token = f"xoxb-{secrets.token_hex(8)}"
        self.app_token = f"xapp-1-{secrets.token_hex(8)}"
        self.scopes = None if scopes is None else frozenset(scopes)
        self.base_url = ""

    def moved_to(self, base_url: str) -> None:
        """The address that upload, download, response and socket URLs begin with."""
        self.base_url = base_url
        self.files.base_url = self.responses.base_url = self.sockets.base_url = base_url

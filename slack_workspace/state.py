"""Everything the workspace remembers, behind one lock; every change wakes those who wait."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from slack_workspace.errors import Json, SlackError
from slack_workspace.people import TEAM_ID, Channel, User, UserGroup, default_channels, default_users

T = TypeVar("T")
TRIGGER_SECONDS = 3.0


@dataclass(frozen=True)
class Call:
    """One Web API call as it arrived."""

    method: str
    args: Json
    at: float


@dataclass(frozen=True)
class Violation:
    """Something the bot sent that Slack would refuse or not show."""

    source: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Ephemeral:
    """A message that one person alone sees, until they reload Slack."""

    user: str
    channel: str
    message: Json


@dataclass(frozen=True)
class Scheduled:
    """A message that is to be posted later."""

    channel: str
    message: Json
    at: float


@dataclass
class Trigger:
    """A trigger_id: who pressed, until when it is good, and from which view they pressed."""

    user: str
    expires: float
    view_id: str | None = None
    used: bool = False


@dataclass
class State:
    """Users, channels, messages and the logs. Hold `changed` to read or write more than one of them."""

    clock: Callable[[], float]
    trigger_seconds: float = TRIGGER_SECONDS
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, UserGroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    ephemerals: list[Ephemeral] = field(default_factory=list)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    scheduled: dict[str, Scheduled] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    team_id: str = TEAM_ID
    team_name: str = "KWS Lab"
    team_domain: str = "kws-lab"
    app_id: str = "A0KWSAPP01"
    bot_user: str = "U0KWSBOT01"
    bot_id: str = "B0KWSBOT01"
    revision: int = 0
    watchers: set[Callable[[], None]] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _last_ts: int = 0

    def populate(self, users: Iterable[User] | None, groups: Iterable[UserGroup] | None) -> None:
        """Fill in the cast; `None` means the default one."""
        bot = User(self.bot_user, "kws", "KWS", is_bot=True, locale="en-US", bot_id=self.bot_id)
        cast = [*(default_users() if users is None else users), bot]
        self.users = {user.id: user for user in cast}
        self.groups = {group.id: group for group in groups or []}
        for channel in default_channels([user.id for user in cast if user.team_id == self.team_id]):
            self.channels[channel.id] = channel

    def touch(self) -> None:
        """Call under the lock after a change: counts it, wakes every waiter and tells the watchers."""
        with self.changed:
            self.revision += 1
            self.changed.notify_all()
            watchers = list(self.watchers)
        for told in watchers:
            told()

    def new_id(self, prefix: str) -> str:
        with self.changed:
            return f"{prefix}0{next(self._numbers):08X}"

    def new_ts(self) -> str:
        """A message time stamp: unique and increasing, whatever the clock does."""
        with self.changed:
            self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        with self.changed:
            trigger_id = f"{int(self.clock() * 1000)}.{next(self._numbers)}.{'kws':0>8}"
            self.triggers[trigger_id] = Trigger(user, self.clock() + self.trigger_seconds, view_id)
            return trigger_id

    def spend_trigger(self, trigger_id: object) -> Trigger:
        """Return the trigger, now used up.

        Raises:
            SlackError: If it is unknown, used, or expired.
        """
        trigger = self.triggers.get(str(trigger_id))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self.clock() > trigger.expires:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def violate(self, source: str, problems: Iterable[str]) -> None:
        with self.changed:
            self.violations.append(Violation(source, tuple(problems)))
            self.touch()

    def user(self, user_id: object) -> User:
        """Return the user by ID.

        Raises:
            SlackError: `user_not_found`.
        """
        user = self.users.get(str(user_id))
        if user is None:
            raise SlackError("user_not_found")
        return user

    def channel(self, channel_id: object) -> Channel:
        """Return the channel by ID or `#name`; a user ID stands for the DM with that user, opened on demand.

        Raises:
            SlackError: `channel_not_found`.
        """
        wanted = str(channel_id or "")
        if wanted in self.users and wanted != self.bot_user:
            return self.dm(wanted)
        for channel in self.channels.values():
            if wanted == channel.id or (channel.name and wanted.lstrip("#") == channel.name):
                return channel
        raise SlackError("channel_not_found")

    def dm(self, user_id: str) -> Channel:
        """The DM between the bot and a person."""
        with self.changed:
            for channel in self.channels.values():
                if channel.user == user_id:
                    return channel
            opened = Channel(self.new_id("D"), user=user_id, members=[user_id, self.bot_user])
            opened.created = int(self.clock())
            self.channels[opened.id] = opened
            self.touch()
            return opened

    def with_ids(self, blocks: list[Json] | None) -> list[Json]:
        """The blocks as Slack keeps them: block and action ids made up where the bot gave none."""
        return [self._with_id(block) for block in blocks or []]

    def _with_id(self, block: Json) -> Json:
        kept = {**block, "block_id": block.get("block_id") or self.new_id("")[-6:]}
        for key in ("element", "accessory"):
            if isinstance(kept.get(key), dict):
                kept[key] = self._with_action_id(kept[key])
        if kept["type"] == "actions":
            kept["elements"] = [self._with_action_id(element) for element in kept["elements"]]
        return kept

    def _with_action_id(self, element: Json) -> Json:
        if element.get("type") == "image" or element.get("action_id"):
            return element
        return {**element, "action_id": self.new_id("")[-6:]}

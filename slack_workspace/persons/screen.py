"""What a person sees: messages, files, the modal on top, the App Home."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from slack_workspace.block_kit.forms import Typed
from slack_workspace.errors import Json, NotOnScreenError
from slack_workspace.parts import WorkspaceParts
from slack_workspace.people import Channel, User
from slack_workspace.views import LiveView


def visible_text(thing: Any) -> str:
    """One per line, all the words that a person reads in a message, a view or some blocks."""
    return "\n".join(_words(thing))


def _words(thing: Any) -> Iterator[str]:
    if isinstance(thing, list):
        for one in thing:
            yield from _words(one)
    elif isinstance(thing, dict):
        for name in ("title", "text", "fields", "elements", "label", "hint", "element", "accessory", "blocks",
                     "placeholder", "options", "description", "initial_option", "files", "submit", "close"):  # fmt: skip
            value = thing.get(name)
            if isinstance(value, str):
                yield value
            elif value is not None:
                yield from _words(value)


class Screen:
    """The reading half of a person. Everything returned is a copy."""

    def __init__(self, core: WorkspaceParts, user: User) -> None:
        self.user = user
        self._core = core
        self._typed_in_messages: dict[str, Typed] = {}

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def open_view(self) -> Json | None:
        """The modal on top: Slack's view object with the person's `state`, and `errors` as shown."""
        with self._core.state.changed:
            live = self._core.views.top(self.id)
            return None if live is None else self._shown(live)

    @property
    def view_stack(self) -> list[Json]:
        """All open modals, the bottom one first."""
        with self._core.state.changed:
            return [self._shown(live) for live in self._core.views.stack(self.id)]

    @property
    def home(self) -> Json | None:
        """The App Home as published to this person."""
        with self._core.state.changed:
            live = self._core.views.home(self.id)
            return None if live is None else self._shown(live)

    def _shown(self, live: LiveView) -> Json:
        return copy.deepcopy(self._core.views.as_slack(live) | {"errors": live.errors})

    def dm(self) -> list[Json]:
        """The messages of my DM with the bot, threads included, newest last."""
        return self.messages(self._core.state.dm(self.id).id)

    def messages(self, channel: str) -> list[Json]:
        with self._core.state.changed:
            found = self._core.state.channel(channel)
            self._require_member(found)
            return copy.deepcopy(found.messages)

    def _require_member(self, channel: Channel) -> None:
        if self.id not in channel.members:
            raise NotOnScreenError(f"{self.user.name} is not in {channel.name or channel.id}")

    def thread(self, ts: str) -> list[Json]:
        """The DM message `ts` and its replies."""
        return [one for one in self.dm() if ts in (one["ts"], one.get("thread_ts"))]

    def ephemeral(self) -> list[Json]:
        """The messages that only I see, newest last."""
        with self._core.state.changed:
            return [copy.deepcopy(one.message) for one in self._core.state.ephemerals if one.user == self.id]

    def files(self) -> list[Json]:
        """The files shared where I am."""
        with self._core.state.changed:
            return [
                self._core.files.as_slack(one)
                for one in self._core.files.all()
                if self._may_see(one.channels)
            ]

    def download(self, file: Json | str) -> bytes:
        """Return the bytes of a file that I may see.

        Raises:
            NotOnScreenError: If I may not.
        """
        with self._core.state.changed:
            found = self._core.files.get(file if isinstance(file, str) else file["id"])
            if not self._may_see(found.channels) or found.content is None:
                raise NotOnScreenError(f"{self.user.name} has no access to {found.id}")
            return found.content

    def _may_see(self, channels: tuple[str, ...]) -> bool:
        return any(self.id in self._core.state.channel(one).members for one in channels)

    def _shown_messages(self) -> list[tuple[Channel, Json]]:
        """Every message on my screen with its channel, newest first."""
        state = self._core.state
        mine = [one for one in state.channels.values() if self.id in one.members]
        found = [(channel, message) for channel in mine for message in channel.messages]
        found += [
            (state.channel(one.channel), one.message) for one in state.ephemerals if one.user == self.id
        ]
        return sorted(found, key=lambda one: float(one[1]["ts"]), reverse=True)

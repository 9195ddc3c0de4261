"""What stands behind the page: the workspace itself knows nothing of the bot, its clock or its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from slack_workspace.errors import Json


class SiteReply(NamedTuple):
    """What a browser gets at another host name of the same port."""

    status: int
    headers: Mapping[str, str]
    body: str


class Stage(Protocol):
    """Fills the page's side panel and its words; the bot's owner gives one to `Workspace.stage`.

    Its methods are called from threads of the server and may take a moment.
    """

    cast: list[str]  # user names that the page can be switched between, the first one first
    languages: list[str]  # codes that the page can be switched between ("ko"); empty: it has one

    def words(self, locale: str) -> Mapping[str, Sequence[str]]:
        """The page's own messages in that Slack locale: English text -> its forms in that language."""

    def hints(self, locale: str) -> list[Json]:
        """What can be typed: `command` ("/kws rent"), `alias` (or ""), `arguments`, `text`."""

    def panel(self) -> Json | None:
        """The side panel as it should be drawn now; None: there is none."""

    def site(self, host: str, languages: str) -> SiteReply | None:
        """What is at that host name besides the page, for that Accept-Language; None: nothing."""

    def act(self, verb: str, arguments: Json) -> None:
        """Something done in the side panel; LookupError or ValueError refuses it."""


class EmptyStage:
    """A workspace alone: no side panel, no hints, English."""

    cast: list[str] = ["mina", "joon", "admin"]  # noqa: RUF012 - read only
    languages: list[str] = []  # noqa: RUF012 - read only

    def words(self, locale: str) -> Mapping[str, Sequence[str]]:
        return {}

    def hints(self, locale: str) -> list[Json]:
        return []

    def panel(self) -> Json | None:
        return None

    def site(self, host: str, languages: str) -> SiteReply | None:
        return None

    def act(self, verb: str, arguments: Json) -> None:
        """Carry out a verb of the panel.

        Raises:
            LookupError: If there is no such verb.
        """
        raise LookupError(verb)

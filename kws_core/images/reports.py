"""What is asked of images, and what became of it on each node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kws_core.errors import ErrorCode, UserError
from kws_core.images.upload import UNDER_WAY

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
LOGIN_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
LONGEST_TITLE = 75  # what an option of Slack's shows
MOST_GB, MOST_MB = 10_000, 1_048_576
DIFFERS, NO_SOURCE, UNSAFE = "differs", "no_source", "unsafe"
BOOT_DIFFERS, PART_LACKS = "boot_differs", "part_lacks"


class NodeImageState(StrEnum):
    """What became of an act on one node."""

    DONE = "done"
    ALREADY = "already"  # there was nothing to do
    LACKS = "lacks"  # there is no such image on it
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImageOutcome:
    """Of one node. ``why`` is a Refusal's value, or uploads' or this module's own word; ``detail`` for the log."""

    state: NodeImageState
    why: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImageReport:
    """What became of an act on every node."""

    name: str
    outcomes: Mapping[str, ImageOutcome] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """Nodes where it failed."""
        return [node for node, outcome in self.outcomes.items() if outcome.state is NodeImageState.FAILED]


class Watch(Protocol):
    """Told how far an image is: ``node`` is empty while it comes to this machine."""

    def __call__(self, name: str, node: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes are there; ``total`` is 0 while it isn't known."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is to be changed; None stays as it is. "" takes a text away."""

    title: str | None = None
    login: str | None = None
    min_disk_gb: int | None = None
    min_ram_mb: int | None = None

    def errors(self) -> dict[str, UserError]:
        """What is wrong with each field, by its name."""
        found: dict[str, UserError] = {}
        if self.title is not None and (len(self.title) > LONGEST_TITLE or not self.title.isprintable()):
            found["title"] = UserError(ErrorCode.IMAGE_TITLE_INVALID, most=LONGEST_TITLE)
        if self.login and not LOGIN_NAME.fullmatch(self.login):
            found["login"] = UserError(ErrorCode.IMAGE_LOGIN_INVALID)
        for field_name, most in (("min_disk_gb", MOST_GB), ("min_ram_mb", MOST_MB)):
            value = getattr(self, field_name)
            if value is not None and not 0 <= value <= most:
                found[field_name] = UserError(ErrorCode.NUMBER_RANGE, least=0, most=most)
        return found

    def check(self) -> None:
        """Check that these changes fit together.

        Raises:
            UserError: With the first that can't be.
        """
        for error in self.errors().values():
            raise error


def check_name(name: str) -> None:
    """Check that an image can have that name.

    Raises:
        UserError: If it can't.
    """
    if not NAME.fullmatch(name) or name.startswith(UNDER_WAY):
        raise UserError(ErrorCode.IMAGE_NAME_INVALID)

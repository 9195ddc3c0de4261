"""What goes wrong in a workspace: Slack's refusals, and a person reaching for what is not on the screen."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class SlackError(Exception):
    """A refusal as Slack words it; becomes `{"ok": false, "error": …}` with the extra fields beside it."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra

    def body(self) -> Json:
        return {"ok": False, "error": self.error, **self.extra}


def invalid_blocks(problems: list[str], error: str) -> SlackError:
    """The refusal of malformed Block Kit, with Slack's list of messages."""
    return SlackError(error, errors=problems, response_metadata={"messages": problems})


class NotOnScreenError(LookupError):
    """The person was asked to use something that they cannot see."""

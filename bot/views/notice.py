"""A modal that only says something."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, PlainTextObject
from slack_sdk.models.views import View


def build(blocks: Sequence[Block]) -> View:
    """The modal; Slack's own button, in the person's language, closes it."""
    return View(type="modal", title=PlainTextObject(text="KWS"), blocks=blocks)

"""Notices who has left the workspace, so that their rentals find a new owner or an end."""

from __future__ import annotations

from bot.directory import Directory
from kws_core.core import Core


def look(core: Core, directory: Directory) -> None:
    """Asks Slack about everybody who has a rental; belongs on a thread that may wait."""
    for owner in core.owners():
        left = directory.has_left(owner)
        if left is not None:
            core.note_departure(owner, left=left)

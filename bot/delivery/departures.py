"""Notices who has left the workspace, so that their rentals find a new owner or an end."""

from __future__ import annotations

from datetime import timedelta

from bot.slack.directory import Directory
from kws_core.rentals.service import Core

EVERY = timedelta(hours=6)


def look(core: Core, directory: Directory) -> None:
    """Asks Slack about everybody who has a rental; belongs on a thread that may wait."""
    if not core.leases.turn("departures", EVERY - timedelta(minutes=1)):
        return  # another process has asked lately
    for owner in core.owners():
        left = directory.has_left(owner)
        if left is not None:
            core.note_departure(owner, left=left)

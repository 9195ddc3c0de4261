"""Notices who has left the workspace, so that their rentals find a new owner or an end."""

from __future__ import annotations

from datetime import timedelta

from bot.slack.directory import Directory
from kws_core.context import Context
from kws_core.rentals.members import Members

EVERY = timedelta(hours=6)


def look(context: Context, directory: Directory) -> None:
    """Ask Slack about everybody who has a rental; belongs on a thread that may wait."""
    if not context.leases.turn("departures", EVERY - timedelta(minutes=1)):
        return  # another process has asked lately
    for owner in Members(context).owners():
        left = directory.has_left(owner)
        if left is not None:
            Members(context).note_departure(owner, left=left)

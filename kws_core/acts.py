"""What admins did, by name, into the log."""

from __future__ import annotations

import logging

log = logging.getLogger("kws.audit")


def note_act(actor: str, what: str, **data: object) -> None:
    """``actor`` is a Slack user id, or ``cli:`` and the name of a user of this machine."""
    details = " ".join(f"{key}={value!r}" for key, value in data.items())
    log.info("%s: %s %s", actor, what, details)

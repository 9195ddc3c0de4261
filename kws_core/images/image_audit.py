"""What admins did to images, into the audit trail and the log."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from kws_core.context import Context
from kws_core.database import audit_log

log = logging.getLogger("kws.audit")


class By(NamedTuple):
    """Who asks, and where: a Slack user id, or ``cli:`` and the name of a user of this machine."""

    actor: str
    where: str


def note(context: Context, by: By, what: str, **data: Any) -> None:
    """One line of the trail, when the act is done or has failed."""
    log.info("%s: %s %s", by.actor, what, " ".join(f"{key}={value!r}" for key, value in data.items()))
    with context.store.write() as session:
        audit_log.note_act(session, by.actor, what, by.where, context.now(), **data)

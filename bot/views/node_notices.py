"""What the admins are told of nodes."""

from __future__ import annotations

from datetime import datetime

from bot.text.i18n import N_, Texts, code, slack_time
from bot.views.event_lines import REFUSALS
from kws_core.tables.details.alerts import NodeDownAlert, NodeMissedAlert, NodeResumedAlert, NodeUpAlert


def missed(alert: NodeMissedAlert, texts: Texts) -> str:
    """A node is not in nodes.toml although rentals are on it."""
    return texts(
        N_(
            ":ghost: {node} is not in nodes.toml any more, but {count} rentals are on it. Nothing looks after them. "
            "Put it back and start KWS again; to empty it, drain it first."
        ),
        node=alert.node,
        count=alert.rentals,
    )


def up(alert: NodeUpAlert, texts: Texts) -> str:
    """A node answers again."""
    return texts(
        N_(":large_green_circle: {node} answers again. It was silent since {since}."),
        node=alert.node,
        since=_moment(alert.since, texts),
    )


def resumed(alert: NodeResumedAlert, texts: Texts) -> str:
    """What became of the machines that had run on a node before its outage."""
    return texts(
        N_(
            ":arrow_forward: {node} is back. Servers that accept logins again: {answering}; that did not start: {failed}."
        ),
        node=alert.node,
        answering=alert.answering,
        failed=alert.failed,
    )


def down(alert: NodeDownAlert, texts: Texts) -> str:
    """A node does not answer, and what follows from it."""
    return texts(
        N_(":red_circle: {node} {why} since {since}. It gets no new rentals until it is back. {hint}"),
        node=alert.node,
        why=texts(REFUSALS.get(alert.why, REFUSALS["down"])),
        since=_moment(alert.since, texts),
        hint=code("/kws admin nodes"),
    )


def _moment(moment: datetime | None, texts: Texts) -> str:
    return slack_time(moment, texts) if moment else "?"

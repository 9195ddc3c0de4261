"""What the admins are told of nodes."""

from __future__ import annotations

from datetime import datetime

from bot.text.i18n import N_, P_, Texts, code, slack_time
from bot.views.event_lines import REFUSALS
from kws_core.tables.details.alerts import NodeDownAlert, NodeMissedAlert, NodeResumedAlert, NodeUpAlert


def missed(alert: NodeMissedAlert, texts: Texts) -> str:
    """A node is not in nodes.toml although rentals are on it."""
    return texts(
        P_(
            ":ghost: {node} was removed from nodes.toml but still has {count} rental. KWS can't manage it. Add the node "
            "again and restart KWS. To empty it, start maintenance first.",
            ":ghost: {node} was removed from nodes.toml but still has {count} rentals. KWS can't manage them. Add the node "
            "again and restart KWS. To empty it, start maintenance first.",
            "count",
        ),
        node=alert.node,
        count=alert.rentals,
    )


def up(alert: NodeUpAlert, texts: Texts) -> str:
    """A node answers again."""
    return texts(
        N_(":large_green_circle: {node} is responding again. It hadn't responded since {since}."),
        node=alert.node,
        since=_moment(alert.since, texts),
    )


def resumed(alert: NodeResumedAlert, texts: Texts) -> str:
    """What became of the machines that had run on a node before its outage."""
    return texts(
        N_(
            ":arrow_forward: {node} is back. Servers running again: {answering}. Servers that didn't start: {failed}."
        ),
        node=alert.node,
        answering=alert.answering,
        failed=alert.failed,
    )


def down(alert: NodeDownAlert, texts: Texts) -> str:
    """A node does not answer, and what follows from it."""
    return texts(
        N_(
            ":red_circle: {node} has been unavailable since {since}: {why}. It won't get new rentals. See {hint}"
        ),
        node=alert.node,
        why=texts(REFUSALS.get(alert.why, REFUSALS["down"])),
        since=_moment(alert.since, texts),
        hint=code("/kws admin nodes"),
    )


def _moment(moment: datetime | None, texts: Texts) -> str:
    return slack_time(moment, texts) if moment else "?"

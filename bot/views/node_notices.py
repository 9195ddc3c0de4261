"""What the admins are told of nodes."""

from __future__ import annotations

from datetime import datetime

from bot.text.i18n import N_, Texts, code, slack_time
from bot.views.event_lines import REFUSALS
from kws_core.tables.alert import AdminAlert, AlertKind

KINDS = frozenset({AlertKind.NODE_DOWN, AlertKind.NODE_UP, AlertKind.NODE_MISSED})


def text(notice: AdminAlert, texts: Texts) -> str:
    """One sentence, and what follows from it."""
    data = notice.data
    if notice.kind == AlertKind.NODE_MISSED:
        return texts(
            N_(
                ":ghost: {node} is not in nodes.toml any more, but {count} rentals are on it. Nothing looks after them. "
                "Put it back and start KWS again; to empty it, drain it first."
            ),
            node=data["node"],
            count=data["rentals"],
        )
    since = slack_time(datetime.fromisoformat(data["since"]), texts)
    if notice.kind == AlertKind.NODE_UP:
        return texts(
            N_(":large_green_circle: {node} answers again. It was silent since {since}."),
            node=data["node"],
            since=since,
        )
    return texts(
        N_(":red_circle: {node} {why} since {since}. It gets no new rentals until it is back. {hint}"),
        node=data["node"],
        why=texts(REFUSALS.get(data["why"], REFUSALS["down"])),
        since=since,
        hint=code("/kws admin nodes"),
    )

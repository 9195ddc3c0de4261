"""What the admins are told: one row each, written with what it is about, delivered by the bot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kws_core import store
from kws_core.core import Core
from kws_core.records import Notice

RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(minutes=10)


class NoticeKind(StrEnum):
    """What a notice is about; its ``data`` is listed behind each."""

    NIGHT = "night"  # day, ended, stopped, waiting, stuck: names, or mappings with name, owner, node, why
    UNREACHABLE = "unreachable"  # rental, name, owner, why
    DEPARTED = "departed"  # person
    LEAKS = "leaks"  # node, marks, deleted (bool)


def tell_admins(session: Session, kind: NoticeKind, key: str, now: datetime, **data: object) -> None:
    """Writes a notice unless one with that key was ever written."""
    values = {"key": f"{kind}:{key}", "kind": kind.value, "at": now, "data": data, "reached": {}, "tries": 0}
    store.insert_once(session, Notice, values)


class NoticeBox:
    """The deliverer's side."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def due(self) -> Sequence[Notice]:
        """Notices to be delivered now, oldest first."""
        now = self.core.now()
        query = select(Notice).where(
            Notice.delivered_at.is_(None), or_(Notice.next_try_at.is_(None), Notice.next_try_at <= now)
        )
        with self.core.store.read() as session:
            return session.scalars(query.order_by(Notice.id)).all()

    def note(self, notice_id: int, target: str, reached: str) -> None:
        """How far it has got with one channel or person: about to be posted, or its ts."""
        with self.core.store.write() as session:
            notice = session.get_one(Notice, notice_id, with_for_update=True)
            notice.reached = {**notice.reached, target: reached}

    def delivered(self, notice_id: int) -> None:
        """Everybody has it."""
        with self.core.store.write() as session:
            session.get_one(Notice, notice_id).delivered_at = self.core.now()

    def postpone(self, notice_id: int, wait: timedelta | None = None) -> None:
        """Slack did not take it: again after ``wait``, else after ever longer pauses."""
        with self.core.store.write() as session:
            notice = session.get_one(Notice, notice_id)
            notice.tries += 1
            pause = wait or min(RETRY_MOST, RETRY_FIRST * 2 ** min(notice.tries - 1, 10))
            notice.next_try_at = self.core.now() + pause

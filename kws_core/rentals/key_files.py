"""Files with private keys in DMs: which are to be removed there, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, or_, select

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import KeyFileRemoved
from kws_core.tables.saved_key import KeyFile

MOST = 10  # at a time
RETRY_FIRST = timedelta(seconds=30)
RETRY_MOST = timedelta(hours=6)


class KeyFiles:
    """One method is one transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def saved(self, who: Actor, rental_id: str) -> bool:
        """Note that the person has saved the key, so that its files may be removed. False if there are none.

        Nobody else may say so, not even an admin: it would take a key from its owner.

        Raises:
            UserError: If the rental isn't theirs.
        """
        now = self.context.now()
        theirs = (KeyFile.rental_id == rental_id, KeyFile.owner == who.id)
        with self.context.store.write() as session:
            files = session.scalars(select(KeyFile).where(*theirs).with_for_update()).all()
            rental = queries.rental(session, rental_id)
            if not files and (rental is None or rental.owner != who.id):
                raise UserError(ErrorCode.RENTAL_GONE)
            there = [file for file in files if file.removed_at is None]
            for file in there:
                file.saved_at, file.next_try_at = file.saved_at or now, None
        return bool(there)

    def due(self) -> Sequence[KeyFile]:
        """What is to be removed now, the oldest first."""
        now = self.context.now()
        old = now - timedelta(days=self.context.config.policy.key_file_days)
        wanted = or_(KeyFile.saved_at.is_not(None), KeyFile.sent_at <= old)
        tried = or_(KeyFile.next_try_at.is_(None), KeyFile.next_try_at <= now)
        query = select(KeyFile).where(and_(KeyFile.removed_at.is_(None), wanted, tried))
        with self.context.store.read() as session:
            return session.scalars(query.order_by(KeyFile.sent_at).limit(MOST)).all()

    def removed(self, file_id: str) -> None:
        """Slack has it no more: the card and the audit trail say so."""
        with self.context.store.write() as session:
            file = session.get(KeyFile, file_id, with_for_update=True)
            if file is None or file.removed_at is not None:
                return
            file.removed_at = self.context.now()
            rental = queries.rental(session, file.rental_id, lock=True)
            if rental is not None:
                saved = file.saved_at is not None
                actor = file.owner if saved else SYSTEM
                rental.record(KeyFileRemoved(saved), self.context.now(), actor=actor)
        self.context.mail.set()

    def later(self, file_id: str) -> None:
        """Slack did not remove it: again after ever longer pauses."""
        with self.context.store.write() as session:
            file = session.get(KeyFile, file_id, with_for_update=True)
            if file is not None:
                pause = min(RETRY_MOST, RETRY_FIRST * 2 ** min(file.tries, 10))
                file.tries, file.next_try_at = file.tries + 1, self.context.now() + pause

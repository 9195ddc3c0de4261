"""Which copies of images are under way in which process, so that those of a dead one can be said to have ended."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from sqlalchemy import delete, select, update

from kws_core.context import Context
from kws_core.database.audit_log import note_act
from kws_core.images.image_audit import By
from kws_core.tables.image_sync import ImageSync
from kws_core.tables.replica import Replica

SYNC = "image-sync:"  # the lease on telling that one has broken off, by its id


class ImageSyncs:
    """The rows. Each is there before its message is, and goes after the message's last edit."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def begin(self, by: By, wanted: str, channel: str) -> int:
        """A message about it is about to be posted to that channel; the copy's id."""
        row = ImageSync(
            who=self.context.who,
            person=by.actor,
            where=by.where,
            wanted=wanted,
            channel=channel,
            begun_at=self.context.now(),
        )
        with self.context.store.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def posted(self, sync_id: int, ts: str) -> None:
        """Where its message is."""
        with self.context.store.write() as session:
            session.execute(update(ImageSync).where(ImageSync.id == sync_id).values(ts=ts))

    def told(self, sync_id: int) -> None:
        """Its message says how it ended."""
        with self.context.store.write() as session:
            session.execute(delete(ImageSync).where(ImageSync.id == sync_id))

    def broken_off(self) -> Sequence[ImageSync]:
        """Those whose process lives no more."""
        query = select(ImageSync).where(ImageSync.who != self.context.who)
        if not self.context.store.single_process:
            query = query.where(ImageSync.who.not_in(select(Replica.who)))
        with self.context.store.read() as session:
            return session.scalars(query.order_by(ImageSync.id)).all()

    def acquire(self, sync: ImageSync) -> AbstractContextManager[bool]:
        """For the length of the block nobody else tells of its end; False: somebody does already."""
        return self.context.leases.acquire(f"{SYNC}{sync.id}")

    def over(self, sync: ImageSync) -> None:
        """Its message says that it has broken off. The audit trail as well: what was done then is in no report."""
        with self.context.store.write() as session:
            gone = delete(ImageSync).where(ImageSync.id == sync.id).returning(ImageSync.id)
            if session.execute(gone).first() is not None:
                data = {"name": sync.wanted, "broken_off": True}
                note_act(session, sync.person, "image.sync", sync.where, self.context.now(), **data)

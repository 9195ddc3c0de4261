"""What the person still has to be told, and what is known of the telling.

Every event of a rental is undelivered until the notifier says otherwise. Before each call to Slack whose
effect would be visible, the intent is committed here; after a crash the notifier then looks in Slack
before it says anything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.database.leases import free
from kws_core.rentals import key_rotation, reset
from kws_core.rentals.lifecycle import end
from kws_core.tables.base import table_of
from kws_core.tables.details.alerts import UnreachableAlert
from kws_core.tables.details.events import Failed, KeyDropped, KeySent, ResetFailed
from kws_core.tables.event import Event
from kws_core.tables.person import Person
from kws_core.tables.rental import Rental
from kws_core.tables.saved_key import KeyFile
from kws_core.tables.states import Access, PlacementState, Reason, Status

MAIL = "mail:"  # the lease on telling a rental's owner, by rental id
RETRY_FIRST = timedelta(seconds=2)
RETRY_MOST = timedelta(minutes=5)
MOST = 200  # at once

# asked every second: put together once
_RENTALS, _EVENTS = table_of(Rental), table_of(Event)
_DUE = (
    select(_EVENTS.c.rental_id)
    .where(
        _EVENTS.c.delivered_at.is_(None),
        or_(_EVENTS.c.next_try_at.is_(None), _EVENTS.c.next_try_at <= bindparam("now")),
        free(MAIL + _EVENTS.c.rental_id),
    )
    .group_by(_EVENTS.c.rental_id)
    .order_by(func.min(_EVENTS.c.id))
    .limit(MOST)
)
_THE_RENTAL = update(_RENTALS).where(_RENTALS.c.id == bindparam("rental"))
_KEEP_CHANNEL = _THE_RENTAL.values(dm_channel=bindparam("channel"))
_KEEP_CARD = _THE_RENTAL.values(card_ts=bindparam("card"))
_TRYING = update(_EVENTS).where(_EVENTS.c.id == bindparam("event")).values(tries=_EVENTS.c.tries + 1)
_DELIVERED = (
    update(_EVENTS)
    .where(
        _EVENTS.c.rental_id == bindparam("rental"),
        _EVENTS.c.id <= bindparam("upto"),
        _EVENTS.c.delivered_at.is_(None),
    )
    .values(delivered_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class PendingMessages:
    """A rental with news: its whole history, and which of it the person has not seen."""

    rental: Rental
    events: Sequence[Event]
    person: Person | None

    @property
    def unseen(self) -> list[Event]:
        """Events not delivered yet, oldest first."""
        return [event for event in self.events if event.delivered_at is None]

    @property
    def wants_key(self) -> bool:
        """Whether a generated key still has to reach the owner."""
        rental = self.rental
        renewed = rental.status is Status.READY and rental.rekey is not None
        wanted = renewed or rental.status in (Status.REQUESTED, Status.BUILDING)
        return wanted and rental.access is Access.GENERATED and rental.key_sent_at is None


class Outbox:
    """The notifier's side of the core."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def due(self) -> Sequence[str]:
        """Rentals with something to tell now that nobody else is telling, the longest waiting first."""
        with self.context.store.look() as connection:
            return connection.scalars(_DUE, {"now": self.context.now(), "who": self.context.who}).all()

    def acquire(self, rental_id: str) -> AbstractContextManager[bool]:
        """For the length of the block nobody else tells anything of that rental; False: somebody does already."""
        return self.context.leases.acquire(f"{MAIL}{rental_id}")

    def mail(self, rental_id: str) -> PendingMessages | None:
        """Everything needed to tell it; None when the rental is unknown."""
        with self.context.store.read() as session:
            rental = queries.rental(session, rental_id)
            if rental is None:
                return None
            return PendingMessages(
                rental, queries.history(session, rental_id), queries.person(session, rental.owner)
            )

    def keep_channel(self, rental_id: str, channel: str) -> None:
        """The DM that the card is about to be posted to: from now on it may be there."""
        with self.context.store.write() as session:
            self._still_ours(session, rental_id)
            session.execute(_KEEP_CHANNEL, {"rental": rental_id, "channel": channel})

    def forget_channel(self, rental_id: str) -> None:
        """That DM is no more: the card is posted again where the person is now."""
        with self.context.store.write() as session:
            session.execute(
                update(Rental).where(Rental.id == rental_id).values(dm_channel=None, card_ts=None)
            )

    def keep_card(self, rental_id: str, ts: str) -> None:
        """The card was posted."""
        with self.context.store.write() as session:
            session.execute(_KEEP_CARD, {"rental": rental_id, "card": ts})

    def trying(self, event: Event) -> None:
        """This event's own message is about to be posted: from now on it may be there."""
        with self.context.store.write() as session:
            self._still_ours(session, event.rental_id)
            session.execute(_TRYING, {"event": event.id})

    def posted(self, event_id: int, ts: str) -> None:
        """Where this event's message is: it has buttons to be taken off one day, or the event comes once more."""
        with self.context.store.write() as session:
            session.execute(update(Event).where(Event.id == event_id).values(ts=ts))

    def closed(self, event_id: int) -> None:
        """Its buttons are gone."""
        with self.context.store.write() as session:
            session.execute(update(Event).where(Event.id == event_id).values(ts=None))

    def delivered(self, rental_id: str, upto: int) -> None:
        """The person has seen this rental's events up to that id."""
        with self.context.store.write() as session:
            session.execute(_DELIVERED, {"rental": rental_id, "upto": upto, "now": self.context.now()})

    def postpone(self, rental_id: str, wait: timedelta | None = None) -> None:
        """Slack did not take it: again after ``wait``, otherwise after ever longer pauses."""
        with self.context.store.write() as session:
            events = session.scalars(
                select(Event).where(Event.rental_id == rental_id, Event.delivered_at.is_(None))
            ).all()
            for event in events:
                event.tries += 1
                pause = wait or min(RETRY_MOST, RETRY_FIRST * 2 ** min(event.tries - 1, 10))
                event.next_try_at = self.context.now() + pause

    def _still_ours(self, session: Session, rental_id: str) -> None:
        """LeaseLost when this process was taken for dead meanwhile, and another tells it."""
        self.context.leases.check(session, f"{MAIL}{rental_id}")

    # -- the key

    def offer_key(self, rental_id: str, public: str, fingerprint: str, file_id: str) -> bool:
        """Commit the public half and the file that will carry the private one, before anybody sees it.

        False when the key is no longer wanted.
        """
        with self.context.store.write() as session:
            self._still_ours(session, rental_id)
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or not PendingMessages(rental, (), None).wants_key:
                return False
            rental.public_key, rental.key_fingerprint, rental.key_file = public, fingerprint, file_id
        return True

    def key_sent(self, rental_id: str, file_id: str) -> None:
        """Slack has confirmed the file: the server may be made."""
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or rental.key_file != file_id or rental.key_sent_at is not None:
                return
            rental.key_sent_at = self.context.now()
            rental.record(KeySent(rental.key_fingerprint), self.context.now())
            if rental.dm_channel and rental.card_ts:
                session.add(_key_file(rental, file_id, self.context.now()))
            for placement in rental.placements:
                if placement.state is PlacementState.ACTIVE:
                    placement.next_check_at = self.context.now()
        self.context.work.set()

    def unreachable(self, rental_id: str, why: str, *, tell: bool = True) -> None:
        """Slack says that this person can't get a DM: the admins are told (``tell``), and all goes on without.

        A rental whose first key can't be delivered ends; one that runs only gets no new key.
        """
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None:
                return
            now = self.context.now()
            if rental.live and not rental.key_settled:
                end(rental, Failed(Reason.NO_KEY, why=why), now)
            elif rental.rekey is not None and rental.key_sent_at is None:
                key_rotation.drop(rental, KeyDropped(why=why), now)
                if rental.reset_at is not None:
                    reset.drop(rental, ResetFailed(why=why), now)
            session.flush()
            session.execute(
                update(Event)
                .where(Event.rental_id == rental_id, Event.delivered_at.is_(None))
                .values(delivered_at=now, undeliverable=True)
            )
            if tell:
                told = UnreachableAlert(rental=rental.id, name=rental.name, owner=rental.owner, why=why)
                alert_admins(session, told, f"{rental.id}:{rental.owner}", now)
        self.context.work.set()


def _key_file(rental: Rental, file_id: str, now: datetime) -> KeyFile:
    channel, thread = rental.dm_channel or "", rental.card_ts or ""
    return KeyFile(
        id=file_id,
        rental_id=rental.id,
        owner=rental.owner,
        channel=channel,
        thread=thread,
        sent_at=now,
        tries=0,
    )

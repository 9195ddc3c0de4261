"""What people do with the end of a rental: extend it, restore it, hand the rental to somebody else."""

from __future__ import annotations

from datetime import date

from sqlalchemy import update
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_decided, check_in_place, check_settled
from kws_core.scheduling.waiting_list import Promised, WaitingList
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import Extended, Restored, Transferred
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import ON_DISK, Status


class Extensions:
    """One method is one use case is one transaction; every act is in the audit trail."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def extend(
        self,
        who: Actor,
        rental_id: str,
        until: date | None,
        *,
        via: str,
        note: str | None = None,
        over_promises: bool = False,
        beyond_policy: bool = False,
    ) -> Rental:
        """Extend the rental to that date; asking twice for the same date changes nothing.

        A stopped one is restored by it. UserError when the policy does not allow the date, or it is no
        later than now. ``via`` says in the audit trail where it was asked for. An admin who gives a reason
        (``note``) may go beyond the policy; the owner is told the reason. With ``over_promises`` that admin takes
        room that is promised to others from a later day on: they then wait for other room. ``beyond_policy``: an
        admin was asked for it, and gives no reason.

        Raises:
            UserError: If it has ended, the date is earlier, or someone who isn't an admin goes beyond the
                policy.
        """
        beyond_policy = beyond_policy or note is not None
        if beyond_policy and not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with queries.capacity_turn(self.context.store, first=True) as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.live:
                raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
            check_in_place(rental)
            check_decided(rental)
            until = self.context.expiry.choices.check_last_day(
                until, self.context.today(), beyond_policy=beyond_policy
            )
            if until < rental.ends_on:
                raise UserError(ErrorCode.END_NOT_LATER, name=rental.name, day=rental.ends_on)
            if until > rental.ends_on:
                self._check_promises(session, rental, until, anyway=over_promises and note is not None)
                self._lengthen(rental, until, who, via, note)
        self.context.work.set()
        self.context.mail.set()
        return rental

    def limit(self, who: Actor, rental_id: str) -> date | None:
        """The last day to which promises to others let it be extended; None where they don't matter."""
        latest = self.context.expiry.choices.latest(self.context.today())
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
            book = self._book(session)
            day = book.longest_of(rental, latest) if book.promised else latest
        return day if day < latest else None

    def hit(self, who: Actor, rental_id: str, until: date) -> list[Promised]:
        """Whose first days it takes if it lasts to that day; for admins.

        Raises:
            UserError: If the actor isn't an admin.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
            return self._book(session).extend(rental, until)  # where others are kept then isn't committed

    def restore(self, who: Actor, rental_id: str, *, via: str = "restore", note: str | None = None) -> Rental:
        """Restore an expired rental within its grace period, for a week.

        Raises:
            UserError: If it hasn't expired, or has ended.
        """
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
        if rental.status is not Status.STOPPED:
            raise UserError(
                ErrorCode.NOT_STOPPED if rental.live else ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name
            )
        until = self.context.expiry.choices.restored_until(self.context.today())
        return self.extend(who, rental_id, until, via=via, note=note)

    def transfer(
        self, who: Actor, rental_id: str, to: str, *, via: str = "notice", note: str | None = None
    ) -> Rental:
        """Transfer the rental, and the copies of it, to another person, who gets a card; it keeps its end date.

        Raises:
            UserError: If the actor isn't an admin, or the rental has ended.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.write() as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.live:
                raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
            check_settled(rental)
            if rental.owner != to:
                self._hand_over(rental, who, to, via, note)
                session.flush()
                told = update(Event).where(Event.rental_id == rental.id)
                session.execute(told.values(ts=None, key=None))  # the new owner was warned of nothing yet
                kept = update(Copy).where(Copy.rental_id == rental.id, Copy.state.in_(ON_DISK))
                session.execute(kept.values(owner=to))  # whom the messages about them reach
        self.context.mail.set()
        return rental

    def _check_promises(self, session: Session, rental: Rental, until: date, *, anyway: bool) -> None:
        """Check that no first day is lost by it, and write down where promises are kept now.

        Raises:
            UserError: If it takes what is promised, with the day until which it doesn't.
        """
        book = self._book(session)
        hit = book.extend(rental, until)
        if hit and not anyway:
            latest = book.longest_of(rental, until)
            raise UserError(
                ErrorCode.PROMISED, name=rental.name, latest=latest, ends_on=rental.ends_on, hit=hit
            )

    def _book(self, session: Session) -> WaitingList:
        return WaitingList(session, self.context.config, self.context.expiry, self.context.now())

    def _lengthen(self, rental: Rental, until: date, who: Actor, via: str, note: str | None) -> None:
        now, was = self.context.now(), rental.ends_on
        rental.ends_on, rental.end_set_at = until, now
        if rental.status is not Status.STOPPED:
            rental.record(Extended(until=until, was=was, via=via, note=note), now, actor=who.id)
            return
        rental.stopped_at, rental.to_start = None, not rental.switched_off
        restored = Restored(until=until, was=was, via=via, note=note)
        rental.move_to(Status.READY, now, event=restored, actor=who.id)
        if rental.placement:
            rental.placement.next_check_at = now
            rental.placement.powered_off = True  # the card says "ready" when it is again
            rental.placement.act_at = now if rental.to_start else None

    def _hand_over(self, rental: Rental, who: Actor, to: str, via: str, note: str | None) -> None:
        transferred = Transferred(
            to=to, was=rental.owner, channel=rental.dm_channel, card=rental.card_ts, via=via, note=note
        )
        rental.record(transferred, self.context.now(), actor=who.id)
        rental.owner, rental.dm_channel, rental.card_ts = to, None, None
        rental.key_file = None  # the private key is in the other person's messages

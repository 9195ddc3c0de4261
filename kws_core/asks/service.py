"""What people ask the admins for, and what becomes of it. One method is one transaction, or says so.

A wish to rent is a rental that waits for the answer (ASKED). Approved, it waits for room like any other. The wish to
extend or to resize is about a rental that there is: what was approved is kept first, and then done; where that can't
be done at once, it is tried again for a week.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import job_ledger, queries
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_decided, check_in_place
from kws_core.rentals.admission import too_large, too_small
from kws_core.rentals.asks import (
    beyond_policy,
    check_length,
    check_reason,
    open_ask,
    retell_admins,
    tell_admins,
    undecided,
    within,
)
from kws_core.rentals.extension import Extensions
from kws_core.rentals.lifecycle import end
from kws_core.rentals.quota import beyond_quota
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import largest
from kws_core.scheduling.waiters import request_of
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.details.ask_events import (
    AskApproved,
    AskDeclined,
    AskDelayed,
    AskFailed,
    AskMade,
    AskUnanswered,
)
from kws_core.tables.details.asks import Allowance, AskedFor
from kws_core.tables.details.events import WaitLapsed
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import AskDecision, AskKind, Reason, Status
from kws_core.values import Size

log = logging.getLogger(__name__)

UNANSWERED = timedelta(hours=48)  # then the person reads that nobody has answered
TRIED = timedelta(days=7)  # how long KWS tries to do what was approved
VIA = "ask"  # where an extension or a move comes from that was approved
QUOTAS = frozenset({ErrorCode.QUOTA_RENTALS, ErrorCode.QUOTA_VCPUS, ErrorCode.QUOTA_RAM_MB})


class Asks:
    """Ask, decide, remind."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.extensions = Extensions(context)
        self.moves = Moves(context)
        self.waiting = Waiting(context)

    # -- asking

    def extend(
        self, who: Actor, rental_id: str, until: date | None, reason: str | None, *, via: str
    ) -> Ask | None:
        """Extend the rental; with a ``reason``, ask the admins if the policy doesn't allow the date.

        Returns:
            The request; None if it was extended.

        Raises:
            UserError: If it can't be extended, or be asked for.
        """
        try:
            self.extensions.extend(who, rental_id, until, via=via)
        except UserError as error:
            if error.code is not ErrorCode.END_LATE or until is None or reason is None:
                raise
            late = error
        else:
            return None
        today = self.context.today()
        self.context.expiry.choices.check_last_day(until, today, beyond_policy=True)
        with self.context.store.write() as session:
            rental = self._mine(session, who, rental_id)
            had = Allowance(rental.ends_on)
            asked = AskedFor(Allowance(until), had, (beyond_policy(late, until, today),))
            ask = self._ask(session, rental, AskKind.EXTEND, asked, reason, who, via)
        return self._asked(ask)

    def resize(self, who: Actor, rental_id: str, size: Size, reason: str | None, *, via: str) -> Ask | None:
        """Start the change of size; with a ``reason``, ask the admins if the policy doesn't allow the size.

        Returns:
            The request; None if the change was started.

        Raises:
            UserError: If the size can't be changed, or be asked for.
        """
        try:
            self.moves.start(who, rental_id, size=size, via=via)
        except UserError as error:
            if error.code not in QUOTAS or reason is None:
                raise
        else:
            return None
        self._check_possible(who, rental_id, size)
        with self.context.store.write() as session:
            rental = self._mine(session, who, rental_id)
            policy, today = self.context.config.policy, self.context.today()
            errors = beyond_quota(session, policy, rental.owner, size, instead_of=rental.id)
            beyond = tuple(beyond_policy(error, None, today) for error in errors)
            had = Allowance.of(size=rental.wanted_size)
            asked = AskedFor(Allowance.of(size=size), had, beyond)
            ask = self._ask(session, rental, AskKind.RESIZE, asked, reason, who, via)
        return self._asked(ask)

    def again(self, who: Actor, ask_id: int, *, via: str) -> Ask:
        """Ask the admins once more, after nobody has answered for long.

        Raises:
            UserError: If it was decided, or they were asked lately.
        """
        with self.context.store.write() as session:
            ask = self._locked(session, ask_id)
            if ask is not None:
                allowed(ask.rental, who)
            ask = self._undecided(session, ask)
            if ask.unanswered_told_at is None:
                raise UserError(ErrorCode.ASK_OPEN, name=ask.rental.name)
            ask.reminders += 1
            ask.reminded_at, ask.unanswered_told_at = self.context.now(), None
            wanted = ask.asked.wanted
            again = AskMade(ask.what, ask.reason, wanted.until, wanted.size, again=True, via=via)
            ask.rental.record(again, self.context.now(), actor=who.id)
            tell_admins(session, ask, capacity.rooms(session, self.context.config), self.context.now())
        self.context.mail.set()
        return ask

    def open(self) -> Sequence[Ask]:
        """Those that wait for an answer, the oldest first (for admins: the caller checks)."""
        with self.context.store.read() as session:
            return undecided(session)

    def ask(self, who: Actor, ask_id: int) -> Ask:
        """Return a request that is still to be decided.

        Raises:
            UserError: If the actor isn't an admin, or it was decided.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.read() as session:
            return self._undecided(session, session.get(Ask, ask_id))

    # -- deciding

    def approve(
        self, who: Actor, ask_id: int, less: Allowance | None = None, *, note: str | None = None, via: str
    ) -> Ask:
        """Allow what was asked for, or ``less`` than that; then it is done, by transactions of its own.

        Raises:
            UserError: If the actor isn't an admin, another one was first, or it isn't possible any longer.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        check_length(note)
        now = self.context.now()
        with queries.capacity_turn(self.context.store) as session:
            ask = self._undecided(session, self._locked(session, ask_id))
            self._check_owner(session, ask)
            granted = self._granted(session, ask, less)
            decision = AskDecision.LESS if less else AskDecision.APPROVED
            self._decide(ask, who.id, decision, note, granted)
            told = AskApproved(ask.what, granted.until, granted.size, bool(less) or None, via=via, note=note)
            if ask.what is AskKind.RENT:
                self._let_wait(session, ask.rental, granted, told, who)
            else:
                ask.expires_at = now + TRIED
                ask.rental.record(told, now, actor=who.id)
            ask.done_at = now if ask.what is AskKind.RENT else None
            retell_admins(session, ask)
        self.waiting.serve() if ask.what is AskKind.RENT else self._use(ask.id)
        self._changed()
        return ask

    def decline(self, who: Actor, ask_id: int, *, note: str | None = None, via: str) -> Ask:
        """Do not allow it. A rental that waited for it ends.

        Raises:
            UserError: If the actor isn't an admin, or another one was first.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        check_length(note)
        now = self.context.now()
        with self.context.store.write() as session:
            ask = self._undecided(session, self._locked(session, ask_id))
            self._decide(ask, who.id, AskDecision.DECLINED, note)
            ask.done_at = now
            told = AskDeclined(ask.what, via=via, note=note)
            if ask.what is AskKind.RENT:
                end(ask.rental, told, now, actor=who.id)
                queries.drop_unused_network(session, ask.rental)
            else:
                ask.rental.record(told, now, actor=who.id)
            retell_admins(session, ask)
        self._changed()
        return ask

    # -- time

    def follow_up(self, now: datetime) -> None:
        """Every minute or so: what is unanswered, of no use any longer, or approved and not done."""
        with self.context.store.read() as session:
            ids = session.scalars(select(Ask.id).where(Ask.done_at.is_(None)).order_by(Ask.id)).all()
        for ask_id in ids:
            try:
                if self._still_to_do(ask_id, now):
                    self._use(ask_id)
            except Exception:
                log.exception("request %d failed", ask_id)

    def _still_to_do(self, ask_id: int, now: datetime) -> bool:
        """Write down what time has made of it; whether it was approved, and is to be done."""
        with self.context.store.write() as session:
            ask = self._locked(session, ask_id)
            if ask is None or ask.done_at is not None:
                return False
            rental = ask.rental
            if _is_over(ask):
                self._close(session, ask)
            elif ask.decision is not None:
                if ask.expires_at is None or now < ask.expires_at:
                    return True
                rental.record(AskFailed(ask.what), now)
                ask.done_at = now
            elif rental.status is Status.ASKED and rental.waits_until < self.context.today():
                end(rental, WaitLapsed(), now)
                queries.drop_unused_network(session, rental)
                self._close(session, ask)
            elif ask.unanswered_told_at is None and now - ask.reminded_at >= UNANSWERED:
                ask.unanswered_told_at = now
                key = f"ask:{ask.id}:{ask.reminders}"
                rental.record(AskUnanswered(ask.id, ask.what), now, key=key)
        return False

    def _use(self, ask_id: int) -> None:
        """Do what was approved; done twice it is done once."""
        with self.context.store.read() as session:
            ask = session.get_one(Ask, ask_id)
        by, allowance = Actor(ask.decided_by or "", admin=True), ask.allowance
        try:
            if ask.what is AskKind.EXTEND:
                self.extensions.extend(by, ask.rental_id, allowance.until, via=VIA, beyond_policy=True)
            else:
                size = allowance.whole_size
                self.moves.start(by, ask.rental_id, size=size, via=VIA, beyond_policy=True)
        except UserError as error:
            if error.code not in (
                ErrorCode.END_NOT_LATER,
                ErrorCode.SIZE_SAME,
            ):  # else somebody did it before
                self._delay(ask_id, error)
                return
        with self.context.store.write() as session:
            session.get_one(Ask, ask_id).done_at = self.context.now()

    def _delay(self, ask_id: int, error: UserError) -> None:
        """It can't be done now: the person reads so, once."""
        with self.context.store.write() as session:
            ask = self._locked(session, ask_id)
            if ask is None or _is_over(ask):
                return
            key = f"ask:{ask.id}:delayed"
            if (ask.rental_id, key) not in job_ledger.told_once(session, [ask.rental_id]):
                late = AskDelayed(ask.what, error.code, ask.expires_at)
                ask.rental.record(late, self.context.now(), key=key)
        log.info("request %d can't be done yet: %s", ask_id, error.code)

    # -- rows

    def _mine(self, session: Session, who: Actor, rental_id: str) -> Rental:
        """The rental, locked, if something can be asked about it."""
        rental = allowed(queries.rental(session, rental_id, lock=True), who)
        if not rental.live:
            raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
        check_in_place(rental)
        check_decided(rental)
        return rental

    def _ask(
        self,
        session: Session,
        rental: Rental,
        what: AskKind,
        asked: AskedFor,
        reason: str,
        who: Actor,
        via: str,
    ) -> Ask:
        """One request about a rental at a time; the same one twice is one."""
        for ask in undecided(session, rental.id):
            if (ask.what, ask.wanted, ask.reason) == (what, asked.to_json(), reason.strip()):
                return ask
            raise FormError({"ask": UserError(ErrorCode.ASK_OPEN, name=rental.name)})
        now, rooms = self.context.now(), capacity.rooms(session, self.context.config)
        auto = within(self.context.config.policy.auto_approve, asked.beyond)
        try:
            reason = check_reason(session, who.id, reason)
        except UserError as error:
            raise FormError({"ask": error}) from None
        ask = open_ask(session, rental, what, asked, reason, who.id, rooms, now, via=via, auto=auto)
        ask.expires_at = now + TRIED if auto else None
        return ask

    def _asked(self, ask: Ask) -> Ask:
        if ask.decision is not None and ask.done_at is None:
            self._use(ask.id)
        self._changed()
        return ask

    def _check_possible(self, who: Actor, rental_id: str, size: Size) -> None:
        """Check that only the policy forbids that size; room may still come.

        Raises:
            UserError: If something else does.
        """
        try:
            self.moves.terms(who, rental_id, size, beyond_policy=True)
        except UserError as error:
            if error.code is not ErrorCode.MOVE_NO_ROOM:
                raise
        with self.context.store.read() as session:
            most = [one for room in capacity.rooms(session, self.context.config) for one in largest(room)]
        if not any(size.within(one) for one in most):
            raise too_large(self.context.config, size, most)

    def _locked(self, session: Session, ask_id: int) -> Ask | None:
        """The request and its rental, both locked; of a server that was moved, it is about the one that it became."""
        session.execute(select(Ask.id).where(Ask.id == ask_id).with_for_update())
        ask = session.get(Ask, ask_id, populate_existing=True)
        if ask is None:
            return None
        rental = queries.rental(session, ask.rental_id, lock=True)
        while rental and rental.reason is Reason.MOVED and rental.replaced_by:
            rental = queries.rental(session, rental.replaced_by, lock=True)
        assert rental
        ask.rental, ask.rental_id = rental, rental.id
        return ask

    def _undecided(self, session: Session, ask: Ask | None) -> Ask:
        """Check that there is something to decide.

        Raises:
            UserError: If there isn't, with who decided.
        """
        if ask is None:
            raise UserError(ErrorCode.BUTTON_STALE)
        if ask.decided_by is not None:
            raise UserError(
                ErrorCode.ASK_DECIDED, person=ask.decided_by, decision=ask.decision, name=ask.rental.name
            )
        if not ask.open or _is_over(ask):
            raise UserError(ErrorCode.ASK_OVER, name=ask.rental.name)
        return ask

    def _check_owner(self, session: Session, ask: Ask) -> None:
        person = queries.person(session, ask.rental.owner)
        if person is not None and person.departed_at is not None:
            raise UserError(ErrorCode.ASK_OWNER_LEFT, person=ask.rental.owner, name=ask.rental.name)

    def _granted(self, session: Session, ask: Ask, less: Allowance | None) -> Allowance:
        """What is allowed, whole.

        Raises:
            UserError: If it is past, or ``less`` isn't less, or too little for the rental.
        """
        wanted, today = ask.asked.wanted, self.context.today()
        granted = wanted if less is None else _merged(less, wanted)
        if granted.until is not None and granted.until < today:
            raise UserError(ErrorCode.END_PAST, today=today)
        if less is not None:
            self._check_less(session, ask, granted, wanted)
        return granted

    def _check_less(self, session: Session, ask: Ask, granted: Allowance, wanted: Allowance) -> None:
        size, most, rental = granted.whole_size, wanted.whole_size, ask.rental
        more = size is not None and most is not None and not size.within(most)
        later = granted.until is not None and wanted.until is not None and granted.until > wanted.until
        if granted == wanted or more or later:
            raise UserError(ErrorCode.ASK_NOT_LESS)
        if ask.what is AskKind.EXTEND and granted.until is not None and granted.until <= rental.ends_on:
            raise UserError(ErrorCode.END_NOT_LATER, name=rental.name, day=rental.ends_on)
        if size is not None and ask.what is AskKind.RESIZE and size.disk_gb < rental.disk_gb:
            raise UserError(ErrorCode.DISK_SHRINKS, size=size.name, disk_gb=rental.disk_gb)
        known = {image.name: image for image in capacity.all_images(session, self.context.config)}
        image = known.get(rental.image)
        if size and image and (size.disk_gb < image.min_disk_gb or size.ram_mb < image.min_ram_mb):
            raise too_small(image)

    def _decide(
        self,
        ask: Ask,
        who: str | None,
        decision: AskDecision,
        note: str | None,
        granted: Allowance | None = None,
    ) -> None:
        ask.decision, ask.decided_by = decision, who
        ask.note, ask.granted = note, None if granted is None else granted.to_json()

    def _close(self, session: Session, ask: Ask) -> None:
        """There is nothing to decide or to do any longer."""
        if ask.decision is None:
            self._decide(ask, None, AskDecision.OVER, None)
            retell_admins(session, ask)
        ask.done_at = self.context.now()

    def _let_wait(
        self, session: Session, rental: Rental, granted: Allowance, told: AskApproved, who: Actor
    ) -> None:
        """From here on it waits for room like any other, or for its first day.

        Raises:
            UserError: If room for that day can't be promised any longer.
        """
        now, size = self.context.now(), granted.whole_size
        if size is not None and granted.until is not None:
            rental.wanted_size = size
            rental.ends_on, rental.end_set_at = granted.until, now
        if rental.starts_on is not None and rental.starts_on <= self.context.today():
            rental.starts_on = None
        if rental.starts_on is not None:
            book = WaitingList(session, self.context.config, self.context.expiry, now)
            rental.planned_node = book.promise(request_of(rental), rental.starts_on, rental.ends_on)
            if rental.planned_node is None:
                raise UserError(ErrorCode.ASK_NOT_FREE, name=rental.name, day=rental.starts_on)
        rental.move_to(Status.WAITING, now, event=told, actor=who.id)

    def _changed(self) -> None:
        self.context.work.set()
        self.context.mail.set()


def _is_over(ask: Ask) -> bool:
    """Whether it is of no use any longer."""
    if ask.what is AskKind.RENT:
        return ask.rental.status is not Status.ASKED
    return not ask.rental.live


def _merged(less: Allowance, wanted: Allowance) -> Allowance:
    """What the admin left out is as it was asked for."""
    return Allowance.of(
        wanted.until if less.until is None else less.until,
        wanted.whole_size if less.size is None else less.whole_size,
    )

"""The service: one method is one use case is one transaction. Asks no node and no Slack."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.forms.ssh_keys import fingerprint as key_fingerprint
from kws_core.people import Actor
from kws_core.rentals.access import allowed
from kws_core.rentals.admission import CUSTOM, RentForm, ValidatedRequest, examine
from kws_core.rentals.asks import open_ask, within
from kws_core.rentals.form_options import FormOptions, FormOptionsReader
from kws_core.rentals.lifecycle import end, place
from kws_core.rentals.web_names import claim, new_site
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import PlacementRequest, choose
from kws_core.scheduling.waiters import anybody_waits
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.base import new_id
from kws_core.tables.details.asks import Allowance, AskedFor
from kws_core.tables.details.events import Requested, Returned, WaitStarted
from kws_core.tables.network import Network
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, AskKind, Reason, Status
from kws_core.values import Kind

FORGET_AFTER = timedelta(days=7)


class RentalService:
    """Request and return rentals; each method is one transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._options = FormOptionsReader(context)

    def offer(self, who: Actor) -> FormOptions:
        """What the form shows to this person, from what the nodes said last.

        Its rentals are as they were when one of them, or anything else in it, was changed last: good for what a form
        says of them, but a rental's state on its node is to be read.
        """
        return self._options.remembered(who.id)

    def request(self, who: Actor, form: RentForm, request_key: str, *, via: str | None = None) -> Rental:
        """Accept the form: the rental is placed and its capacity reserved when this returns.

        ``request_key`` names the form: sent twice it makes one rental. FormError has every field's error.
        ``via`` says in the audit trail where it was asked for, here and everywhere.
        """
        told = self._foresee(who, form, request_key)
        try:
            with self.context.store.write(alone=True, first=True) as session:
                rental = self._request(session, who, form, request_key, via, told)
        except IntegrityError as error:
            rental = self._who_won(form, request_key, error)
        self.context.work.set()
        self.context.mail.set()
        return rental

    def _foresee(self, who: Actor, form: RentForm, request_key: str) -> WaitStarted | None:
        """Where others wait, plan before anything is locked: to say no needs no lock, nor does what is only said.

        Raises:
            FormError: With every field's error.
        """
        with self.context.store.read() as session:
            if not anybody_waits(session) or queries.rental_by_request(session, request_key):
                return None
            return self._decide(session, who, form, queries.node_records(session))[-1]

    def _request(
        self,
        session: Session,
        who: Actor,
        form: RentForm,
        request_key: str,
        via: str | None,
        told: WaitStarted | None,
    ) -> Rental:
        known = queries.node_records(session, lock=True)
        done = queries.rental_by_request(session, request_key)
        if done is not None:
            return done
        book, grant, node, waits = self._decide(session, who, form, known, told)
        now, asks = book.now, self._asks(grant)
        rental = self._new_rental(who, form, grant, request_key)
        if grant.new_network:
            name, cidr = grant.new_network
            rental.network = Network(
                id=new_id(), owner=who.id, name=name, cidr=cidr, created_at=self.context.now()
            )
        session.add(rental)
        self._give_site(session, rental, grant)
        if asks:
            rental.status, rental.planned_node = Status.ASKED, form.node
        elif waits is not None:
            rental.status, rental.planned_node = Status.WAITING, node or form.node
            rental.record(replace(waits, via=via), now, actor=who.id)
        elif node is not None:
            place(rental, node, now)
            rental.record(Requested(node, via=via), now, actor=who.id)
        if grant.beyond:
            self._ask(session, who, rental, form, grant, book, via)
        session.flush()
        return rental

    def _decide(
        self,
        session: Session,
        who: Actor,
        form: RentForm,
        known: capacity.Records,
        told: WaitStarted | None = None,
    ) -> tuple[WaitingList, ValidatedRequest, str | None, WaitStarted | None]:
        """What is granted, and where, or what is to be said while it waits: ``told``, if that is known by now.

        Raises:
            FormError: With every field's error.
        """
        images = {image.name: image for image in capacity.images(session, self.context.config, known)}
        today, now = self.context.today(), self.context.now()
        book = WaitingList(session, self.context.config, self.context.expiry, now, known)
        grant = examine(session, self.context.config, who, form, images, today, now, book.rooms)
        image = grant.image if grant.copy is None else ""
        wish = PlacementRequest(form.kind, image, grant.size, only=form.node)
        wait = form.wait or self._asks(grant)
        return book, grant, *self._room(book, who, replace(form, wait=wait), grant, wish, told)

    def _asks(self, grant: ValidatedRequest) -> bool:
        """Whether an admin is to allow it first."""
        return bool(grant.beyond) and not within(self.context.config.policy.auto_approve, grant.beyond)

    def _ask(
        self,
        session: Session,
        who: Actor,
        rental: Rental,
        form: RentForm,
        grant: ValidatedRequest,
        book: WaitingList,
        via: str | None,
    ) -> None:
        """Write down what goes beyond the policy, for the admins to decide or to read of."""
        asked = AskedFor(Allowance.of(grant.ends_on, grant.size), beyond=grant.beyond, node=form.node)
        auto, now = rental.status is not Status.ASKED, self.context.now()
        ask = open_ask(
            session,
            rental,
            AskKind.RENT,
            asked,
            (form.ask or "").strip(),
            who.id,
            book.rooms,
            now,
            via=via,
            auto=auto,
        )
        ask.done_at = now if auto else None

    def _room(
        self,
        book: WaitingList,
        who: Actor,
        form: RentForm,
        grant: ValidatedRequest,
        wish: PlacementRequest,
        told: WaitStarted | None,
    ) -> tuple[str | None, WaitStarted | None]:
        """The node that has room for it now or from its first day on, or what is to be said while it waits.

        Raises:
            FormError: If there is no room and it isn't to wait.
        """
        if grant.starts_on is not None:
            node = book.promise(wish, grant.starts_on, grant.ends_on)
            if node is None:
                raise FormError({"starts_on": self._not_free(book, grant, wish)})
            return node, WaitStarted(starts_on=grant.starts_on, node=node)
        if told is not None and form.wait and choose(book.rooms, wish).full:
            return None, told
        ruling, slot = book.admit(who.id, wish, grant.ends_on)
        if ruling.node is not None:
            return ruling.node, None
        if not ruling.full:
            raise FormError({"image": UserError(ErrorCode.NO_NODE, reasons=dict(ruling.refused))})
        earliest = book.day_of(slot)
        if not form.wait:
            raise FormError(self._no_room(book, who, grant, wish, earliest))
        return None, WaitStarted(earliest=earliest)

    def _give_site(self, session: Session, rental: Rental, grant: ValidatedRequest) -> None:
        web = self.context.config.web
        rental.site = new_site(rental, web) if web and grant.web else None
        if grant.web:
            claim(session, rental, grant.web)

    def _who_won(self, form: RentForm, request_key: str, error: IntegrityError) -> Rental:
        """Two transactions met (PostgreSQL): the same form twice, or the same name twice."""
        with self.context.store.read() as session:
            rental = queries.rental_by_request(session, request_key)
        if rental is None:
            raise FormError({"name": UserError(ErrorCode.NAME_TAKEN, name=form.name)}) from error
        return rental

    def _not_free(self, book: WaitingList, grant: ValidatedRequest, wish: PlacementRequest) -> UserError:
        assert grant.starts_on
        days = (grant.ends_on - grant.starts_on).days + 1
        most = (self.context.expiry.choices.latest(book.today) - grant.ends_on).days
        following = book.next_first_day(wish, grant.starts_on, days, most)
        return UserError(ErrorCode.NOT_FREE, day=grant.starts_on, size=grant.size.name, following=following)

    def _no_room(
        self,
        book: WaitingList,
        who: Actor,
        grant: ValidatedRequest,
        wish: PlacementRequest,
        earliest: date | None,
    ) -> dict[str, UserError]:
        """Besides that there is none: what would fit now, and when it could begin."""
        smaller = [size for size in self.context.config.all_sizes() if size.within(wish.size)]
        fitting = [
            size.name
            for size in smaller
            if size != wish.size
            and size.disk_gb >= (grant.copy.rental.disk_gb if grant.copy else 0)
            and book.has_room(who.id, replace(wish, size=size), grant.ends_on)
        ]
        error = UserError(
            ErrorCode.NO_ROOM,
            size=grant.size.name,
            rooms=[room for room in book.rooms if room.up and not room.drained],
            earliest=earliest,
            fitting=fitting,
            until=book.longest(who.id, wish, grant.ends_on),
        )
        return {"vcpus" if grant.size.name == CUSTOM else "size": error}

    def _new_rental(self, who: Actor, form: RentForm, grant: ValidatedRequest, request_key: str) -> Rental:
        return Rental(
            id=new_id(),
            request_key=request_key,
            kind=form.kind,
            name=grant.name,
            owner=who.id,
            image=grant.image,
            login=grant.login,
            size=grant.size.name,
            vcpus=grant.size.vcpus,
            ram_mb=grant.size.ram_mb,
            disk_gb=grant.size.disk_gb,
            open_ports=[asdict(ports) for ports in grant.open_ports],
            ends_on=grant.ends_on,
            starts_on=grant.starts_on,
            wait_until=grant.wait_until,
            end_set_at=self.context.now(),
            status=Status.REQUESTED,
            access=Access.NONE if form.kind is Kind.CONTAINER else form.access,
            public_key=grant.public_key,
            key_fingerprint=key_fingerprint(grant.public_key) if grant.public_key else None,
            password_hash=grant.password_hash,
            cloud_init=dict(grant.cloud_init),
            command=list(grant.command),
            environment=dict(grant.environment),
            network_id=grant.network,
            copy_id=grant.copy.id if grant.copy else None,
            old_keys=list(grant.copy.keys) if grant.copy else [],
            pinned=form.node is not None,
            host_keys=[],
            created_at=self.context.now(),
        )

    def return_rental(
        self, who: Actor, rental_id: str, *, via: str | None = None, note: str | None = None
    ) -> Rental:
        """Start the return; done twice it is done once. Finished only when the node shows nothing of it.

        ``via`` says in the audit trail where it was asked for, ``note`` is an admin's reason.
        """
        with self.context.store.write() as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if rental.live:
                reason = Reason.RETURNED if rental.owner == who.id else Reason.ADMIN
                asked = rental.status is Status.ASKED or None
                end(rental, Returned(reason, via, note, asked), self.context.now(), actor=who.id)
                if rental.status is Status.ENDED:  # no node had heard of it
                    queries.drop_unused_network(session, rental)
        self.context.work.set()
        self.context.mail.set()
        return rental

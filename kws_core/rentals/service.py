"""The service: one method is one use case is one transaction. Asks no node and no Slack."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.context import utcnow
from kws_core.database import queries
from kws_core.database.alerts import AlertKind, alert_admins
from kws_core.database.leases import Leases
from kws_core.database.queries import keys_of
from kws_core.database.store import Store
from kws_core.errors import FormError, UserError
from kws_core.expiry import ExpiryPolicy
from kws_core.forms.ssh_keys import fingerprint as key_fingerprint
from kws_core.nodes.values import Image
from kws_core.people import Actor
from kws_core.rentals.admission import CUSTOM, RentForm, ValidatedRequest, examine
from kws_core.rentals.lifecycle import allowed, end, place
from kws_core.scheduling import build_slots, capacity
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.scheduling.placement import NodeCapacity, PlacementDecision, PlacementRequest, choose
from kws_core.tables.base import new_id
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.network import Network
from kws_core.tables.person import Person
from kws_core.tables.rental import Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import Access, Reason, Status
from kws_core.values import Kind, Size

FORGET_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FormOptions:
    """What the form shows."""

    images: Sequence[Image]
    sizes: Sequence[Size]
    rooms: Sequence[NodeCapacity]
    today: date
    default_end: date
    last_end: date
    mine: Sequence[Rental] = field(default_factory=tuple)
    keys: Sequence[SavedKey] = field(default_factory=tuple)
    networks: Sequence[Network] = field(default_factory=tuple)


class Core:
    """Rentals. ``work`` and ``mail`` are set when the reconciler and the notifier have something new.

    ``who`` names this process among those that work on the same database.
    """

    def __init__(self, config: Config, store_: Store, now: Callable[[], datetime] = utcnow) -> None:
        self.config = config
        self.store = store_
        self.now = now
        self.ends = ExpiryPolicy(config)
        self.work = threading.Event()
        self.mail = threading.Event()
        self.who = f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:12]}"
        self.leases = Leases(store_, self.who, now)

    def today(self) -> date:
        """The date in the lab's zone."""
        return self.ends.day_of(self.now())

    def ends_at(self, rental: Rental) -> datetime:
        """The instant a rental is over, in the lab's zone."""
        return self.ends.over_at(rental).astimezone(self.config.kws.zone)

    # -- asking

    def offer(self, who: Actor) -> FormOptions:
        """What the form shows to this person, from what the nodes said last."""
        today, policy = self.today(), self.config.policy
        with self.store.read() as session:
            known = queries.node_records(session)
            return FormOptions(
                images=capacity.images(session, self.config, known),
                sizes=self.config.all_sizes(),
                rooms=capacity.rooms(session, self.config, known),
                today=today,
                default_end=today + timedelta(days=policy.default_days),
                last_end=self.ends.latest(self.now()),
                mine=queries.rentals_of(session, who.id),
                keys=keys_of(session, who.id),
                networks=queries.networks_of(session, who.id),
            )

    def request(self, who: Actor, form: RentForm, request_key: str, *, via: str | None = None) -> Rental:
        """Accepts the form: the rental is placed and its capacity reserved when this returns.

        ``request_key`` names the form: sent twice it makes one rental. FormError has every field's error.
        ``via`` says in the audit trail where it was asked for, here and everywhere.
        """
        try:
            with self.store.write() as session:
                rental = self._request(session, who, form, request_key, via)
        except IntegrityError as error:
            rental = self._who_won(form, request_key, error)
        self.work.set()
        self.mail.set()
        return rental

    def _request(
        self, session: Session, who: Actor, form: RentForm, request_key: str, via: str | None
    ) -> Rental:
        queries.lock_capacity(session)
        done = queries.rental_by_request(session, request_key)
        if done is not None:
            return done
        known = queries.node_records(session)
        images = {image.name: image for image in capacity.images(session, self.config, known)}
        grant = examine(session, self.config, who, form, images, self.today())
        wish = PlacementRequest(form.kind, grant.image, grant.size, only=form.node)
        ruling = choose(capacity.rooms(session, self.config, known), wish)
        if ruling.node is None:
            raise FormError(self._no_room(session, ruling, grant.size))
        rental = self._new_rental(who, form, grant, request_key)
        if grant.new_network:
            name, cidr = grant.new_network
            rental.network = Network(id=new_id(), owner=who.id, name=name, cidr=cidr, created_at=self.now())
        session.add(rental)
        place(rental, ruling.node, self.now())
        rental.record(EventKind.REQUESTED, self.now(), actor=who.id, node=ruling.node, via=via)
        session.flush()
        return rental

    def _who_won(self, form: RentForm, request_key: str, error: IntegrityError) -> Rental:
        """Two transactions met (PostgreSQL): the same form twice, or the same name twice."""
        with self.store.read() as session:
            rental = queries.rental_by_request(session, request_key)
        if rental is None:
            raise FormError({"name": UserError("name_taken", name=form.name)}) from error
        return rental

    def _no_room(self, session: Session, ruling: PlacementDecision, size: Size) -> dict[str, UserError]:
        field_of_size = "vcpus" if size.name == CUSTOM else "size"
        if not ruling.full:
            return {"image": UserError("no_node", reasons=dict(ruling.refused))}
        first = queries.earliest_end(session)
        rooms = [r for r in capacity.rooms(session, self.config) if r.up and not r.drained]
        return {
            field_of_size: UserError(
                "no_room", size=size.name, rooms=rooms, earliest=first.ends_on if first else None
            )
        }

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
            end_set_at=self.now(),
            status=Status.REQUESTED,
            access=Access.NONE if form.kind is Kind.CONTAINER else form.access,
            public_key=grant.public_key,
            key_fingerprint=key_fingerprint(grant.public_key) if grant.public_key else None,
            password_hash=grant.password_hash,
            cloud_init=dict(grant.cloud_init),
            command=list(grant.command),
            environment=dict(grant.environment),
            network_id=grant.network,
            pinned=form.node is not None,
            host_keys=[],
            created_at=self.now(),
        )

    # -- looking

    def my_rentals(self, who: Actor) -> Sequence[Rental]:
        """The person's rentals that are not over."""
        with self.store.read() as session:
            return queries.rentals_of(session, who.id)

    def turns(self, rentals: Iterable[Rental]) -> dict[str, QueuePosition]:
        """By id, the place in the line of those that wait for a build slot (and of others in the same lines)."""
        nodes = {rental.placement.node for rental in rentals if rental.awaits_slot and rental.placement}
        if not nodes:
            return {}
        with self.store.read() as session:
            return build_slots.turns_on(session, self.config, nodes)

    def all_rentals(self) -> Sequence[Rental]:
        """Everybody's rentals that are not over (for admins: the caller checks)."""
        with self.store.read() as session:
            return queries.all_rentals(session)

    def rental(self, who: Actor, rental_id: str) -> Rental:
        """One rental, if this person may see it; UserError otherwise, the same for absent and forbidden."""
        with self.store.read() as session:
            return allowed(queries.rental(session, rental_id), who)

    def rental_named(self, who: Actor, name: str) -> Rental:
        """The person's own rental of that name that is not over."""
        mine = self.my_rentals(who)
        for rental in sorted(mine, key=lambda r: not r.live):
            if rental.name == name:
                return rental
        raise UserError("rental_unknown", name=name, mine=[r.name for r in mine if r.live])

    def history(self, rental_id: str) -> Sequence[Event]:
        """A rental's events, oldest first."""
        with self.store.read() as session:
            return queries.history(session, rental_id)

    def nodes(self) -> list[capacity.NodeStatus]:
        """Every configured node as it was seen last."""
        with self.store.read() as session:
            return capacity.statuses(session, self.config)

    def missed(self) -> dict[str, capacity.AllocatedCapacity]:
        """Nodes that nodes.toml has no more although rentals are on them."""
        with self.store.read() as session:
            return capacity.missed(session, self.config)

    # -- ending

    def return_rental(
        self, who: Actor, rental_id: str, *, via: str | None = None, note: str | None = None
    ) -> Rental:
        """Starts the return; done twice it is done once. Finished only when the node shows nothing of it.

        ``via`` says in the audit trail where it was asked for, ``note`` is an admin's reason.
        """
        with self.store.write() as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if rental.live:
                reason = Reason.RETURNED if rental.owner == who.id else Reason.ADMIN
                how = {"via": via, "note": note}
                end(rental, reason, self.now(), actor=who.id, event=EventKind.RETURNED, **how)
        self.work.set()
        self.mail.set()
        return rental

    # -- people and deliveries

    def person(self, user_id: str) -> Person | None:
        """What is remembered of a person, None when never seen."""
        with self.store.read() as session:
            return queries.person(session, user_id)

    def remember_person(self, user_id: str, *, locale: str | None, guest: bool, stranger: bool) -> Person:
        """Keeps what Slack says of a person."""
        with self.store.write() as session:
            person = self._person(session, user_id)
            person.locale, person.guest, person.stranger = locale, guest, stranger
            person.seen_at = self.now()
        return person

    def _person(self, session: Session, user_id: str) -> Person:
        """Two processes may see a person for the first time at once."""
        queries.insert_once(session, Person, {"id": user_id, "seen_at": self.now()})
        return session.get_one(Person, user_id, with_for_update=True)

    def note_departure(self, user_id: str, *, left: bool) -> None:
        """Keeps whether a person has left the workspace; the admins are told once of each departure."""
        with self.store.write() as session:
            person = self._person(session, user_id)
            if left and person.departed_at is None:
                person.departed_at = self.now()
                key = f"{user_id}:{self.now().isoformat()}"
                alert_admins(session, AlertKind.DEPARTED, key, self.now(), person=user_id)
            elif not left:
                person.departed_at = None
        self.mail.set()

    def owners(self) -> Sequence[str]:
        """Everybody who has a rental."""
        with self.store.read() as session:
            return sorted({rental.owner for rental in queries.all_rentals(session) if rental.live})

    def first_time(self, key: str) -> bool:
        """Whether this Slack delivery has not been acted on before."""
        return queries.first_delivery(self.store, key, self.now())

    def forget_old_deliveries(self) -> None:
        """Keeps the table of deliveries short."""
        with self.store.write() as session:
            queries.forget_deliveries(session, self.now() - FORGET_AFTER)

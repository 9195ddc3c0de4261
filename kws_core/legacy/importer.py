"""Takes the machines of the system that KWS replaces over into rentals, where they run.

Row by row: whose it is and until when are decided, the node is looked at, and only a machine that is
really there, by its name *and* its address, becomes a rental. The rental is committed first and the machine
marked after that; a crash between the two is finished by the next run. Nothing on a node is deleted or
restarted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import NodeError
from kws_core.legacy.source import LegacyRow
from kws_core.nodes.importer import Importer, UntaggedMachine
from kws_core.nodes.values import MachineState
from kws_core.rentals.admission import CUSTOM, NAME
from kws_core.tables.base import new_id
from kws_core.tables.details.events import Adopted
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Status
from kws_core.values import Kind, Size

log = logging.getLogger(__name__)

LOOK_LATER = timedelta(hours=1)  # the loop leaves it alone for so long: it is being marked
USABLE = frozenset({MachineState.ACTIVE, MachineState.STOPPED})
SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,30}")


class Verdict(StrEnum):
    """What becomes of a row."""

    TAKEN = "imported"
    WOULD_TAKE = "would import"  # a dry run
    BEFORE = "already imported"
    NOT_TAKEN = "not imported"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the table does not say. ``owners``: Slack id by the name that was typed; RAM as in nodes.toml."""

    owners: Mapping[str, str]
    others: str | None = None  # whose everything else is
    nodes: Mapping[str, str] = field(default_factory=dict)  # its name in nodes.toml, where that differs
    days: int = 7  # given to those whose end is past or too near

    def owner_of(self, user: str) -> str | None:
        """A Slack id, None when nobody knows whose it is."""
        if SLACK_ID.fullmatch(user):
            return user
        return self.owners.get(user, self.others)

    def node_of(self, node: str) -> str:
        """As in nodes.toml."""
        return self.nodes.get(node, node)


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became, or would become, of a row; ``why`` it was not taken, or what to know of it."""

    row: LegacyRow
    verdict: Verdict
    why: str = ""
    owner: str = ""
    node: str = ""
    until: date | None = None
    rental: str = ""


class NotTakenError(Exception):
    """A row that can't be taken; its text says why."""


@dataclass(frozen=True, slots=True)
class _Plan:
    row: LegacyRow
    owner: str
    node: str
    name: str
    until: date
    machine: UntaggedMachine


class LegacyImporter:
    """``run`` may be repeated: what was taken stays as it is, what was not is tried again."""

    def __init__(self, context: Context, importers: Mapping[str, Importer], terms: ImportOptions) -> None:
        self.context = context
        self.importers = importers
        self.terms = terms
        self._strays: dict[tuple[str, Kind], Sequence[UntaggedMachine] | NodeError] = {}

    def run(self, rows: Iterable[LegacyRow], *, dry_run: bool) -> list[ImportOutcome]:
        """Every row by itself: one that can't be taken stops no other. ``dry_run`` only looks."""
        return [self._row(row, dry_run) for row in rows]

    def _row(self, row: LegacyRow, dry_run: bool) -> ImportOutcome:
        known = self._known(row, dry_run)
        try:
            if known is not None:
                return self._before(row, known, dry_run)
            plan = self._plan(row)
            outcome = ImportOutcome(
                row, Verdict.WOULD_TAKE, self._moved(plan), plan.owner, plan.node, plan.until
            )
            if dry_run:
                return outcome
            rental = self._insert(plan)
            self._adopt(rental, row)
        except NotTakenError as error:
            return ImportOutcome(row, Verdict.NOT_TAKEN, str(error))
        return replace(outcome, verdict=Verdict.TAKEN, rental=rental.id)

    # -- what was done before

    def _known(self, row: LegacyRow, dry_run: bool) -> Rental | None:
        """Its rental; one that ended before its machine was marked does not count."""
        with self.context.store.read() as session:
            rental = queries.rental_by_request(session, row.key)
            if rental is None or rental.live or _adopted(session, rental):
                return rental
        if not dry_run:
            with self.context.store.write() as session:
                session.get_one(Rental, rental.id).request_key = f"{row.key}:{rental.id}"
        return None

    def _before(self, row: LegacyRow, rental: Rental, dry_run: bool) -> ImportOutcome:
        """Taken by an earlier run, which may have been cut off before the machine was marked."""
        with self.context.store.read() as session:
            done = _adopted(session, rental)
        node = rental.placement.node if rental.placement else ""
        outcome = ImportOutcome(row, Verdict.BEFORE, "", rental.owner, node, rental.ends_on, rental.id)
        if done or dry_run:
            return replace(outcome, why="" if rental.live else "it has ended")
        self._adopt(rental, row)
        return replace(outcome, verdict=Verdict.TAKEN)

    # -- deciding

    def _plan(self, row: LegacyRow) -> _Plan:
        node = self.terms.node_of(row.node)
        if node not in self.importers:
            raise NotTakenError(
                f"{row.node} isn't in nodes.toml. If it has another name there, add --node {row.node}=NAME"
            )
        owner = self.terms.owner_of(row.user)
        if owner is None:
            raise NotTakenError(
                f"no Slack user ID is known for {row.user!r}. Add a line to the --owners file"
            )
        if row.until is None:
            raise NotTakenError("it has no end date")
        if row.kind is Kind.SERVER and row.size is None:
            raise NotTakenError("its flavor isn't in the flavor table")
        name = self._name(row)
        return _Plan(row, owner, node, name, self._until(row.until), self._machine(row, node))

    def _name(self, row: LegacyRow) -> str:
        name = row.name.lower()
        if not NAME.fullmatch(name):
            raise NotTakenError(f"{row.name!r} isn't a valid rental name")
        with self.context.store.read() as session:
            if queries.live_by_name(session, name) is not None:
                raise NotTakenError(f"another rental has the name {name}")
        return name

    def _until(self, until: date) -> date:
        return self.context.expiry.choices.taken_over_until(until, self.context.today(), self.terms.days)

    def _moved(self, plan: _Plan) -> str:
        if plan.until == plan.row.until:
            return ""
        return f"its end date was {plan.row.until}"

    def _machine(self, row: LegacyRow, node: str) -> UntaggedMachine:
        """The one that is meant: the table alone is no proof that it is still there."""
        named = [stray for stray in self._look(node, row.kind) if stray.name == row.name]
        if not named:
            raise NotTakenError(f"{node} has no {row.kind} with that name, or it's already in KWS")
        found = [stray for stray in named if row.address in stray.addresses]
        if not found:
            seen = ", ".join(sorted({a for stray in named for a in stray.addresses})) or "none"
            raise NotTakenError(f"its address on {node} is {seen}, not {row.address or 'none'}")
        if len(found) > 1:
            raise NotTakenError(f"{node} has {len(found)} {row.kind}s with that name and address")
        if found[0].state not in USABLE:
            raise NotTakenError(f"its state on {node} is {found[0].state}")
        return found[0]

    def _look(self, node: str, kind: Kind) -> Sequence[UntaggedMachine]:
        if (node, kind) not in self._strays:
            try:
                self._strays[node, kind] = self.importers[node].strays(kind)
            except NodeError as error:
                log.warning("import: %s", error)
                self._strays[node, kind] = error
        found = self._strays[node, kind]
        if isinstance(found, NodeError):
            raise NotTakenError(f"{node} didn't respond ({found.reason}). Try again later")
        return found

    # -- doing

    def _insert(self, plan: _Plan) -> Rental:
        rental = self._rental(plan)
        try:
            with queries.capacity_turn(self.context.store) as session:
                held = select(Placement.rental_id).where(
                    Placement.node == plan.node,
                    Placement.server_id == plan.machine.id,
                    Placement.state != PlacementState.DELETED,
                )
                if session.scalar(held) is not None:
                    raise NotTakenError("its machine belongs to another rental")
                session.add(rental)
        except IntegrityError as error:
            raise NotTakenError(f"another rental has the name {plan.name}") from error
        return rental

    def _rental(self, plan: _Plan) -> Rental:
        row, now, size = plan.row, self.context.now(), self._size(plan)
        rental = Rental(
            id=new_id(), request_key=row.key, kind=row.kind, name=plan.name, owner=plan.owner,
            image=row.image, login=row.name, size=size.name, vcpus=size.vcpus, ram_mb=size.ram_mb,
            disk_gb=size.disk_gb, open_ports=[], ends_on=plan.until, end_set_at=now, status=Status.READY,
            access=Access.NONE, host_keys=[], created_at=now, ready_at=now,
            switched_off=plan.machine.state is MachineState.STOPPED,
        )  # fmt: skip
        held = Placement(
            node=plan.node, state=PlacementState.ACTIVE, held_at=now, server_at=now, server_id=plan.machine.id,
            floating_ip=row.address, next_check_at=now + LOOK_LATER, tries=0, powered_off=rental.switched_off,
        )  # fmt: skip
        rental.placements.append(held)
        return rental

    def _size(self, plan: _Plan) -> Size:
        """By the name that nodes.toml has for these figures; a container without limits counts as the smallest."""
        sizes = self.context.config.all_sizes()
        machine, known = plan.machine, plan.row.size
        if known is None:
            least = min(sizes, key=lambda size: (size.ram_mb, size.vcpus))
            known = Size(CUSTOM, machine.vcpus or least.vcpus, machine.ram_mb or least.ram_mb, 0)
        figures = (known.vcpus, known.ram_mb, known.disk_gb)
        same = [s.name for s in sizes if (s.vcpus, s.ram_mb, s.disk_gb) == figures]
        return Size(same[0] if same else CUSTOM, *figures)

    def _adopt(self, rental: Rental, row: LegacyRow) -> None:
        """Mark the machine; then, and only then, its owner is told."""
        held = self._acquire(rental.id)
        try:
            self.importers[held.node].adopt(
                rental.kind, held.server_id or "", rental.mark, rental.owner, held.floating_ip or ""
            )
        except (NodeError, KeyError) as error:
            log.warning("import of %s: %s", row.name, error)
            raise NotTakenError(
                f"{held.node} couldn't tag it. Run the command again within an hour"
            ) from error
        with self.context.store.write() as session:
            fresh = queries.rental(session, rental.id, lock=True)
            assert fresh
            was = row.until if row.until != fresh.ends_on else None
            fresh.record(Adopted(until=fresh.ends_on, was=was, node=held.node), self.context.now())
            for placement in fresh.placements:
                placement.next_check_at = self.context.now()
        self.context.work.set()
        self.context.mail.set()

    def _acquire(self, rental_id: str) -> Placement:
        """Directly before the marking: it is still a rental's, and the loop looks away."""
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            held = rental.placement if rental and rental.live else None
            if held is None:
                raise NotTakenError("it ended in the meantime")
            held.next_check_at, held.missing = self.context.now() + LOOK_LATER, 0
            return held


def _adopted(session: Session, rental: Rental) -> bool:
    query = select(Event.id).where(Event.rental_id == rental.id, Event.kind == EventKind.ADOPTED)
    return session.scalar(query.limit(1)) is not None

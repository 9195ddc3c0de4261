"""The rows behind ``scheduling/calendar.py``: what is held, what is promised, who waits, and who gets room next.

A rental that waits has no placement. With a first day that is still to come it is *promised* room: as much is kept
free for it from the evening before. Without one, or once its day has come, it *waits* for the first slot that is free,
behind all who wait before it (conservative backfill: a small wish goes first only where it delays nobody).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.errors import NO_ROOM
from kws_core.expiry import A_DAY, ExpiryPolicy
from kws_core.scheduling import build_slots, capacity, fair_queue
from kws_core.scheduling.calendar import NOW, Calendar, Load, Slot, Wish, day_of, slot_of
from kws_core.scheduling.fair_queue import BuildRequest
from kws_core.scheduling.placement import (
    NodeCapacity,
    PlacementDecision,
    PlacementRequest,
    RejectReason,
    choose,
    decision_for,
)
from kws_core.scheduling.waiters import Waiter, waiters
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import HOLDING, PlacementState
from kws_core.values import Kind, Size

USUAL_BUILD = timedelta(minutes=10)  # on a node that has built nothing yet
LONGEST_LEAD = timedelta(hours=2)
SPARE = timedelta(minutes=2)
KNOWN_BUILDS = 10  # the newest ones, which say how long a node builds
PLENTY = 10**9
PAUSE = timedelta(minutes=10)  # until a node that had no room for one who waited is asked again
MOST_TURNS = 3  # then it ends like any other that no node takes

_TURNS = (
    select(func.count())
    .select_from(Event)
    .where(Event.rental_id == bindparam("rental"), Event.kind == EventKind.WAIT_OVER)
)
_REFUSING = select(Placement.node).where(
    Placement.state.in_(tuple(PlacementState)),
    Placement.next_check_at > bindparam("since"),  # of this there is an index
    Placement.left_at > bindparam("since"),
    Placement.refusal.in_(NO_ROOM),
)
_HELD = (  # for who plans, which is at every request for room: no more than is needed, and no objects
    select(
        Rental.id, Rental.name, Rental.owner, Rental.kind, Rental.vcpus, Rental.ram_mb, Rental.disk_gb, Rental.ends_on,
        Placement.node, Placement.state, Placement.resize_to,
    )
    .join(Rental, Placement.rental_id == Rental.id)
    .where(Placement.state.in_(HOLDING))
)  # fmt: skip


class Held(NamedTuple):
    """What one placement holds on its node, and from which day others can have it."""

    rental: str
    node: str
    load: Load
    free_from: date | None  # None: it is being deleted

    def slot(self, today: date) -> int:
        """When it comes back. What should be gone already will be tomorrow."""
        return slot_of(today if self.free_from is None else max(self.free_from, today + A_DAY), today)


class _Nodes(NamedTuple):
    """The nodes for a request."""

    able: frozenset[str]  # whatever is on them now
    now: frozenset[str]  # of which a host has room


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody who waits stands: ``position`` of ``of``, and when it fits by what is promised now."""

    position: int
    of: int
    earliest: date | None


@dataclass(frozen=True, slots=True)
class Promised:
    """Somebody's first day that could not be kept."""

    name: str
    owner: str
    starts_on: date


class WaitingList:
    """All that is held, promised and waited for, as the rows say at ``now``. For one transaction."""

    def __init__(
        self,
        session: Session,
        config: Config,
        ends: ExpiryPolicy,
        now: datetime,
        known: capacity.Records | None = None,
    ) -> None:
        self.session = session
        self.ends = ends
        self.now = now
        self.today = ends.day_of(now)
        self.statuses = {status.room.node: status for status in capacity.statuses(session, config, known)}
        self._leads: dict[str | None, timedelta] = {}
        self._nodes: dict[PlacementRequest, _Nodes] = {}  # most who wait ask for the same
        self._wishes: dict[tuple[PlacementRequest, date, date | None], Wish] = {}
        self._turns: dict[str, tuple[Calendar, list[str]]] = {}

    # -- rows

    @cached_property
    def rentals(self) -> dict[str, Waiter]:
        """All that wait, by id."""
        return waiters(self.session)

    @cached_property
    def holding(self) -> Sequence[Row[*tuple[Any, ...]]]:
        """What is on the nodes, also what is being deleted there; figures of its rental and of its placement."""
        return self.session.execute(_HELD).all()

    @cached_property
    def _loads(self) -> list[Held]:
        """What they hold."""
        return [self._held(row) for row in self.holding]

    @property
    def rooms(self) -> list[NodeCapacity]:
        """What each node could lend now."""
        return [status.room for status in self.statuses.values()]

    @property
    def promised(self) -> list[Waiter]:
        """Those whose first day is still to come, the next first."""
        mine = [rental for rental in self.rentals.values() if not self.is_due(rental)]
        return sorted(mine, key=lambda rental: (rental.starts_on or self.today, rental.created_at, rental.id))

    def is_due(self, rental: Waiter) -> bool:
        """Whether it is to be built now, so that it is ready at 00:00 of its first day."""
        if rental.starts_on is None:
            return True
        return self.now >= self.ends.midnight(rental.starts_on) - self._lead(rental.planned_node)

    def _queue(self, newcomer: BuildRequest | None = None) -> list[str]:
        """Ids of those that wait for room, the next first: broken promises, then the fair order."""
        late = [rental for rental in self.rentals.values() if rental.starts_on and self.is_due(rental)]
        late.sort(key=lambda rental: (rental.starts_on, rental.created_at, rental.id))
        wishes = [
            BuildRequest(rental.id, rental.owner, "", rental.created_at)
            for rental in self.rentals.values()
            if rental.starts_on is None
        ]
        wishes += [newcomer] if newcomer else []
        order = fair_queue.in_order(wishes, build_slots.given(self.session, wishes))
        return [rental.id for rental in late] + [wish.rental for wish in order]

    def _calendar(self, until: Mapping[str, date] | None = None) -> Calendar:
        """What is held and promised; with other end dates for some rentals, by id."""
        until = until or {}
        back = [(one.node, one.slot(self.today), one.load) for one in map(self._lasting(until), self._loads)]
        promises = [self._wish_of(rental, until.get(rental.id)) for rental in self.promised]
        return Calendar({node: self._free(node) for node in self.statuses}, back, promises)

    def _lasting(self, until: Mapping[str, date]) -> Callable[[Held], Held]:
        def lasting(one: Held) -> Held:
            if one.rental not in until or one.free_from is None:
                return one
            return one._replace(free_from=self.ends.free_from(until[one.rental]))

        return lasting

    def request_of(self, rental: Waiter) -> PlacementRequest:
        """What it asks of a node: of none where something of it is still being deleted."""
        return rental.request(self._left_nodes.get(rental.id, frozenset()))

    @cached_property
    def _left_nodes(self) -> dict[str, frozenset[str]]:
        """By rental that waits again, where something of it is still being deleted."""
        found: dict[str, frozenset[str]] = {}
        for row in self.holding:
            if row.id in self.rentals:
                found[row.id] = found.get(row.id, frozenset()) | {row.node}
        return found

    def _wish_of(self, rental: Waiter, until: date | None = None) -> Wish:
        """A rental that waits, as the calendar takes it; lasting until another day, if one is given."""
        first = None if self.is_due(rental) else rental.starts_on
        wish = self._wish(rental.id, self.request_of(rental), until or rental.ends_on, first)
        return wish._replace(node=rental.planned_node) if first else wish

    def _wish(self, rental: str, request: PlacementRequest, ends_on: date, first: date | None = None) -> Wish:
        """What is to last to the end of a day; from the evening before its ``first`` day on, or at once."""
        alike = request, ends_on, first
        known = self._wishes.get(alike)
        if known is None:
            end = slot_of(self.ends.free_from(ends_on), self.today)
            begins = NOW if first is None else slot_of(first - A_DAY, self.today)
            nodes = self._nodes_of(request)
            load = Load.of(request.kind, request.size)
            known = self._wishes[alike] = Wish("", load, nodes.able, end, begins, now=nodes.now)
        return known._replace(rental=rental)

    def day_of(self, slot: Slot | None) -> date | None:
        """The day of a slot."""
        return day_of(slot.first, self.today) if slot else None

    # -- planning

    def plan(self) -> tuple[Calendar, dict[str, Slot | None]]:
        """Give each who waits, in order, the first slot that delays nobody before it."""
        calendar = self._calendar()
        return calendar, self._seat(calendar, self._queue())

    def _seat(self, calendar: Calendar, queue: Sequence[str]) -> dict[str, Slot | None]:
        slots: dict[str, Slot | None] = {}
        for rental in queue:
            wish = self._wish_of(self.rentals[rental])
            slots[rental] = slot = self._slot(calendar, wish)
            if slot is not None:
                calendar.take(wish, slot)
        return slots

    def ready(self) -> tuple[Calendar, dict[str, Slot]]:
        """Where those can begin now for whom there is room, in order, as plan() says.

        It ends with the last of them: who is behind is not looked at.
        """
        calendar, slots = self._calendar(), dict[str, Slot]()
        wishes = {rental.id: self._wish_of(rental) for rental in self.rentals.values() if self.is_due(rental)}
        wanted = {(wish.load, wish.now) for wish in wishes.values()}
        queue = iter(self._queue() if any(nodes for _, nodes in wanted) else ())
        while any(load.within(calendar.free(node, NOW)) for load, nodes in wanted for node in nodes):
            rental = next(queue, None)
            if rental is None:
                break
            slot = self._slot(calendar, wishes[rental])
            if slot is not None:
                calendar.take(wishes[rental], slot)
            if slot is not None and slot.first == NOW:
                slots[rental] = slot
        return calendar, slots

    def _turn(self, owner: str) -> tuple[Calendar, list[str]]:
        """What is left for one who asks now by those who go first, and who of those that wait comes after that.

        The size that is asked for doesn't matter to it: it is planned once for all that one form looks for.
        """
        if owner not in self._turns:
            queue = self._queue(BuildRequest("", owner, "", self.now))
            turn, calendar = queue.index(""), self._calendar()
            self._seat(calendar, queue[:turn])
            self._turns[owner] = calendar, queue[turn + 1 :]
        calendar, later = self._turns[owner]
        return calendar.copy(), later

    def places(self) -> dict[str, Place]:
        """By rental, of all that wait for room now."""
        _, slots = self.plan()
        return places_of(self, slots)

    def admit(
        self, owner: str, request: PlacementRequest, ends_on: date
    ) -> tuple[PlacementDecision, Slot | None]:
        """The node for a new rental that is to begin now, and otherwise when it could begin."""
        ruling = choose(self.rooms, request)
        if ruling.node is not None and not self.rentals:
            return ruling, Slot(ruling.node, NOW)
        calendar, _ = self._turn(owner)
        slot = self._slot(calendar, self._wish("", request, ends_on))
        if slot is not None and slot.first == NOW:
            self.keep_promises(calendar)
            return PlacementDecision(slot.node, ruling.refused), slot
        promised = {node: RejectReason.PROMISED for node in self.statuses if node not in ruling.refused}
        return PlacementDecision(None, ruling.refused | promised), slot

    def has_room(self, owner: str, request: PlacementRequest, ends_on: date) -> bool:
        """Whether admit() would find a node; nothing is written down."""
        if not self.rentals:
            return choose(self.rooms, request).node is not None
        calendar, _ = self._turn(owner)
        return self._slot_now(calendar, self._wish("", request, ends_on)) is not None

    def room_for(self, request: PlacementRequest, ends_on: date) -> str | None:
        """The node for what KWS itself has to place now: it goes before those who wait, and takes no promise."""
        if not self.promised:
            return choose(self.rooms, request).node
        calendar = self._calendar()
        slot = self._slot_now(calendar, self._wish("", request, ends_on))
        if slot is not None:
            self.keep_promises(calendar)
        return slot.node if slot else None

    def promise(self, request: PlacementRequest, first: date, ends_on: date) -> str | None:
        """The node on which room is kept from that day on, None if it would cost somebody else theirs."""
        calendar, _ = self.plan()
        wish = self._wish("", request, ends_on, first)
        slot = next((Slot(node, wish.first) for node in self._nodes_for(calendar, wish)), None)
        slot = slot or calendar.make_room(wish, wish.first)
        if slot is None:
            return None
        self.keep_promises(calendar)
        return slot.node

    def keep_promises(self, calendar: Calendar) -> None:
        """Write down where each promise is kept now."""
        moved = {
            rental: promise.node
            for rental, promise in calendar.promises.items()
            if rental in self.rentals and self.rentals[rental].planned_node != promise.node
        }
        rows = select(Rental).where(Rental.id.in_(moved))
        for rental in self.session.scalars(rows).unique().all() if moved else ():
            rental.planned_node = moved[rental.id]
            self.rentals[rental.id] = self.rentals[rental.id]._replace(planned_node=moved[rental.id])

    def next_first_day(self, request: PlacementRequest, first: date, days: int, most: int) -> date | None:
        """The first day after ``first``, at most ``most`` days later, from which it fits for ``days`` days."""
        calendar, _ = self.plan()
        for later in range(1, most + 1):
            day = first + later * A_DAY
            wish = self._wish("", request, day + (days - 1) * A_DAY, day)
            if self._nodes_for(calendar, wish) or calendar.make_room(wish, wish.first):
                return day
        return None

    def longest(self, owner: str, request: PlacementRequest, ends_on: date) -> date | None:
        """The last day, at most that one, until which it fits from now on and delays nobody who waits."""
        calendar, later = self._turn(owner)
        self._seat(calendar, later)
        day = ends_on
        while day >= self.today:
            wish = self._wish("", request, day)
            if self._slot_now(calendar, wish):
                return day
            day -= A_DAY
        return None

    def extend(self, rental: Rental, until: date) -> list[Promised]:
        """Keep the promises with that rental lasting to that day; those that can't be kept then."""
        if not self.promised:
            return []
        before, after = self._calendar(), self._calendar({rental.id: until})
        self.keep_promises(after)
        lost = [self.rentals[one] for one in after.unmet if one not in before.unmet]
        return [Promised(one.name, one.owner, one.starts_on or self.today) for one in lost]

    def longest_of(self, rental: Rental, until: date) -> date:
        """The last day, at most that one, to which it may last with every promise kept."""
        before, day = self._calendar(), until
        while day > rental.ends_on and len(self._calendar({rental.id: day}).unmet) > len(before.unmet):
            day -= A_DAY
        return day

    # -- figures

    def _held(self, row: Row[*tuple[Any, ...]]) -> Held:
        leaving = row.state is PlacementState.DELETING
        free_from = None if leaving else self.ends.free_from(row.ends_on)
        load = Load(row.vcpus, row.ram_mb, row.disk_gb, 1, 1 if row.kind is Kind.SERVER else 0)
        if row.resize_to:  # its node holds both sizes while it is resized
            new = Size(**row.resize_to)
            load = load.plus(Load(new.vcpus, new.ram_mb, new.disk_gb, 0, 0))
        return Held(row.id, row.node, load, free_from)

    def _free(self, node: str) -> Load:
        """What is left now; less than nothing where more is lent than nodes.toml allows by now."""
        status = self.statuses[node]
        room, lent = status.room, status.lent
        return Load(
            min(room.free_vcpus, room.vcpus - lent.vcpus),
            min(room.free_ram_mb, room.ram_mb - lent.ram_mb),
            min(room.free_disk_gb, room.disk_gb - lent.disk_gb),
            min(_or(room.free_addresses, PLENTY), _or(room.free_machines, PLENTY)),
            _or(room.free_servers, PLENTY),
        )

    def able(self, request: PlacementRequest) -> frozenset[str]:
        """Nodes that could have it, whatever is on them now."""
        return self._nodes_of(request).able

    @cached_property
    def _refusing(self) -> frozenset[str]:
        """Nodes that a short while ago had no room after all: the next one would get the same answer."""
        return frozenset(self.session.scalars(_REFUSING, {"since": self.now - PAUSE}))

    def _nodes_of(self, request: PlacementRequest) -> _Nodes:
        if request not in self._nodes:
            rooms = self.rooms
            self._nodes[request] = _Nodes(
                frozenset(room.node for room in rooms if decision_for(_emptied(room), request) is None),
                frozenset(room.node for room in rooms if decision_for(room, request) is None)
                - self._refusing,
            )
        return self._nodes[request]

    def _nodes_for(self, calendar: Calendar, wish: Wish) -> list[str]:
        fitting = [node for node in wish.nodes if calendar.fits(wish.load, node, wish.first, wish.end)]
        return sorted(fitting, key=lambda node: (-self._left(calendar, node, wish), node))

    def _left(self, calendar: Calendar, node: str, wish: Wish) -> float:
        """What is left of its scarcest resource in the slot in which it begins."""
        room, left = self.statuses[node].room, calendar.free(node, wish.first).minus(wish.load)
        return min(left.vcpus / room.vcpus, left.ram_mb / room.ram_mb, left.disk_gb / room.disk_gb)

    def _slot(self, calendar: Calendar, wish: Wish) -> Slot | None:
        return self._slot_now(calendar, wish) or calendar.earliest(_later(wish))

    def _slot_now(self, calendar: Calendar, wish: Wish) -> Slot | None:
        wish = wish._replace(first=NOW, nodes=wish.now)
        if node := next(iter(self._nodes_for(calendar, wish)), None):
            return Slot(node, NOW)
        return calendar.make_room(wish, NOW)

    def _lead(self, node: str | None) -> timedelta:
        """How long before its first day a server is to be built there: twice what the node needed last."""
        if node not in self._leads:
            self._leads[node] = self._measured_lead(node)
        return self._leads[node]

    def _measured_lead(self, node: str | None) -> timedelta:
        query = select(Rental.ready_at, Placement.server_at).join(Placement, Placement.rental_id == Rental.id)
        query = query.where(Placement.node == node, Rental.ready_at > Placement.server_at)
        rows = self.session.execute(query.order_by(Rental.ready_at.desc()).limit(KNOWN_BUILDS))
        took = [(ready - begun).total_seconds() for ready, begun in rows if ready and begun]
        usual = timedelta(seconds=median(took)) if took else USUAL_BUILD
        return min(LONGEST_LEAD, usual * 2 + SPARE)


def places_of(book: WaitingList, slots: Mapping[str, Slot | None]) -> dict[str, Place]:
    """By rental, in the order of the queue, where it stands by that plan."""
    return {
        rental: Place(number, len(slots), book.day_of(slot))
        for number, (rental, slot) in enumerate(slots.items(), 1)
    }


def may_wait_again(session: Session, rental: Rental, refusal: str) -> bool:
    """Whether a rental that was given room waits again when its node has none after all; not for ever."""
    times = session.scalar(_TURNS, {"rental": rental.id}) or 0
    return refusal in NO_ROOM and 0 < times < MOST_TURNS


def _emptied(room: NodeCapacity) -> NodeCapacity:
    return replace(
        room,
        free_vcpus=room.vcpus,
        free_ram_mb=room.ram_mb,
        free_disk_gb=room.disk_gb,
        free_addresses=None,
        free_machines=None,
        free_servers=None,
        hosts=tuple(
            replace(host, free_vcpus=None, free_ram_mb=None, free_disk_gb=None) for host in room.hosts
        ),
    )


def _later(wish: Wish) -> Wish:
    return wish._replace(first=NOW + 1)


def _or(much: int | None, otherwise: int) -> int:
    return otherwise if much is None else much

"""What all nodes together offer, from what each said last. Never asks a node: forms and placement read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from kws_core.config import Config, NodeSection
from kws_core.database import queries
from kws_core.database.queries import HeldCapacity
from kws_core.nodes.values import Capacity, Image
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.base import table_of
from kws_core.tables.node import NodeRecord
from kws_core.tables.states import PlacementState, Status
from kws_core.values import HostCapacity, Kind


@dataclass(frozen=True, slots=True)
class AllocatedCapacity:
    """What rentals hold on a node, those that are being deleted there too."""

    rentals: int = 0
    vcpus: int = 0
    ram_mb: int = 0
    disk_gb: int = 0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node as an admin sees it."""

    room: NodeCapacity
    seen_at: datetime | None
    failing_since: datetime | None
    error: str | None
    measured: Capacity | None
    lent: AllocatedCapacity = AllocatedCapacity()
    latency_ms: int | None = None
    reached_at: datetime | None = None
    up_since: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    drained_at: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """Since when it is unresponsive, or answers."""
        return self.failing_since or self.up_since


# with every answer of a node: put together once
_RECORD = (
    select(NodeRecord)
    .where(NodeRecord.name == bindparam("node"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_NODES = table_of(NodeRecord)
_PING = (
    update(_NODES)
    .where(_NODES.c.name == bindparam("node"))
    .values(latency_ms=bindparam("latency"), reached_at=bindparam("now"))
    .returning(_NODES.c.name)
)

Records = Sequence[NodeRecord]  # what is read once where images and rooms are wanted


def rooms(session: Session, config: Config, known: Records | None = None) -> list[NodeCapacity]:
    """What every configured node could lend now, everything in flight already taken off."""
    return [status.room for status in statuses(session, config, known)]


def statuses(session: Session, config: Config, known: Records | None = None) -> list[NodeStatus]:
    """Every configured node, in the file's order."""
    records = {record.name: record for record in known or queries.node_records(session)}
    measured = [found.at for record in records.values() if (found := load_capacity(record))]
    held = _by_node(queries.held_capacity(session, since=min(measured, default=None)))
    return [_status(node, records.get(node.name), held.get(node.name, ())) for node in config.nodes]


def missed(session: Session, config: Config) -> dict[str, AllocatedCapacity]:
    """Nodes that nodes.toml has no more although rentals are on them, and what these hold."""
    known = {node.name for node in config.nodes}
    held = _by_node(queries.held_capacity(session))
    return {name: _lent(held[name]) for name in sorted(held.keys() - known)}


def _by_node(held: Iterable[HeldCapacity]) -> dict[str, list[HeldCapacity]]:
    found: dict[str, list[HeldCapacity]] = {}
    for one in held:
        found.setdefault(one.node, []).append(one)
    return found


def images(session: Session, config: Config, known: Records | None = None) -> list[Image]:
    """What the form shows: all_images() by title, hidden ones left out."""
    offered = [image for image in all_images(session, config, known) if not image.hidden]
    return sorted(offered, key=lambda image: (image.title or image.name).lower())


def all_images(session: Session, config: Config, records: Records | None = None) -> list[Image]:
    """Every image that some configured node has, each name once.

    Where the nodes differ: hidden on one is hidden, and the largest minimum counts, since any may get the rental.
    """
    known = {node.name for node in config.nodes if Kind.SERVER in node.kinds}
    by_name: dict[str, Image] = {}
    for record in records or queries.node_records(session):
        if record.name in known:
            for image in load_images(record):
                by_name[image.name] = _joined(by_name.get(image.name, image), image)
    return list(by_name.values())


def _joined(first: Image, other: Image) -> Image:
    return replace(
        first,
        min_disk_gb=max(first.min_disk_gb, other.min_disk_gb),
        min_ram_mb=max(first.min_ram_mb, other.min_ram_mb),
        hidden=first.hidden or other.hidden,
    )


def note_answer(
    session: Session,
    name: str,
    images: Sequence[Image],
    capacity: Capacity,
    cidrs: Sequence[str],
    now: datetime,
) -> datetime | None:
    """Remember what a node said of itself; returns since when it had been unresponsive, None when it was not."""
    record = record_of(session, name)
    silent_since = record.failing_since
    if silent_since or record.seen_at is None:
        record.up_since = now
    record.images = _dumped(images)
    record.cidrs = list(cidrs)
    record.capacity = {**asdict(capacity), "at": capacity.at.isoformat()}
    record.seen_at, record.failing_since, record.error = now, None, None
    return silent_since


def note_images(session: Session, name: str, images: Sequence[Image]) -> None:
    """Remember a node's images alone, so that a form shows at once what was changed."""
    record_of(session, name).images = _dumped(images)


def _dumped(images: Sequence[Image]) -> list[dict[str, Any]]:
    return [{**asdict(image), "properties": dict(image.properties)} for image in images]


def note_failure(session: Session, name: str, error: str, now: datetime) -> datetime:
    """Remembers that a node does not answer, what it said last is kept; returns since when it is unresponsive."""
    record = record_of(session, name)
    record.failing_since = record.failing_since or now
    record.error = record.last_error = error
    record.last_error_at = now
    return record.failing_since


def note_ping(session: Session, name: str, latency_ms: int, now: datetime) -> None:
    """Remember how fast a node answered; every ten seconds for each, so in one statement."""
    if session.scalar(_PING, {"node": name, "latency": latency_ms, "now": now}) is None:
        record = record_of(session, name)
        record.latency_ms, record.reached_at = latency_ms, now


def load_images(record: NodeRecord) -> list[Image]:
    """The images in a record; keys that another version wrote are ignored."""
    known = {field.name for field in fields(Image)}
    return [Image(**{k: v for k, v in entry.items() if k in known}) for entry in record.images or []]


def load_capacity(record: NodeRecord | None) -> Capacity | None:
    """The capacity in a record, None when the node was never seen."""
    if record is None or not record.capacity:
        return None
    known = {field.name for field in fields(Capacity)}
    data: dict[str, Any] = {k: v for k, v in record.capacity.items() if k in known}
    figures = {field.name for field in fields(HostCapacity)}
    hosts = [{k: v for k, v in host.items() if k in figures} for host in data.get("hosts") or ()]
    read = {"at": datetime.fromisoformat(data["at"]), "hosts": tuple(HostCapacity(**host) for host in hosts)}
    return Capacity(**{**data, **read})


def record_of(session: Session, name: str) -> NodeRecord:
    """The node's row, locked; two processes may hear of a node for the first time at once."""
    record = session.scalar(_RECORD, {"node": name})
    if record is None:
        queries.insert_once(session, NodeRecord, {"name": name})
        record = session.scalars(_RECORD, {"node": name}).one()
    return record


def _status(node: NodeSection, record: NodeRecord | None, held: Sequence[HeldCapacity]) -> NodeStatus:
    measured = load_capacity(record)
    return NodeStatus(
        room=_room(node, record, measured, held),
        seen_at=record.seen_at if record else None,
        failing_since=record.failing_since if record else None,
        error=record.error if record else None,
        measured=measured,
        lent=_lent(held),
        latency_ms=record.latency_ms if record else None,
        reached_at=record.reached_at if record else None,
        up_since=record.up_since if record else None,
        last_error=record.last_error if record else None,
        last_error_at=record.last_error_at if record else None,
        drained_at=record.drained_at if record else None,
    )


def _lent(held: Sequence[HeldCapacity]) -> AllocatedCapacity:
    return AllocatedCapacity(
        sum(h.rentals for h in held),
        sum(h.vcpus for h in held),
        sum(h.ram_mb for h in held),
        sum(h.disk_gb for h in held),
    )


def _room(
    node: NodeSection, record: NodeRecord | None, measured: Capacity | None, held: Sequence[HeldCapacity]
) -> NodeCapacity:
    unseen = [h for h in held if measured is None or h.server_at is None or h.server_at > measured.at]
    new = sum(h.rentals for h in unseen)
    return NodeCapacity(
        node=node.name,
        kinds=frozenset(node.kinds),
        images=frozenset(image.name for image in load_images(record)) if record else frozenset(),
        vcpus=node.vcpus,
        ram_mb=node.ram_mb,
        disk_gb=node.disk_gb,
        free_vcpus=_free(node, measured, held, unseen, "vcpus"),
        free_ram_mb=_free(node, measured, held, unseen, "ram_mb"),
        free_disk_gb=_free(node, measured, held, unseen, "disk_gb"),
        free_addresses=_less(measured.free_addresses if measured else None, new),
        free_machines=_less(measured.free_machines if measured else None, new),
        free_servers=_less(measured.free_servers if measured else None, new),
        hosts=tuple(measured.hosts) if measured else (),
        builds=sum(h.rentals for h in held if _to_build(h)),
        max_builds=node.max_builds,
        up=record is not None and record.seen_at is not None and record.failing_since is None,
        drained=record is not None and bool(record.drained),
    )


def _free(
    node: NodeSection,
    measured: Capacity | None,
    held: Iterable[HeldCapacity],
    unseen: Iterable[HeldCapacity],
    what: str,
) -> int:
    """What is left of what may be lent, or of what the node measured less what it can't have counted yet."""
    lendable: int = getattr(node, what) - sum(getattr(h, what) for h in held)
    total = getattr(measured, what) if measured else None
    if measured is None or total is None:
        return max(0, lendable)
    left: float = total - getattr(measured, f"used_{what}") - sum(getattr(h, what) for h in unseen)
    return max(0, min(lendable, int(left)))


def _to_build(held: HeldCapacity) -> bool:
    return held.state is PlacementState.ACTIVE and held.status in (Status.REQUESTED, Status.BUILDING)


def _less(measured: int | None, taken: int) -> int | None:
    return None if measured is None else max(0, measured - taken)

"""Which node gets a rental. Pure: figures in, a ruling out, with the reason for each node refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kws_core.values import HostCapacity, Kind, Size


class RejectReason(StrEnum):
    """Why a node can't take a rental now."""

    DOWN = "down"
    DRAINED = "drained"
    KIND = "kind"
    IMAGE = "image"
    TOO_LARGE = "too_large"  # for every one of its hosts, also when they are empty
    VCPUS = "vcpus"
    RAM = "ram"
    DISK = "disk"
    ADDRESSES = "addresses"
    QUOTA = "quota"
    TRIED = "tried"
    NOT_CHOSEN = "not_chosen"
    PROMISED = "promised"  # to those who wait, or to whose first day comes


FULL = frozenset(
    {
        RejectReason.VCPUS,
        RejectReason.RAM,
        RejectReason.DISK,
        RejectReason.ADDRESSES,
        RejectReason.QUOTA,
        RejectReason.PROMISED,
    }
)

_SCARCE = {"vcpus": RejectReason.VCPUS, "ram_mb": RejectReason.RAM, "disk_gb": RejectReason.DISK}


@dataclass(frozen=True, slots=True)
class NodeCapacity:
    """What a node could lend now. Totals are what it lends at most, ``free_*`` what is left of that."""

    node: str
    kinds: frozenset[Kind]
    images: frozenset[str]
    vcpus: int
    ram_mb: int
    disk_gb: int
    free_vcpus: int
    free_ram_mb: int
    free_disk_gb: int
    free_addresses: int | None = None
    free_machines: int | None = None
    free_servers: int | None = None
    hosts: tuple[HostCapacity, ...] = ()  # as measured; empty where nothing is known of them
    builds: int = 0  # servers being created or waiting to be
    max_builds: int = 2
    up: bool = True
    drained: bool = False


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """What is to be placed."""

    kind: Kind
    image: str  # "": one that is brought to any node
    size: Size
    tried: frozenset[str] = frozenset()  # nodes that refused it already
    only: str | None = None  # the one node that an admin chose


@dataclass(frozen=True, slots=True)
class PlacementDecision:
    """The node chosen, or None; and why each of the others was not possible."""

    node: str | None
    refused: dict[str, RejectReason] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Nothing chosen, and at least one node was only full."""
        return self.node is None and any(no in FULL for no in self.refused.values())


def choose(rooms: Iterable[NodeCapacity], wish: PlacementRequest) -> PlacementDecision:
    """The node with the most left of its scarcest resource afterwards; on a tie the shorter queue of builds."""
    refused: dict[str, RejectReason] = {}
    fitting: list[NodeCapacity] = []
    for room in rooms:
        no = decision_for(room, wish)
        if no is None:
            fitting.append(room)
        else:
            refused[room.node] = no
    if not fitting:
        return PlacementDecision(None, refused)
    best = max(
        fitting, key=lambda room: (room.builds < room.max_builds, _left_over(room, wish.size), -room.builds)
    )
    return PlacementDecision(best.node, refused)


def decision_for(room: NodeCapacity, wish: PlacementRequest) -> RejectReason | None:
    """The first reason against this node, None when it fits."""
    size, server = wish.size, wish.kind is Kind.SERVER
    scarce = _scarce(room, size)
    checks = (
        (wish.kind not in room.kinds, RejectReason.KIND),
        (wish.only not in (None, room.node), RejectReason.NOT_CHOSEN),
        (room.node in wish.tried, RejectReason.TRIED),
        (room.drained, RejectReason.DRAINED),
        (not room.up, RejectReason.DOWN),
        (server and wish.image not in ("", *room.images), RejectReason.IMAGE),
        (server and not any(size.within(most) for most in largest(room)), RejectReason.TOO_LARGE),
        (size.vcpus > room.free_vcpus, RejectReason.VCPUS),
        (size.ram_mb > room.free_ram_mb, RejectReason.RAM),
        (size.disk_gb > room.free_disk_gb, RejectReason.DISK),
        *((server and what in scarce, no) for what, no in _SCARCE.items()),
        (room.free_addresses is not None and room.free_addresses < 1, RejectReason.ADDRESSES),
        (room.free_machines is not None and room.free_machines < 1, RejectReason.QUOTA),
        (server and room.free_servers is not None and room.free_servers < 1, RejectReason.QUOTA),
    )
    return next((no for wrong, no in checks if wrong), None)


def largest(room: NodeCapacity) -> list[Size]:
    """The largest server that each host of the node gives when it is empty, within what the node lends."""
    lent = Size(room.node, room.vcpus, room.ram_mb, room.disk_gb)
    return [host.most(room.node, lent) for host in room.hosts] or [lent]


def _scarce(room: NodeCapacity, size: Size) -> list[str]:
    """What no host has left for it, though all of them together may; of the host that comes closest."""
    return min((host.lacks(size) for host in room.hosts), key=len, default=[])


def _left_over(room: NodeCapacity, size: Size) -> float:
    return min(
        (room.free_vcpus - size.vcpus) / room.vcpus,
        (room.free_ram_mb - size.ram_mb) / room.ram_mb,
        (room.free_disk_gb - size.disk_gb) / room.disk_gb,
    )

"""Which node gets a rental. Pure: figures in, a ruling out, with the reason for each node refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kws_core.values import Kind, Size


class No(StrEnum):
    """Why a node can't take a rental now."""

    DOWN = "down"
    DRAINED = "drained"
    KIND = "kind"
    IMAGE = "image"
    VCPUS = "vcpus"
    RAM = "ram"
    DISK = "disk"
    ADDRESSES = "addresses"
    QUOTA = "quota"
    TRIED = "tried"
    NOT_CHOSEN = "not_chosen"


FULL = frozenset({No.VCPUS, No.RAM, No.DISK, No.ADDRESSES, No.QUOTA})


@dataclass(frozen=True, slots=True)
class Room:
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
    builds: int = 0  # servers being built or waiting to be
    max_builds: int = 2
    up: bool = True
    drained: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be placed."""

    kind: Kind
    image: str
    size: Size
    tried: frozenset[str] = frozenset()  # nodes that refused it already
    only: str | None = None  # the one node that an admin chose


@dataclass(frozen=True, slots=True)
class Ruling:
    """The node chosen, or None; and why each of the others was not possible."""

    node: str | None
    refused: dict[str, No] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Nothing chosen, and at least one node lacked room only."""
        return self.node is None and any(no in FULL for no in self.refused.values())


def choose(rooms: Iterable[Room], wish: Wish) -> Ruling:
    """The node with the most left of its scarcest resource afterwards; on a tie the shorter queue of builds."""
    refused: dict[str, No] = {}
    fitting: list[Room] = []
    for room in rooms:
        no = ruling_of(room, wish)
        if no is None:
            fitting.append(room)
        else:
            refused[room.node] = no
    if not fitting:
        return Ruling(None, refused)
    best = max(
        fitting, key=lambda room: (room.builds < room.max_builds, _left_over(room, wish.size), -room.builds)
    )
    return Ruling(best.node, refused)


def ruling_of(room: Room, wish: Wish) -> No | None:
    """The first thing that stands against this node, None when it fits."""
    size = wish.size
    checks = (
        (wish.kind not in room.kinds, No.KIND),
        (wish.only not in (None, room.node), No.NOT_CHOSEN),
        (room.node in wish.tried, No.TRIED),
        (room.drained, No.DRAINED),
        (not room.up, No.DOWN),
        (wish.kind is Kind.SERVER and wish.image not in room.images, No.IMAGE),
        (size.vcpus > room.free_vcpus, No.VCPUS),
        (size.ram_mb > room.free_ram_mb, No.RAM),
        (size.disk_gb > room.free_disk_gb, No.DISK),
        (room.free_addresses is not None and room.free_addresses < 1, No.ADDRESSES),
        (room.free_machines is not None and room.free_machines < 1, No.QUOTA),
        (wish.kind is Kind.SERVER and room.free_servers is not None and room.free_servers < 1, No.QUOTA),
    )
    return next((no for wrong, no in checks if wrong), None)


def _left_over(room: Room, size: Size) -> float:
    return min(
        (room.free_vcpus - size.vcpus) / room.vcpus,
        (room.free_ram_mb - size.ram_mb) / room.ram_mb,
        (room.free_disk_gb - size.disk_gb) / room.disk_gb,
    )

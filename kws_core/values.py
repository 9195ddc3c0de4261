"""Values that every part uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

TAG_PREFIX = "kws-"
# What people are spoken to in; each but English has a catalog in bot/text/locale.
Locale = Literal["ko", "en"]
LOCALES: tuple[Locale, ...] = get_args(Locale)


def owner_tag(rental_id: str) -> str:
    """The mark that every resource of a rental carries on a node."""
    return TAG_PREFIX + rental_id


class Kind(StrEnum):
    """What can be rented."""

    SERVER = "server"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class Size:
    """A size (flavor). RAM in MiB, disk in GiB."""

    name: str
    vcpus: int
    ram_mb: int
    disk_gb: int

    def within(self, other: Size) -> bool:
        """Whether the other is at least as large in everything."""
        return self.vcpus <= other.vcpus and self.ram_mb <= other.ram_mb and self.disk_gb <= other.disk_gb


class ResizeEnd(StrEnum):
    """How a change of a server's size comes to its end; until then its node keeps room for both sizes."""

    CONFIRM = "confirm"  # it stays as it is now
    REVERT = "revert"  # it is as it was before


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What one host of a node gives to one server: at most, and now (``free_*``). None: it does not say."""

    vcpus: int | None = None
    ram_mb: int | None = None
    disk_gb: int | None = None
    free_vcpus: int | None = None
    free_ram_mb: int | None = None
    free_disk_gb: int | None = None

    def most(self, name: str, limit: Size) -> Size:
        """The largest server there is, within that limit of the whole node."""
        figures = ((self.vcpus, limit.vcpus), (self.ram_mb, limit.ram_mb), (self.disk_gb, limit.disk_gb))
        return Size(name, *(least if most is None else min(most, least) for most, least in figures))

    def lacks(self, size: Size) -> list[str]:
        """What of it a server of that size would not get now."""
        free = {"vcpus": self.free_vcpus, "ram_mb": self.free_ram_mb, "disk_gb": self.free_disk_gb}
        return [what for what, left in free.items() if left is not None and left < getattr(size, what)]


@dataclass(frozen=True, slots=True)
class PortRange:
    """TCP or UDP ports opened to the world, both ends included."""

    first: int
    last: int
    protocol: str = "tcp"


GUEST_KEY = "kws_key"  # metadata of a server: the public key that it takes at its next boot

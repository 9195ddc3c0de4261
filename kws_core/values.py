"""Values that every part uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

TAG_PREFIX = "kws-"
# What people are spoken to in; each but English has a catalogue in bot/text/locale.
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


@dataclass(frozen=True, slots=True)
class PortRange:
    """TCP or UDP ports opened to the world, both ends included."""

    first: int
    last: int
    protocol: str = "tcp"


GUEST_KEY = "kws_key"  # metadata of a server: the public key that it takes at its next boot

"""What a request to the admins says: what is wanted, what the policy says, what they allowed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

from kws_core.tables.details import Details
from kws_core.values import Size


@dataclass(frozen=True)
class Allowance(Details):
    """A last day, a size, or both."""

    until: date | None = None
    size: str | None = None
    vcpus: int | None = None
    ram_mb: int | None = None
    disk_gb: int | None = None

    @classmethod
    def of(cls, until: date | None = None, size: Size | None = None) -> Self:
        """Of what there is."""
        if size is None:
            return cls(until)
        return cls(until, size.name, size.vcpus, size.ram_mb, size.disk_gb)

    @property
    def whole_size(self) -> Size | None:
        """The size with its figures, as it was when it was chosen."""
        if self.size is None:
            return None
        return Size(self.size, self.vcpus or 0, self.ram_mb or 0, self.disk_gb or 0)


@dataclass(frozen=True)
class BeyondPolicy(Details):
    """What the policy refused: an ErrorCode, and its figures where it has some."""

    code: str
    wanted: int | None = None  # days, rentals, vCPUs, MiB; the port
    limit: int | None = None
    day: date | None = None  # the last one that it allows


@dataclass(frozen=True)
class AskedFor(Details):
    """All of it."""

    wanted: Allowance = Allowance()
    had: Allowance | None = None  # what the rental has now
    beyond: tuple[BeyondPolicy, ...] = ()
    node: str | None = None


@dataclass(frozen=True)
class FreeOnNode(Details):
    """What a node had left when the admins were asked."""

    node: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    up: bool

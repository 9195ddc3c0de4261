"""What a check finds: a code with its data; the words for people are the caller's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kws_core.config import Config
from kws_core.values import HostCapacity, Kind, Size


class Result(StrEnum):
    """What a finding means for the running of KWS."""

    OK = "ok"
    NOTE = "note"  # KWS works, with something less
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check. ``data`` fills the blanks of its sentence."""

    code: str
    result: Result
    data: Mapping[str, object] = field(default_factory=dict)


def ok(code: str, **data: object) -> Finding:
    """All is well."""
    return Finding(code, Result.OK, data)


def note(code: str, **data: object) -> Finding:
    """KWS works, with something less."""
    return Finding(code, Result.NOTE, data)


def fail(code: str, **data: object) -> Finding:
    """Something that has to be put right."""
    return Finding(code, Result.FAIL, data)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What nodes.toml expects of one node: RAM in MiB, disk in GiB."""

    kinds: Collection[Kind]
    sizes: Sequence[Size]
    vcpus: int
    ram_mb: int
    disk_gb: int

    @classmethod
    def of(cls, config: Config, name: str) -> Wanted:
        """Return the section of the node with that name.

        Raises:
            KeyError: If there is none.
        """
        section = config.node(name)
        if section is None:
            raise KeyError(name)
        return cls(section.kinds, config.all_sizes(), section.vcpus, section.ram_mb, section.disk_gb)

    def rentals(self) -> int:
        """How many rentals of the smallest size the figures allow."""
        fitting = [
            min(self.vcpus // size.vcpus, self.ram_mb // size.ram_mb, self.disk_gb // size.disk_gb)
            for size in self.sizes
        ]
        return max(fitting, default=0)

    def too_large(self, hosts: Sequence[HostCapacity]) -> Finding | None:
        """Sizes that no host of the node gives to one server, however empty it is; None when there are none.

        ``hosts``: as far as they are known; what the node lends in all is a limit anyway.
        """
        lent = Size("", self.vcpus, self.ram_mb, self.disk_gb)
        most = [host.most("", lent) for host in hosts] or [lent]
        names = [size.name for size in self.sizes if not any(size.within(one) for one in most)]
        if Kind.SERVER not in self.kinds or not names:
            return None
        largest = "; ".join(
            sorted({f"{m.vcpus} vCPU · {m.ram_mb / 1024:g} GB RAM · {m.disk_gb} GB disk" for m in most})
        )
        return note("sizes_too_large", sizes=", ".join(names), largest=largest)


SKEW_NOTE = 5.0  # seconds between two clocks from which it is mentioned
SKEW_FAIL = 60.0  # from which tokens, warnings and ends are off


def clock_finding(skew: float, whose: str) -> Finding:
    """What a difference of clocks means; ``skew`` in seconds, positive when the other one is ahead."""
    seconds = round(abs(skew))
    if abs(skew) >= SKEW_FAIL:
        return fail("clock_off", whose=whose, seconds=seconds)
    return (
        note("clock_drifts", whose=whose, seconds=seconds)
        if abs(skew) >= SKEW_NOTE
        else ok("clock", whose=whose)
    )

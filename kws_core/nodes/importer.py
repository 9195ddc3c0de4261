"""What taking over a machine that KWS did not make asks of a node; apart from the everyday contract.

Only a person's explicit command (``kws db import-legacy``) calls this: nothing else ever gives our mark to
something that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kws_core.nodes.values import MachineState
from kws_core.values import Kind


@dataclass(frozen=True, slots=True)
class UntaggedMachine:
    """A machine without a KWS mark. ``addresses``: every IPv4 that the node knows it by; RAM in MiB, disk in GiB."""

    id: str
    name: str
    kind: Kind
    state: MachineState
    addresses: frozenset[str]
    vcpus: int = 0  # these three 0 where the node does not say
    ram_mb: int = 0
    disk_gb: int = 0


class Importer(Protocol):
    """One node. Calls are short, may be repeated, and raise NodeError as the contract says."""

    def strays(self, kind: Kind) -> Sequence[UntaggedMachine]:
        """Every machine of that kind in our project that has no mark; none where the node offers none."""

    def adopt(self, kind: Kind, machine_id: str, mark: str, owner: str, address: str) -> None:
        """Put the mark on the machine, on its ports, and on its floating IP ``address``, in this order.

        Repeat-safe: what has this mark already is passed over. NodeRefused ``missing`` when there is no
        such machine, ``invalid`` when it carries another mark.
        """

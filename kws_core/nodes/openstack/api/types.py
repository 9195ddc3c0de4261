"""What the facade returns: each has an id and a name; ``marks`` are the texts that may carry a mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kws_core.values import HostCapacity


@dataclass(frozen=True, slots=True)
class Server:
    """A Nova server. ``status`` and ``task`` are Nova's own words, ``fault`` why it is in ERROR."""

    id: str
    name: str
    status: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    vm_state: str = ""
    fault: str = ""
    flavor: str = ""  # name of the flavor that it was made with
    vcpus: int = 0  # these three as that flavor was
    ram_mb: int = 0
    disk_gb: int = 0
    addresses: tuple[str, ...] = ()  # fixed and floating, as Nova knows them
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A Zun container. ``status`` and ``task`` are Zun's own words, ``reason`` why it failed."""

    id: str
    name: str
    status: str
    labels: Mapping[str, str] = field(default_factory=dict)
    task: str = ""
    reason: str = ""
    detail: str = ""  # Docker's words, e.g. "Exited(3) 5 mins ago"; as old as Zun's last check
    image: str = ""
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    vcpus: int = 0  # a part of one counts as one
    ram_mb: int = 0
    addresses: tuple[str, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor. RAM in MiB, disk in GiB; ``plain``: no ephemeral disk, no swap, no extra specs."""

    id: str
    name: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """A network."""

    id: str
    name: str
    external: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet."""

    id: str
    name: str
    network_id: str
    cidr: str


@dataclass(frozen=True, slots=True)
class Router:
    """A router; ``external_network_id`` is empty without a gateway."""

    id: str
    name: str
    external_network_id: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A port. ``device_id`` is its server's id, empty while it is unbound."""

    id: str
    name: str
    network_id: str
    fixed_ip: str = ""
    device_id: str = ""
    security_group_ids: tuple[str, ...] = ()
    created_at: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloatingIp:
    """A floating IP; ``port_id`` is empty while it points nowhere."""

    id: str
    name: str  # the address
    network_id: str
    port_id: str = ""
    created_at: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """An ingress rule; ``first``/``last`` are empty for a protocol without ports, and "" is any protocol.

    ``source`` is the CIDR that it lets in, "" anybody.
    """

    protocol: str
    first: int | None = None
    last: int | None = None
    ethertype: str = "IPv4"
    source: str = ""


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group with its ingress rules, but for those that let in another group."""

    id: str
    name: str
    rules: frozenset[Rule] = frozenset()
    created_at: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keypair:
    """A public key that Nova keeps for our user; its id is its name."""

    id: str
    name: str
    public_key: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """A block-storage volume."""

    id: str
    name: str
    status: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """A quantity that is counted: ``total`` (None: unlimited) and what is used of it."""

    total: int | None
    used: int

    @property
    def free(self) -> int | None:
        """What is left, never below 0; None when unlimited."""
        return None if self.total is None else max(0, self.total - self.used)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the node's hypervisors have in all, and what all servers on them use."""

    vcpus: Usage
    ram_mb: Usage
    disk_gb: Usage
    hosts: Sequence[HostCapacity] = ()  # those that take new servers

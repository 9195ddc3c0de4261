"""What the contract of a node speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kws_core.errors import Refusal
from kws_core.values import HostCapacity, Kind, PortRange, ResizeEnd, Size


class MachineAction(StrEnum):
    """What a person may do to a machine that they have. See :meth:`Node.act`."""

    REBOOT = "reboot"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Resize:
    """Another size for a server that is there: it restarts with it, and keeps its disk and its address."""

    size: Size


Action = MachineAction | Resize | ResizeEnd


class ResizeState(StrEnum):
    """How far a server is that gets another size, or the one that it had before."""

    UNDER_WAY = "under_way"
    UNCONFIRMED = "unconfirmed"  # it has the new size, and waits for a ``ResizeEnd``


class MachineState(StrEnum):
    """A machine's state as far as KWS cares; foreign statuses are mapped by table in the adapters."""

    BUILDING = "building"
    ACTIVE = "active"
    STOPPED = "stopped"
    BROKEN = "broken"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that servers can be made from, as one node describes it. Sizes: bytes, GiB, MiB."""

    id: str
    name: str
    title: str = ""  # shown in the form; property kws_title
    size_bytes: int = 0
    min_disk_gb: int = 0
    min_ram_mb: int = 0
    login: str = (
        ""  # the user that the image's cloud-init makes; property os_admin_user, otherwise by os_distro/name
    )
    checksum: str = ""
    hidden: bool = False  # property kws_hidden
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a node measured of itself at ``at``; None where it can't be measured (no admin role).

    ``vcpus``/``ram_mb``/``disk_gb`` are totals (with the node's allocation ratio, less what is reserved),
    ``used_*`` what all its servers use, KWS's or not. A server is on one host, whatever all of them have.
    """

    at: datetime
    vcpus: int | None = None
    ram_mb: int | None = None
    disk_gb: int | None = None
    used_vcpus: int = 0
    used_ram_mb: int = 0
    used_disk_gb: int = 0
    free_addresses: int | None = None  # floating IPs that can still be made
    free_machines: int | None = None  # machines that the network's quotas still allow
    free_servers: int | None = None  # servers that a quota of their own still allows
    hosts: Sequence[HostCapacity] = ()  # those that take new servers; empty where they can't be measured


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network of a person's own: made on a node with the first address that needs it, by its own mark."""

    mark: str
    name: str  # a label only
    cidr: str  # IPv4, overlapping no other network of the node


@dataclass(frozen=True, slots=True)
class LetIn:
    """A TCP port at which one address is let in, besides those for everybody."""

    source: str  # IPv4 address
    port: int


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server to make. ``mark`` identifies it; names are labels only and need not be unique on the node."""

    mark: str
    name: str
    image: str  # image name
    size: Size
    user_data: str  # the whole cloud-config, not base64
    owner: str = ""  # Slack user id, kept as metadata for the person who runs the node
    open_ports: Sequence[PortRange] = ()  # besides SSH and ICMP
    let_in: Sequence[LetIn] = ()  # besides that
    network: NetworkSpec | None = None  # None: the node's internal network


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to run. ``mark`` identifies it; names are labels only and need not be unique on the node.

    Of ``size`` only vCPUs and RAM count: containers share the node's disk. A ``name`` that the container
    service does not take (other than ASCII letters, digits and ``_.-``) is replaced by one that it takes.
    """

    mark: str
    name: str
    image: str  # as a registry knows it, e.g. "nginx:latest"
    size: Size
    command: Sequence[str] = ()  # words; empty: what the image says
    environment: Mapping[str, str] = field(default_factory=dict)  # readable by the node's admins
    owner: str = ""  # Slack user id, kept as a label for the person who runs the node
    open_ports: Sequence[PortRange] = ()  # besides ICMP; SSH only if it is among them
    let_in: Sequence[LetIn] = ()  # besides that
    network: NetworkSpec | None = None  # None: the node's internal network


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A machine to make once more from its image. ``number`` tells this time from the earlier ones of its mark."""

    spec: ServerSpec | ContainerSpec
    number: int
    public_key: str = ""  # a key that KWS made, which the server takes in the place of earlier ones


@dataclass(frozen=True, slots=True)
class CopySpec:
    """A copy to make of a server's disk. ``mark`` identifies it, and is what its image is called."""

    mark: str
    login: str  # the user that its owner logs in as
    disk_gb: int  # the disk that a server made from it needs at least
    owner: str = ""  # Slack user id, kept as a property for the person who runs the node


@dataclass(frozen=True, slots=True)
class Address:
    """The network place made ahead of a machine: its own security group, port and floating IP."""

    port_id: str
    floating_ip_id: str
    floating_ip: str  # the address people connect to
    fixed_ip: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """How the owner of a server gets in. Nothing in it is secret."""

    user: str
    public_key: str | None  # one line of authorized_keys; None: with a password


@dataclass(frozen=True, slots=True)
class LoginCheck:
    """What a check of a server from outside showed; ``host_keys`` are fingerprints (``SHA256:…``)."""

    answers: bool = False  # an SSH server is there
    accepted: bool = False  # it would take the key, or asks for passwords: its owner gets in
    host_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the node shows it now."""

    id: str
    mark: str
    name: str
    kind: Kind
    state: MachineState
    fault: str = ""  # the node's own words, for the log only; of a stopped container how it ended
    refusal: Refusal | None = None  # for BROKEN: what kind of failure the fault is
    created_at: datetime | None = None
    command: Sequence[str] = ()  # of a container, as is the next: what it was made with
    environment: Mapping[str, str] = field(default_factory=dict)
    size: Size | None = None  # of a server, as it has it now
    resize: ResizeState | None = None  # None: its size is settled


@dataclass(frozen=True, slots=True)
class RemainingResources:
    """What a node still shows of one mark: (resource kind, id) pairs, e.g. ("port", "8f…")."""

    items: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.items)

    def kinds(self) -> list[str]:
        """Kinds that remain, sorted, each once."""
        return sorted({kind for kind, _ in self.items})


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as the node keeps it. ``properties`` are what it says beside these fields, as text.

    ``checksum`` is of the kind ``hash_algo``, otherwise an MD5 as ``md5`` is; each is empty until it is active.
    """

    id: str
    name: str
    status: str
    size_bytes: int = 0
    min_disk_gb: int = 0  # also enough for its virtual size
    min_ram_mb: int = 0
    checksum: str = ""
    visibility: str = ""
    created_at: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    hash_algo: str = ""
    md5: str = ""
    disk_format: str = ""
    protected: bool = False
    container_format: str = ""
    tags: Sequence[str] = ()  # sorted
    os_hidden: bool = False  # the node's own way to leave it out of lists

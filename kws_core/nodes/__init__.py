"""The contract of a node: what KWS asks of one OpenStack PC, and nothing else.

Every call is short (it never waits for a build), may be repeated, and either answers or raises
:class:`~kws_core.errors.NodeDown` (nobody knows what happened: look again later) or
:class:`~kws_core.errors.NodeRefused` (a clear no). Implementations are called from several threads
at once. *mark* is the rental's ownership mark, ``kws-<rental id>``: everything a node makes for a
rental carries it, and a node never touches anything that carries no KWS mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

MARK_PREFIX = "kws-"


def mark_of(rental_id: str) -> str:
    """The mark that every resource of a rental carries on a node."""
    return MARK_PREFIX + rental_id


class Kind(StrEnum):
    """What can be rented."""

    SERVER = "server"
    CONTAINER = "container"


class Refusal(StrEnum):
    """Why a node did not do it (``NodeError.reason``)."""

    DOWN = "down"  # no answer, timeout, 5xx
    AUTH = "auth"  # 401/403 for our credentials
    QUOTA = "quota"  # 403/413 over a project quota
    NO_HOST = "no_host"  # the scheduler found no place
    NO_ADDRESS = "no_address"  # no floating IP left
    NO_IMAGE = "no_image"  # the image is not on this node
    MISSING = "missing"  # network, router or flavor named in nodes.toml is not there
    INVALID = "invalid"  # 400: the node does not accept the request
    FAILED = "failed"  # the machine went to ERROR


class MachineState(StrEnum):
    """A machine's state as far as KWS cares; foreign statuses are mapped by table in the adapters."""

    BUILDING = "building"
    ACTIVE = "active"
    STOPPED = "stopped"
    BROKEN = "broken"
    DELETING = "deleting"


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
        ""  # the user that the image's cloud-init makes; property os_admin_user, else by os_distro/name
    )
    checksum: str = ""
    hidden: bool = False  # property kws_hidden
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a node measured of itself at ``at``; None where it can't be measured (no admin role).

    ``vcpus``/``ram_mb``/``disk_gb`` are totals (with the node's allocation ratio, less what is reserved),
    ``used_*`` what all its servers use, KWS's or not.
    """

    at: datetime
    vcpus: int | None = None
    ram_mb: int | None = None
    disk_gb: int | None = None
    used_vcpus: int = 0
    used_ram_mb: int = 0
    used_disk_gb: int = 0
    free_addresses: int | None = None  # floating IPs that can still be made
    free_machines: int | None = None  # machines that the project's quotas still allow


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


@dataclass(frozen=True, slots=True)
class Address:
    """The network place made ahead of a machine: its own security group, port and floating IP."""

    port_id: str
    floating_ip_id: str
    floating_ip: str  # the address people connect to
    fixed_ip: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the node shows it now."""

    id: str
    mark: str
    name: str
    kind: Kind
    state: MachineState
    fault: str = ""  # the node's own words, for the log only
    refusal: Refusal | None = None  # for BROKEN: what kind of failure the fault is
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Remains:
    """What a node still shows of one mark: (resource kind, id) pairs, e.g. ("port", "8f…")."""

    items: frozenset[tuple[str, str]] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.items)

    def kinds(self) -> list[str]:
        """Kinds that remain, sorted, each once."""
        return sorted({kind for kind, _ in self.items})


class Node(Protocol):
    """One OpenStack PC. See the module docstring for what every method may and may not do."""

    @property
    def name(self) -> str:
        """As in nodes.toml."""

    def ping(self) -> None:
        """The cheapest question that shows whether the node works; NodeDown within a few seconds if not."""

    def images(self) -> list[Image]:
        """Every image that a server could be made from now."""

    def capacity(self) -> Capacity:
        """Totals and use, measured now."""

    def ensure_address(self, spec: ServerSpec) -> Address:
        """Look for the mark's security group, port and floating IP; make what lacks. Repeat-safe."""

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """Look for the mark's server; make it on the address's port if there is none. Returns its id.

        Repeat-safe, also after an ambiguous failure: never makes a second one for the same mark.
        """

    def machines(self) -> dict[str, Machine]:
        """All machines with a KWS mark, by mark; one list call per service, whatever their number."""

    def release(self, mark: str) -> Remains:
        """One pass of deletion over everything that carries the mark; absent is fine.

        Returns what the node still shows afterwards. Called again until that is empty, so a pass
        must not wait: what can only go later (a port after its server) is left for the next pass.
        """

    def marked(self) -> dict[str, Remains]:
        """Everything with a KWS mark on this node, of every kind, by mark (for sweeps and reports)."""

    def answers(self, address: Address) -> bool:
        """Whether the machine is reachable the way ``ready_check`` says (TCP 22, or always for "active")."""

    def host_keys(self, machine_id: str, address: Address) -> list[str]:
        """SSH host-key fingerprints (``SHA256:…``) as far as they can be read, else an empty list."""

    def raw(self) -> Any:
        """Escape hatch for developers: the node's own connection (openstack.connection.Connection)."""

    def close(self) -> None:
        """Drop the connections."""

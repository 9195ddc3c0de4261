"""The contract of a node: what KWS asks of one OpenStack PC, and nothing else.

Every call is short (it never waits for a build), may be repeated, and either answers or raises
:class:`~kws_core.errors.NodeDown` (nobody knows what happened: look again later) or
:class:`~kws_core.errors.NodeRefused` (a clear no). Implementations are called from several threads
at once. *mark* is the rental's ownership mark, ``kws-<rental id>``: everything a node makes for a
rental carries it, and a node never touches anything that carries no KWS mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kws_core.checkup import Finding, Wanted
    from kws_core.nodes.shelf import ImageShelf

MARK_PREFIX = "kws-"


def mark_of(rental_id: str) -> str:
    """The mark that every resource of a rental carries on a node."""
    return MARK_PREFIX + rental_id


class Kind(StrEnum):
    """What can be rented."""

    SERVER = "server"
    CONTAINER = "container"


class Action(StrEnum):
    """What a person may do to a machine that they have. See :meth:`Node.act`."""

    REBOOT = "reboot"
    START = "start"
    STOP = "stop"


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
    free_machines: int | None = None  # machines that the network's quotas still allow
    free_servers: int | None = None  # servers that Nova's quota still allows; containers don't count there


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network of a person's own: made on a node with the first address that needs it, by its own mark."""

    mark: str
    name: str  # a label only
    cidr: str  # IPv4, overlapping no other network of the node


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
    environment: Mapping[str, str] = field(default_factory=dict)  # readable by whoever runs the node
    owner: str = ""  # Slack user id, kept as a label for the person who runs the node
    open_ports: Sequence[PortRange] = ()  # besides ICMP; SSH only if it is among them
    network: NetworkSpec | None = None  # None: the node's internal network


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
    fault: str = ""  # the node's own words, for the log only; of a stopped container how it ended
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

    @property
    def shelf(self) -> ImageShelf:
        """Its images, for whoever looks after them; its calls need not be short."""

    def ping(self) -> None:
        """The cheapest question that shows whether the node works; NodeDown within a few seconds if not."""

    def images(self) -> list[Image]:
        """Every image that a server could be made from now."""

    def cidrs(self) -> list[str]:
        """The CIDR of every subnet on the node, KWS's or not."""

    def capacity(self) -> Capacity:
        """Totals and use, measured now."""

    def ensure_address(self, spec: ServerSpec | ContainerSpec) -> Address:
        """Look for the mark's security group, port and floating IP; make what lacks. Repeat-safe.

        A server's group lets in SSH, ICMP and its ``open_ports``; a container's only ICMP and its ports.
        """

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """Look for the mark's server; make it on the address's port if there is none. Returns its id.

        Repeat-safe, also after an ambiguous failure: never makes a second one for the same mark.
        """

    def ensure_container(self, spec: ContainerSpec, address: Address) -> str:
        """Look for the mark's container; run it on the address's port if there is none. Returns its id.

        Repeat-safe as ensure_server(). A node without a container service refuses (``missing``). Most
        refusals come later, as a BROKEN machine: no such image, bad command, no room on the node.
        """

    def machines(self, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, Machine]:
        """All machines with a KWS mark, by mark; one list call per service, whatever their number.

        A container that ended by itself may be shown as ACTIVE for a minute more. A node without a
        container service shows servers only. When a service does not answer nobody
        knows what it has: NodeDown; ask for the other one's ``kinds`` alone to see those at least.
        """

    def release(self, mark: str) -> Remains:
        """One pass of deletion over everything that carries the mark; absent is fine.

        Returns what the node still shows afterwards. Called again until that is empty, so a pass
        must not wait: what can only go later (a port after its server) is left for the next pass.
        """

    def marked(self) -> dict[str, Remains]:
        """Everything with a KWS mark on this node, of every kind, by mark (for sweeps and reports)."""

    def tidy(self, dry_run: bool = False) -> list[str]:
        """Delete the flavors that KWS made and no server on the node uses; their names.

        They are of a size, not of one rental, so that they carry no mark. ``dry_run`` only names them.
        """

    def act(self, kind: Kind, machine_id: str, action: Action) -> None:
        """Ask for a reboot, a start or a stop; machines() shows when it is done.

        Repeat-safe: a machine that is already so, or on its way, is fine. A reboot starts a stopped one.
        NodeRefused ``missing`` when there is no such machine with a KWS mark, ``invalid`` when its state
        does not allow it now (still building, broken, paused, another action under way).
        """

    def console(self, kind: Kind, machine_id: str, lines: int) -> str:
        """The last ``lines`` of a server's console, or of what a container wrote (stdout and stderr).

        "" when there is none (yet), or the hypervisor keeps none; NodeRefused ``missing`` as act().
        """

    def put_key(self, machine_id: str, public_key: str) -> None:
        """Leave a public key (one line, 255 characters at most) in a server's metadata, over an earlier one.

        The server takes it at its next boot: see kws_core/guest_key.py. Repeat-safe. NodeRefused ``missing``
        when there is no such server with a KWS mark, ``invalid`` when its state does not allow it as act().
        """

    def answers(self, address: Address) -> bool:
        """Whether the server is reachable the way ``ready_check`` says (TCP 22, or always for "active").

        For servers: nothing says that a container listens anywhere, it is ready when it is ACTIVE.
        """

    def host_keys(self, machine_id: str, address: Address) -> list[str]:
        """SSH host-key fingerprints (``SHA256:…``) as far as they can be read, else an empty list."""

    def diagnose(self, wanted: Wanted) -> Iterator[Finding]:
        """What a rental needs of this node, looked at one by one (``kws doctor``); changes nothing.

        Unlike every other call it takes several requests, and tells trouble as findings: it does not raise.
        """

    def raw(self) -> Any:
        """Escape hatch for developers: the node's own connection (openstack.connection.Connection)."""

    def close(self) -> None:
        """Drop the connections."""

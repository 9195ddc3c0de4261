"""The contract of a node: what KWS asks of one PC, and nothing else.

Every call is short (it never waits for a build), may be repeated, and either answers or raises
:class:`~kws_core.errors.NodeDown` (nobody knows what happened: look again later) or
:class:`~kws_core.errors.NodeRefused` (a clear no). Implementations are called from several threads
at once. *mark* is the rental's ownership mark, ``kws-<rental id>``: everything a node makes for a
rental carries it, and a node never touches anything that carries no KWS mark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from kws_core.nodes.values import (
    Action,
    Address,
    Capacity,
    ContainerSpec,
    Image,
    Login,
    LoginCheck,
    Machine,
    Rebuild,
    RemainingResources,
    ServerSpec,
)
from kws_core.values import Kind

if TYPE_CHECKING:
    from kws_core.findings import Finding, Wanted
    from kws_core.nodes.image_store import ImageStore


class Node(Protocol):
    """One PC that lends. See the module docstring for what every method may and may not do."""

    @property
    def name(self) -> str:
        """As in nodes.toml."""

    @property
    def shelf(self) -> ImageStore:
        """Its images, for the code that manages them; its calls need not be short."""

    def ping(self) -> None:
        """The cheapest question that shows whether the node works; NodeDown within a few seconds if not."""

    def images(self) -> list[Image]:
        """Every image that a server could be made from now."""

    def cidrs(self) -> list[str]:
        """The CIDR of every subnet on the node, KWS's or not."""

    def capacity(self) -> Capacity:
        """Totals and use, measured now."""

    def ensure_address(
        self, spec: ServerSpec | ContainerSpec, with_port: Callable[[str], None] | None = None
    ) -> Address:
        """Look for the mark's security group, port and floating IP; make what is missing. Repeat-safe.

        ``with_port`` is called with the id of the port once that is there, in the caller's thread, while the rest
        may still be made: a server needs no more. What it raises is raised when the rest has come to an end.

        A server's group lets in SSH, ICMP and its ``open_ports``; a container's only ICMP and its ports. Both let
        in their ``let_in``; a rule that is no longer among these stays. From within a network of a person's own both let in everything.
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

    def new_servers(self, ids: Collection[str]) -> dict[str, Machine]:
        """Some servers by id, and besides these all that the node is creating, no matter who asked for them.

        Asked every second while somebody waits, so it costs a fraction of machines(), however many servers there
        are. Of one that is being created nothing is told but its state. One that is gone is left out.
        """

    def release(self, mark: str) -> RemainingResources:
        """One pass of deletion over everything that carries the mark; absent is fine.

        Returns what the node still shows afterwards. Called again until that is empty, so a pass
        must not wait: what can only go later (a port after its server) is left for the next pass.
        """

    def marked(self) -> dict[str, RemainingResources]:
        """Everything with a KWS mark on this node, of every kind, by mark (for sweeps and reports)."""

    def tidy(self, dry_run: bool = False) -> list[str]:
        """Delete the flavors that KWS made and no server on the node uses; their names.

        They are of a size, not of one rental, so that they carry no mark. ``dry_run`` only names them.
        """

    def act(self, kind: Kind, machine_id: str, action: Action) -> None:
        """Ask for a reboot, a start, a stop, another size or the end of that; machines() shows when it is done.

        Repeat-safe: a machine that is already so, or on its way, is fine. A reboot starts a stopped one.
        NodeRefused ``missing`` when there is no such machine with a KWS mark, ``invalid`` when its state
        does not allow it now (still building, broken, paused, another action under way).

        A server that gets another size is shown as UNCONFIRMED when it has it, and is in use again, or stopped if it
        was; then it waits for a ``ResizeEnd``, for as long as the node is set to. A node that can't do it refuses
        (``no_host``, ``quota``, ``auth``, ``invalid``), or takes the wish and shows the server as it was before.
        Where nothing is to be confirmed or reverted, that is fine.
        """

    def rebuild(self, again: Rebuild, address: Address) -> str | None:
        """Make the mark's machine once more from its image, on the same address. What is on its disk is lost.

        Repeat-safe, also after an ambiguous failure: one that carries the ``number`` is not made again. Returns
        its id from when machines() shows the new one; None while an earlier container is still being taken
        away: call again. A server keeps its id and the user data that it was born with, with ``public_key`` in
        the place of KWS's earlier key where the node lets it be read; it takes the key at its first boot in any
        case. One that was stopped may be left so.

        NodeRefused ``no_image``, ``missing`` when there is no such server, and ``invalid`` when its state does
        not allow it now; then nothing was changed.
        """

    def console(self, kind: Kind, machine_id: str, lines: int) -> str:
        """The last ``lines`` of a server's console, or of what a container wrote (stdout and stderr).

        "" when it has written nothing yet. NodeRefused ``off`` when it is stopped and so shows nothing,
        ``no_console`` when the hypervisor keeps none, ``missing`` as act().
        """

    def cpu_seconds(self, server_id: str) -> float | None:
        """CPU time that a server has used since it was started, of all its vCPUs together.

        None when the node doesn't say: it lets others only see that, the server is stopped or not there, or its
        hypervisor doesn't count.
        """

    def put_key(self, machine_id: str, public_key: str) -> None:
        """Leave a public key (one line, 255 characters at most) in a server's metadata, over an earlier one.

        The server takes it at its next boot: see kws_core/forms/boot_script.py. Repeat-safe. NodeRefused ``missing``
        when there is no such server with a KWS mark, ``invalid`` when its state does not allow it as act().
        """

    def check_login(self, address: Address, login: Login) -> LoginCheck:
        """Whether the server's SSH server would let its owner in; with ``ready_check = "active"`` nobody asks: it would.

        It takes as long as a busy guest needs, up to about thirty seconds. For servers: nothing says that a
        container listens anywhere, it is ready when it is ACTIVE.
        """

    def host_keys(self, machine_id: str) -> list[str]:
        """The SSH host-key fingerprints (``SHA256:…``) that the server printed when it booted, [] when it did not."""

    def diagnose(self, wanted: Wanted) -> Iterator[Finding]:
        """What a rental needs of this node, looked at one by one (``kws doctor``); changes nothing.

        Unlike every other call it takes several requests, and tells trouble as findings: it does not raise.
        """

    def raw(self) -> Any:
        """Escape hatch for developers: what the driver itself works with, such as its connection."""

    def close(self) -> None:
        """Drop the connections."""

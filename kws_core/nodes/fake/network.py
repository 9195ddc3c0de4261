"""Security groups, ports and floating IPs of the node in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.values import Address, ContainerSpec, LetIn, ServerSpec
from kws_core.values import PortRange

GROUP, PORT, ADDRESS, NETWORK = "security_group", "port", "floating_ip", "network"
_SSH = PortRange(22, 22)
PUBLIC = ("203.0.113", "198.51.100", "192.0.2")  # of node1, node2, node3: addresses of nodes differ


@dataclass(frozen=True, slots=True)
class Thing:
    """A security group, port or floating IP."""

    id: str
    kind: str
    mark: str
    text: str = ""  # the address
    port_id: str = ""
    opened: frozenset[PortRange] = frozenset()  # of a group, besides ICMP
    let_in: frozenset[LetIn] = frozenset()  # of a group: besides that
    inside: str = ""  # of a group: the CIDR from which it lets in everything


class FakeNetwork:
    """Not locked: FakeNode's lock is held around every call."""

    def __init__(self, node: str, addresses: int, new_id: Callable[[str], str]) -> None:
        self._node = node
        number = node.removeprefix("node")
        self._public = PUBLIC[(int(number) - 1) % len(PUBLIC)] if number.isdecimal() else PUBLIC[0]
        self._addresses = addresses
        self._new_id = new_id
        self._things: dict[str, Thing] = {}

    def __iter__(self) -> Iterator[Thing]:
        return iter(list(self._things.values()))

    def __contains__(self, thing_id: str) -> bool:
        return thing_id in self._things

    @property
    def free_addresses(self) -> int:
        """Floating IPs that can still be made."""
        return self._addresses - sum(thing.kind == ADDRESS for thing in self)

    def ensure_port(self, spec: ServerSpec | ContainerSpec) -> str:
        """The id of the mark's port; what is missing up to that is made."""
        if spec.network:
            self._one(spec.network.mark, NETWORK, spec.network.cidr)
        self._one(spec.mark, GROUP)
        return self._one(spec.mark, PORT).id

    def ensure(self, spec: ServerSpec | ContainerSpec) -> Address:
        """The mark's group, port and address; what is missing is made."""
        self.ensure_port(spec)
        group = self._one(spec.mark, GROUP)
        always = () if isinstance(spec, ContainerSpec) else (_SSH,)
        opened = group.opened | {*spec.open_ports, *always}
        inside = spec.network.cidr if spec.network else group.inside
        let_in = group.let_in | {*spec.let_in}
        self._things[group.id] = replace(group, opened=opened, inside=inside, let_in=let_in)
        port = self._one(spec.mark, PORT)
        address = self._one(spec.mark, ADDRESS)
        if address.port_id != port.id:
            address = self._things[address.id] = replace(address, port_id=port.id)
        return Address(port.id, address.id, address.text, port.text)

    def drop(self, mark: str, *kinds: str) -> None:
        """Delete the mark's resources of these kinds."""
        self._things = {i: t for i, t in self._things.items() if t.mark != mark or t.kind not in kinds}

    @property
    def cidrs(self) -> list[str]:
        """Of the networks that people had made."""
        return sorted(thing.text for thing in self if thing.kind == NETWORK)

    def _one(self, mark: str, kind: str, text: str = "") -> Thing:
        found = [thing for thing in self if (thing.mark, thing.kind) == (mark, kind)]
        if found:
            return found[0]
        if kind == ADDRESS and self.free_addresses <= 0:
            raise NodeRefused(self._node, Refusal.NO_ADDRESS, "no floating IP left")
        thing = Thing(self._new_id(kind), kind, mark, text or self._free_ip(kind))
        self._things[thing.id] = thing
        return thing

    def _free_ip(self, kind: str) -> str:
        net = {ADDRESS: self._public, PORT: "10.0.0"}.get(kind)
        taken = {thing.text for thing in self}
        return next(ip for ip in (f"{net}.{n}" for n in range(10, 10_000)) if ip not in taken) if net else ""

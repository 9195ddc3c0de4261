"""A rental's place on the network: security group, port, floating IP. Look first, make what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeVar

from kws_core.errors import Refusal
from kws_core.nodes.concurrency import SingleFlight, Workers
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import FloatingIp, Port, Rule, SecurityGroup
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of
from kws_core.nodes.values import Address, ContainerSpec, ServerSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wiring:
    """Ids of the two networks of nodes.toml, known to be joined by the router."""

    external_id: str
    internal_id: str


def look_up_wiring(cloud: Cloud, node: str, external: str, internal: str, router: str) -> Wiring:
    """Return the wiring of these names.

    Raises:
        OpenStackRefused: With ``missing`` and the piece that isn't there or isn't connected.
    """
    outside, inside = cloud.networks.find(external), cloud.networks.find(internal)
    gate = cloud.routers.find(router)
    if gate.external_network_id != outside.id:
        raise OpenStackRefused(
            node, Refusal.MISSING, f"router {router!r} has no gateway on network {external!r}"
        )
    if inside.id not in cloud.routers.networks_of(gate.id):
        raise OpenStackRefused(
            node, Refusal.MISSING, f"network {internal!r} is not wired to router {router!r}"
        )
    return Wiring(outside.id, inside.id)


def wanted_rules(spec: ServerSpec | ContainerSpec) -> frozenset[Rule]:
    """What the rental's security group lets in: within a network of a person's own, everything."""
    opened = frozenset(Rule(ports.protocol, ports.first, ports.last) for ports in spec.open_ports)
    always = {Rule("icmp")} if isinstance(spec, ContainerSpec) else {Rule("tcp", 22, 22), Rule("icmp")}
    proxies = {Rule("tcp", one.port, one.port, source=_as_neutron(one.source)) for one in spec.let_in}
    inside = {Rule("", source=_as_neutron(spec.network.cidr))} if spec.network else set()
    return opened | always | inside | proxies


def _as_neutron(cidr: str) -> str:
    return str(ip_network(cidr, strict=False))


class Lookups:
    """What there is already of several rentals that begin together: one request of each kind for all of them."""

    def __init__(self) -> None:
        self._groups, self._addresses = SingleFlight(), SingleFlight()

    def groups(self, cloud: Cloud, mark: str) -> Sequence[SecurityGroup]:
        """The mark's security groups."""
        found = self._groups.get_for(mark, lambda marks: cloud.security_groups.list(*marks))
        return [group for group in found if group.name == mark]

    def addresses(self, cloud: Cloud, mark: str) -> Sequence[FloatingIp]:
        """The mark's floating IPs."""
        found = self._addresses.get_for(mark, lambda marks: cloud.addresses.list(*marks))
        return [address for address in found if mark in address.marks]


class AddressSet:
    """One rental's set on one node. The caller holds the mark's lock."""

    def __init__(
        self,
        cloud: Cloud,
        workers: Workers,
        lookups: Lookups,
        wiring: Wiring,
        spec: ServerSpec | ContainerSpec,
    ) -> None:
        self._cloud = cloud
        self._workers = workers
        self._lookups = lookups
        self._wiring = wiring
        self._spec = spec
        self._mark = spec.mark

    def ensure(self, with_port: Callable[[str], None] | None = None) -> Address:
        """Complete the set; what an ambiguous failure made twice is reduced to one.

        ``with_port`` runs in this thread, which holds the mark's lock, beside what is left to do.
        """
        cloud, mark = self._cloud, self._mark
        groups, addresses = self._workers.gather(
            lambda: self._lookups.groups(cloud, mark), lambda: self._lookups.addresses(cloud, mark)
        )
        # a port is made with its group, and Neutron keeps a group that a port has: without one no port is ours
        ports = cloud.ports.list(mark) if groups else []
        pointed_at = {address.port_id for address in addresses}
        port = _best(ports, lambda p: (not p.device_id, p.id not in pointed_at, p.created_at, p.id))
        used = port.security_group_ids if port else ()
        group = _best(groups, lambda g: (g.id not in used, g.created_at, g.id)) or self._new_group()
        placed = self._place(group, port)
        _, _, address = self._workers.gather(
            lambda: with_port(placed.id) if with_port else None,
            lambda: self._complete_rules(group),
            lambda: self._address_on(placed, addresses),
        )
        self._drop_duplicates(groups, ports, addresses, {group.id, placed.id, address.id})
        return Address(placed.id, address.id, address.name, placed.fixed_ip)

    def _new_group(self) -> SecurityGroup:
        return self._cloud.security_groups.create(self._mark, self._mark)

    def _complete_rules(self, group: SecurityGroup) -> None:
        lacking = sorted(wanted_rules(self._spec) - group.rules, key=str)
        try:
            self._cloud.security_groups.add_rules(group.id, lacking)
        except OpenStackRefused as error:
            if status_of(error) != 409 or error.reason == Refusal.QUOTA:
                raise
            self._add_one_by_one(group, lacking)

    def _add_one_by_one(self, group: SecurityGroup, lacking: Iterable[Rule]) -> None:
        # the bulk request is all or nothing, and another process just made one of them
        for rule in lacking:
            try:
                self._cloud.security_groups.add_rules(group.id, [rule])
            except OpenStackRefused as error:
                if status_of(error) != 409 or rule not in self._rules_now(group):
                    raise  # some other conflict: a machine that lets nobody in is worth nothing

    def _rules_now(self, group: SecurityGroup) -> Collection[Rule]:
        found = self._cloud.security_groups.list(self._mark)
        return next((one.rules for one in found if one.id == group.id), ())

    def _place(self, group: SecurityGroup, port: Port | None) -> Port:
        ports, mark = self._cloud.ports, self._mark
        if port is None:
            return ports.create(mark, "", [group.id], mark, network_id=self._wiring.internal_id)
        if group.id not in port.security_group_ids:
            return ports.set_security_groups(port.id, [group.id])
        return port

    def _address_on(self, port: Port, addresses: Sequence[FloatingIp]) -> FloatingIp:
        found = _best(addresses, lambda a: (a.port_id != port.id, a.created_at, a.id))
        if found is not None:
            return found if found.port_id == port.id else self._cloud.addresses.attach(found.id, port.id)
        try:
            external_id = self._wiring.external_id
            return self._cloud.addresses.create("", port.id, self._mark, network_id=external_id)
        except OpenStackRefused as error:
            # an earlier request of ours, given up as lost, may just have been carried out
            late = self._cloud.addresses.list(self._mark) if status_of(error) == 409 else ()
            mine = [address for address in late if address.port_id == port.id]
            if not mine:
                raise
            return mine[0]

    def _drop_duplicates(
        self,
        groups: Iterable[SecurityGroup],
        ports: Iterable[Port],
        addresses: Iterable[FloatingIp],
        kept: set[str],
    ) -> None:
        kinds: list[tuple[Iterable[Any], Callable[[str], bool]]] = [
            (addresses, self._cloud.addresses.delete),
            (ports, self._cloud.ports.delete),
            (groups, self._cloud.security_groups.delete),
        ]
        for found, delete in kinds:
            for one in found:
                if one.id not in kept and self._mark in one.marks:
                    delete(one.id)


def _best(found: Iterable[T], order: Callable[[T], Any]) -> T | None:
    return min(found, key=order, default=None)

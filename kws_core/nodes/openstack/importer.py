"""Adoption on an OpenStack: see :mod:`kws_core.nodes.importer`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kws_core.errors import Refusal
from kws_core.nodes.importer import UntaggedMachine
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Container, Server
from kws_core.nodes.openstack.faults import OpenStackRefused
from kws_core.nodes.openstack.translation import (
    OWNER_KEY,
    RENTAL_KEY,
    container_is_gone,
    container_state,
    machine_state,
    mark_of_container,
    mark_of_server,
)
from kws_core.values import TAG_PREFIX, Kind


class OpenStackImporter:
    """``cloud`` gives the node's facade when it is first needed."""

    def __init__(self, name: str, cloud: Callable[[], Cloud]) -> None:
        self._name = name
        self._open = cloud

    def strays(self, kind: Kind) -> Sequence[UntaggedMachine]:
        """See Importer."""
        cloud = self._open()
        if kind is Kind.SERVER:
            floating = _floating(cloud)
            servers = [server for server in cloud.servers.list() if not mark_of_server(server)]
            return [_stray_server(server, floating.get(server.id, ())) for server in servers]
        found = [c for c in cloud.containers.list() if not mark_of_container(c) and not container_is_gone(c)]
        return [_stray_container(container) for container in found]

    def adopt(self, kind: Kind, machine_id: str, mark: str, owner: str, address: str) -> None:
        """See Importer."""
        cloud = self._open()
        self._take(cloud, kind, machine_id, mark, owner)
        ports = {port.id: port for port in cloud.ports.list() if port.device_id == machine_id}
        for port in ports.values():
            if kind is Kind.SERVER and mark not in port.marks:  # a container's port is Zun's to delete
                cloud.ports.set_mark(port.id, mark)
        for floating in cloud.addresses.list():
            mine = floating.name == address and floating.port_id in ports
            if mine and mark not in floating.marks:
                cloud.addresses.set_mark(floating.id, mark)

    def _take(self, cloud: Cloud, kind: Kind, machine_id: str, mark: str, owner: str) -> None:
        if kind is Kind.SERVER:
            marks = {server.id: mark_of_server(server) for server in cloud.servers.list()}
        else:
            marks = {one.id: mark_of_container(one) for one in cloud.containers.list()}
        has = marks.get(machine_id)
        if has is None:
            raise OpenStackRefused(self._name, Refusal.MISSING, f"no {kind} {machine_id!r}")
        if has not in ("", mark):
            raise OpenStackRefused(self._name, Refusal.INVALID, f"{kind} {machine_id!r} is marked {has!r}")
        if has == mark:
            return
        if kind is Kind.SERVER:
            rental = mark.removeprefix(TAG_PREFIX)
            cloud.servers.set_metadata(machine_id, {RENTAL_KEY: rental, OWNER_KEY: owner})
        else:
            cloud.containers.rename(machine_id, mark)  # Zun takes no labels on what is there


def _floating(cloud: Cloud) -> dict[str, list[str]]:
    """Floating IPs by server: Nova's own list of them may be old, Neutron's is not."""
    ports = {port.id: port.device_id for port in cloud.ports.list() if port.device_id}
    found: dict[str, list[str]] = {}
    for address in cloud.addresses.list():
        if address.port_id in ports:
            found.setdefault(ports[address.port_id], []).append(address.name)
    return found


def _stray_server(server: Server, floating: Iterable[str]) -> UntaggedMachine:
    return UntaggedMachine(
        id=server.id,
        name=server.name,
        kind=Kind.SERVER,
        state=machine_state(server),
        addresses=frozenset((*server.addresses, *floating)),
        vcpus=server.vcpus,
        ram_mb=server.ram_mb,
        disk_gb=server.disk_gb,
    )


def _stray_container(container: Container) -> UntaggedMachine:
    return UntaggedMachine(
        id=container.id,
        name=container.name,
        kind=Kind.CONTAINER,
        state=container_state(container),
        addresses=frozenset(container.addresses),
        vcpus=container.vcpus,
        ram_mb=container.ram_mb,
    )

"""Ports and floating IPs (Neutron)."""

from __future__ import annotations

from collections.abc import Sequence

from kws_core.nodes.openstack.api.networks import Networks
from kws_core.nodes.openstack.api.rest import Json, Rest, inner, marks_of
from kws_core.nodes.openstack.api.types import FloatingIp, Port


class Ports:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest, networks: Networks) -> None:
        self._rest = rest
        self._networks = networks

    def list(self, name: str = "") -> Sequence[Port]:
        """All ports that our project sees, or those called ``name``."""
        params = {"name": name} if name else {}
        found = [_port(entry) for entry in self._rest.pages("network", "/ports", "ports", params)]
        return [port for port in found if not name or port.name == name]

    def create(
        self, name: str, network: str, security_groups: Sequence[str], mark: str = "", network_id: str = ""
    ) -> Port:
        """Make a port; ``security_groups`` are ids, ``network_id`` spares the look-up of ``network``."""
        wanted = {
            "name": name,
            "description": mark,
            "network_id": network_id or self._networks.id_of(network),
            "security_groups": [*security_groups],
        }
        return _port(inner(self._rest, self._rest.post("network", "/ports", {"port": wanted}), "port"))

    def set_security_groups(self, port_id: str, security_groups: Sequence[str]) -> Port:
        """Replace a port's security groups (ids)."""
        body = {"port": {"security_groups": [*security_groups]}}
        return _port(inner(self._rest, self._rest.put("network", f"/ports/{port_id}", body), "port"))

    def set_mark(self, port_id: str, mark: str) -> None:
        """Write the mark into its description."""
        self._rest.put("network", f"/ports/{port_id}", {"port": {"description": mark}})

    def delete(self, port_id: str) -> bool:
        """Delete a port; a floating IP on it is left behind, pointing nowhere."""
        return self._rest.delete("network", f"/ports/{port_id}")


class FloatingIps:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest, networks: Networks) -> None:
        self._rest = rest
        self._networks = networks

    def list(self, *descriptions: str) -> Sequence[FloatingIp]:
        """All floating IPs that our project sees, or those with exactly one of these descriptions."""
        params = {"description": descriptions} if descriptions else {}
        found = self._rest.pages("network", "/floatingips", "floatingips", params)
        return [
            _floating_ip(entry)
            for entry in found
            if not descriptions or entry.get("description") in descriptions
        ]

    def create(self, network: str, port_id: str, mark: str = "", network_id: str = "") -> FloatingIp:
        """Take a new address on an external network, already on ``port_id``. Never takes one that exists."""
        wanted = {
            "floating_network_id": network_id or self._networks.id_of(network),
            "port_id": port_id,
            "description": mark,
        }
        answer = self._rest.post("network", "/floatingips", {"floatingip": wanted})
        return _floating_ip(inner(self._rest, answer, "floatingip"))

    def attach(self, floating_ip_id: str, port_id: str) -> FloatingIp:
        """Point an address at a port."""
        body = {"floatingip": {"port_id": port_id}}
        answer = self._rest.put("network", f"/floatingips/{floating_ip_id}", body)
        return _floating_ip(inner(self._rest, answer, "floatingip"))

    def set_mark(self, floating_ip_id: str, mark: str) -> None:
        """Write the mark into its description."""
        self._rest.put("network", f"/floatingips/{floating_ip_id}", {"floatingip": {"description": mark}})

    def delete(self, floating_ip_id: str) -> bool:
        """Give an address back."""
        return self._rest.delete("network", f"/floatingips/{floating_ip_id}")


def _port(entry: Json) -> Port:
    fixed = entry.get("fixed_ips") or [{}]
    return Port(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        network_id=str(entry.get("network_id") or ""),
        fixed_ip=str(fixed[0].get("ip_address") or ""),
        device_id=str(entry.get("device_id") or ""),
        security_group_ids=tuple(entry.get("security_groups") or ()),
        created_at=str(entry.get("created_at") or ""),
        marks=marks_of(entry),
    )


def _floating_ip(entry: Json) -> FloatingIp:
    return FloatingIp(
        id=str(entry["id"]),
        name=str(entry.get("floating_ip_address") or ""),
        network_id=str(entry.get("floating_network_id") or ""),
        port_id=str(entry.get("port_id") or ""),
        created_at=str(entry.get("created_at") or ""),
        marks=marks_of(entry),
    )

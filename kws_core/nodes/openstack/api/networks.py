"""Networks, subnets and routers (Neutron)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws_core.nodes.openstack.api.rest import Json, Params, Rest, inner, marks_of, pick
from kws_core.nodes.openstack.api.types import Network, Router, Subnet


class Networks:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self) -> Sequence[Network]:
        """All networks that our project sees."""
        return [_network(entry) for entry in self._rest.pages("network", "/networks", "networks")]

    def find(self, name_or_id: str) -> Network:
        """One network."""
        return pick(self._rest, "network", self.list(), name_or_id)

    def id_of(self, name_or_id: str) -> str:
        """Its id."""
        return self.find(name_or_id).id

    def create(self, name: str, mark: str = "") -> Network:
        """Make a network; ``mark`` goes into its description."""
        wanted = {"name": name, "description": mark}
        return _network(
            inner(self._rest, self._rest.post("network", "/networks", {"network": wanted}), "network")
        )

    def delete(self, network_id: str) -> bool:
        """Delete a network with its subnets; refused (409) while ports other than DHCP's are on it."""
        return self._rest.delete("network", f"/networks/{network_id}")


class Subnets:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest, networks: Networks) -> None:
        self._rest = rest
        self._networks = networks

    def list(self) -> Sequence[Subnet]:
        """All subnets that our project sees."""
        return [_subnet(entry) for entry in self._rest.pages("network", "/subnets", "subnets")]

    def find(self, name_or_id: str) -> Subnet:
        """One subnet."""
        return pick(self._rest, "subnet", self.list(), name_or_id)

    def create(self, name: str, network: str, cidr: str, dns: Sequence[str] = (), mark: str = "") -> Subnet:
        """Make an IPv4 subnet with DHCP and the first address as gateway."""
        wanted: dict[str, Any] = {
            "name": name,
            "network_id": self._networks.id_of(network),
            "ip_version": 4,
            "cidr": cidr,
            "dns_nameservers": [*dns],
            "description": mark,
        }
        return _subnet(
            inner(self._rest, self._rest.post("network", "/subnets", {"subnet": wanted}), "subnet")
        )

    def delete(self, subnet_id: str) -> bool:
        """Delete a subnet; refused (409) while addresses of it are in use."""
        return self._rest.delete("network", f"/subnets/{subnet_id}")


class Routers:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest, networks: Networks, subnets: Subnets) -> None:
        self._rest = rest
        self._networks = networks
        self._subnets = subnets

    def list(self) -> Sequence[Router]:
        """All routers that our project sees."""
        return [_router(entry) for entry in self._rest.pages("network", "/routers", "routers")]

    def find(self, name_or_id: str) -> Router:
        """One router."""
        return pick(self._rest, "router", self.list(), name_or_id)

    def create(self, name: str, external_network: str = "", mark: str = "") -> Router:
        """Make a router, with its gateway on ``external_network`` if that is given."""
        wanted: dict[str, Any] = {"name": name, "description": mark}
        if external_network:
            wanted["external_gateway_info"] = {"network_id": self._networks.id_of(external_network)}
        return _router(
            inner(self._rest, self._rest.post("network", "/routers", {"router": wanted}), "router")
        )

    def connect(self, router: str, subnet: str) -> None:
        """Wire a subnet to a router."""
        self._interface(router, subnet, "add_router_interface")

    def disconnect(self, router: str, subnet: str) -> None:
        """Take a subnet off a router; refused (409) while floating IPs need it."""
        self._interface(router, subnet, "remove_router_interface")

    def networks_of(self, router_id: str) -> frozenset[str]:
        """Ids of the networks that are wired to a router, its gateway's not counted."""
        return frozenset(
            str(entry.get("network_id"))
            for entry in self._interfaces({"device_id": router_id})
            if entry.get("device_id") == router_id
        )

    def detach_network(self, network_id: str) -> None:
        """Take every subnet of a network off the routers that it is wired to."""
        for entry in self._interfaces({"network_id": network_id}):
            if entry.get("network_id") == network_id and entry.get("device_id"):
                body = {"port_id": entry["id"]}
                self._rest.put("network", f"/routers/{entry['device_id']}/remove_router_interface", body)

    def delete(self, router_id: str) -> bool:
        """Take off the router's interfaces, then delete it."""
        for entry in self._interfaces({"device_id": router_id}):
            if entry.get("device_id") == router_id:
                body = {"port_id": entry["id"]}
                self._rest.put("network", f"/routers/{router_id}/remove_router_interface", body)
        return self._rest.delete("network", f"/routers/{router_id}")

    def _interface(self, router: str, subnet: str, action: str) -> None:
        body = {"subnet_id": self._subnets.find(subnet).id}
        self._rest.put("network", f"/routers/{self.find(router).id}/{action}", body)

    def _interfaces(self, params: Params) -> Sequence[Json]:
        # network:router_interface, or its _distributed and ha_… forms; the gateway is router_gateway
        ports = self._rest.pages("network", "/ports", "ports", params)
        return [entry for entry in ports if "router_interface" in str(entry.get("device_owner"))]


def _network(entry: Json) -> Network:
    return Network(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        external=bool(entry.get("router:external")),
        marks=marks_of(entry),
    )


def _subnet(entry: Json) -> Subnet:
    return Subnet(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        network_id=str(entry.get("network_id") or ""),
        cidr=str(entry.get("cidr") or ""),
    )


def _router(entry: Json) -> Router:
    gateway = entry.get("external_gateway_info") or {}
    return Router(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        external_network_id=str(gateway.get("network_id") or ""),
        marks=marks_of(entry),
    )

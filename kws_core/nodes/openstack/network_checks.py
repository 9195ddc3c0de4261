"""The networks of a node as nodes.toml names them: external, internal, and the router that joins them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

from kws_core.config import OpenStackSection
from kws_core.errors import NodeError
from kws_core.findings import Finding, fail, note, ok
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.rest import Named, Rest
from kws_core.nodes.openstack.api.types import Network

N = TypeVar("N", bound=Named)


def network_findings(cloud: Cloud, rest: Rest, settings: OpenStackSection, admin: bool) -> Iterator[Finding]:
    """What is wrong with them, or that all is well."""
    networks = cloud.networks.list()
    external = yield from _external(cloud, networks, settings.external_network, admin)
    internal = yield from _internal(rest, networks, settings.internal_network)
    yield from _router(cloud, settings.router, external, internal)
    if admin:
        yield from _agents(rest)


def _external(
    cloud: Cloud, networks: Sequence[Network], name: str, admin: bool
) -> Generator[Finding, None, Network | None]:
    outside = [network for network in networks if network.external]
    found = yield from _one(networks, name, "external_network", outside)
    if found is None:
        return None
    if not found.external:
        yield fail("network_not_external", name=name, known=_names(outside))
        return None
    free = _free_addresses(cloud, found) if admin else None
    if free == 0:
        yield fail("addresses_none", name=name)
    elif free is None:
        yield ok("external_network", name=name)
    else:
        yield ok("external_network_free", name=name, free=free)
    return found


def _internal(rest: Rest, networks: Sequence[Network], name: str) -> Generator[Finding, None, Network | None]:
    inside = [network for network in networks if not network.external]
    found = yield from _one(networks, name, "internal_network", inside)
    if found is None:
        return None
    subnets = rest.pages("network", "/subnets", "subnets", {"network_id": found.id})
    usable = [one for one in subnets if one.get("network_id") == found.id and one.get("ip_version") == 4]
    if not usable:
        yield fail("network_without_subnet", name=name)
        return None
    if not any(one.get("enable_dhcp") for one in usable):
        yield note("network_without_dhcp", name=name)
    else:
        yield ok("internal_network", name=name, cidr=str(usable[0].get("cidr")))
    return found


def _router(cloud: Cloud, name: str, external: Network | None, internal: Network | None) -> Iterator[Finding]:
    routers = cloud.routers.list()
    found = yield from _one(routers, name, "router", routers)
    if found is None:
        return
    joined = True
    if not found.external_network_id or (external and found.external_network_id != external.id):
        joined = False
        yield fail("router_without_gateway", name=name, network=external.name if external else "?")
    if internal and internal.id not in cloud.routers.networks_of(found.id):
        joined = False
        yield fail("router_without_interface", name=name, network=internal.name)
    if joined and external and internal:
        yield ok("router", name=name)


def _agents(rest: Rest) -> Iterator[Finding]:
    agents = rest.pages("network", "/agents", "agents")
    down = [agent for agent in agents if not agent.get("alive") or not agent.get("admin_state_up", True)]
    for agent in down:
        yield fail("neutron_agent_down", agent=str(agent.get("binary")), host=str(agent.get("host")))


def _free_addresses(cloud: Cloud, network: Network) -> int | None:
    try:
        return cloud.limits.addresses(network.id).free
    except NodeError:
        return None  # an extension that this Neutron may not have; nothing depends on it


def _one(things: Sequence[N], name: str, key: str, likely: Sequence[N]) -> Generator[Finding, None, N | None]:
    """The only one of that name; otherwise a finding, with the names that there are."""
    named = [thing for thing in things if name in (thing.id, thing.name)]
    if len(named) == 1:
        return named[0]
    if named:
        yield fail("named_twice", key=key, name=name, count=len(named))
    else:
        yield fail("named_nowhere", key=key, name=name, known=_names(likely))
    return None


def _names(things: Sequence[N]) -> str:
    return ", ".join(sorted({thing.name for thing in things})) or "-"

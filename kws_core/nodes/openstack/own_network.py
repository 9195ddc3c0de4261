"""A network of a person's own on this node: network, subnet and its place on the router, by mark."""

from __future__ import annotations

from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.values import NetworkSpec


def ensure_network(cloud: Cloud, router: str, spec: NetworkSpec) -> str:
    """Its id. Looks first and makes what is missing, so that half-made ones are completed."""
    marked = [network for network in cloud.networks.list() if spec.mark in network.marks]
    network = marked[0] if marked else cloud.networks.create(spec.mark, spec.mark)
    subnets = [subnet for subnet in cloud.subnets.list() if subnet.network_id == network.id]
    subnet = subnets[0] if subnets else cloud.subnets.create(spec.mark, network.id, spec.cidr, mark=spec.mark)
    gate = cloud.routers.find(router)
    if network.id not in cloud.routers.networks_of(gate.id):
        cloud.routers.connect(gate.id, subnet.id)
    return network.id


def delete_network(cloud: Cloud, network_id: str) -> bool:
    """Takes it off its routers, then deletes it with its subnets; whether it was there."""
    cloud.routers.detach_network(network_id)
    return cloud.networks.delete(network_id)

"""What a node shows of each mark, and one pass of deletion over it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kws_core.nodes.concurrency import Workers
from kws_core.nodes.offered_images import copy_mark
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Container
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of
from kws_core.nodes.openstack.own_network import delete_network
from kws_core.nodes.openstack.translation import RENTAL_KEY, mark_of_container, mark_of_server
from kws_core.nodes.values import RemainingResources
from kws_core.values import TAG_PREFIX, owner_tag

_MARK = re.compile(re.escape(TAG_PREFIX) + r"[A-Za-z0-9._-]+")

# In this order; a step waits for nothing, what can't go yet is left for the next pass.
_AT_ONCE = (("floating_ip", "server", "container"),)
_MACHINES = frozenset({"server", "container"})
_AFTER_THE_MACHINE = (("port", "volume", "keypair"), ("security_group", "router"), ("network",))
_TAKES_TIME = frozenset({"server", "volume"})  # accepted is not yet gone


@dataclass(frozen=True, slots=True)
class Item:
    """Something that carries a mark."""

    mark: str
    kind: str
    id: str
    deleted: bool = False  # still listed, but nothing is left to be asked for
    container: Container | None = field(default=None, compare=False)


Survey = Mapping[str, Sequence[Item]]
EndContainer = Callable[[Cloud, Container], bool]  # whether it is certainly gone


def survey(cloud: Cloud, workers: Workers, *, copies: bool = False) -> Survey:
    """Everything marked on the node, of every kind, by mark: one listing per kind, marks are read here.

    ``copies``: with the images that are copies of servers. They outlive their rental, and no pass deletes them.
    """
    looks: list[Callable[[], Iterable[Item]]] = [
        lambda: _servers(cloud),
        lambda: _marked("floating_ip", ((a.id, a.marks) for a in cloud.addresses.list())),
        lambda: _marked("port", ((p.id, p.marks) for p in cloud.ports.list())),
        lambda: _marked("security_group", ((g.id, g.marks) for g in cloud.security_groups.list())),
        lambda: _marked("network", ((n.id, n.marks) for n in cloud.networks.list())),
        lambda: _marked("router", ((r.id, r.marks) for r in cloud.routers.list())),
        lambda: _marked("keypair", ((k.id, (k.name,)) for k in cloud.keypairs.list())),
        lambda: _volumes(cloud),
    ]
    if copies:
        looks.append(
            lambda: [
                Item(mark, "image", i.id) for i in cloud.images.list() if (mark := copy_mark(i, uploads=True))
            ]
        )
    if cloud.containers.offered():
        looks.append(lambda: _containers(cloud))
    found: defaultdict[str, list[Item]] = defaultdict(list)
    for items in workers.gather(*looks):
        for item in items:
            found[item.mark].append(item)
    return found


def remains(items: Iterable[Item]) -> RemainingResources:
    """As the contract's RemainingResources."""
    return RemainingResources(frozenset((item.kind, item.id) for item in items))


def delete_pass(
    cloud: Cloud, workers: Workers, items: Sequence[Item], end: EndContainer
) -> RemainingResources:
    """Ask for everything that can go now; what is left afterwards."""
    left = set(items)
    steps: tuple[tuple[str, ...], ...] = _AT_ONCE
    if not any(item.kind in _MACHINES for item in items):
        steps += _AFTER_THE_MACHINE
    for kinds in steps:
        step = [item for item in items if item.kind in kinds]
        gone = workers.gather(*(_deletion(cloud, item, end) for item in step)) if step else []
        left -= {item for item, is_gone in zip(step, gone, strict=True) if is_gone}
    return remains(left)


def _deletion(cloud: Cloud, item: Item, end: EndContainer) -> Callable[[], bool]:
    if item.container is not None:
        container = item.container
        return lambda: end(cloud, container)
    return lambda: _delete(cloud, item)


def _delete(cloud: Cloud, item: Item) -> bool:
    """Whether it is certainly gone."""
    if item.deleted:
        return False
    doers = {
        "server": cloud.servers.delete,
        "floating_ip": cloud.addresses.delete,
        "port": cloud.ports.delete,
        "security_group": cloud.security_groups.delete,
        "network": lambda network_id: delete_network(cloud, network_id),
        "router": cloud.routers.delete,
        "keypair": cloud.keypairs.delete,
        "volume": cloud.volumes.delete,
    }
    try:
        there_was = doers[item.kind](item.id)
    except OpenStackRefused as error:
        if status_of(error) in (400, 409):  # in use, or busy: the next pass
            return False
        raise
    return not there_was or item.kind not in _TAKES_TIME


def _servers(cloud: Cloud) -> list[Item]:
    return [
        Item(mark, "server", server.id, deleted=server.status == "DELETED")
        for server in cloud.servers.list()
        if (mark := mark_of_server(server))
    ]


def _containers(cloud: Cloud) -> list[Item]:
    return [
        Item(mark, "container", container.id, container=container)
        for container in cloud.containers.list()
        if (mark := mark_of_container(container))
    ]


def _volumes(cloud: Cloud) -> list[Item]:
    return [
        Item(owner_tag(volume.metadata[RENTAL_KEY]), "volume", volume.id, deleted=volume.status == "deleting")
        for volume in cloud.volumes.list()
        if volume.metadata.get(RENTAL_KEY)
    ]


def _marked(kind: str, found: Iterable[tuple[str, Iterable[str]]]) -> list[Item]:
    items = []
    for resource_id, texts in found:
        mark = next((text for text in texts if _MARK.fullmatch(text)), "")
        if mark:
            items.append(Item(mark, kind, resource_id))
    return items

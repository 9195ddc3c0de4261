"""The sweep on a real OpenStack: what was planted with our mark is seen once and kept, seen again and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import Clock, Kit, config_for

from contract.conftest import LAB_CLOUD
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.values import RemainingResources
from kws_core.reconcile.orphan_sweep import Sweep
from kws_core.reconcile.orphans import SEEN_AGAIN
from kws_core.tables.base import new_id
from kws_core.values import owner_tag

pytestmark = pytest.mark.openstack
KINDS = ["floating_ip", "network", "port", "security_group", "server"]
SPARE = "kws-1c-334m-3g"


class Narrow:
    """The node, as far as these marks go: the lab may be in use by others whom this database doesn't know."""

    def __init__(self, node: OpenStackNode, *marks: str) -> None:
        self._node = node
        self._marks = marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def marked(self) -> dict[str, RemainingResources]:
        return {mark: left for mark, left in self._node.marked().items() if mark in self._marks}


@pytest.fixture
def node(lab: Kit) -> OpenStackNode:
    assert isinstance(lab.node, OpenStackNode)
    return lab.node


@pytest.fixture
def context(tmp_path: Path, clock: Clock) -> Iterator[Context]:
    """An empty database."""
    store = Store(f"sqlite:///{tmp_path / 'kws.db'}")
    store.upgrade()
    yield Context(config_for(LAB_CLOUD), store, clock)
    store.close()


def plant(node: OpenStackNode, rental: str) -> None:
    """Network, group, port, floating IP and server as KWS marks them, made without KWS."""
    raw, mark = node.raw(), owner_tag(rental)
    network = raw.network.create_network(name=mark, description=mark)
    subnet = raw.network.create_subnet(name=mark, network_id=network.id, ip_version=4, cidr="10.79.0.0/24")
    raw.network.add_interface_to_router(raw.network.find_router("router"), subnet_id=subnet.id)
    group = raw.network.create_security_group(name=mark, description=mark)
    port = raw.network.create_port(
        name=mark, description=mark, network_id=network.id, security_groups=[group.id]
    )
    public = raw.network.find_network("public")
    raw.network.create_ip(floating_network_id=public.id, port_id=port.id, description=mark)
    raw.compute.create_server(
        name="web", image_id=raw.image.find_image("debian-12").id, flavor_id=raw.compute.find_flavor("m1.tiny").id,
        networks=[{"port": port.id}], metadata={"kws_rental": rental},
    )  # fmt: skip


def test_seen_once_is_kept_and_seen_twice_deleted(
    lab: Kit, node: OpenStackNode, context: Context, clock: Clock
) -> None:
    rental, foreign = new_id(), "kws-monitoring"  # of nearly our form, somebody else's
    mark = owner_tag(rental)
    lab.marks.append(mark)
    theirs = node.raw().network.create_security_group(name=foreign)
    try:
        plant(node, rental)
        sweep = Sweep(context, {LAB_CLOUD: Narrow(node, mark, foreign)})  # type: ignore[dict-item]
        first = sweep.sweep(LAB_CLOUD)
        assert [(leak.mark, list(leak.kinds)) for leak in first.report.leaks] == [(mark, KINDS)]
        assert sweep.sweep(LAB_CLOUD).deleted == {}
        assert sorted(lab.count(mark)) == KINDS
        clock.advance(SEEN_AGAIN.total_seconds())
        looks = 0

        def gone() -> bool:
            nonlocal looks
            looks += 1
            return sweep.sweep(LAB_CLOUD).again > timedelta(minutes=30)

        lab.until(gone)
        assert looks < 40
        assert not lab.count(mark)
        assert theirs.id in {group.id for group in node.cloud.security_groups.list()}
    finally:
        node.raw().network.delete_security_group(theirs)


def test_a_flavor_of_ours_without_a_server_goes(node: OpenStackNode) -> None:
    other = node.cloud.flavors.create("unmarked-1c-334m-3g", 1, 334, 3)
    try:
        node.cloud.flavors.create(SPARE, 1, 334, 3)
        assert SPARE in node.tidy(dry_run=True)
        assert SPARE in {flavor.name for flavor in node.cloud.flavors.list()}
        assert SPARE in node.tidy()
        names = {flavor.name for flavor in node.cloud.flavors.list()}
        assert SPARE not in names
        assert other.name in names
    finally:
        node.cloud.flavors.delete(other.id)

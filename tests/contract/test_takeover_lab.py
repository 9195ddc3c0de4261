"""A server that the system before KWS made, on a real OpenStack: taken over as it runs, and returned like any other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import config_for
from harness.legacy_kit import fill, server
from harness.world import Clock as Now
from harness.world import Inline

from contract.conftest import LAB_CLOUD
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.legacy import source
from kws_core.legacy.importer import ImportOptions, LegacyImporter, Verdict
from kws_core.nodes.pool import Pool
from kws_core.people import Actor
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService
from kws_core.tables.states import Status
from kws_core.values import Kind

pytestmark = pytest.mark.openstack
MINA = Actor("U0MINA00001")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(f"sqlite:///{tmp_path / 'kws.db'}")
    store.upgrade()
    yield Context(config_for(LAB_CLOUD, ready_check="active"), store, Now())
    store.close()


@pytest.fixture
def old(lab_pool: Pool) -> Iterator[tuple[str, str, str]]:
    """Made as that system made it: no port of its own, any floating IP, a keypair. Name, server id, address."""
    raw: Any = lab_pool.nodes()[LAB_CLOUD].raw()
    name = f"Old{secrets.token_hex(3)}"
    keypair = raw.create_keypair(f"{name}_keypair")
    made = raw.create_server(
        name=name, image="debian-12", flavor="m1.tiny", network="default", key_name=keypair.name, wait=True, auto_ip=False
    )  # fmt: skip
    (port,) = raw.network.ports(device_id=made.id)
    public = raw.network.find_network("public")
    floating = raw.network.create_ip(floating_network_id=public.id, port_id=port.id)
    yield name, made.id, floating.floating_ip_address
    raw.delete_keypair(keypair.name)
    raw.network.delete_ip(floating.id)
    raw.compute.delete_server(made.id)


def test_a_server_of_before(
    lab_pool: Pool, context: Context, old: tuple[str, str, str], tmp_path: Path
) -> None:
    name, server_id, address = old
    url = f"sqlite:///{tmp_path / 'old.db'}"
    rows = [
        server(name, context.today() - timedelta(days=3), node="node1", floating_ip=address),
        server("NotThere1", context.today(), node="node1", floating_ip="192.0.2.1"),
    ]
    fill(url, rows)
    terms = ImportOptions({"김민아": MINA.id}, nodes={"node1": LAB_CLOUD})
    takeover = LegacyImporter(context, lab_pool.importers(), terms)
    assert [o.verdict for o in takeover.run(source.read(url), dry_run=True)] == [
        "not imported",
        "would import",
    ]
    raw: Any = lab_pool.nodes()[LAB_CLOUD].raw()
    assert raw.compute.get_server(server_id).metadata == {}
    taken = takeover.run(source.read(url), dry_run=False)[1]
    assert taken.verdict is Verdict.TAKEN
    (rental,) = RentalQueries(context).all_rentals()
    node = lab_pool.nodes()[LAB_CLOUD]
    assert node.machines([Kind.SERVER])[rental.mark].id == server_id
    assert node.marked()[rental.mark].kinds() == ["floating_ip", "port", "server"]
    assert (rental.name, rental.ends_on) == (name.lower(), context.today() + timedelta(days=7))
    again = LegacyImporter(context, lab_pool.importers(), terms).run(source.read(url), dry_run=False)
    assert [o.verdict for o in again] == ["not imported", "already imported"]
    _return(context, lab_pool, rental.id)
    assert rental.mark not in node.marked()
    assert address not in [ip.floating_ip_address for ip in raw.network.ips()]
    assert raw.compute.find_server(server_id) is None


def _return(context: Context, pool: Pool, rental_id: str) -> None:
    """As its owner does it; the loop looks first and finds its machine."""
    clock: Any = context.now
    loop = Reconciler(context, pool.nodes(), lambda node, sort: Inline())
    loop.tick()
    assert RentalQueries(context).rental(MINA, rental_id).status is Status.READY
    RentalService(context).return_rental(MINA, rental_id)
    for _ in range(60):
        loop.tick()
        clock.advance(seconds=2)
        if RentalQueries(context).rental(MINA, rental_id).status is Status.ENDED:
            return
    raise AssertionError("it is still there")

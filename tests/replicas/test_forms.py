"""Two replicas on one PostgreSQL: a form is never older than what either of them has committed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from harness.world import JOON, MINA, START, make_config

from kws_core.cluster.deliveries import Deliveries
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.forms import ssh_keys
from kws_core.nodes.values import Capacity, Image
from kws_core.rentals.admission import RentForm
from kws_core.rentals.members import Members
from kws_core.rentals.saved_keys import KeyRing
from kws_core.rentals.service import RentalService
from kws_core.reports.metrics import figures
from kws_core.reports.past import Past
from kws_core.scheduling import capacity


def test_what_one_replica_changes_the_other_shows(new_database: Callable[[], str]) -> None:
    url, config = new_database(), make_config(1)
    stores = [Store(url) for _ in range(2)]
    ours, theirs = (Context(config, store, lambda: START) for store in stores)
    service, past = RentalService(ours), Past()
    assert not service.offer(MINA).images
    assert Members(ours).person(MINA.id) is None

    images = [Image(id="i1", name="debian-12")]
    with theirs.store.write() as session:
        measured = Capacity(vcpus=8, used_vcpus=0, ram_mb=8192, used_ram_mb=0, at=START)
        capacity.note_answer(session, "node1", images, measured, [], START)
    Members(theirs).remember_person(MINA.id, locale="ko-KR", guest=False, stranger=False)
    KeyRing(theirs).add(MINA, "laptop", ssh_keys.generate("laptop").public)
    offer = service.offer(MINA)
    assert [image.name for image in offer.images] == ["debian-12"]
    assert [key.name for key in offer.keys] == ["laptop"]
    assert offer.rooms[0].free_vcpus == 8
    person = Members(ours).person(MINA.id)
    assert person and person.locale == "ko-KR"

    form = RentForm(name="web01", image="debian-12", size="small", ends_on=START.date() + timedelta(days=3))
    rental = RentalService(theirs).request(MINA, form, "form:1")
    assert [one.name for one in service.offer(MINA).mine] == ["web01"]
    assert service.offer(JOON).rooms[0].free_vcpus == 7
    figures(ours, past)
    RentalService(theirs).return_rental(MINA, rental.id)
    assert not [one for one in service.offer(MINA).mine if one.live]
    assert figures(ours, past).rentals == figures(ours).rentals
    assert [Deliveries(one).first_time("trigger:1") for one in (ours, theirs)] == [True, False]
    for store in stores:
        store.close()

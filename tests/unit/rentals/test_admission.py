"""What the form may ask for, and where it is put."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.world import JOON, MINA, World

from kws_core.errors import FormError
from kws_core.forms import ssh_keys
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import Image
from kws_core.rentals.admission import CUSTOM, RentForm
from kws_core.tables.states import Access


def refused(world: World, **form: object) -> dict[str, str]:
    """Field → error code."""
    with pytest.raises(FormError) as caught:
        world.rent(**form)  # type: ignore[arg-type]
    return {name: error.code for name, error in caught.value.fields.items()}


@pytest.mark.parametrize(
    "name",
    [
        "Web01",
        "-web",
        "web-",
        "a" * 64,
        "웹서버",
        "web_01",
        "a.b",
        "x\ny: z",
        "*bold*",
        "<!channel>",
        "{a: b}",
        "$(reboot)",
    ],
)
def test_a_name_is_an_rfc_1123_label(world: World, name: str) -> None:
    assert refused(world, name=name) == {"name": "name_invalid"}


@pytest.mark.parametrize("name", ["a", "0", "web-01", "a" * 63])
def test_good_names(world: World, name: str) -> None:
    assert world.rent(name).name == name


def test_all_fields_are_checked_at_once(world: World) -> None:
    form = RentForm(
        name="Bad!",
        image="none",
        size="gone",
        ends_on=world.day(-1),
        access=Access.OWN_KEY,
        public_key="rubbish",
    )
    with pytest.raises(FormError) as caught:
        world.rental_service.request(MINA, form, "view:1")
    codes = {name: error.code for name, error in caught.value.fields.items()}
    assert codes == {
        "name": "name_invalid",
        "image": "image_unknown",
        "size": "size_missing",
        "ends_on": "end_past",
        "public_key": "key_invalid",
    }


def test_an_empty_form(world: World) -> None:
    with pytest.raises(FormError) as caught:
        world.rental_service.request(MINA, RentForm(), "view:1")
    assert set(caught.value.fields) == {"name", "image", "size", "ends_on"}


def test_dates_within_policy(world: World) -> None:
    assert refused(world, ends_on=world.day(-1)) == {"ends_on": "end_past"}
    assert refused(world, ends_on=world.day(91)) == {"ends_on": "end_late"}
    assert world.rent("today", ends_on=world.day(0))
    assert world.rent("last", ends_on=world.day(90))


def test_today_is_the_labs_today(world: World) -> None:
    world.clock.at = world.clock.at.replace(hour=15, minute=30)  # 00:30 of the next day in Seoul
    assert str(world.context.today()) == "2026-12-02"


def test_a_name_is_taken_while_its_rental_lives(world: World) -> None:
    rental = world.ready()
    assert refused(world, who=JOON) == {"name": "name_taken"}
    world.rental_service.return_rental(MINA, rental.id)
    assert world.rent(who=JOON)


def test_quota_of_rentals_and_of_cores_and_of_memory(make_world: Callable[..., World]) -> None:
    world = make_world(max_rentals=3, vcpus=32)
    world.rent("a")
    assert refused(world, name="b", size="huge") == {"size": "quota_vcpus"}
    world.rent("b")
    world.rent("c")
    assert refused(world, name="d") == {"size": "quota_rentals"}
    assert world.rent("d", who=JOON)


def test_a_returned_rental_frees_the_quota_at_once(world: World) -> None:
    rentals = [world.rent(name) for name in ("a", "b", "c")]
    world.settle()
    world.rental_service.return_rental(MINA, rentals[0].id)
    assert world.rent("d")


def test_one_form_makes_one_rental(world: World) -> None:
    form = RentForm(name="web01", image="debian-12", size="small", ends_on=world.day(3))
    first = world.rental_service.request(MINA, form, "view:V1")
    second = world.rental_service.request(MINA, form, "view:V1")
    assert first.id == second.id
    assert len(world.rental_queries.my_rentals(MINA)) == 1


def test_the_same_form_twice_at_once_makes_one_rental(world: World) -> None:
    form = RentForm(name="web01", image="debian-12", size="small", ends_on=world.day(3))
    with ThreadPoolExecutor(8) as pool:
        ids = {
            r.id for r in pool.map(lambda _: world.rental_service.request(MINA, form, "view:V1"), range(8))
        }
    assert len(ids) == 1


def test_capacity_is_reserved_with_the_request(make_world: Callable[..., World]) -> None:
    world = make_world(vcpus=2, max_rentals=9)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: _try(world, f"web{n}"), range(8)))
    assert sum(result is not None for result in results) == 4
    world.settle(30)
    assert all(node.capacity().used_vcpus <= 2 for node in world.nodes.values())


def _try(world: World, name: str) -> object:
    try:
        return world.rent(name)
    except FormError:
        return None


def test_rentals_are_spread(world: World) -> None:
    nodes = [world.rent(name).placements[0].node for name in ("a", "b")]
    assert sorted(nodes) == ["node1", "node2"]


def test_when_nothing_fits_the_person_reads_what_is_free(make_world: Callable[..., World]) -> None:
    world = make_world(vcpus=1, max_rentals=9)
    world.rent("a", ends_on=world.day(5))
    world.rent("b", ends_on=world.day(3))
    with pytest.raises(FormError) as caught:
        world.rent("c")
    error = caught.value.fields["size"]
    assert error.code == "no_room"
    assert error.data["earliest"] == world.day(4)  # the day after the first of them ends
    assert [room.free_vcpus for room in error.data["rooms"]] == [0, 0]  # type: ignore[attr-defined]


def test_what_the_node_measures_counts_where_it_is_less(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1, max_rentals=9)
    world.nodes["node1"].size = world.nodes["node1"].size.__class__("n", 1, 65536, 200)
    world.clock.advance(minutes=2)
    world.tick()
    world.rent("a")
    assert refused(world, name="b") == {"size": "no_room"}


def test_a_node_that_lacks_the_image_is_skipped(world: World) -> None:
    world.nodes["node1"].offered = [Image(id="x", name="ubuntu-24.04")]
    world.clock.advance(minutes=2)
    world.tick()
    assert {world.rent(f"w{n}").placements[0].node for n in range(3)} == {"node2"}


def test_a_dead_node_gets_nothing_and_the_form_still_has_its_images(world: World) -> None:
    world.nodes["node2"].go_down()
    world.clock.advance(minutes=2)
    world.tick()
    assert {world.rent(f"w{n}").placements[0].node for n in range(3)} == {"node1"}
    assert [image.name for image in world.rental_service.offer(MINA).images] == ["debian-12", "ubuntu-24.04"]


def test_no_node_answers(world: World) -> None:
    for node in world.nodes.values():
        node.go_down()
    world.clock.advance(minutes=2)
    world.tick()
    assert refused(world) == {"image": "no_node"}


def test_a_size_below_the_images_minimum(world: World) -> None:
    images = [Image(id="x", name="debian-12", min_disk_gb=6)]
    for node in world.nodes.values():
        node.offered = images
    world.clock.advance(minutes=2)
    world.tick()
    assert refused(world) == {"size": "size_small"}
    own = {"size": CUSTOM, "vcpus": 1, "ram_mb": 512, "disk_gb": 5}
    assert refused(world, **own) == {"disk_gb": "size_small"}
    assert world.rent("web02", **{**own, "disk_gb": 6})


def test_a_hidden_image_is_not_offered(world: World) -> None:
    for node in world.nodes.values():
        node.offered = [Image(id="x", name="debian-12", hidden=True), Image(id="y", name="ubuntu-24.04")]
    world.clock.advance(minutes=2)
    world.tick()
    assert [image.name for image in world.rental_service.offer(MINA).images] == ["ubuntu-24.04"]
    assert refused(world) == {"image": "image_unknown"}


def test_the_last_known_catalogue_survives_a_restart_with_dead_nodes(world: World) -> None:
    for node in world.nodes.values():
        node.go_down()
    world.restart()
    assert [image.name for image in world.rental_service.offer(MINA).images] == ["debian-12", "ubuntu-24.04"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", "key_is_private"),
        ("hello", "key_invalid"),
        ('command="rm" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0', "key_invalid"),
        ("ssh-ed25519 not-base64 me", "key_invalid"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAO me", "key_invalid"),
    ],
)
def test_bad_keys(world: World, text: str, code: str) -> None:
    assert refused(world, access=Access.OWN_KEY, public_key=text) == {"public_key": code}


def test_a_key_of_two_lines_is_refused(world: World) -> None:
    good = ssh_keys.generate("a").public
    assert refused(world, access=Access.OWN_KEY, public_key=f"{good}\n{good}") == {
        "public_key": "key_invalid"
    }


def test_a_fake_that_is_full_of_foreign_servers(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1)
    node: FakeNode = world.nodes["node1"]
    node.size = node.size.__class__("n", 1, 65536, 200)
    node.plant("somebody")
    world.clock.advance(minutes=2)
    world.tick()
    assert refused(world) == {"size": "no_room"}

"""Images over all nodes: brought there whole or not at all, and every act can be repeated."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.image_kit import BY, add, copies, offered, qcow2, states, web_server
from harness.world import JOON, World

from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.images.image_audit import By
from kws_core.images.reports import Description
from kws_core.images.service import Images
from kws_core.images.table import Difference
from kws_core.images.upload import About
from kws_core.images.urls import from_url
from kws_core.nodes.image_store import UPLOAD, ImageSpec
from kws_core.nodes.values import Image
from kws_core.reports.audit import Audit

DOWN = NodeDown("node2", Refusal.DOWN, "gone")
BOTH_ACTIVE = {"node1": ["active"], "node2": ["active"]}


@pytest.fixture
def pauses() -> list[float]:
    """Seconds between looks at a node that fetches by itself."""
    return []


@pytest.fixture
def images(world: World, pauses: list[float]) -> Images:
    return Images(world.context, world.nodes, pause=pauses.append)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "rocky-9.qcow2"
    path.write_bytes(qcow2(2_500_000))
    return path


def refused(act: Callable[[], Any]) -> UserError:
    with pytest.raises(UserError) as error:
        act()
    return error.value


def plant(world: World, node: str, name: str, **fields: Any) -> None:
    """An image that somebody put there without KWS; its bytes are its name."""
    images = world.nodes[node].offered
    images.append(Image(id=f"{node}-{name}-{len(images)}", name=name, **fields))


# -- add


def test_a_new_image_is_on_every_node_and_in_the_form_at_once(
    world: World, images: Images, disk: Path
) -> None:
    seen: list[tuple[str, str, int, int]] = []
    about = About("Rocky 9", "rocky", 3, 512)
    report = add(images, disk, about=about, watch=lambda *step: seen.append(step))
    assert states(report) == {"node1": "done", "node2": "done"}
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "rocky-9"]
    assert (image.title, image.login, image.min_disk_gb, image.min_ram_mb) == ("Rocky 9", "rocky", 3, 512)
    row = images.table().row("rocky-9")
    assert row and not row.differences
    assert all(UPLOAD not in one.properties for one in row.active.values())
    for node in ("node1", "node2"):
        assert max(done for _, name, done, _ in seen if name == node) == 2_500_000
    world.ready("web01", image="rocky-9")


def test_done_twice_it_is_there_once(world: World, images: Images, disk: Path) -> None:
    add(images, disk)
    assert states(add(images, disk)) == {"node1": "already", "node2": "already"}
    assert copies(world, "rocky-9") == BOTH_ACTIVE


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["image_create", "image_fill", "image_look", "image_change"])
def test_a_node_that_falls_silent_at_any_step_is_completed_by_the_next_try(
    world: World, images: Images, disk: Path, step: str, after: bool
) -> None:
    world.nodes["node2"].fail_next(step, DOWN, after=after)
    assert states(add(images, disk)) == {"node1": "done", "node2": "down"}
    report = add(images, disk)
    assert report.ok
    assert states(report)["node1"] == "already"
    assert copies(world, "rocky-9") == BOTH_ACTIVE


@pytest.mark.parametrize("step", ["image_fill", "image_change"])
def test_sync_completes_it_as_well(world: World, images: Images, disk: Path, step: str) -> None:
    world.nodes["node2"].fail_next(step, DOWN)
    add(images, disk, about=About("Rocky 9", "rocky", 3, 512))
    (report,) = images.sync(BY, "rocky-9")
    assert states(report) == {"node1": "already", "node2": "done"}
    row = images.table().row("rocky-9")
    assert row and not row.differences
    assert copies(world, "rocky-9") == BOTH_ACTIVE


def test_what_was_whole_and_only_lacked_its_name_is_not_sent_again(
    world: World, images: Images, disk: Path
) -> None:
    world.nodes["node2"].fail_next("image_change", DOWN)
    add(images, disk)
    world.nodes["node2"].calls.clear()
    assert add(images, disk).ok
    assert "image_fill" not in world.nodes["node2"].calls


def test_nobody_is_offered_an_upload_that_is_under_way(world: World, images: Images, disk: Path) -> None:
    for node in world.nodes.values():
        node.fail_next("image_change", DOWN)  # active, all bytes there, not yet named
    assert not add(images, disk).ok
    world.clock.advance(minutes=2)
    world.settle(2)
    assert not any("rocky" in name for name in offered(world))
    row = images.table().row("rocky-9")
    assert row and row.differences == [Difference.MISSING, Difference.UNFINISHED]


def test_a_node_that_has_other_bytes_afterwards_keeps_nothing(
    world: World, images: Images, disk: Path
) -> None:
    world.nodes["node2"].shelf.spoil_next()
    assert states(add(images, disk)) == {"node1": "done", "node2": "spoiled"}
    assert copies(world, "rocky-9") == {"node1": ["active"], "node2": []}
    assert images.sync(BY, "rocky-9")[0].ok


def test_a_node_that_refuses_keeps_nothing(world: World, images: Images, disk: Path) -> None:
    world.nodes["node2"].fail_next("image_fill", NodeRefused("node2", Refusal.QUOTA, "full"))
    assert states(add(images, disk)) == {"node1": "done", "node2": "quota"}
    assert copies(world, "rocky-9")["node2"] == []


def test_a_node_without_checksums_is_asked_for_the_bytes(world: World, images: Images, disk: Path) -> None:
    for node in world.nodes.values():
        node.shelf.tells_checksums = False
    assert states(add(images, disk)) == {"node1": "done", "node2": "done"}
    assert "image_chunk" in world.nodes["node2"].calls
    world.nodes["node2"].shelf.spoil_next()
    assert states(add(images, disk, "other", about=About(login="me")))["node2"] == "spoiled"


def test_a_dead_node_delays_nobody_and_is_named(world: World, images: Images, disk: Path) -> None:
    world.nodes["node2"].go_down()
    assert states(add(images, disk)) == {"node1": "done", "node2": "down"}
    assert "rocky-9" in offered(world)
    assert images.table().silent == {"node2": "down"}
    world.nodes["node2"].come_back()
    assert images.sync(BY)[-1].ok


def test_a_node_that_hangs_is_silent_after_a_while(world: World) -> None:
    end, hung = threading.Event(), threading.Event()

    def hang() -> list[Any]:
        end.wait()
        hung.set()
        return []

    world.nodes["node2"].shelf.list = hang  # type: ignore[method-assign]
    table = Images(world.context, world.nodes, patience=0.1).table()
    assert not hung.is_set(), "nobody has waited for it"
    assert list(table.silent) == ["node2"]
    assert table.row("debian-12")
    end.set()


def test_a_name_that_is_taken_on_one_node_only(world: World, images: Images, disk: Path) -> None:
    plant(world, "node2", "rocky-9")
    error = refused(lambda: add(images, disk))
    assert (error.code, error.data["nodes"]) == ("image_name_taken", ["node2"])
    assert copies(world, "rocky-9")["node1"] == [], "nothing was touched"


def test_a_name_that_somebody_took_meanwhile(world: World, images: Images, disk: Path) -> None:
    shelf = world.nodes["node2"].shelf
    fill = shelf.fill

    def slow(image_id: str, body: Any) -> None:
        fill(image_id, body)
        plant(world, "node2", "rocky-9")

    shelf.fill = slow  # type: ignore[method-assign]
    assert states(add(images, disk))["node2"] == "taken"


@pytest.mark.parametrize("name", ["", "a b", "-x", "<!here>", "x" * 129, "kws-upload-x", "../x"])
def test_names_that_no_image_may_have(images: Images, disk: Path, name: str) -> None:
    assert refused(lambda: add(images, disk, name)).code == "image_name_invalid"


def test_what_is_no_disk_touches_no_node(world: World, images: Images, tmp_path: Path) -> None:
    page = tmp_path / "page.qcow2"
    page.write_bytes(b"<html>" * 10_000)
    assert refused(lambda: add(images, page)).code == "image_no_disk"
    assert all("image_create" not in node.calls for node in world.nodes.values())


def test_from_a_url(world: World, images: Images) -> None:
    with web_server() as web:
        web.gives("/disk.qcow2", qcow2())
        source = from_url(web.url(), lambda: web.rules(images.hosts()))
        assert images.add(BY, "rocky-9", source).ok
    assert images.hosts() == {"node1.lab.example", "node2.lab.example"}
    assert copies(world, "rocky-9") == BOTH_ACTIVE


@pytest.mark.parametrize(
    ("by_nodes", "has", "filled"),
    [
        (True, "same", False),
        (True, "nothing", True),
        (True, "other", True),
        (False, "same", True),
    ],
)
def test_a_node_that_fetches_by_itself_is_believed_only_its_checksum(
    world: World, images: Images, pauses: list[float], by_nodes: bool, has: str, filled: bool
) -> None:
    data = qcow2()
    shelf = world.nodes["node2"].shelf
    with web_server() as web:
        web.gives("/disk.qcow2", data)
        there = {"same": {web.url(): data}, "other": {web.url(): data[:-1]}, "nothing": {}}
        shelf.web = there[has]
        source = from_url(web.url(), web.rules, by_nodes)
        report = images.add(BY, "rocky-9", source)
        if has == "other":
            assert states(report) == {"node1": "done", "node2": "spoiled"}
            assert copies(world, "rocky-9")["node2"] == []
            shelf.web = None
            assert images.add(BY, "rocky-9", source).ok
    assert copies(world, "rocky-9") == BOTH_ACTIVE
    assert ("image_fill" in world.nodes["node2"].calls) is filled
    assert ("image_fetch" in world.nodes["node2"].calls) is by_nodes
    assert "image_fetch" not in world.nodes["node1"].calls, "it does not offer that"
    assert all(pause == 2.0 for pause in pauses) and len(pauses) < 10


def test_a_node_that_refuses_to_fetch_is_sent_it(world: World, images: Images, pauses: list[float]) -> None:
    for node in world.nodes.values():
        node.shelf.web = {}
        node.fail_next("image_fetch", NodeRefused(node.name, Refusal.INVALID, "port 8080 is not allowed"))
    with web_server() as web:
        web.gives("/disk.qcow2", qcow2())
        assert images.add(BY, "rocky-9", from_url(web.url(), web.rules, True)).ok
    assert pauses == []


@pytest.mark.parametrize(
    ("name", "login"),
    [("rocky-9", "rocky"), ("Ubuntu-24.04-lab", "ubuntu"), ("centos-7", "centos"), ("cirros", "cirros")],
)
def test_the_login_is_read_from_the_name_and_kept(
    world: World, images: Images, disk: Path, name: str, login: str
) -> None:
    assert add(images, disk, name).ok
    assert images.rename(BY, name, "lab-image").ok
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "lab-image"]
    assert image.login == login


@pytest.mark.parametrize("name", ["lab-image", "web", "my-ubuntu", "disk1", "win11", "oracle-9", "26.04"])
def test_without_a_login_nothing_is_brought(world: World, images: Images, disk: Path, name: str) -> None:
    assert refused(lambda: add(images, disk, name)).code == "image_login_unknown"
    assert all("image_create" not in node.calls for node in world.nodes.values())
    assert add(images, disk, name, about=About(login="me")).ok
    assert add(images, disk, name).ok, "a node that has it says who logs in"


def test_a_new_name_changes_no_login_that_only_the_old_one_told(world: World, images: Images) -> None:
    assert images.rename(BY, "debian-12", "lab-image").ok
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "lab-image"]
    assert image.login == "debian"


# -- the table and sync


def test_the_table_says_what_differs(world: World, images: Images) -> None:
    plant(world, "node1", "alpine", title="Alpine")
    plant(world, "node2", "alpine", title="Alpine Linux", hidden=True, min_disk_gb=1)
    plant(world, "node1", "alone")
    plant(world, "node2", "double")
    plant(world, "node2", "double")
    found = {row.name: row.differences for row in images.table().rows}
    assert found == {
        "alone": [Difference.MISSING],
        "alpine": [Difference.TITLE, Difference.MINIMUM, Difference.HIDDEN],
        "debian-12": [],
        "double": [Difference.MISSING, Difference.DOUBLE],
        "ubuntu-24.04": [],
    }


def test_sync_brings_everything_everywhere_with_its_description(world: World, images: Images) -> None:
    plant(world, "node1", "alpine", title="Alpine", login="alpine", min_disk_gb=2, hidden=True)
    plant(world, "node2", "arch")
    assert all(report.ok for report in images.sync(BY))
    table = images.table()
    assert [row.name for row in table.rows if row.differences] == []
    assert "alpine" not in offered(world)
    assert "arch" in offered(world)


def test_sync_brings_nothing_that_names_other_files(world: World, images: Images) -> None:
    shelf = world.nodes["node1"].shelf
    shelf.fill(shelf.create(ImageSpec("sly", "qcow2")), [qcow2(backing=0x200)])
    plant(world, "node1", "alpine")
    reports = {report.name: states(report) for report in images.sync(BY)}
    assert reports["sly"] == {"node1": "already", "node2": "unsafe"}
    assert reports["alpine"]["node2"] == "done"


def test_sync_of_different_bytes_is_nobodys_guess(world: World, images: Images, disk: Path) -> None:
    add(images, disk)
    plant(world, "node1", "other")
    shelf = world.nodes["node2"].shelf
    shelf.fill(shelf.create(ImageSpec("other", "qcow2")), [b"12"])
    (report,) = images.sync(BY, "other")
    assert states(report) == {"node1": "differs", "node2": "differs"}


def test_the_copy_comes_from_another_node_when_one_breaks_off(
    make_world: Callable[..., World], disk: Path
) -> None:
    world = make_world(3)
    images = Images(world.context, world.nodes)
    world.nodes["node3"].fail_next("image_create", DOWN)
    add(images, disk)
    world.nodes["node1"].fail_next("image_chunk", NodeDown("node1", Refusal.DOWN, "cut"))
    (report,) = images.sync(BY, "rocky-9")
    assert states(report) == {"node1": "already", "node2": "already", "node3": "done"}
    plant(world, "node1", "alone")
    world.nodes["node1"].fail_next("image_read", NodeDown("node1", Refusal.DOWN, "cut"))
    (report,) = images.sync(BY, "alone")
    assert states(report) == {"node1": "already", "node2": "no_source", "node3": "no_source"}


def test_sync_of_what_nobody_has(images: Images) -> None:
    assert refused(lambda: images.sync(BY, "nothing")).code == "image_not_there"


# -- changes


def test_rename_describe_hide_protect_and_delete(world: World, images: Images, disk: Path) -> None:
    add(images, disk)
    assert images.rename(BY, "rocky-9", "rocky-9.4").ok
    assert images.describe(BY, "rocky-9.4", Description("Rocky", "rocky", 4, 1024)).ok
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "rocky-9.4"]
    assert (image.title, image.login, image.min_disk_gb, image.min_ram_mb) == ("Rocky", "rocky", 4, 1024)
    assert images.describe(BY, "rocky-9.4", Description(title="")).ok
    assert images.hide(BY, "rocky-9.4").ok
    assert "rocky-9.4" not in offered(world)
    assert images.hide(BY, "rocky-9.4", hidden=False).ok
    assert "rocky-9.4" in offered(world)
    assert images.protect(BY, "rocky-9.4").ok
    assert refused(lambda: images.delete(BY, "rocky-9.4")).code == "image_protected"
    assert images.protect(BY, "rocky-9.4", protected=False).ok
    assert images.delete(BY, "rocky-9.4").ok
    assert "rocky-9.4" not in offered(world)
    assert copies(world, "rocky-9.4") == {"node1": [], "node2": []}


ACTS: dict[str, Callable[[Images], Any]] = {
    "rename": lambda images: images.rename(BY, "debian-12", "debian-old"),
    "describe": lambda images: images.describe(BY, "debian-12", Description("Old", "me", 9, 9)),
    "hide": lambda images: images.hide(BY, "debian-12"),
    "protect": lambda images: images.protect(BY, "debian-12"),
    "delete": lambda images: images.delete(BY, "debian-12"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_partial_failure_is_told_and_the_act_can_be_repeated(
    world: World, images: Images, act: str
) -> None:
    world.nodes["node2"].fail_next("image_delete" if act == "delete" else "image_change", DOWN)
    assert states(ACTS[act](images)) == {"node1": "done", "node2": "down"}
    report = ACTS[act](images)
    assert report.ok
    assert states(report)["node2"] == "done"
    assert all(row.differences == [] for row in images.table().rows)


def test_rename_to_a_name_that_another_image_has_on_one_node(world: World, images: Images) -> None:
    plant(world, "node2", "new")
    error = refused(lambda: images.rename(BY, "debian-12", "new"))
    assert (error.code, error.data["nodes"]) == ("image_name_taken", ["node2"])


def test_rename_waits_for_what_is_being_built(world: World, images: Images) -> None:
    world.rent("web01")
    assert refused(lambda: images.rename(BY, "debian-12", "new")).code == "image_in_use"
    world.settle()
    assert images.rename(BY, "debian-12", "new").ok


def test_an_image_in_use_stays_and_it_says_whose(world: World, images: Images) -> None:
    rental = world.ready("web01", JOON)
    error = refused(lambda: images.delete(BY, "debian-12"))
    assert (error.code, error.data["users"]) == ("image_in_use", [("web01", JOON.id)])
    world.rental_service.return_rental(JOON, rental.id)
    world.settle()
    assert images.delete(BY, "debian-12").ok


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Description(title="x" * 76), "image_title_invalid"),
        (Description(title="two\nlines"), "image_title_invalid"),
        (Description(login="Root User"), "image_login_invalid"),
        (Description(min_disk_gb=-1), "number_range"),
        (Description(min_ram_mb=10**9), "number_range"),
    ],
)
def test_descriptions_that_are_refused(images: Images, wanted: Description, code: str) -> None:
    assert refused(lambda: images.describe(BY, "debian-12", wanted)).code == code


def test_every_act_is_in_the_trail_with_who_where_and_what_became_of_it(
    world: World, images: Images, disk: Path
) -> None:
    add(images, disk)
    world.nodes["node2"].fail_next("image_change", DOWN)
    images.describe(By("cli:mina", "cli"), "rocky-9", Description(title="Rocky"))
    images.delete(BY, "rocky-9")
    with pytest.raises(UserError):
        images.delete(BY, "rocky-9")
    added, described, deleted = Audit(world.context).trail()
    assert (added.actor, added.where, added.what, added.at) == (*BY, "image.add", world.clock())
    assert added.data and added.data["name"] == "rocky-9"
    assert added.data["sha512"] == hashlib.sha512(disk.read_bytes()).hexdigest()
    assert (described.actor, described.where) == ("cli:mina", "cli")
    assert described.data and described.data["nodes"] == {"node1": "done", "node2": "down"}
    assert deleted.what == "image.delete"


def test_what_one_node_says_counts_in_the_form(world: World, images: Images) -> None:
    world.nodes["node2"].fail_next("image_change", DOWN)
    images.describe(BY, "debian-12", Description(min_disk_gb=7, min_ram_mb=700))
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "debian-12"]
    assert (image.min_disk_gb, image.min_ram_mb) == (7, 700), "the larger minimum is good for every node"
    world.nodes["node1"].fail_next("image_change", DOWN)
    images.hide(BY, "debian-12")
    assert "debian-12" not in offered(world), "hidden on one node is hidden"

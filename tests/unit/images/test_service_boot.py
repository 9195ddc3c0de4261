"""Images that boot with a kernel and a ramdisk beside them: offered, copied and kept alike on every node."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from harness.image_kit import BY, add, offered, qcow2, states
from harness.world import World

from kws_core.errors import NodeDown, Refusal, UserError
from kws_core.images.service import Images
from kws_core.images.table import Difference
from kws_core.nodes.image_store import ImageSpec
from kws_core.nodes.values import StoredImage

BOOT = {"architecture": "x86_64", "img_config_drive": "mandatory", "os_command_line": "root=/dev/vda"}
OF_ITS_NODE = {"owner_specified.openstack.md5": "", "base_image_ref": "i1", "instance_uuid": "u1"}
DISK = qcow2()


@pytest.fixture
def images(world: World) -> Images:
    return Images(world.context, world.nodes)


def put(
    world: World,
    node: str,
    name: str,
    disk: str = "qcow2",
    content: bytes = DISK,
    tags: Sequence[str] = (),
    **more: str,
) -> str:
    """An image that somebody put there without KWS; its id."""
    shelf = world.nodes[node].shelf
    container = disk if disk in ("aki", "ari") else "bare"
    image_id = shelf.create(ImageSpec(name, disk, 0, 0, more, container, tags))
    shelf.fill(image_id, [content])
    return image_id


def put_whole(world: World, node: str, name: str = "whole", **more: str) -> str:
    """An image with its kernel and ramdisk."""
    kernel = put(world, node, "its-kernel", "aki", b"kernel")
    ramdisk = put(world, node, "its-ramdisk", "ari", b"ramdisk")
    return put(world, node, name, tags=("lab", "a"), kernel_id=kernel, ramdisk_id=ramdisk, **{**BOOT, **more})


def stored(world: World, node: str, name: str) -> StoredImage:
    (one,) = [
        kept.stored for kept in world.nodes[node].shelf.everything().values() if kept.stored.name == name
    ]
    return one


def fills(world: World, node: str) -> int:
    return world.nodes[node].calls.count("image_fill")


def differences(images: Images, name: str) -> list[Difference]:
    return list(images.row(name)[1].differences)


def test_only_what_boots_is_offered_and_admins_see_why(world: World, images: Images) -> None:
    put_whole(world, "node1")
    put(world, "node1", "setup", "iso", b"cd")
    put(world, "node1", "old", "ploop", b"disk")
    put(world, "node1", "raw-kernel", "raw", b"raw kernel")
    named = stored(world, "node1", "raw-kernel").id
    put(world, "node1", "other", kernel_id=named)
    world.clock.advance(minutes=2)
    world.settle(2)
    assert set(offered(world)) == {"debian-12", "other", "ubuntu-24.04", "whole"}
    rows = {row.name: (row.not_offered, list(row.part_of)) for row in images.table().rows}
    assert rows["its-kernel"] == rows["its-ramdisk"] == ("part", ["whole"])
    assert rows["raw-kernel"] == ("part", ["other"])
    assert (rows["setup"], rows["old"]) == (("iso", []), ("format", []))
    assert rows["whole"] == rows["debian-12"] == (None, [])


def test_a_server_boots_from_the_copy(world: World, images: Images) -> None:
    put_whole(world, "node1", **OF_ITS_NODE)
    kernel = put(world, "node2", "another-name", "aki", b"kernel")
    (report,) = images.sync(BY, "whole")
    assert states(report) == {"node1": "already", "node2": "done"}
    copy, ramdisk = stored(world, "node2", "whole"), stored(world, "node2", "its-ramdisk")
    parts = {"kernel_id": kernel, "ramdisk_id": ramdisk.id}
    assert copy.properties == {**BOOT, **parts}, "nothing of the node that it came from"
    assert (copy.tags, ramdisk.container_format) == (["a", "lab"], "ari")
    assert differences(images, "whole") == []
    world.nodes["node1"].go_down()
    world.clock.advance(minutes=2)
    world.settle(2)
    world.ready("web01", image="whole")


def test_sync_of_a_kernel_itself(world: World, images: Images) -> None:
    put(world, "node1", "its-kernel", "aki", b"kernel")
    (report,) = images.sync(BY, "its-kernel")
    assert states(report) == {"node1": "already", "node2": "done"}
    copy = stored(world, "node2", "its-kernel")
    assert (copy.disk_format, copy.container_format, copy.status) == ("aki", "aki", "active")
    assert differences(images, "its-kernel") == []


def test_sync_of_all_sends_each_kernel_once(world: World, images: Images) -> None:
    put_whole(world, "node1")
    assert all(report.ok for report in images.sync(BY))
    assert [row.name for row in images.table().rows if row.differences] == []
    assert fills(world, "node2") == 3
    assert all(states(report) == {"node1": "already", "node2": "already"} for report in images.sync(BY))


def test_properties_that_lack_are_set_and_no_bytes_are_sent(world: World, images: Images) -> None:
    put_whole(world, "node2")
    put(world, "node1", "whole", os_admin_user="me")  # as an older KWS had copied it
    row = images.row("whole")[1]
    assert set(row.differences) == {Difference.BOOT, Difference.LOGIN, Difference.TAGS}
    assert list(row.boot_keys) == sorted([*BOOT, "kernel_id", "ramdisk_id", "tags"])
    assert row.to_repair
    before = fills(world, "node1")
    (report,) = images.sync(BY, "whole")
    assert states(report) == {"node1": "done", "node2": "already"}
    assert fills(world, "node1") == before + 2, "its kernel and its ramdisk alone"
    copy = stored(world, "node1", "whole")
    assert copy.properties["kernel_id"] == stored(world, "node1", "its-kernel").id
    assert copy.properties["os_admin_user"] == "me"
    assert differences(images, "whole") == [Difference.LOGIN]


def test_a_contradiction_is_nobodys_guess_until_a_node_is_named(world: World, images: Images) -> None:
    put(world, "node1", "disk", hw_disk_bus="ide", hw_rng_model="virtio")
    put(world, "node2", "disk", hw_disk_bus="virtio")
    (report,) = images.sync(BY, "disk")
    assert states(report) == {"node1": "boot_differs", "node2": "boot_differs"}
    (report,) = images.sync(BY, "disk", source="node2")
    assert states(report) == {"node1": "done", "node2": "already"}
    assert stored(world, "node1", "disk").properties == {"hw_disk_bus": "virtio"}
    assert differences(images, "disk") == []


def test_a_node_that_does_not_have_it_can_not_be_the_one_that_is_right(world: World, images: Images) -> None:
    put(world, "node1", "disk")
    with pytest.raises(UserError, match="image_not_on_node"):
        images.sync(BY, "disk", source="node2")


def test_a_kernel_that_is_gone_is_said_to_be(world: World, images: Images) -> None:
    put(world, "node1", "whole", kernel_id="gone")
    (report,) = images.sync(BY, "whole")
    assert states(report)["node2"] == "part_lacks"
    assert images.row("whole")[1].copies["node2"] == []


def test_a_kernel_that_can_not_be_copied_leaves_no_image_without_it(world: World, images: Images) -> None:
    put_whole(world, "node1")
    world.nodes["node2"].fail_next("image_fill", NodeDown("node2", Refusal.DOWN, "cut"))
    (report,) = images.sync(BY, "whole")
    assert states(report) == {"node1": "already", "node2": "part_lacks"}
    assert images.row("whole")[1].copies["node2"] == []
    (report,) = images.sync(BY, "whole")
    assert report.ok and differences(images, "whole") == []


def test_another_kernel_of_that_name_is_not_taken_for_it(world: World, images: Images) -> None:
    put_whole(world, "node1")
    put(world, "node2", "its-kernel", "aki", b"another kernel")
    (report,) = images.sync(BY, "whole")
    assert states(report) == {"node1": "already", "node2": "part_lacks"}
    assert set(differences(images, "its-kernel")) == {Difference.CONTENT}


def test_what_others_boot_with_is_not_deleted(world: World, images: Images) -> None:
    put_whole(world, "node1")
    with pytest.raises(UserError) as refused:
        images.delete(BY, "its-kernel")
    assert (refused.value.code, refused.value.data["images"]) == ("image_is_part", ["whole"])
    assert images.delete(BY, "whole").ok
    assert images.delete(BY, "its-kernel").ok


def test_what_glance_hides_is_there_and_can_be_shown(world: World, images: Images, tmp_path: Path) -> None:
    path = tmp_path / "rocky-9.qcow2"
    path.write_bytes(DISK)
    add(images, path)
    for node in world.nodes.values():
        node.shelf.change(stored(world, node.name, "rocky-9").id, {"os_hidden": True})
    world.clock.advance(minutes=2)
    world.settle(2)
    assert "rocky-9" not in offered(world)
    row = images.row("rocky-9")[1]
    assert row.hidden and not row.differences
    assert all(states(one) == {"node1": "already", "node2": "already"} for one in images.sync(BY))
    images.hide(BY, "rocky-9", hidden=False)
    assert "rocky-9" in offered(world)

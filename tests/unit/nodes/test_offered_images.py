"""What servers are made from, and what only looks like it."""

from __future__ import annotations

import pytest

from kws_core.nodes.offered_images import bootable, is_hidden, offered_image, part_ids, why_not_offered
from kws_core.nodes.values import StoredImage


def image(image_id: str, disk: str = "qcow2", container: str = "bare", **properties: str) -> StoredImage:
    return StoredImage(
        image_id, image_id, "active", disk_format=disk, container_format=container, properties=properties
    )


@pytest.mark.parametrize(
    ("disk", "container", "why"),
    [
        ("qcow2", "bare", None),
        ("raw", "bare", None),
        ("vmdk", "ovf", None),
        ("vdi", "bare", None),
        ("vhdx", "bare", None),
        ("ami", "ami", None),
        ("", "", None),
        ("aki", "aki", "part"),
        ("ari", "ari", "part"),
        ("raw", "aki", "part"),
        ("ari", "bare", "part"),
        ("iso", "bare", "iso"),
        ("vhd", "bare", "format"),
        ("ploop", "bare", "format"),
        ("gpt", "bare", "format"),
        ("luks", "bare", "format"),
        ("vmdk", "ova", "format"),
        ("raw", "docker", "format"),
        ("qcow2", "compressed", "format"),
        ("what-comes-next", "bare", "format"),
    ],
)
def test_what_boots(disk: str, container: str, why: str | None) -> None:
    assert why_not_offered(image("x", disk, container)) == why


def test_a_kernel_is_known_by_who_names_it() -> None:
    kernel, lonely, disk = image("k", "raw"), image("r", "raw"), image("d", kernel_id="k", ramdisk_id="gone")
    assert part_ids([kernel, lonely, disk]) == {"k", "gone"}
    assert [one.id for one in bootable([kernel, lonely, disk])] == ["r", "d"]


def test_nobody_hides_another_image_by_naming_it_as_a_kernel() -> None:
    sly, good = image("sly", kernel_id="good"), image("good")
    assert [one.id for one in bootable([sly, good])] == ["sly", "good"]
    assert part_ids([image("x", kernel_id="nokernel")]) == set()


def test_hidden_by_glance_or_by_kws() -> None:
    assert not is_hidden(image("x"))
    assert offered_image(image("x", kws_hidden="True")).hidden
    assert offered_image(StoredImage("x", "x", "active", os_hidden=True)).hidden

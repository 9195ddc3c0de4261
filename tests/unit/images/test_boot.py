"""What of an image changes how servers boot from it, and what belongs to one deployment."""

from __future__ import annotations

import pytest

from kws_core.images.boot import BootSettings, changes_boot, differing, joined, travels
from kws_core.nodes.values import StoredImage


def image(image_id: str, *tags: str, sha: str = "s", md5: str = "m", **properties: str) -> StoredImage:
    return StoredImage(
        image_id,
        "disk",
        "active",
        hash_algo="sha512",
        checksum=sha,
        md5=md5,
        tags=tags,
        properties=properties,
    )


def index(*images: StoredImage) -> dict[str, StoredImage]:
    return {one.id: one for one in images}


@pytest.mark.parametrize(
    "key",
    [
        "kernel_id",
        "ramdisk_id",
        "img_config_drive",
        "architecture",
        "os_command_line",
        "hw_disk_bus",
        "hw_machine_type",
        "hw_firmware_type",
        "os_type",
        "os_secure_boot",
        "hypervisor_type",
        "vm_mode",
        "trait:HW_CPU_X86_VMX",
        "root_device_name",
    ],
)
def test_what_changes_how_it_boots_travels(key: str) -> None:
    assert travels(key) and changes_boot(key)


@pytest.mark.parametrize(
    "key",
    [
        "os_hash_value",
        "stores",
        "direct_url",
        "owner_specified.openstack.md5",
        "base_image_ref",
        "instance_uuid",
        "os_glance_failed_import",
        "image_type",
        "image_location",
        "owner_id",
        "user_id",
        "block_device_mapping",
        "img_signature_certificate_uuid",
        "cinder_encryption_key_id",
        "hw_ephemeral_encryption_secret_uuid",
        "kws_title",
        "kws_hidden",
        "kws_upload",
    ],
)
def test_what_belongs_to_one_deployment_stays(key: str) -> None:
    assert not travels(key) and not changes_boot(key)


def test_what_somebody_noted_travels_and_is_no_difference() -> None:
    assert travels("build_date") and not changes_boot("build_date")
    copies = {"a": image("1", build_date="1"), "b": image("2", build_date="2", **{"owner_specified.x": "y"})}
    assert differing(copies, {"a": {}, "b": {}}) == []


def test_kernels_are_compared_by_their_bytes_and_not_by_ids() -> None:
    here, there, other = image("k1", sha="k"), image("k2", sha="k"), image("k3", sha="K")
    copies = {"a": image("1", kernel_id="k1"), "b": image("2", kernel_id="k2")}
    assert differing(copies, {"a": index(here), "b": index(there)}) == []
    copies["b"] = image("2", kernel_id="k3")
    assert differing(copies, {"a": index(here), "b": index(other)}) == ["kernel_id"]
    assert joined(copies, {"a": index(here), "b": index(other)}).conflicts == ["kernel_id"]


def test_kernels_without_a_common_checksum_are_told_by_md5() -> None:
    here, there = image("k1", sha="x", md5="k"), StoredImage("k2", "kernel", "active", checksum="k", md5="k")
    copies = {"a": image("1", kernel_id="k1"), "b": image("2", kernel_id="k2")}
    assert differing(copies, {"a": index(here), "b": index(there)}) == []


def test_what_only_one_says_counts_for_all() -> None:
    kernel = image("k1", sha="k")
    copies = {"a": image("1", "x"), "b": image("2", "y", kernel_id="k1", architecture="x86_64")}
    indexes = {"a": {}, "b": index(kernel)}
    together = joined(copies, indexes)
    assert (together.conflicts, together.dangling, together.tags) == ([], [], ["x", "y"])
    assert (together.parts, together.origin["kernel_id"]) == ({"kernel_id": kernel}, "b")
    assert together.lacks(copies["a"], {}) == ["architecture", "kernel_id", "tags"]
    assert together.lacks(copies["b"], index(kernel)) == ["tags"]
    assert differing(copies, indexes) == ["architecture", "kernel_id", "tags"]


def test_by_one_node_what_another_has_too_much_goes() -> None:
    right = BootSettings({"architecture": "x86_64"})
    assert right.lacks(image("1", architecture="x86_64", hw_disk_bus="ide", note="mine"), {}) == []
    assert right.lacks(image("1", architecture="x86_64", hw_disk_bus="ide", note="mine"), {}, True) == [
        "hw_disk_bus"
    ]


def test_a_kernel_that_is_not_there() -> None:
    assert joined({"a": image("1", kernel_id="gone")}, {"a": {}}).dangling == ["kernel_id"]
    assert joined({"a": image("1", kernel_id="nokernel")}, {"a": {}}).dangling == []

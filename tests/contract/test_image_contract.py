"""What every node's image store keeps, tried on the one in memory and on a real Glance alike."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness.contract_kit import Kit
from harness.image_kit import qcow2

from kws_core.errors import NodeError, NodeRefused, Refusal
from kws_core.images.files import Reading, examined, spooled
from kws_core.nodes.image_store import ACTIVE, QUEUED, ImageSpec

DATA = qcow2(2_500_000)


@pytest.fixture
def image(kit: Kit, tmp_path: Path) -> Iterator[str]:
    """An image with its bytes."""
    shelf = kit.node.shelf
    path = tmp_path / "disk"
    path.write_bytes(DATA)
    spec = ImageSpec(f"kws-test-{secrets.token_hex(4)}", "qcow2", 3, 256, {"kws_title": "A <b>title</b>"})
    image_id = shelf.create(spec)
    try:
        assert shelf.look(image_id).status == QUEUED
        with examined(path) as content:
            shelf.fill(image_id, Reading(content))
        yield image_id
    finally:
        with suppress(NodeError):
            shelf.change(image_id, {"protected": False})
        shelf.delete(image_id)


def test_it_is_active_with_the_checksum_of_what_was_sent(kit: Kit, image: str) -> None:
    stored = kit.node.shelf.look(image)
    assert (stored.status, stored.size_bytes) == (ACTIVE, len(DATA))
    assert (stored.hash_algo, stored.checksum) == ("sha512", hashlib.sha512(DATA).hexdigest())
    assert (stored.min_disk_gb, stored.min_ram_mb, stored.disk_format) == (3, 256, "qcow2")
    assert stored.properties["kws_title"] == "A <b>title</b>"
    assert stored in kit.node.shelf.list()


def test_its_bytes_come_back_in_chunks(kit: Kit, image: str) -> None:
    with kit.node.shelf.read(image) as chunks:
        found = list(chunks)
    assert b"".join(found) == DATA
    assert len(found) > 1


def test_changes_are_all_or_nothing_and_may_be_repeated(kit: Kit, image: str) -> None:
    shelf = kit.node.shelf
    for _ in range(2):
        shelf.change(
            image, {"kws_hidden": "true", "min_disk": 4, "protected": True}, ["kws_title", "never_there"]
        )
    stored = shelf.look(image)
    assert (stored.min_disk_gb, stored.protected) == (4, True)
    assert "kws_title" not in stored.properties
    (offered,) = [one for one in kit.node.images() if one.id == image]
    assert offered.hidden, "what the form shows is read anew after a change"
    with pytest.raises(NodeRefused):
        shelf.delete(image)


@pytest.fixture
def whole(kit: Kit) -> Iterator[dict[str, str]]:
    """Ids of a kernel, a ramdisk, and an image of a disk that boots with them."""
    shelf, ids = kit.node.shelf, dict[str, str]()
    prefix = f"kws-test-{secrets.token_hex(4)}"

    def put(name: str, content: bytes, spec: ImageSpec) -> None:
        ids[name] = shelf.create(spec)
        with spooled([content], kind=spec.disk_format) as there:
            shelf.fill(ids[name], Reading(there))

    try:
        put("kernel", b"kernel" * 99, ImageSpec(f"{prefix}-kernel", "aki", container_format="aki"))
        put("ramdisk", b"ramdisk" * 99, ImageSpec(f"{prefix}-ramdisk", "ari", container_format="ari"))
        parts = {"kernel_id": ids["kernel"], "ramdisk_id": ids["ramdisk"]}
        properties = {**parts, "img_config_drive": "mandatory", "architecture": "x86_64"}
        put("disk", DATA, ImageSpec(prefix, "qcow2", properties=properties, tags=["two", "one"]))
        yield ids
    finally:
        for image_id in ids.values():
            shelf.delete(image_id)


def test_kernels_are_kept_and_not_offered(kit: Kit, whole: dict[str, str]) -> None:
    shelf = kit.node.shelf
    for name, form in (("kernel", "aki"), ("ramdisk", "ari")):
        stored = shelf.look(whole[name])
        assert (stored.status, stored.disk_format, stored.container_format) == (ACTIVE, form, form)
        assert stored in shelf.list()
    offered = {image.id for image in kit.node.images()}
    assert whole["disk"] in offered
    assert not offered & {whole["kernel"], whole["ramdisk"]}


def test_how_an_image_boots_is_kept_and_can_be_changed(kit: Kit, whole: dict[str, str]) -> None:
    shelf = kit.node.shelf
    stored = shelf.look(whole["disk"])
    assert stored.properties["kernel_id"] == whole["kernel"]
    assert stored.properties["img_config_drive"] == "mandatory"
    assert (list(stored.tags), stored.container_format) == (["one", "two"], "bare")
    for _ in range(2):
        shelf.change(whole["disk"], {"tags": ["x"], "hw_disk_bus": "ide"}, ["img_config_drive"])
    stored = shelf.look(whole["disk"])
    assert (list(stored.tags), stored.properties["hw_disk_bus"]) == (["x"], "ide")
    assert "img_config_drive" not in stored.properties


def test_what_is_hidden_from_lists_is_listed_for_who_looks_after_it(kit: Kit, whole: dict[str, str]) -> None:
    shelf = kit.node.shelf
    shelf.change(whole["disk"], {"os_hidden": True})
    (stored,) = [one for one in shelf.list() if one.id == whole["disk"]]
    assert stored.os_hidden
    assert whole["disk"] not in {image.id for image in kit.node.images()}
    shelf.change(whole["disk"], {"os_hidden": False})
    assert whole["disk"] in {image.id for image in kit.node.images()}


def test_no_server_without_the_kernel_that_its_image_names(kit: Kit, whole: dict[str, str]) -> None:
    shelf = kit.node.shelf
    name = shelf.look(whole["disk"]).name
    shelf.delete(whole["kernel"])
    spec = kit.spec(image=name)
    with pytest.raises(NodeRefused) as refused:
        kit.node.ensure_server(spec, kit.node.ensure_address(spec))
    assert refused.value.reason == Refusal.INVALID
    assert kit.machine(spec.mark) is None


def test_what_is_gone_is_said_to_be(kit: Kit) -> None:
    shelf = kit.node.shelf
    image = shelf.create(ImageSpec("kws-test-gone", "qcow2"))
    assert shelf.delete(image)
    assert not shelf.delete(image)
    with pytest.raises(NodeRefused) as gone:
        shelf.look(image)
    assert gone.value.reason == Refusal.MISSING


def test_hosts_are_known(kit: Kit) -> None:
    kit.node.shelf.list()
    assert kit.node.shelf.hosts()
    assert isinstance(kit.node.shelf.fetches(), bool)

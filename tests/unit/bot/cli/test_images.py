"""``kws images`` as people type it, on fake nodes and a real database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.commands import kws
from harness.image_kit import copies, offered, qcow2
from harness.typed_kit import Typed
from harness.world import JOON, World

from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.image_store import ImageSpec
from kws_core.reports.audit import Audit


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "rocky-9.qcow2"
    path.write_bytes(qcow2(3_000_000))
    return path


@pytest.fixture
def images(typed: Typed) -> Typed:
    return lambda *words: typed("images", *words)


def test_a_file_with_its_progress(world: World, images: Typed, disk: Path) -> None:
    result = images("add", str(disk), "--title", "Rocky 9", "--login", "rocky", "--min-disk", "3")
    assert (result.code, result.out) == (0, "rocky-9  node1  done\nrocky-9  node2  done\n")
    lines = result.err.splitlines()
    for words in (
        "rocky-9 reading: 2.86 MB of 2.86 MB",
        "rocky-9 node1: 1 MB of 2.86 MB",
        "rocky-9 node1: 2.86 MB of 2.86 MB",
        "rocky-9 node2: 2.86 MB of 2.86 MB",
    ):
        assert words in lines
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "rocky-9"]
    assert (image.title, image.login, image.min_disk_gb) == ("Rocky 9", "rocky", 3)
    (act,) = Audit(world.context).trail()
    assert act.actor.startswith("cli:")
    assert (act.what, act.where) == ("image.add", "cli")


def test_who_logs_in_is_asked_for_at_a_terminal_and_needed_elsewhere(
    typed: Typed, world: World, images: Typed, disk: Path
) -> None:
    alone = images("add", str(disk), "--name", "lab-image")
    assert (alone.code, alone.out, alone.err.count("\n")) == (2, "", 1)
    assert "--login" in alone.err
    typed.world.answer, typed.world.typed = True, " rocky "
    assert images("add", str(disk), "--name", "lab-image").code == 0
    assert typed.world.asked == ["Which user does cloud-init create in lab-image (such as ubuntu)?"]
    (image,) = [one for one in world.rental_service.offer(JOON).images if one.name == "lab-image"]
    assert image.login == "rocky"
    typed.world.typed = "Root User"
    assert images("add", str(disk), "--name", "other").code == 2
    typed.world.typed = ""
    assert images("add", str(disk), "--name", "other").code == 2
    assert "other" not in images("list").out


def test_kernels_and_how_images_boot_are_in_the_list(world: World, images: Typed) -> None:
    shelf = world.nodes["node1"].shelf
    kernel = shelf.create(ImageSpec("its-kernel", "aki", container_format="aki"))
    shelf.fill(kernel, [b"kernel"])
    for node, properties in (("node1", {"kernel_id": kernel, "os_type": "linux"}), ("node2", {})):
        there = world.nodes[node].shelf
        there.fill(there.create(ImageSpec("whole", "qcow2", properties=properties)), [b"disk"])
    lines = {tuple(line.split()[:2]): line for line in images("list").out.splitlines()}
    assert "no: part of whole" in lines["its-kernel", "node1"]
    assert lines["whole", "node1"].endswith("boot (kernel_id os_type)")
    assert "?" in lines["whole", "node1"].split() and "debian" in lines["debian-12", "node1"].split()
    found = {row["name"]: row for row in json.loads(images("list", "--json").out)["images"]}
    assert (found["its-kernel"]["not_offered"], found["its-kernel"]["part_of"]) == ("part", ["whole"])
    assert found["whole"]["boot_keys"] == ["kernel_id", "os_type"]
    refused = images("delete", "its-kernel", "--yes")
    assert (refused.code, "can't boot without its-kernel: whole" in refused.err) == (2, True)
    assert images("sync", "whole", "--from", "node3").code == 2
    assert images("sync", "--from", "node1").code == 2
    result = images("sync", "whole")
    assert (result.code, result.out) == (0, "whole  node1  already there\nwhole  node2  done\n")
    assert "boot (" not in images("list").out


def test_a_bar_on_a_terminal(typed: Typed, images: Typed, disk: Path) -> None:
    typed.world.watched = True
    last = images("add", str(disk)).err.rstrip("\n").split("\r")[-1]
    assert "rocky-9 node1: 2.86 MB of 2.86 MB [####################]" in last
    assert "rocky-9 node2: 2.86 MB of 2.86 MB [####################]" in last


def test_the_table(world: World, images: Typed, disk: Path) -> None:
    world.nodes["node2"].fail_next("image_fill", NodeDown("node2", Refusal.DOWN, "gone"))
    failed = images("add", str(disk))
    assert failed.code == 1
    assert "rocky-9  node2  not responding" in failed.out
    assert "repeat the command" in failed.err
    lines = [" ".join(line.split()) for line in images("list").out.splitlines()]
    assert lines[0] == "image node status size checksum login shown differs"
    assert any(line.startswith("rocky-9 node1 active 2.86 MB ") and "missing" in line for line in lines)
    rows: list[dict[str, Any]] = json.loads(images("list", "--json").out)["images"]
    (row,) = [row for row in rows if row["name"] == "rocky-9"]
    assert row["differs"] == ["missing", "unfinished"]
    assert row["nodes"]["node1"][0]["size"] == 3_000_000
    assert images("sync").code == 0
    assert copies(world, "rocky-9") == {"node1": ["active"], "node2": ["active"]}
    world.nodes["node2"].go_down()
    silent = images("list")
    assert (silent.code, "not responding: node2" in silent.err) == (1, True)


def test_every_act(world: World, images: Typed) -> None:
    for words in (
        ("hide", "debian-12"),
        ("show", "debian-12"),
        ("describe", "debian-12", "--title", "Debian", "--min-ram", "100"),
        ("rename", "debian-12", "debian-old"),
        ("protect", "debian-old"),
    ):
        assert images(*words).code == 0, words
    refused = images("delete", "debian-old", "--yes")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "kws: debian-old is protected on node1, node2. Remove the protection first: unprotect debian-old\n"
    )
    assert images("unprotect", "debian-old").code == 0
    assert images("delete", "debian-old", "--yes").code == 0
    assert offered(world) == ["ubuntu-24.04"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("page.qcow2", "isn't a supported disk image"),
        ("nowhere.qcow2", "can't be read: No such file"),
        ("ftp://example.com/a.qcow2", "not ftp"),
        ("http://127.0.0.1/a.qcow2", "is this machine or its local network"),
        ("http://169.254.169.254/a", "is this machine or its local network"),
    ],
)
def test_what_is_refused_is_one_line(
    world: World, images: Typed, tmp_path: Path, source: str, sentence: str
) -> None:
    (tmp_path / "page.qcow2").write_text("<html>" * 1000)
    result = images("add", source, "--name", "x", "--login", "me")
    assert result.code == 2
    assert sentence in result.err.splitlines()[-1]
    assert all("image_create" not in node.calls for node in world.nodes.values())


def test_a_nodes_own_address_is_refused(world: World, images: Typed) -> None:
    for node in world.nodes.values():
        node.shelf.known_hosts = {"10.1.2.3"}
    result = images("add", "http://10.1.2.3:9292/v2/images/x", "--login", "me")
    assert (result.code, "a node's management address" in result.err) == (2, True)


def test_help_of_images_needs_nothing_heavy(tmp_path: Path) -> None:
    result = kws(tmp_path, "images", "--help")
    assert result.returncode == 0
    for command in ("list", "add", "sync", "rename", "describe", "hide", "show", "protect", "delete"):
        assert command in result.stdout

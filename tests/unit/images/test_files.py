"""What is the image of a disk and what is not; URLs that may be asked and those that may not."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from harness.image_kit import Web, qcow2, web_server

from kws_core.errors import UserError
from kws_core.images import urls
from kws_core.images.files import HEAD, SPARE, Reading, disk_format, examined, spooled
from kws_core.images.upload import About
from kws_core.images.urls import MOST_REDIRECTS, Rules, _judged, check, from_url, opened

SECTOR = b"\0" * 510 + b"\x55\xaa"
ISO = (SECTOR.ljust(0x8001, b"\0") + b"CD001").ljust(HEAD, b"\0")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (qcow2(), "qcow2"),
        (qcow2(version=2, features=4), "qcow2"),  # version 2 has no features: those bytes are something else
        (b"KDMV".ljust(512, b"\0"), "vmdk"),
        (
            b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(0x40, b"\0") + b"\x7f\x10\xda\xbe" + SECTOR,
            "vdi",
        ),
        (b"vhdxfile".ljust(512, b"\0"), "vhdx"),
        (SECTOR, "raw"),
        (b"\0" * 512 + b"EFI PART" + b"\0" * 512, "raw"),
    ],
    ids=["qcow2", "qcow2-v2", "vmdk", "vdi", "vhdx", "mbr", "gpt"],
)
def test_disks_are_known_by_their_first_bytes(head: bytes, kind: str) -> None:
    assert disk_format(head) == kind


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "image_empty"),
        (b"QFI\xfb", "image_no_disk"),
        (b"<!DOCTYPE html>".ljust(900), "image_no_disk"),
        (b"just text\n" * 100, "image_no_disk"),
        (b"# Disk DescriptorFile\n".ljust(900), "image_no_disk"),  # a VMDK that names other files
        (b"\0" * 4096, "image_no_disk"),
        (gzip.compress(b"x"), "image_packed"),
        (b"\xfd7zXZ\x00".ljust(900), "image_packed"),
        (ISO, "image_iso"),
        (b"conectix".ljust(512, b"\0"), "image_vhd"),
        (qcow2(backing=0x200), "image_refers"),
        (qcow2(features=4), "image_refers"),
    ],
    ids=[
        "empty",
        "cut",
        "html",
        "text",
        "descriptor",
        "zeros",
        "gz",
        "xz",
        "iso",
        "vhd",
        "backing",
        "data-file",
    ],
)
def test_what_is_no_disk_is_refused_with_the_reason(head: bytes, code: str) -> None:
    with pytest.raises(UserError) as refused:
        disk_format(head)
    assert refused.value.code == code


def test_a_file_is_read_once_and_known_by_its_checksums(tmp_path: Path) -> None:
    data, path, seen = qcow2(3_000_000), tmp_path / "a.qcow2", []
    path.write_bytes(data)
    with examined(path, seen.append) as content:
        assert content.digests.sha512 == hashlib.sha512(data).hexdigest()
        assert (content.size, content.disk_format, seen[-1]) == (3_000_000, "qcow2", 3_000_000)
        one, other = iter(Reading(content)), Reading(content)
        first = next(one)
        assert b"".join(other) == data == b"".join(other), "a second try sends it from the beginning"
        assert first + b"".join(one) == data, "and nobody disturbs another"
        assert max(len(chunk) for chunk in other) <= 1024**2


@pytest.mark.parametrize("what", ["nowhere.img", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    with pytest.raises(UserError, match="image_unreadable"), examined(tmp_path / what):
        pass


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with spooled([qcow2()]) as content:
        assert os.path.realpath(f"/proc/self/fd/{content.file.fileno()}").startswith(str(tmp_path))
        assert list(tmp_path.iterdir()) == [], "also when the process is killed now"
    with pytest.raises(UserError), spooled([b"<html>"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=SPARE))
    with pytest.raises(UserError, match="image_no_room"), spooled([qcow2()]):
        pass


# -- URLs


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        server.gives("/disk.qcow2", qcow2())
        yield server


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that are ours; the next answer is the first, the last one stays."""
    names: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        known = names.get(host)
        if not known:
            return real(host, port, *args, **options)
        addresses = known.pop(0) if len(known) > 1 else known[0]
        return [entry for one in addresses.split() for entry in real(one, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def code_of(url: str, rules: Rules | None = None) -> str:
    with pytest.raises(UserError) as refused, from_url(url, lambda: rules or Rules())(lambda done: None):
        pass
    return refused.value.code


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/a.img", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://127.0.0.1/", "url_scheme"),
        ("//example.com/a.img", "url_scheme"),
        ("http://", "url_invalid"),
        ("http://example.com:99999/", "url_invalid"),
        ("http://example.com/a b", "url_invalid"),
        ("http://exa\nmple.com/", "url_invalid"),
        ("http://[::1/", "url_invalid"),
        ("https://me:secret@example.com/a.img", "url_password"),
        ("http://127.0.0.1/a.img", "url_forbidden"),
        ("http://127.9.9.9:9292/", "url_forbidden"),
        ("http://2130706433/", "url_forbidden"),
        ("http://0x7f.1/", "url_forbidden"),
        ("http://0.0.0.0/", "url_forbidden"),
        ("http://0.1.2.3/", "url_forbidden"),
        ("http://localhost:5000/v3", "url_forbidden"),
        ("http://169.254.169.254/latest/meta-data/", "url_forbidden"),
        ("http://224.0.0.1/", "url_forbidden"),
        ("http://255.255.255.255/", "url_forbidden"),
        ("http://[::1]/", "url_forbidden"),
        ("http://[::ffff:127.0.0.1]/", "url_forbidden"),
        ("http://[64:ff9b::7f00:1]/", "url_forbidden"),
        ("http://[2002:7f00:1::]/", "url_forbidden"),
        ("http://[fe80::1]/", "url_forbidden"),
        ("http://[::]/", "url_forbidden"),
        ("http://[ff02::1]/", "url_forbidden"),
    ],
)
def test_urls_that_are_refused_before_anything_is_asked(url: str, code: str) -> None:
    assert code_of(url) == code


def test_a_download_is_what_the_server_has(web: Web) -> None:
    rules = web.rules()
    with from_url(web.url(), lambda: rules)(lambda done: None) as content:
        assert (content.size, content.disk_format) == (200_000, "qcow2")


def test_a_name_that_means_loopback(web: Web, dns: dict[str, list[str]]) -> None:
    dns["mirror.example"] = ["127.0.0.1"]
    assert code_of(f"http://mirror.example:{web.port}/disk.qcow2") == "url_forbidden"
    dns["mirror.example"] = ["93.184.216.34 127.0.0.1"]
    assert code_of(f"http://mirror.example:{web.port}/disk.qcow2") == "url_forbidden"
    assert web.asked == []


def test_the_connection_goes_to_the_address_that_was_judged(web: Web, dns: dict[str, list[str]]) -> None:
    dns["mirror.example"] = ["127.0.0.1", "10.255.255.1"]  # the second answer must never be asked for
    with opened(f"http://mirror.example:{web.port}/disk.qcow2", web.rules()) as download:
        assert sum(map(len, download.chunks())) == 200_000
    assert web.asked == [f"mirror.example:{web.port}/disk.qcow2"]


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("http://127.0.0.1:9292/v2/images", "url_forbidden"),
        ("http://[::1]:9292/", "url_forbidden"),
        ("http://169.254.169.254/", "url_forbidden"),
        ("file:///etc/shadow", "url_scheme"),
        ("//localhost:1/", "url_forbidden"),
        ("http://node1.example:5000/v3", "url_node"),
    ],
)
def test_a_redirect_is_judged_as_the_first(web: Web, dns: dict[str, list[str]], to: str, code: str) -> None:
    dns["node1.example"] = ["10.0.0.5"]
    web.redirects("/here", to)
    assert code_of(web.url("/here"), web.rules(["10.0.0.5"])) == code


def test_redirects_are_followed_but_not_for_ever(web: Web) -> None:
    web.redirects("/one", "/disk.qcow2")
    with opened(web.url("/one"), web.rules()) as download:
        assert download.size == 200_000
    web.redirects("/circle", "/circle")
    assert code_of(web.url("/circle"), web.rules()) == "url_redirects"
    assert sum("circle" in path for path in web.asked) == MOST_REDIRECTS + 1


def test_a_nodes_own_interface_is_refused_by_name_and_address(dns: dict[str, list[str]]) -> None:
    dns |= {"keystone.lab": ["10.1.2.3"], "innocent.example": ["10.1.2.3"], "v6.example": ["::ffff:10.1.2.3"]}
    rules = Rules(hosts=["keystone.lab"])
    for host in ("keystone.lab", "innocent.example", "10.1.2.3", "v6.example"):
        assert code_of(f"http://{host}:9292/x", rules) == "url_node"


@pytest.mark.parametrize("host", ["10.255.255.1", "192.168.1.7", "172.16.0.1", "93.184.216.34", "[fd00::7]"])
def test_private_networks_and_the_internet_may_be_asked(host: str) -> None:
    assert len(_judged(check(f"http://{host}/a.img"), Rules(), frozenset())) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/html", "image_no_disk"),
        ("/empty", "image_empty"),
        ("/404", "url_refused"),
        ("/cut", "url_broken"),
        ("/huge", "image_large"),
    ],
)
def test_answers_that_are_no_image(web: Web, path: str, code: str) -> None:
    web.gives("/html", b"<html>" * 20_000)
    web.gives("/empty", b"")
    web.gives("/404", b"not here", status=404)
    web.gives("/cut", qcow2(), promised=300_000)
    web.gives("/huge", qcow2(), promised=1 << 50)
    assert code_of(web.url(path), web.rules()) == code


def test_a_server_that_does_not_stop(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "MOST_BYTES", 100_000)

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(qcow2())

    web.answers["/endless"] = endless
    assert code_of(web.url("/endless"), web.rules()) == "image_large"


def test_a_host_that_is_not_there() -> None:
    assert code_of("http://nothing.invalid/a.img") == "url_unknown_host"


# -- images that name other files, and how large a disk is


def vmdk(descriptor: str) -> bytes:
    """A sparse VMDK of one extent with that descriptor."""
    head = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 1 << 21, 128, 1, 20).ljust(512, b"\0")
    return (head + descriptor.encode().ljust(20 * 512, b"\0")).ljust(HEAD * 2, b"\0")


LINES = 'version=1\ncreateType="{kind}"\nRW 2097152 {extent}\n'


@pytest.mark.parametrize(
    ("kind", "extent"),
    [
        ("monolithicFlat", 'FLAT "/etc/passwd" 0'),
        ("monolithicSparse", 'FLAT "/etc/shadow" 0'),
        ("twoGbMaxExtentFlat", 'FLAT "a-f001.vmdk" 0'),
        ("vmfs", 'VMFS "b.vmdk"'),
        ("fullDevice", 'FLAT "/dev/sda" 0'),
        ("custom", 'SPARSE "/etc/hostname"'),
    ],
)
def test_a_vmdk_that_names_another_file_is_refused(tmp_path: Path, kind: str, extent: str) -> None:
    path = tmp_path / "a.vmdk"
    path.write_bytes(vmdk("# Disk DescriptorFile\n" + LINES.format(kind=kind, extent=extent)))
    with pytest.raises(UserError, match="image_unsafe"), examined(path):
        pass
    with pytest.raises(UserError, match="image_unsafe"), spooled([path.read_bytes()]):
        pass


@pytest.mark.parametrize(
    "head",
    [
        b"conectix" + bytes(52) + b"\0\0\0\4",  # a VHD that has only what differs from its parent
        qcow2(backing=0x200),
        qcow2(features=4),
        b"COWD" + bytes(60),
        b"vhdxfile" + bytes(60),  # and no more of it
    ],
)
def test_a_disk_that_needs_another_file_or_is_half_is_refused(head: bytes) -> None:
    with pytest.raises(UserError, match="image_"), spooled([head.ljust(HEAD * 2, b"\0")]):
        pass


def test_what_a_node_has_is_not_brought_to_others_when_it_names_another_file() -> None:
    named = vmdk(
        "# Disk DescriptorFile\n" + LINES.format(kind="monolithicFlat", extent='FLAT "/etc/passwd" 0')
    )
    for kind, data in (("vmdk", named), ("qcow2", qcow2(backing=0x200)), ("qcow2", qcow2(features=4))):
        with pytest.raises(UserError, match="image_unsafe"), spooled([data], kind=kind):
            pass
    for kind, data in (
        ("qcow2", qcow2()),
        ("raw", b"anything"),
        ("qcow2", b"what the node calls so"),
        ("aki", b"x"),
    ):
        with spooled([data], kind=kind) as content:
            assert content.size == len(data)


@pytest.mark.parametrize("start", [b"QED\0", b"LUKS\xba\xbe\0\1"])
def test_a_format_in_the_guise_of_a_raw_disk_is_refused(start: bytes) -> None:
    data = (start + SECTOR[len(start) :]).ljust(HEAD * 2, b"\0")
    with pytest.raises(UserError, match="image_"), spooled([data]):
        pass


@pytest.mark.parametrize(("gib", "least"), [(1, 1), (10, 10), (66, 66), (66.5, 67), (0.5, 1)])
def test_the_virtual_size_is_the_least_disk(gib: float, least: int) -> None:
    data = bytearray(qcow2())
    data[24:32] = int(gib * 1024**3).to_bytes(8, "big")
    with spooled([bytes(data)]) as content:
        assert content.disk_gb == least
        assert About().spec("a", content).min_disk_gb == least
        assert About(min_disk_gb=99).spec("a", content).min_disk_gb == 99


@pytest.mark.parametrize(
    "host", ["bücher.example", "예시.한국", "xn--bcher-kva.example", "BÜCHER.example", "例え.jp"]
)
def test_a_host_in_unicode_is_asked_by_its_dns_name(host: str) -> None:
    assert (check(f"https://{host}:8080/a.img").hostname or "").isascii()
    assert check(f"https://{host}/가.img?b=나").geturl().isascii()


@pytest.mark.parametrize("host", ["\u2024", "a..é", "é" * 70, "\ud800.example", "é\u3002."])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="url_"), opened(f"http://{host}/a", Rules()):
        pass


@pytest.mark.parametrize(
    ("to", "asked"),
    [
        ("/a b.qcow2", "/a%20b.qcow2"),
        ("/a%20b.qcow2", "/a%20b.qcow2"),
        ("/\u00e9.qcow2", "/%"),
        ("/x y?a=b c", "/x%20y?a=b%20c"),
    ],
)
def test_a_redirect_is_encoded_before_it_is_checked(web: Web, to: str, asked: str) -> None:
    web.redirects("/odd", to)
    with pytest.raises(UserError, match="url_broken"), opened(web.url("/odd"), web.rules()):
        pass  # the server has nothing there, and hangs up
    assert asked in web.asked[-1]

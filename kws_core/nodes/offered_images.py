"""Which stored images servers can be made from, and what people are told of them: title, login, whether shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum

from kws_core.nodes.image_store import COPY, HIDDEN, LOGIN, TITLE, UPLOAD
from kws_core.nodes.values import Image, StoredImage
from kws_core.values import TAG_PREFIX, owner_tag

_LOGINS = {
    "ubuntu": "ubuntu",
    "debian": "debian",
    "centos": "cloud-user",
    "rhel": "cloud-user",
    "almalinux": "almalinux",
    "rocky": "rocky",
    "fedora": "fedora",
    "alpine": "alpine",
    "arch": "arch",
    "opensuse": "opensuse",
    "freebsd": "freebsd",
    "amazon": "ec2-user",
    "amzn": "ec2-user",
    "cirros": "cirros",
}
_YES = frozenset({"1", "true", "yes", "on"})
PART_PROPERTIES = ("kernel_id", "ramdisk_id")  # of an image that boots with images beside it
NO_KERNEL = "nokernel"  # a kernel_id that names none
_PARTS = frozenset({"aki", "ari"})  # formats of a kernel and of a ramdisk
_BOOTED = frozenset({"", "ami", "qcow2", "raw", "vdi", "vhdx", "vmdk"})  # by qemu
_PACKED = frozenset({"compressed", "docker", "ova"})  # container formats that no node opens


class NotOffered(StrEnum):
    """Why no server is made from an active image."""

    PART = "part"  # a kernel or a ramdisk of other images
    ISO = "iso"  # an installer that waits for somebody at its screen: no login ever comes up
    FORMAT = "format"


def part_ids(images: Iterable[StoredImage | Image]) -> set[str]:
    """Ids of the kernels and ramdisks that these images of one node name."""
    named = {one.properties.get(key, "") for one in images for key in PART_PROPERTIES}
    return named - {"", NO_KERNEL}


def why_not_offered(stored: StoredImage, parts: Collection[str] = ()) -> NotOffered | None:
    """Why no server is made from it, None when it boots. ``parts``: see part_ids().

    A kernel may be kept as raw bytes, too; an image of a disk is not hidden because another one names it. VHD is
    not booted: qemu calls it "vpc", and nodes refuse what qemu calls otherwise than they do.
    """
    formats = {stored.disk_format, stored.container_format}
    if formats & _PARTS or (stored.disk_format == "raw" and stored.id in parts):
        return NotOffered.PART
    if stored.disk_format == "iso":
        return NotOffered.ISO
    if stored.disk_format not in _BOOTED or stored.container_format in _PACKED:
        return NotOffered.FORMAT
    return None


def bootable(images: Collection[StoredImage]) -> list[StoredImage]:
    """Those of a node's active images that servers can be made from."""
    parts = part_ids(images)
    return [one for one in images if why_not_offered(one, parts) is None]


def login_of(name: str, os_distro: str = "", os_version: str = "", admin_user: str = "") -> str:
    """The user that an image's cloud-init makes: as the image says, otherwise by distribution; "" when unknown."""
    if admin_user:
        return admin_user
    distro = os_distro.lower() or name.lower()
    for prefix, login in _LOGINS.items():
        if distro.startswith(prefix):
            if prefix == "centos" and _is_seven(name, os_version):
                return "centos"
            return login
    return ""


def _is_seven(name: str, os_version: str) -> bool:
    version = os_version or "".join(re.findall(r"^\D*(\d+)", name))
    return version.split(".")[0] == "7"


def copy_mark(stored: StoredImage, *, uploads: bool = False) -> str:
    """The mark of the copy that an image is, "" of any other image; ``uploads``: also of what is to become one.

    A node hands an image's properties on to images that are made of its servers: only the name says that it is ours.
    """
    mark = owner_tag(stored.properties.get(COPY, ""))
    names = {stored.name, stored.properties.get(UPLOAD)} if uploads else {stored.name}
    return mark if mark in names and mark != TAG_PREFIX else ""


def is_hidden(stored: StoredImage) -> bool:
    """Whether the form leaves it out."""
    return stored.os_hidden or stored.properties.get(HIDDEN, "").lower() in _YES


def offered_image(stored: StoredImage) -> Image:
    """What people may choose of an image that a node keeps."""
    properties = stored.properties
    return Image(
        id=stored.id,
        name=stored.name,
        title=properties.get(TITLE, ""),
        size_bytes=stored.size_bytes,
        min_disk_gb=stored.min_disk_gb,
        min_ram_mb=stored.min_ram_mb,
        login=login_of(
            stored.name,
            properties.get("os_distro", ""),
            properties.get("os_version", ""),
            properties.get(LOGIN, ""),
        ),
        checksum=stored.checksum,
        hidden=is_hidden(stored),
        properties=properties,
    )

"""What the properties of a stored image say to people: its title, its login, whether it is shown."""

from __future__ import annotations

import re

from kws_core.nodes.image_store import HIDDEN, LOGIN, TITLE
from kws_core.nodes.values import Image, StoredImage

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


def login_of(name: str, os_distro: str = "", os_version: str = "", admin_user: str = "") -> str:
    """The user that an image's cloud-init makes: as the image says, else by distribution; "" when unknown."""
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
        hidden=properties.get(HIDDEN, "").lower() in _YES,
        properties=properties,
    )

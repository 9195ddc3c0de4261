"""What of an image changes how servers boot from it, as it can be compared between nodes and carried over. Pure.

An image may boot with a kernel and a ramdisk that are images of their own. Their ids are one node's; between
nodes they are the images that they name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kws_core.nodes.image_store import HIDDEN, LOGIN, TITLE, UPLOAD
from kws_core.nodes.offered_images import NO_KERNEL, PART_PROPERTIES
from kws_core.nodes.values import StoredImage

TAGS = "tags"
Value = str | StoredImage  # the image that a kernel_id names, where it is there
Index = Mapping[str, StoredImage]  # a node's images by id

# Properties of one deployment: of its stores, its volumes, its secrets, and of the server that a snapshot was made of.
_STAYS = ("os_glance", "os_hash", "owner_specified.", "img_signature", "cinder_", "instance_", "boot_roles")
_STAYS_EXACTLY = frozenset(
    {
        "base_image_ref",
        "bdm_v2",
        "block_device_mapping",
        "clean_attempts",
        "direct_url",
        "hw_ephemeral_encryption_secret_uuid",
        "image_location",
        "image_state",
        "image_type",
        "locations",
        "network_allocated",
        "owner_id",
        "owner_project_name",
        "owner_user_name",
        "stores",
        "user_id",
    }
)
_DESCRIBED = frozenset({TITLE, LOGIN, HIDDEN, UPLOAD})  # looked after by other acts
_BOOT = ("hw_", "os_", "img_", "trait:")
_BOOT_EXACTLY = frozenset(
    {"architecture", "auto_disk_config", "hypervisor_type", "mappings", "root_device_name", "vm_mode"}
    | {"hypervisor_version_requires", *PART_PROPERTIES}
)


def travels(key: str) -> bool:
    """Whether a property means the same on another node."""
    return not key.startswith(_STAYS) and key not in _STAYS_EXACTLY and key not in _DESCRIBED


def changes_boot(key: str) -> bool:
    """Whether servers boot otherwise with it."""
    return travels(key) and (key.startswith(_BOOT) or key in _BOOT_EXACTLY)


def same(one: StoredImage, other: StoredImage) -> bool | None:
    """Whether two nodes have the same bytes; None when their checksums can't be compared."""
    if one.hash_algo and one.hash_algo == other.hash_algo:
        return one.checksum == other.checksum
    return one.md5 == other.md5 if one.md5 and other.md5 else None


def properties_of(stored: StoredImage, index: Index) -> dict[str, Value]:
    """What of an image's properties means the same on another node."""
    found: dict[str, Value] = {key: text for key, text in stored.properties.items() if travels(key)}
    for key in PART_PROPERTIES:
        part = index.get(stored.properties.get(key, ""))
        if part is not None:
            found[key] = part
    return found


@dataclass(frozen=True, slots=True)
class BootSettings:
    """How servers are to boot from an image, on every node. ``parts``: property → the node that has the image."""

    properties: Mapping[str, Value]
    tags: Sequence[str] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    conflicts: Sequence[str] = ()  # in what the nodes contradict each other

    @property
    def parts(self) -> dict[str, StoredImage]:
        """The images that it boots with, by property."""
        return {key: one for key, one in self.properties.items() if isinstance(one, StoredImage)}

    @property
    def dangling(self) -> list[str]:
        """Properties that name an image which is not there."""
        named = {key: self.properties.get(key, "") for key in PART_PROPERTIES}
        return [
            key for key, value in named.items() if isinstance(value, str) and value not in ("", NO_KERNEL)
        ]

    def lacks(self, stored: StoredImage, index: Index, exact: bool = False) -> list[str]:
        """What one node's image has otherwise, or does not have; with ``exact`` also what it has too much."""
        here = properties_of(stored, index)
        keys = {key for key in [*self.properties, *(here if exact else ())] if changes_boot(key)}
        found = [key for key in keys if not _alike(self.properties.get(key), here.get(key))]
        return sorted([*found, *([TAGS] if list(self.tags) != sorted(stored.tags) else [])])


def joined(copies: Mapping[str, StoredImage], indexes: Mapping[str, Index]) -> BootSettings:
    """What the copies of an image say together: what only some of them say counts, a contradiction is told."""
    properties: dict[str, Value] = {}
    origin: dict[str, str] = {}
    conflicts: set[str] = set()
    for node, stored in copies.items():
        for key, value in properties_of(stored, indexes[node]).items():
            if key in properties and changes_boot(key) and not _alike(properties[key], value):
                conflicts.add(key)
            elif key not in properties:
                properties[key], origin[key] = value, node
    tags = sorted({tag for stored in copies.values() for tag in stored.tags})
    return BootSettings(properties, tags, origin, sorted(conflicts))


def differing(copies: Mapping[str, StoredImage], indexes: Mapping[str, Index]) -> list[str]:
    """Properties by which the copies boot otherwise, and ``tags``."""
    together = joined(copies, indexes)
    lacking = {key for node, one in copies.items() for key in together.lacks(one, indexes[node])}
    return sorted({*together.conflicts, *lacking})


def _alike(one: Value | None, other: Value | None) -> bool:
    if isinstance(one, StoredImage) and isinstance(other, StoredImage):
        return same(one, other) is not False
    return one == other

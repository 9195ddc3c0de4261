"""All nodes' images as one table: which node has what, and where they differ. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kws_core.images.boot import TAGS, Index, differing, same
from kws_core.nodes.image_store import ACTIVE, LOGIN, TITLE, UPLOAD
from kws_core.nodes.offered_images import NotOffered, copy_mark, is_hidden, part_ids, why_not_offered
from kws_core.nodes.values import StoredImage
from kws_core.tables.rental import Rental


class Difference(StrEnum):
    """In what the nodes do not agree about an image."""

    MISSING = "missing"  # some node doesn't have it
    CONTENT = "content"
    DOUBLE = "double"  # a node has it more than once
    UNFINISHED = "unfinished"  # an upload of KWS broke off, or is under way
    FORMAT = "format"
    BOOT = "boot"  # servers boot otherwise from it
    TAGS = "tags"
    TITLE = "title"
    LOGIN = "login"
    MINIMUM = "minimum"
    HIDDEN = "hidden"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Row:
    """One image. ``copies``: per node everything of that name, what servers are made from first.

    ``boot_keys`` are the properties by which servers boot otherwise on some node. ``not_offered`` says why no
    server is made from it; ``part_of`` are the images that need it as their kernel or ramdisk.
    """

    name: str
    copies: Mapping[str, Sequence[StoredImage]]
    differences: Sequence[Difference] = ()
    users: Sequence[Rental] = ()
    boot_keys: Sequence[str] = ()
    not_offered: NotOffered | None = None
    part_of: Sequence[str] = ()

    @property
    def active(self) -> dict[str, StoredImage]:
        """The image that each node makes servers from."""
        firsts = {node: here[0] for node, here in self.copies.items() if here}
        return {node: one for node, one in firsts.items() if usable(one)}

    @property
    def lacking(self) -> list[str]:
        """Nodes that answered and don't have it."""
        return [node for node in self.copies if node not in self.active]

    @property
    def shown(self) -> StoredImage | None:
        """The image as the first node that has it describes it."""
        return next(
            iter([*self.active.values(), *(one for here in self.copies.values() for one in here)]), None
        )

    @property
    def to_repair(self) -> bool:
        """Whether a copy changes something: where it is missing, or where servers boot otherwise from it."""
        repaired = {Difference.BOOT, Difference.TAGS}
        return bool(self.active) and bool(self.lacking or repaired.intersection(self.differences))

    @property
    def hidden(self) -> bool:
        """Whether a node hides it from the form."""
        return any(is_hidden(one) for one in self.active.values())

    @property
    def snapshot(self) -> bool:
        """Whether it is somebody's snapshot of a server, that belongs to one node."""
        return any(one.properties.get("image_type") == "snapshot" for one in self.active.values())


@dataclass(frozen=True, slots=True)
class Table:
    """Every image of every node that answered, by name; ``silent`` are the nodes that did not."""

    nodes: Sequence[str]
    rows: Sequence[Row]
    silent: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)  # every image of each node, by id

    def row(self, name: str) -> Row | None:
        """The image of that name."""
        return next((row for row in self.rows if row.name == name), None)


def usable(stored: StoredImage) -> bool:
    """Whether servers can be made from it: active, and no upload that is still to be checked."""
    return stored.status == ACTIVE and UPLOAD not in stored.properties


def tabulate(
    found: Mapping[str, Iterable[StoredImage]], silent: Mapping[str, str], rentals: Iterable[Rental] = ()
) -> Table:
    """The table of what the nodes said."""
    per_node = {node: list(images) for node, images in found.items()}
    images = [
        one for here in per_node.values() for one in here if not copy_mark(one, uploads=True)
    ]  # those are people's own
    names = sorted({_name(one) for one in images}, key=str.lower)
    indexes = {node: {one.id: one for one in here} for node, here in per_node.items()}
    rentals, wholes = list(rentals), _wholes(per_node)
    rows = []
    for name in names:
        copies = {n: _ranked(one for one in here if _name(one) == name) for n, here in per_node.items()}
        users = [rental for rental in rentals if rental.image == name]
        rows.append(_row(name, copies, users, indexes, wholes))
    return Table([*per_node, *silent], rows, silent, indexes)


def _wholes(per_node: Mapping[str, Iterable[StoredImage]]) -> dict[str, set[str]]:
    """Id of a kernel or a ramdisk → names of the images that need it."""
    found: dict[str, set[str]] = {}
    for one in (one for images in per_node.values() for one in images):
        for part in part_ids([one]):
            found.setdefault(part, set()).add(_name(one))
    return found


def _row(
    name: str,
    copies: Mapping[str, Sequence[StoredImage]],
    users: Sequence[Rental],
    indexes: Mapping[str, Index],
    wholes: Mapping[str, Iterable[str]],
) -> Row:
    firsts = {node: here[0] for node, here in copies.items() if here and usable(here[0])}
    boot_keys = differing(firsts, indexes)
    reasons = (why_not_offered(one, wholes) for one in firsts.values())
    part_of = sorted({whole for one in firsts.values() for whole in wholes.get(one.id, ())})
    not_offered = next((why for why in reasons if why), None)
    return Row(name, copies, differences(copies, boot_keys), users, boot_keys, not_offered, part_of)


def differences(
    copies: Mapping[str, Sequence[StoredImage]], boot_keys: Collection[str] = ()
) -> list[Difference]:
    """In what the copies of one image differ."""
    usables = {node: [one for one in here if usable(one)] for node, here in copies.items()}
    firsts = [here[0] for here in usables.values() if here]
    found = {
        Difference.MISSING: any(not here for here in usables.values()),
        Difference.CONTENT: any(same(firsts[0], other) is False for other in firsts[1:]),
        Difference.DOUBLE: any(len(here) > 1 for here in usables.values()),
        Difference.UNFINISHED: any(UPLOAD in one.properties for here in copies.values() for one in here),
        Difference.FORMAT: _differ((one.disk_format, one.container_format) for one in firsts),
        Difference.BOOT: any(key != TAGS for key in boot_keys),
        Difference.TAGS: TAGS in boot_keys,
        Difference.TITLE: _differ(one.properties.get(TITLE, "") for one in firsts),
        Difference.LOGIN: _differ(one.properties.get(LOGIN, "") for one in firsts),
        Difference.MINIMUM: _differ((one.min_disk_gb, one.min_ram_mb) for one in firsts),
        Difference.HIDDEN: _differ(is_hidden(one) for one in firsts),
        Difference.PROTECTED: _differ(one.protected for one in firsts),
    }
    return [difference for difference, there in found.items() if there]


def _differ(values: Iterable[object]) -> bool:
    return len(set(values)) > 1


def _name(stored: StoredImage) -> str:
    return stored.properties.get(UPLOAD) or stored.name


def _ranked(images: Iterable[StoredImage]) -> list[StoredImage]:
    """As OpenStackNode chooses: the newest that is active."""
    newest = sorted(images, key=lambda one: one.created_at, reverse=True)
    return sorted(newest, key=lambda one: (not usable(one), one.status != ACTIVE, bool(why_not_offered(one))))

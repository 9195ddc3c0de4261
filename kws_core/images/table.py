"""All nodes' images as one table: which node has what, and where they differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kws_core.nodes.image_store import ACTIVE, HIDDEN, LOGIN, TITLE, UPLOAD
from kws_core.nodes.values import StoredImage
from kws_core.tables.rental import Rental

_YES = frozenset({"1", "true", "yes", "on"})


class Difference(StrEnum):
    """In what the nodes do not agree about an image."""

    MISSING = "missing"  # some node lacks it
    CONTENT = "content"
    DOUBLE = "double"  # a node has it more than once
    UNFINISHED = "unfinished"  # an upload of KWS broke off, or is under way
    FORMAT = "format"
    TITLE = "title"
    LOGIN = "login"
    MINIMUM = "minimum"
    HIDDEN = "hidden"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Row:
    """One image. ``copies``: per node everything of that name, what servers are made from first."""

    name: str
    copies: Mapping[str, Sequence[StoredImage]]
    differences: Sequence[Difference] = ()
    users: Sequence[Rental] = ()

    @property
    def active(self) -> dict[str, StoredImage]:
        """The image that each node makes servers from."""
        firsts = {node: here[0] for node, here in self.copies.items() if here}
        return {node: one for node, one in firsts.items() if usable(one)}

    @property
    def lacking(self) -> list[str]:
        """Nodes that answered and lack it."""
        return [node for node in self.copies if node not in self.active]

    @property
    def shown(self) -> StoredImage | None:
        """The image as the first node that has it describes it."""
        return next(
            iter([*self.active.values(), *(one for here in self.copies.values() for one in here)]), None
        )

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

    def row(self, name: str) -> Row | None:
        """The image of that name."""
        return next((row for row in self.rows if row.name == name), None)


def usable(stored: StoredImage) -> bool:
    """Whether servers can be made from it: active, and no upload that is still to be checked."""
    return stored.status == ACTIVE and UPLOAD not in stored.properties


def is_hidden(stored: StoredImage) -> bool:
    """Whether the form leaves it out."""
    return stored.properties.get(HIDDEN, "").lower() in _YES


def same(one: StoredImage, other: StoredImage) -> bool | None:
    """Whether two nodes have the same bytes; None when their checksums can't be compared."""
    if one.hash_algo and one.hash_algo == other.hash_algo:
        return one.checksum == other.checksum
    return one.md5 == other.md5 if one.md5 and other.md5 else None


def tabulate(
    found: Mapping[str, Iterable[StoredImage]], silent: Mapping[str, str], rentals: Iterable[Rental] = ()
) -> Table:
    """The table of what the nodes said."""
    per_node = {node: list(images) for node, images in found.items()}
    names = sorted({_name(one) for images in per_node.values() for one in images}, key=str.lower)
    rentals = list(rentals)
    rows = []
    for name in names:
        copies = {n: _ranked(one for one in here if _name(one) == name) for n, here in per_node.items()}
        users = [rental for rental in rentals if rental.image == name]
        rows.append(Row(name, copies, differences(copies), users))
    return Table([*per_node, *silent], rows, silent)


def differences(copies: Mapping[str, Sequence[StoredImage]]) -> list[Difference]:
    """In what the copies of one image differ."""
    usables = {node: [one for one in here if usable(one)] for node, here in copies.items()}
    firsts = [here[0] for here in usables.values() if here]
    found = {
        Difference.MISSING: any(not here for here in usables.values()),
        Difference.CONTENT: any(same(firsts[0], other) is False for other in firsts[1:]),
        Difference.DOUBLE: any(len(here) > 1 for here in usables.values()),
        Difference.UNFINISHED: any(UPLOAD in one.properties for here in copies.values() for one in here),
        Difference.FORMAT: _differ(one.disk_format for one in firsts),
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
    return sorted(newest, key=lambda one: (not usable(one), one.status != ACTIVE))

"""The table of images as ``kws images list`` prints it."""

from __future__ import annotations

from typing import Any

from bot.text.i18n import Texts
from bot.text.units import file_size
from kws_core.images.boot import TAGS
from kws_core.images.table import Difference, Row, Table
from kws_core.nodes.image_store import LOGIN, TITLE
from kws_core.nodes.offered_images import NotOffered, is_hidden, offered_image
from kws_core.nodes.values import StoredImage

ENGLISH = Texts("en")


def rows(table: Table) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "name": row.name,
            "differs": [difference.value for difference in row.differences],
            "boot_keys": list(row.boot_keys),
            "not_offered": row.not_offered.value if row.not_offered else None,
            "part_of": list(row.part_of),
            "users": [{"name": rental.name, "owner": rental.owner} for rental in row.users],
            "nodes": {node: [_entry(one) for one in here] for node, here in row.copies.items()},
        }
        for row in table.rows
    ]


def lines(table: Table) -> list[str]:
    """For people: a line per image and node."""
    cells = [["image", "node", "status", "size", "checksum", "login", "shown", "differs"]]
    for row in table.rows:
        cells += _cells(row)
    if len(cells) == 1:
        return ["No images."]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]


def short_checksum(stored: StoredImage) -> str:
    """Enough of it to compare at sight."""
    return stored.checksum[:12] or "-"


def _cells(row: Row) -> list[list[str]]:
    differs = ", ".join(_difference(difference, row) for difference in row.differences) or "-"
    found = []
    for node, here in row.copies.items():
        if not here:
            found.append([row.name, node, "-", "-", "-", "-", "-", differs])
        for one in here:
            shown = _not_offered(row) or ("hidden" if is_hidden(one) else "yes")
            shown += ", protected" if one.protected else ""
            size = file_size(one.size_bytes, ENGLISH)
            login = "-" if row.not_offered else offered_image(one).login or "?"
            found.append([row.name, node, one.status, size, short_checksum(one), login, shown, differs])
    return found


def _difference(difference: Difference, row: Row) -> str:
    keys = [key for key in row.boot_keys if key != TAGS]
    return f"boot ({' '.join(keys)})" if difference is Difference.BOOT else difference.value


def _not_offered(row: Row) -> str:
    """Why the form does not have it, whatever it is called there."""
    if row.not_offered is NotOffered.PART:
        return f"no: part of {', '.join(row.part_of) or 'other images'}"
    return f"no: {row.not_offered.value}" if row.not_offered else ""


def _entry(stored: StoredImage) -> dict[str, Any]:
    return {
        "id": stored.id,
        "status": stored.status,
        "size": stored.size_bytes,
        "checksum": stored.checksum,
        "checksum_algo": stored.hash_algo or ("md5" if stored.md5 else ""),
        "format": stored.disk_format,
        "container_format": stored.container_format,
        "title": stored.properties.get(TITLE, ""),
        "login": stored.properties.get(LOGIN, ""),
        "logs_in_as": offered_image(stored).login,
        "tags": list(stored.tags),
        "min_disk_gb": stored.min_disk_gb,
        "min_ram_mb": stored.min_ram_mb,
        "hidden": is_hidden(stored),
        "protected": stored.protected,
    }

"""One image onto one node, so that nobody is ever offered half of it or other bytes than were sent.

It is uploaded under another name, hidden and with a property of ours; when the node's checksum of it is that
of the bytes that were sent, one request gives it its name. What broke off is found by the property: next time
it is deleted, or only given its name when nothing else was missing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.images.boot import travels
from kws_core.images.files import Content, Count, Digests, Reading
from kws_core.images.table import usable
from kws_core.nodes import Node
from kws_core.nodes.image_store import ACTIVE, HIDDEN, LOGIN, QUEUED, TITLE, UPLOAD, ImageSpec, ImageStore
from kws_core.nodes.offered_images import PART_PROPERTIES, is_hidden
from kws_core.nodes.values import StoredImage

log = logging.getLogger(__name__)

UNDER_WAY = "kws-upload-"  # before the name of an image that is being uploaded
SPOILED, TAKEN, SLOW = "spoiled", "taken", "slow"  # reasons of a NodeRefused, beside Refusal's
BETWEEN_LOOKS = 2.0  # seconds, while a node fetches an image by itself
PATIENT_LOOKS = 5  # it stays "queued" so long before it begins; longer means that it failed
MOST_LOOKS = 3600
Pause = Callable[[float], None]  # seconds


@dataclass(frozen=True, slots=True)
class About:
    """How an image is described. Sizes: GiB, MiB. ``parts``: per node, the ids of what it boots with."""

    title: str = ""
    login: str = ""
    min_disk_gb: int = 0
    min_ram_mb: int = 0
    hidden: bool = False
    protected: bool = False
    visibility: str = "private"
    properties: Mapping[str, str] = field(default_factory=dict)
    container_format: str = "bare"
    tags: Sequence[str] = ()
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: StoredImage) -> About:
        """As a node describes it, for another node's copy; without the ids of what it boots with."""
        properties = {
            key: value
            for key, value in stored.properties.items()
            if travels(key) and key not in PART_PROPERTIES
        }
        return cls(
            title=stored.properties.get(TITLE, ""),
            login=stored.properties.get(LOGIN, ""),
            min_disk_gb=stored.min_disk_gb,
            min_ram_mb=stored.min_ram_mb,
            hidden=is_hidden(stored),
            protected=stored.protected,
            visibility=stored.visibility or "private",
            properties=properties,
            container_format=stored.container_format or "bare",
            tags=stored.tags,
        )

    def spec(self, name: str, content: Content) -> ImageSpec:
        """The image while it is uploaded."""
        texts = {TITLE: self.title, LOGIN: self.login}
        properties = {**self.properties, **{key: text for key, text in texts.items() if text}}
        properties |= {UPLOAD: name, HIDDEN: "true"}
        disk_gb = max(self.min_disk_gb, content.disk_gb)
        return ImageSpec(UNDER_WAY + name, content.disk_format, disk_gb, self.min_ram_mb, properties)


def put(node: Node, name: str, content: Content, about: About, count: Count, pause: Pause) -> bool:
    """Bring the image onto the node; False when it was there. NodeError says why it is not."""
    shelf = node.shelf
    if _there(node, name, content.digests):
        return False
    found = [one for one in shelf.list() if one.properties.get(UPLOAD) == name]
    whole = [one for one in found if one.status == ACTIVE and content.digests.fits(one)]
    for left in found:
        if left not in whole[:1]:
            shelf.delete(left.id)
    image_id = whole[0].id if whole else _upload(node, name, content, about, count, pause)
    if _there(node, name, content.digests):  # somebody else was quicker
        shelf.delete(image_id)
        return False
    _finish(shelf, image_id, name, about)
    return True


def _there(node: Node, name: str, digests: Digests) -> bool:
    """Whether the node has that image; NodeRefused when it has another of that name."""
    here = [one for one in node.shelf.list() if one.name == name and usable(one)]
    if any(digests.fits(one) is False for one in here):
        raise NodeRefused(node.name, TAKEN, f"another image has the name {name!r}")
    return bool(here)


def _upload(node: Node, name: str, content: Content, about: About, count: Count, pause: Pause) -> str:
    shelf = node.shelf
    spec = about.spec(name, content)
    properties = {**spec.properties, **about.parts.get(node.name, {})}
    boots = {"container_format": about.container_format, "tags": about.tags}
    image_id = shelf.create(replace(spec, properties=properties, **boots))  # type: ignore[arg-type]
    try:
        if not (content.url and _fetched(node, image_id, content, count, pause)):
            shelf.fill(image_id, Reading(content, count))
        verify(node, shelf.look(image_id), content.digests)
    except NodeDown:
        raise  # it would not hear of a deletion either: the next try finds what is left
    except Exception:
        with suppress(NodeError):
            shelf.delete(image_id)
        raise
    return image_id


def _fetched(node: Node, image_id: str, content: Content, count: Count, pause: Pause) -> bool:
    """Whether the node got the bytes from their URL by itself; if not, it has none yet and is to be sent them."""
    shelf = node.shelf
    try:
        if not shelf.fetches():
            return False
        shelf.fetch(image_id, content.url)
    except NodeRefused as error:
        log.warning("%s can't download %s itself: %s", node.name, content.url, error)
        return False
    queued = 0
    for _ in range(MOST_LOOKS):
        stored = shelf.look(image_id)
        queued = queued + 1 if stored.status == QUEUED else 0
        if stored.status == ACTIVE:
            count(content.size)
            return True
        if queued > PATIENT_LOOKS:
            log.warning("%s couldn't download %s itself", node.name, content.url)
            return False
        count(0)
        pause(BETWEEN_LOOKS)
    raise NodeRefused(node.name, SLOW, f"downloading {content.url} took too long")


def verify(node: Node, stored: StoredImage, digests: Digests) -> None:
    """Check that the node has the bytes that were sent; read them back if it tells no checksum.

    Raises:
        NodeRefused: If it has other bytes.
    """
    fits = digests.fits(stored)
    if fits is None and stored.status == ACTIVE:
        again = hashlib.sha512()
        with node.shelf.read(stored.id) as chunks:
            for chunk in chunks:
                again.update(chunk)
        fits = again.hexdigest() == digests.sha512
    if stored.status != ACTIVE or not fits:
        log.error(
            "%s: image %s isn't what was sent: status %s, checksum %s",
            node.name,
            stored.id,
            stored.status,
            stored.checksum,
        )
        raise NodeRefused(node.name, SPOILED, "the stored image isn't what was sent")


def _finish(shelf: ImageStore, image_id: str, name: str, about: About) -> None:
    fields: dict[str, object] = {"name": name, "protected": about.protected}
    if about.hidden:
        fields[HIDDEN] = "true"
    drop = [UPLOAD] if about.hidden else [UPLOAD, HIDDEN]
    try:
        shelf.change(image_id, {**fields, "visibility": about.visibility}, drop)
    except NodeRefused:  # what everybody may see needs the admin role; our own project sees it anyway
        if about.visibility == "private":
            raise
        shelf.change(image_id, fields, drop)

"""The images of the node in memory, with their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.image_store import ACTIVE, CHUNK, COPY, HIDDEN, LOGIN, QUEUED, TITLE, Body, ImageSpec
from kws_core.nodes.offered_images import copy_mark, offered_image, part_ids, why_not_offered
from kws_core.nodes.values import CopySpec, Image, StoredImage
from kws_core.values import TAG_PREFIX

T = TypeVar("T")
_FIELDS = {"min_disk": "min_disk_gb", "min_ram": "min_ram_mb"}


class Owner(Protocol):
    """What the shelf needs of its node."""

    offered: list[Image]  # what servers can be made from, as tests set it

    @property
    def name(self) -> str: ...

    def _call(self, method: str, do: Callable[[], T]) -> T: ...

    def _new_id(self, kind: str) -> str: ...

    def _now(self) -> datetime: ...

    def _disk_of(self, server_id: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    stored: StoredImage
    content: bytes = b""
    active_at: datetime | None = None  # of a copy that its node is still making


class FakeImageStore:
    """See :class:`kws_core.nodes.image_store.ImageStore`. Its calls fail by the names ``image_create``, ``image_fill``, …

    An image that the node was born with has its name as bytes. A ``fill`` that fails leaves an image that is
    "saving", as a broken upload does. ``spoil_next()`` loses a byte of the next one on its way. Without
    ``tells_checksums`` nobody learns by what its bytes are known.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._kept: dict[str, _Kept] = {}
        self._spoil = False
        self.tells_checksums = True
        self.copy_time = timedelta(0)  # until a copy is active
        self.web: Mapping[str, bytes] | None = None  # URL → what it gives; None: the node does not fetch
        self.known_hosts = {f"{owner.name}.lab.example"}

    def spoil_next(self) -> None:
        """The next image that is filled gets other bytes than were sent."""
        self._spoil = True

    def list(self) -> Collection[StoredImage]:
        """See ImageStore."""
        return self._owner._call(
            "image_list", lambda: [self._shown(kept) for kept in self.everything().values()]
        )

    def look(self, image_id: str) -> StoredImage:
        """See ImageStore."""
        return self._owner._call("image_look", lambda: self._shown(self._find(image_id)))

    def create(self, spec: ImageSpec) -> str:
        """See ImageStore."""

        def do() -> str:
            image_id = self._owner._new_id("image")
            stored = StoredImage(
                id=image_id,
                name=spec.name,
                status="queued",
                min_disk_gb=spec.min_disk_gb,
                min_ram_mb=spec.min_ram_mb,
                visibility="private",
                properties=dict(spec.properties),
                disk_format=spec.disk_format,
                container_format=spec.container_format,
                tags=sorted(spec.tags),
            )
            self._keep(_Kept(stored))
            return image_id

        return self._owner._call("image_create", do)

    def fill(self, image_id: str, body: Body) -> None:
        """See ImageStore."""
        kept = self._find(image_id)
        self._keep(replace(kept, stored=replace(kept.stored, status="saving")))
        content = b"".join(body)
        if self._spoil:
            content, self._spoil = content[:-1] + bytes([content[-1] ^ 1]), False

        def do() -> None:
            self._keep(_activated(self._find(image_id).stored, content))

        self._owner._call("image_fill", do)

    def fetches(self) -> bool:
        """See ImageStore."""
        return self._owner._call("image_fetches", lambda: self.web is not None)

    def fetch(self, image_id: str, url: str) -> None:
        """See ImageStore. Done at once; what ``web`` does not have leaves it "queued"."""

        def do() -> None:
            if url in (self.web or {}):
                assert self.web
                self._keep(_activated(self._find(image_id).stored, self.web[url]))

        self._owner._call("image_fetch", do)

    @contextmanager
    def read(self, image_id: str) -> Iterator[Iterator[bytes]]:
        """See ImageStore."""
        content = self._owner._call("image_read", lambda: self._find(image_id).content)
        yield self._chunks(content)

    def _chunks(self, content: bytes) -> Iterator[bytes]:
        for start in range(0, len(content), CHUNK):
            yield self._owner._call("image_chunk", lambda start=start: content[start : start + CHUNK])  # type: ignore[misc]

    def change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str] = ()) -> None:
        """See ImageStore."""
        self._owner._call("image_change", lambda: self._change(image_id, fields, drop))

    def delete(self, image_id: str) -> bool:
        """See ImageStore."""

        def do() -> bool:
            """Delete the image.

            Raises:
                NodeRefused: If it is protected.
            """
            kept = self.everything().get(image_id)
            if kept is None:
                return False
            if kept.stored.protected:
                raise NodeRefused(self._owner.name, Refusal.AUTH, "the image is protected")
            self._kept.pop(image_id, None)
            self._owner.offered = [image for image in self._owner.offered if image.id != image_id]
            return True

        return self._owner._call("image_delete", do)

    def ensure_copy(self, server_id: str, spec: CopySpec) -> str:
        """See ImageStore. It is active ``copy_time`` later."""
        return self._owner._call("image_copy", lambda: self._ensure_copy(server_id, spec))

    def _ensure_copy(self, server_id: str, spec: CopySpec) -> str:
        found = self.called(spec.mark)
        if found is not None:
            return found.id
        content = self._owner._disk_of(server_id)
        stored = StoredImage(
            id=self._owner._new_id("image"),
            name=spec.mark,
            status=QUEUED,
            min_disk_gb=spec.disk_gb,
            visibility="private",
            properties={COPY: spec.mark.removeprefix(TAG_PREFIX), LOGIN: spec.login},
            disk_format="qcow2",
            container_format="bare",
        )
        self._kept[stored.id] = _Kept(stored, content, self._owner._now() + self.copy_time)
        return stored.id

    def pass_time(self, now: datetime) -> None:
        """Copies that are finished by now are active. Not a call of the contract, as are the next three."""
        for kept in [one for one in self._kept.values() if one.active_at and one.active_at <= now]:
            self._kept[kept.stored.id] = _activated(kept.stored, kept.content)

    def called(self, name: str) -> StoredImage | None:
        """The image that a copy of that mark is."""
        return next((k.stored for k in self._kept.values() if copy_mark(k.stored) == name), None)

    def has_copy(self, name: str) -> bool:
        """Whether a server can be made from the copy of that mark."""
        found = self.called(name)
        return found is not None and found.status == ACTIVE

    def copies(self) -> Sequence[tuple[str, str]]:
        """Mark and id of every copy, and of what was to become one."""
        marks = ((copy_mark(kept.stored, uploads=True), image_id) for image_id, kept in self._kept.items())
        return [(mark, image_id) for mark, image_id in marks if mark]

    def hosts(self) -> set[str]:
        """See ImageStore. Known also while the node is down."""
        return set(self.known_hosts)

    def _change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str]) -> None:
        kept = self._find(image_id)
        own = {_FIELDS.get(key, key): value for key, value in fields.items()}
        if "tags" in own:
            own["tags"] = sorted(own["tags"])
        known = {key: own.pop(key) for key in list(own) if key in StoredImage.__dataclass_fields__}
        properties = {k: v for k, v in {**kept.stored.properties, **own}.items() if k not in drop}
        self._keep(replace(kept, stored=replace(kept.stored, properties=properties, **known)))

    def _shown(self, kept: _Kept) -> StoredImage:
        return (
            kept.stored if self.tells_checksums else replace(kept.stored, checksum="", hash_algo="", md5="")
        )

    def _find(self, image_id: str) -> _Kept:
        kept = self.everything().get(image_id)
        if kept is None:
            raise NodeRefused(self._owner.name, Refusal.MISSING, f"no image {image_id!r}")
        return kept

    def everything(self) -> dict[str, _Kept]:
        """What is kept, as far as the node still offers it, and what it offers besides."""
        images = {image.id: image for image in self._owner.offered}
        here = {i: k for i, k in self._kept.items() if i in images or not self._boots(k.stored)}
        born = {i: _born(image) for i, image in images.items() if i not in here}
        return {**born, **here}

    def _keep(self, kept: _Kept) -> None:
        stored = kept.stored
        self._kept[stored.id] = kept
        others = [image for image in self._owner.offered if image.id != stored.id]
        if stored.status == ACTIVE:
            others += [offered_image(stored)] if self._boots(stored) else []
        known = {i: one.stored for i, one in self._kept.items()}
        self._owner.offered = [one for one in others if one.id not in known or self._boots(known[one.id])]

    def _boots(self, stored: StoredImage) -> bool:
        """Whether a server can be made from it and it is in the list."""
        parts = part_ids(kept.stored for kept in self._kept.values())
        if stored.status != ACTIVE or stored.os_hidden or copy_mark(stored):
            return False
        return why_not_offered(stored, parts) is None

    def boots(self, image: Image) -> bool:
        """Whether the kernel and the ramdisk that it names are here, too."""
        return part_ids([image]) <= self.everything().keys()


def _activated(stored: StoredImage, content: bytes) -> _Kept:
    digest, md5 = hashlib.sha512(content).hexdigest(), hashlib.md5(content, usedforsecurity=False).hexdigest()
    return _Kept(
        replace(stored, status=ACTIVE, size_bytes=len(content), checksum=digest, hash_algo="sha512", md5=md5),
        content,
    )


def _born(image: Image) -> _Kept:
    own = {TITLE: image.title, LOGIN: image.login, HIDDEN: "true" if image.hidden else ""}
    properties = {**image.properties, **own}
    stored = StoredImage(
        id=image.id,
        name=image.name,
        status=ACTIVE,
        min_disk_gb=image.min_disk_gb,
        min_ram_mb=image.min_ram_mb,
        visibility="public",
        properties={key: value for key, value in properties.items() if value},
        disk_format="qcow2",
        container_format="bare",
    )
    return _activated(stored, image.name.encode())

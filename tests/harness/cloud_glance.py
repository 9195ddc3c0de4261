"""The images of the local OpenStack: what Glance keeps, and what Nova makes of servers. Bytes are text here."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kws_core.values import owner_tag

Json = dict[str, Any]


class NoImageError(Exception):
    """There is no image of that id."""


class Glance:
    """The caller holds a lock."""

    def __init__(self, now: Callable[[], datetime], names: Iterable[str]) -> None:
        self.now = now
        self.images: list[Json] = [born(name) for name in names]
        self.content: dict[str, str] = {}
        self._ready: dict[str, datetime] = {}  # when those that Nova is still making are active

    def listed(self, status: str = "", hidden: bool = False) -> list[Json]:
        """GET /images."""
        self.pass_time()
        return [
            one
            for one in self.images
            if status in ("", one["status"]) and bool(one.get("os_hidden")) == hidden
        ]

    def image(self, image_id: str) -> Json:
        """Return one of them.

        Raises:
            NoImageError: If there is none.
        """
        self.pass_time()
        found = next((one for one in self.images if one["id"] == image_id), None)
        if found is None:
            raise NoImageError(image_id)
        return found

    def copy(self, name: str, properties: Mapping[str, str], disk: str, seconds: float) -> str:
        """What Nova makes of a server's disk; it is active that much later."""
        made = self.create({"name": name, **properties, "disk_format": "qcow2", "container_format": "bare"})
        self.content[made["id"]] = disk
        self._ready[made["id"]] = self.now() + timedelta(seconds=seconds)
        return str(made["id"])

    def create(self, wanted: Mapping[str, Any]) -> Json:
        """POST /images."""
        made = f"{self.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        image = {**wanted, "id": secrets.token_hex(8), "status": "queued", "created_at": made}
        self.images.append({"visibility": "private", **image})
        return self.images[-1]

    def fill(self, image_id: str, data: bytes) -> None:
        """PUT /images/ID/file."""
        self.content[image_id] = data.decode()
        self._activate(self.image(image_id))

    def change(self, image_id: str, patch: Iterable[Mapping[str, Any]]) -> Json:
        """PATCH /images/ID."""
        image = self.image(image_id)
        for one in patch:
            key = one["path"].lstrip("/")
            if one["op"] == "remove":
                del image[key]
            else:
                image[key] = one["value"]
        return image

    def delete(self, image_id: str) -> None:
        """DELETE /images/ID."""
        self.images.remove(self.image(image_id))

    def pass_time(self) -> None:
        """What Nova has finished is active."""
        for image in self.images:
            if image["status"] == "queued" and self._ready.get(image["id"], self.now()) < self.now():
                self._activate(image)

    def _activate(self, image: Json) -> None:
        data = self.content[image["id"]].encode()
        image |= {"status": "active", "size": len(data), "os_hash_algo": "sha512"}
        image["os_hash_value"] = hashlib.sha512(data).hexdigest()
        image["checksum"] = hashlib.md5(data, usedforsecurity=False).hexdigest()


def copy_of(image: Mapping[str, Any]) -> str:
    """The mark of the copy that an image is or is to become; "" of any other."""
    mark = owner_tag(image.get("kws_copy") or "")
    return mark if image.get("kws_copy") and mark in (image["name"], image.get("kws_upload")) else ""


def born(name: str) -> Json:
    """An image that was there before."""
    made = "2026-01-01T00:00:00Z"
    return {"id": f"i-{name}", "name": name, "status": "active", "size": 3 << 20, "created_at": made}

"""Images (Glance)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from kws_core.nodes.openstack.api.rest import Json, Rest, inner, pick
from kws_core.nodes.values import StoredImage

_GIB = 1024**3
_OWN = frozenset(
    {
        "id",
        "name",
        "status",
        "size",
        "virtual_size",
        "visibility",
        "protected",
        "checksum",
        "min_ram",
        "min_disk",
        "owner",
        "os_hidden",
        "os_hash_algo",
        "os_hash_value",
        "created_at",
        "updated_at",
        "tags",
        "self",
        "file",
        "schema",
        "stores",
        "direct_url",
        "locations",
        "disk_format",
        "container_format",
    }
)


class Images:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self, status: str = "", *, hidden: bool = False) -> Sequence[StoredImage]:
        """All images that our project sees, or those in ``status`` ("active"); those of ``os_hidden`` apart."""
        params = {"status": status} if status else {}
        params |= {"os_hidden": "true"} if hidden else {}
        return [_image(entry) for entry in self._rest.pages("image", "/images", "images", params)]

    def find(self, name_or_id: str) -> StoredImage:
        """One image."""
        return pick(self._rest, "image", self.list(), name_or_id)

    def id_of(self, name_or_id: str) -> str:
        """Its id."""
        return self.find(name_or_id).id

    def get(self, image_id: str) -> StoredImage:
        """One image, by id only."""
        return _image(self._rest.get("image", f"/images/{image_id}"))

    def create(
        self,
        name: str,
        file: Path,
        disk_format: str = "qcow2",
        visibility: str = "private",
        properties: Mapping[str, str] | None = None,
    ) -> StoredImage:
        """Upload ``file``. When the upload fails the empty image is taken away again."""
        image_id = self.create_empty(name, disk_format, {**(properties or {}), "visibility": visibility})
        try:
            with file.open("rb") as data:
                self.fill(image_id, data)
        except BaseException:
            self.delete(image_id)
            raise
        return self.get(image_id)

    def create_empty(
        self, name: str, disk_format: str, fields: Mapping[str, Any], container_format: str = "bare"
    ) -> str:
        """Make an image without bytes; its id."""
        wanted = {"name": name, "disk_format": disk_format, "container_format": container_format}
        answer = self._rest.post("image", "/images", {**fields, **wanted})
        return str(answer.get("id") or "") or str(inner(self._rest, answer, "image")["id"])

    def fill(self, image_id: str, data: Any, timeout: tuple[float, float] | None = None) -> None:
        """Send its bytes: what requests streams, a file or an iterable that has a length.

        ``timeout``: seconds that one send may stand still, and seconds until the answer comes afterwards.
        """
        path, headers = f"/images/{image_id}/file", {"Content-Type": "application/octet-stream"}
        self._rest.send("image", "PUT", path, data=data, headers=headers, timeout=timeout)

    def import_methods(self) -> Sequence[str]:
        """Ways in which the node gets bytes by itself."""
        methods = self._rest.get("image", "/info/import").get("import-methods")
        return [str(name) for name in (methods.get("value") or ())] if isinstance(methods, dict) else []

    def start_import(self, image_id: str, method: Mapping[str, str]) -> None:
        """Ask for an import; it goes on by itself, and an image whose import failed is "queued" again."""
        self._rest.send("image", "POST", f"/images/{image_id}/import", json={"method": dict(method)})

    def read(self, image_id: str, chunk: int) -> AbstractContextManager[Iterator[bytes]]:
        """Its bytes, in chunks of this size."""
        return self._rest.stream("image", f"/images/{image_id}/file", chunk)

    def change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str] = ()) -> None:
        """Add or replace fields and properties, and drop properties that it has, in one request."""
        patch = [{"op": "add", "path": f"/{key}", "value": value} for key, value in fields.items()]
        patch += [{"op": "remove", "path": f"/{key}"} for key in drop]
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        self._rest.send("image", "PATCH", f"/images/{image_id}", json=patch, headers=headers)

    def delete(self, image_id: str) -> bool:
        """Delete an image; a protected one is refused."""
        return self._rest.delete("image", f"/images/{image_id}")


def _image(entry: Json) -> StoredImage:
    virtual = -(-int(entry.get("virtual_size") or 0) // _GIB)
    return StoredImage(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        status=str(entry.get("status") or ""),
        size_bytes=int(entry.get("size") or 0),
        min_disk_gb=max(int(entry.get("min_disk") or 0), virtual),
        min_ram_mb=int(entry.get("min_ram") or 0),
        checksum=str(entry.get("os_hash_value") or entry.get("checksum") or ""),
        visibility=str(entry.get("visibility") or ""),
        created_at=str(entry.get("created_at") or ""),
        hash_algo=str(entry.get("os_hash_algo") or "") if entry.get("os_hash_value") else "",
        md5=str(entry.get("checksum") or ""),
        disk_format=str(entry.get("disk_format") or ""),
        protected=bool(entry.get("protected")),
        container_format=str(entry.get("container_format") or ""),
        tags=sorted(str(tag) for tag in entry.get("tags") or ()),
        os_hidden=bool(entry.get("os_hidden")),
        properties={key: str(value) for key, value in entry.items() if key not in _OWN},
    )

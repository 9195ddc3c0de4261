"""The images of a node that is an OpenStack: Glance behind the contract of a shelf."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from kws_core.nodes.concurrency import Locks
from kws_core.nodes.image_store import CHUNK, Body, ImageSpec
from kws_core.nodes.openstack import actions
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.values import CopySpec, StoredImage

WEB_DOWNLOAD = "web-download"
ANSWER_TIMES = 4  # storing the last bytes may take longer than a usual response, by this factor


class GlanceImageStore:
    """See :class:`kws_core.nodes.image_store.ImageStore`. ``changed`` is called after each change."""

    def __init__(self, cloud: Callable[[], Cloud], read_timeout: float, changed: Callable[[], None]) -> None:
        self._cloud = cloud
        self._timeout = (read_timeout, read_timeout * ANSWER_TIMES)
        self._changed = changed
        self._marks = Locks()

    def list(self) -> Sequence[StoredImage]:
        """See ImageStore."""
        images = self._cloud().images
        found = [*images.list(), *images.list(hidden=True)]
        return list({one.id: one for one in found}.values())

    def look(self, image_id: str) -> StoredImage:
        """See ImageStore."""
        return self._cloud().images.get(image_id)

    def create(self, spec: ImageSpec) -> str:
        """See ImageStore."""
        own: dict[str, Any] = {
            "visibility": "private",
            "min_disk": spec.min_disk_gb,
            "min_ram": spec.min_ram_mb,
        }
        fields = {**spec.properties, **own, "tags": list(spec.tags)}
        return self._cloud().images.create_empty(spec.name, spec.disk_format, fields, spec.container_format)

    def fill(self, image_id: str, body: Body) -> None:
        """See ImageStore."""
        self._cloud().images.fill(image_id, body, self._timeout)

    def fetches(self) -> bool:
        """See ImageStore."""
        return WEB_DOWNLOAD in self._cloud().images.import_methods()

    def fetch(self, image_id: str, url: str) -> None:
        """See ImageStore."""
        self._cloud().images.start_import(image_id, {"name": WEB_DOWNLOAD, "uri": url})

    def read(self, image_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """See ImageStore."""
        return self._cloud().images.read(image_id, CHUNK)

    def change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str] = ()) -> None:
        """See ImageStore."""
        here = self.look(image_id).properties if drop else {}
        self._cloud().images.change(image_id, fields, [key for key in drop if key in here])
        self._changed()

    def delete(self, image_id: str) -> bool:
        """See ImageStore."""
        deleted = self._cloud().images.delete(image_id)
        self._changed()
        return deleted

    def ensure_copy(self, server_id: str, spec: CopySpec) -> str:
        """See ImageStore."""
        with self._marks.of(spec.mark):
            return actions.ensure_copy(self._cloud(), server_id, spec)

    def hosts(self) -> set[str]:
        """See ImageStore."""
        return self._cloud().hosts()

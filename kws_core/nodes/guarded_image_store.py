"""Any ImageStore behind its node's circuit breaker."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from kws_core.nodes.image_store import Body, ImageSpec, ImageStore
from kws_core.nodes.values import CopySpec, StoredImage


class Guard(Protocol):
    """Lets a call through, or raises NodeDown at once."""

    def __call__(self, call: Any) -> Any:
        """What the call returns."""


class GuardedImageStore:
    """``fill`` and ``read`` are not guarded: they take minutes, and a call before each says enough."""

    def __init__(self, shelf: ImageStore, guard: Guard) -> None:
        self._shelf = shelf
        self._guard = guard

    def list(self) -> Collection[StoredImage]:
        """See ImageStore."""
        found: Collection[StoredImage] = self._guard(self._shelf.list)
        return found

    def look(self, image_id: str) -> StoredImage:
        """See ImageStore."""
        found: StoredImage = self._guard(lambda: self._shelf.look(image_id))
        return found

    def create(self, spec: ImageSpec) -> str:
        """See ImageStore."""
        return str(self._guard(lambda: self._shelf.create(spec)))

    def fill(self, image_id: str, body: Body) -> None:
        """See ImageStore."""
        self._shelf.fill(image_id, body)

    def fetches(self) -> bool:
        """See ImageStore."""
        return bool(self._guard(self._shelf.fetches))

    def fetch(self, image_id: str, url: str) -> None:
        """See ImageStore."""
        self._guard(lambda: self._shelf.fetch(image_id, url))

    def read(self, image_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """See ImageStore."""
        return self._shelf.read(image_id)

    def change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str] = ()) -> None:
        """See ImageStore."""
        self._guard(lambda: self._shelf.change(image_id, fields, drop))

    def delete(self, image_id: str) -> bool:
        """See ImageStore."""
        return bool(self._guard(lambda: self._shelf.delete(image_id)))

    def ensure_copy(self, server_id: str, spec: CopySpec) -> str:
        """See ImageStore."""
        return str(self._guard(lambda: self._shelf.ensure_copy(server_id, spec)))

    def hosts(self) -> set[str]:
        """See ImageStore."""
        return self._shelf.hosts()

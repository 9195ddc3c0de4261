"""The contract of a node's image store. Beside :class:`~kws_core.nodes.Node`, for the code that manages images.

Errors are as Node's: NodeDown (nobody knows) and NodeRefused (a clear no). An image that is being uploaded
is made by ``create`` and gets its bytes by ``fill``; only then is it "active". Both are sent once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kws_core.nodes.values import CopySpec, StoredImage

CHUNK = 1024 * 1024  # bytes that are held at a time, per node
ACTIVE = "active"
QUEUED = "queued"  # without bytes, also after a fetch that failed
UPLOAD = "kws_upload"  # property of an image that KWS is uploading: the name that it will have
TITLE, LOGIN, HIDDEN = "kws_title", "os_admin_user", "kws_hidden"
COPY = "kws_copy"  # property of a copy of a server: its id


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image to make, without its bytes. Sizes: GiB, MiB."""

    name: str
    disk_format: str
    min_disk_gb: int = 0
    min_ram_mb: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)
    container_format: str = "bare"
    tags: Sequence[str] = ()


class Body(Iterable[bytes], Protocol):
    """Bytes whose number is known, and that can be read again from their beginning."""

    def __len__(self) -> int: ...


class ImageStore(Protocol):
    """One node's images."""

    def list(self) -> Collection[StoredImage]:
        """Every image that our project sees, in any state, hidden ones too."""

    def look(self, image_id: str) -> StoredImage:
        """One image as it is now; NodeRefused ``missing`` when it is gone."""

    def create(self, spec: ImageSpec) -> str:
        """Make an image without bytes, private to our project; its id. Nobody can use it yet."""

    def fill(self, image_id: str, body: Body) -> None:
        """Give it its bytes, a chunk at a time; it is active when this returns. Waits for them to go out."""

    def fetches(self) -> bool:
        """Whether the node downloads from URLs by itself."""

    def fetch(self, image_id: str, url: str) -> None:
        """Ask it to give the image its bytes from there; ``look`` tells when it is active, or has failed."""

    def read(self, image_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """Its bytes, a chunk at a time; NodeDown, also in the middle, when they do not all come."""

    def change(self, image_id: str, fields: Mapping[str, Any], drop: Collection[str] = ()) -> None:
        """Set these fields and properties and drop those: all in one step or not at all. Repeat-safe.

        ``name``, ``visibility``, ``protected``, ``min_disk`` (GiB), ``min_ram`` (MiB), ``tags`` and ``os_hidden``
        are fields; all else is a property.
        """

    def delete(self, image_id: str) -> bool:
        """Delete it; False when it was not there. A protected one is refused."""

    def ensure_copy(self, server_id: str, spec: CopySpec) -> str:
        """Look for the image called as the mark; have one made of the server's disk if there is none. Returns its id.

        ``look`` tells when it is active; one that the node could not make is gone there. Private to our project;
        Node.images() leaves it out, ensure_server() finds it by its name. Repeat-safe. A server that runs may
        stand still for some seconds. NodeRefused ``missing`` when there is no such server with a KWS mark,
        ``invalid`` when its state does not allow it now (still building, another action under way).
        """

    def hosts(self) -> set[str]:
        """Hosts of the node's own interfaces, as far as they are known without its answer."""

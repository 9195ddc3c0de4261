"""Volumes (Cinder), where a node offers them."""

from __future__ import annotations

from collections.abc import Sequence

from kws_core.nodes.openstack.api.rest import Rest
from kws_core.nodes.openstack.api.types import Volume

_TYPES = ("block-storage", "block-store", "volumev3", "volumev2", "volume")


class Volumes:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def offered(self) -> bool:
        """Whether the node's catalog has a block-storage service."""
        return self._rest.has(*_TYPES)

    def list(self) -> Sequence[Volume]:
        """All volumes of our project; none where the service is not offered."""
        if not self.offered():
            return []
        return [
            Volume(
                id=str(entry["id"]),
                name=str(entry.get("name") or ""),
                status=str(entry.get("status") or ""),
                metadata=dict(entry.get("metadata") or {}),
            )
            for entry in self._rest.pages("block_storage", "/volumes/detail", "volumes")
        ]

    def delete(self, volume_id: str) -> bool:
        """Ask for deletion; refused while it is attached."""
        return self._rest.delete("block_storage", f"/volumes/{volume_id}")

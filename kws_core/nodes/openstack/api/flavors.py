"""Flavors (Nova)."""

from __future__ import annotations

from collections.abc import Sequence

from kws_core.nodes.openstack.api.rest import Json, Rest, inner, pick
from kws_core.nodes.openstack.api.types import Flavor

_VERSION = "2.61"  # the first whose listing has the extra specs


class Flavors:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self) -> Sequence[Flavor]:
        """The flavors that our project may use; disabled ones are left out."""
        found = self._rest.pages("compute", "/flavors/detail", "flavors", version=_VERSION)
        return [_flavor(entry) for entry in found if not entry.get("OS-FLV-DISABLED:disabled")]

    def find(self, name_or_id: str) -> Flavor:
        """One flavor."""
        return pick(self._rest, "flavor", self.list(), name_or_id)

    def id_of(self, name_or_id: str) -> str:
        """Its id."""
        return self.find(name_or_id).id

    def create(self, name: str, vcpus: int, ram_mb: int, disk_gb: int) -> Flavor:
        """Make a public flavor. Needs the admin role (else NodeRefused ``auth``); a taken name is a 409."""
        wanted = {"name": name, "vcpus": vcpus, "ram": ram_mb, "disk": disk_gb}
        answer = self._rest.post("compute", "/flavors", {"flavor": wanted}, _VERSION)
        return _flavor(inner(self._rest, answer, "flavor"))

    def delete(self, flavor_id: str) -> bool:
        """Delete a flavor; servers made with it keep what they have."""
        return self._rest.delete("compute", f"/flavors/{flavor_id}")


def _flavor(entry: Json) -> Flavor:
    extras = entry.get("OS-FLV-EXT-DATA:ephemeral"), entry.get("swap"), entry.get("extra_specs")
    return Flavor(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        vcpus=int(entry.get("vcpus") or 0),
        ram_mb=int(entry.get("ram") or 0),
        disk_gb=int(entry.get("disk") or 0),
        plain=not any(extras),
    )

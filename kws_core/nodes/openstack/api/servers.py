"""Servers (Nova)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.openstack.api.flavors import Flavors
from kws_core.nodes.openstack.api.images import Images
from kws_core.nodes.openstack.api.rest import NOVA, Json, Rest, addresses_of, inner, pick, when
from kws_core.nodes.openstack.api.types import Server


class Servers:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest, images: Images, flavors: Flavors) -> None:
        self._rest = rest
        self._images = images
        self._flavors = flavors

    def list(self, all_projects: bool = False) -> Sequence[Server]:
        """List all servers in one listing; those of other projects too if asked and allowed.

        Raises:
            NodeDown: If an entry has no metadata, so ownership can't be told.
        """
        params = {"all_tenants": 1} if all_projects else {}
        found = self._rest.pages("compute", "/servers/detail", "servers", params, NOVA)
        if any("metadata" not in entry for entry in found):
            # Nova shows a server like this while it can't read its own cell: a mark may be hidden there
            raise NodeDown(self._rest.node, Refusal.DOWN, "GET /servers/detail: the listing is incomplete")
        return [_server(entry) for entry in found]

    def ids(self, status: str = "") -> frozenset[str]:
        """Ids of all servers that our project sees, or those in that status; Nova asks no other service for these."""
        params = {"status": status} if status else {}
        found = self._rest.pages("compute", "/servers", "servers", params, NOVA)
        return frozenset(str(entry["id"]) for entry in found)

    def ping(self, timeout: tuple[float, float]) -> None:
        """Ask for one server at most; ``timeout``: seconds to connect and to answer."""
        self._rest.get("compute", "/servers", {"limit": 1}, NOVA, timeout)

    def find(self, name_or_id: str) -> Server:
        """One server. Looks through the listing: Nova's own name filter is a regular expression."""
        return pick(self._rest, "server", self.list(), name_or_id)

    def get(self, server_id: str) -> Server:
        """One server, by id only. Its fault is told here; the listing often leaves it out."""
        body = self._rest.get("compute", f"/servers/{server_id}", version=NOVA)
        return _server(inner(self._rest, body, "server"))

    def create(
        self,
        name: str,
        image: str,
        flavor: str,
        ports: Sequence[str],
        user_data: str = "",
        metadata: Mapping[str, str] | None = None,
        description: str = "",
    ) -> str:
        """Ask for a server and return its id at once. ``user_data`` is plain text."""
        image_id, flavor_id = self._images.id_of(image), self._flavors.id_of(flavor)
        return self.create_by_ids(name, image_id, flavor_id, ports, user_data, metadata, description)

    def create_by_ids(
        self,
        name: str,
        image_id: str,
        flavor_id: str,
        ports: Sequence[str],
        user_data: str = "",
        metadata: Mapping[str, str] | None = None,
        description: str = "",
    ) -> str:
        """As create(), without the look-ups: exactly one request."""
        server: dict[str, Any] = {
            "name": name,
            "imageRef": image_id,
            "flavorRef": flavor_id,
            "networks": [{"port": port} for port in ports] or "none",
            "metadata": dict(metadata or {}),
        }
        if description:
            server["description"] = description
        if user_data:
            server["user_data"] = _encoded(user_data)
        answer = self._rest.post("compute", "/servers", {"server": server}, NOVA)
        return str(inner(self._rest, answer, "server")["id"])

    def user_data(self, server_id: str) -> str:
        """The user data as plain text; empty without the admin role."""
        body = self._rest.get("compute", f"/servers/{server_id}", version=NOVA)
        encoded = inner(self._rest, body, "server").get("OS-EXT-SRV-ATTR:user_data") or ""
        return base64.b64decode(encoded).decode(errors="replace")

    def console(self, server_id: str, lines: int | None = None) -> str:
        """The console log, or its last ``lines``."""
        action = {"os-getConsoleOutput": {} if lines is None else {"length": lines}}
        answer = self._rest.post("compute", f"/servers/{server_id}/action", action, NOVA)
        return str(answer.get("output") or "")

    def cpu_seconds(self, server_id: str) -> float | None:
        """CPU time of all its vCPUs, in seconds; None where the hypervisor doesn't count it.

        Nova's ``GET /servers/{id}/diagnostics`` is for admins (403), and only while the server runs (409). From
        microversion 2.48 on it is the same for all hypervisors: ``cpu_details`` has the ``time`` of each vCPU in
        nanoseconds, or null (nova/objects/diagnostics.py, nova/policies/server_diagnostics.py).
        """
        body = self._rest.get("compute", f"/servers/{server_id}/diagnostics", version=NOVA)
        times = [one.get("time") for one in body.get("cpu_details") or ()]
        known = [float(time) for time in times if isinstance(time, int | float)]
        return sum(known) / 1e9 if known else None

    def set_metadata(self, server_id: str, metadata: Mapping[str, str]) -> None:
        """Set these entries (255 characters each at most) and leave the others; refused (409) while it is busy."""
        path = f"/servers/{server_id}/metadata"
        self._rest.send("compute", "POST", path, json={"metadata": dict(metadata)}, microversion=NOVA)

    def create_image(self, server_id: str, name: str, properties: Mapping[str, str]) -> str:
        """Ask for an image of the server's disk, and return its id at once; refused (409) while it is busy."""
        path, wanted = f"/servers/{server_id}/action", {"name": name, "metadata": dict(properties)}
        answer = self._rest.post("compute", path, {"createImage": wanted}, NOVA)
        return str(answer["image_id"])

    def rebuild(
        self, server_id: str, image_id: str, metadata: Mapping[str, str], user_data: str = ""
    ) -> None:
        """Ask for a new disk from that image; refused (409) while it is busy.

        ``metadata`` takes the place of all that it has, in the transaction in which Nova accepts. Without
        ``user_data`` (plain text) it keeps what it has.

        Raises:
            NodeDown: If the answer has no server, so nobody knows whether it was Nova's.
        """
        wanted: dict[str, Any] = {"imageRef": image_id, "metadata": dict(metadata)}
        if user_data:
            wanted["user_data"] = _encoded(user_data)
        answer = self._rest.post("compute", f"/servers/{server_id}/action", {"rebuild": wanted}, NOVA)
        inner(self._rest, answer, "server")

    def resize(self, server_id: str, flavor_id: str) -> None:
        """Ask for another flavor; refused (409) while it is busy. Nova may find out later that it can't be done."""
        self._act(server_id, {"resize": {"flavorRef": flavor_id}})

    def confirm_resize(self, server_id: str) -> None:
        """Have it keep the new flavor; refused (409, 400) unless that waits to be confirmed."""
        self._act(server_id, {"confirmResize": None})

    def revert_resize(self, server_id: str) -> None:
        """Have it get the old flavor back; refused (409, 400) unless the new one waits to be confirmed."""
        self._act(server_id, {"revertResize": None})

    def reboot(self, server_id: str) -> None:
        """Ask for a soft reboot; refused (409) unless it runs."""
        self._act(server_id, {"reboot": {"type": "SOFT"}})

    def start(self, server_id: str) -> None:
        """Ask for a start; refused (409) unless it is shut off."""
        self._act(server_id, {"os-start": None})

    def stop(self, server_id: str) -> None:
        """Ask for a shutdown; refused (409) unless it runs."""
        self._act(server_id, {"os-stop": None})

    def _act(self, server_id: str, action: Json) -> None:
        path = f"/servers/{server_id}/action"
        self._rest.send("compute", "POST", path, json=action, microversion=NOVA)

    def delete(self, server_id: str) -> bool:
        """Ask for deletion; the server is listed until it is done."""
        return self._rest.delete("compute", f"/servers/{server_id}", NOVA)


def _encoded(user_data: str) -> str:
    return base64.b64encode(user_data.encode()).decode("ascii")


def _server(entry: Json) -> Server:
    flavor = entry.get("flavor") or {}
    fault = entry.get("fault") or {}
    return Server(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        status=str(entry.get("status") or ""),
        metadata=dict(entry.get("metadata") or {}),
        task=str(entry.get("OS-EXT-STS:task_state") or ""),
        vm_state=str(entry.get("OS-EXT-STS:vm_state") or ""),
        fault=str(fault.get("message") or ""),
        flavor=str(flavor.get("original_name") or ""),
        vcpus=int(flavor.get("vcpus") or 0),
        ram_mb=int(flavor.get("ram") or 0),
        disk_gb=int(flavor.get("disk") or 0),
        addresses=addresses_of(entry),
        created_at=when(entry.get("created")),
    )

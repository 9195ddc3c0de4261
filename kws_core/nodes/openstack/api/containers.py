"""Containers (Zun), where a node offers them; through python-zunclient."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.openstack.api.rest import Json, Rest, addresses_of, when
from kws_core.nodes.openstack.api.types import Container
from kws_core.nodes.openstack.faults import OpenStackRefused, translated, unless_missing

T = TypeVar("T")

GRACE_SECONDS = 10  # between SIGTERM and SIGKILL; Zun's own number for a deletion
_TYPES = ("container", "application-container")
_PATH = "/v1/containers"
_PAGE_LIMIT = 200
_GARBAGE = (AttributeError, KeyError, TypeError, ValueError)  # zunclient on an answer that is no answer


class Containers:
    """See :mod:`kws_core.nodes.openstack.api`. Ids only: a name is no more than a label in Zun."""

    def __init__(self, rest: Rest, client: Callable[[], Any] | None) -> None:
        self._rest = rest
        self._client = client

    def offered(self) -> bool:
        """Whether the node's catalog has a container service."""
        return self._client is not None and self._rest.has(*_TYPES)

    def list(self) -> Sequence[Container]:
        """All containers of our project, from Zun's database alone; none where the service is not offered.

        Zun looks at Docker once a minute: a container that ended by itself is shown as Running till then.
        """
        if not self.offered():
            return []
        # zunclient's own list() stops after one page, and takes an answer of {} for an empty one
        found: list[Json] = []
        path = _PATH
        for _ in range(_PAGE_LIMIT):
            entries, query = self._page(path)
            found += entries
            if not entries or not query:
                break
            path = f"{_PATH}?{query}"
        return [_container(entry) for entry in found]

    def run(
        self,
        name: str,
        image: str,
        vcpus: int,
        ram_mb: int,
        port_id: str,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Request a container on an existing port and return its ID at once. Sends exactly one request.

        Raises:
            NodeDown: If the answer has no ID, so nobody knows what was created.
        """
        wanted: dict[str, Any] = {
            "name": name,
            "image": image,
            "cpu": float(vcpus),
            "memory": str(ram_mb),
            "nets": [{"port": port_id}],
            "environment": dict(environment or {}),
            "labels": dict(labels or {}),
        }
        if command:
            wanted["command"] = [*command]
        made = self._ask(lambda zun: zun.containers.run(**wanted))
        container_id = getattr(made, "uuid", None)
        if not container_id:
            raise NodeDown(self._rest.node, Refusal.DOWN, f"POST {_PATH}: no container in the response")
        return str(container_id)

    def services(self) -> Sequence[Json]:
        """Zun's own services, with "host", "state" and "disabled". Needs the admin role."""
        answer = self._ask(lambda zun: zun.containers.api.json_request("GET", "/v1/services")[1])
        found = answer.get("services") if isinstance(answer, dict) else None
        return found if isinstance(found, list) else []

    def start(self, container_id: str) -> None:
        """Ask for a start; refused (409) unless it is stopped or failed."""
        self._ask(lambda zun: zun.containers.start(container_id))

    def stop(self, container_id: str) -> None:
        """Ask for a stop, killed after GRACE_SECONDS; refused (409) unless it runs."""
        self._ask(lambda zun: zun.containers.stop(container_id, GRACE_SECONDS))

    def restart(self, container_id: str) -> None:
        """Ask for a restart; starts a stopped one."""
        self._ask(lambda zun: zun.containers.restart(container_id, GRACE_SECONDS))

    def rename(self, container_id: str, name: str) -> None:
        """Give it another name; all that Zun changes on what is there, besides its limits."""
        self._ask(lambda zun: zun.containers.update(container_id, name=name))

    def unpause(self, container_id: str) -> None:
        """Ask for a paused one to go on."""
        self._ask(lambda zun: zun.containers.unpause(container_id))

    def logs(self, container_id: str, lines: int) -> str:
        """The last lines of stdout and stderr. Asks the compute service; refused (409) while it is made."""
        text = self._ask(
            lambda zun: zun.containers.logs(container_id, stdout=True, stderr=True, tail=str(lines))
        )
        return text if isinstance(text, str) else ""

    def delete(self, container_id: str, stop: bool = False, force: bool = False) -> bool:
        """Ask for deletion; the container is listed until it is done.

        OpenStackRefused (409) while it runs, unless ``stop``, and while it is made or deleted. ``force`` is for
        admins (else 403), and on one that is being made it may leave the Docker container behind.
        """
        options = {key: True for key, wanted in (("stop", stop), ("force", force)) if wanted}
        with unless_missing():
            self._ask(lambda zun: zun.containers.delete(container_id, **options))
            return True
        return False

    def _page(self, path: str) -> tuple[Sequence[Json], str]:
        """Entries of one page, and the query of the next."""
        page = self._ask(lambda zun: zun.containers.api.json_request("GET", path)[1])
        entries = page.get("containers") if isinstance(page, dict) else None
        if not isinstance(page, dict) or not isinstance(entries, list):
            raise NodeDown(self._rest.node, Refusal.DOWN, f"GET {path}: no containers in the response")
        # Only the query is taken from the link: behind a proxy its host and scheme are often wrong.
        return entries, urlsplit(str(page.get("next") or "")).query

    def _ask(self, question: Callable[[Any], T]) -> T:
        # HTTP errors are zunclient's, network errors keystoneauth's: both end here
        if self._client is None or not self.offered():
            raise OpenStackRefused(self._rest.node, Refusal.MISSING, "no container service in the catalogue")
        zun = self._client()
        with translated(self._rest.node):
            try:
                return question(zun)
            except _GARBAGE as error:
                detail = f"container service: {type(error).__name__}: {error}"
                raise NodeDown(self._rest.node, Refusal.DOWN, detail) from error


def _mib(memory: Any) -> int:
    """Zun's "512", and the "512M" of older ones."""
    found = re.match(r"\d+", str(memory or ""))
    return int(found[0]) if found else 0


def _words(command: Any) -> tuple[str, ...]:
    """Zun's list of words, and the text of older ones."""
    return tuple(shlex.split(command) if isinstance(command, str) else map(str, command or ()))


def _container(entry: Json) -> Container:
    return Container(
        id=str(entry["uuid"]),
        name=str(entry.get("name") or ""),
        status=str(entry.get("status") or ""),
        labels=dict(entry.get("labels") or {}),
        task=str(entry.get("task_state") or ""),
        reason=str(entry.get("status_reason") or ""),
        detail=str(entry.get("status_detail") or ""),
        image=str(entry.get("image") or ""),
        command=_words(entry.get("command")),
        environment={str(key): str(value) for key, value in (entry.get("environment") or {}).items()},
        vcpus=math.ceil(float(entry.get("cpu") or 0)),
        ram_mb=_mib(entry.get("memory")),
        addresses=addresses_of(entry),
        created_at=when(entry.get("created_at")),
    )

"""The containers of one node: run once per mark, kept to one, ended in as many passes as it takes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from kws_core.errors import Refusal
from kws_core.nodes.concurrency import TtlCache
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.containers import GRACE_SECONDS
from kws_core.nodes.openstack.api.types import Container
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of
from kws_core.nodes.openstack.translation import (
    NUMBER_KEY,
    OWNER_KEY,
    RENTAL_KEY,
    container_is_gone,
    container_state,
    mark_of_container,
)
from kws_core.nodes.values import Address, ContainerSpec, MachineState
from kws_core.values import TAG_PREFIX

FORCE_AFTER = 600.0  # seconds in which it could not be ended; sooner, an image may still be on its way
_SETTLED = 30.0  # seconds after which a container that is only Created will not be started any longer
_ASKED_FOR = GRACE_SECONDS + 5.0  # seconds for which what was accepted is not asked for again
_BUSY_FOR = 3600.0
_STILL = frozenset({"Stopped", "Error", "Deleted", "Dead"})  # nothing of it runs in Docker
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")


def find_containers(cloud: Cloud, mark: str) -> list[Container]:
    """The mark's containers that are not gone, best first."""
    found = [c for c in cloud.containers.list() if mark_of_container(c) == mark]
    return ranked([container for container in found if not container_is_gone(container)])


def ranked(containers: Sequence[Container]) -> list[Container]:
    """Best first: one that lives, then the oldest."""
    dead = (MachineState.DELETING, MachineState.BROKEN)
    oldest = datetime.max.replace(tzinfo=UTC)
    return sorted(containers, key=lambda c: (container_state(c) in dead, c.created_at or oldest, c.id))


class ContainerDriver:
    """Makes and ends containers. The caller holds the mark's lock."""

    def __init__(self, node: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._asked = TtlCache(_ASKED_FOR, clock)
        self._busy = TtlCache(_BUSY_FOR, clock)

    def ensure(self, cloud: Cloud, spec: ContainerSpec, address: Address) -> str:
        """Return the mark's only container, reducing duplicates of an ambiguous failure to one.

        Raises:
            OpenStackRefused: If the node has no container service.
        """
        if not cloud.containers.offered():
            raise OpenStackRefused(self._node, Refusal.MISSING, "no container service in the catalogue")
        found = find_containers(cloud, spec.mark)
        if not found:
            return self._run(cloud, spec, address)
        for double in found[1:]:
            self.end(cloud, double)
        return found[0].id

    def again(self, cloud: Cloud, spec: ContainerSpec, address: Address, number: int) -> str | None:
        """Return the mark's container of that number, made where the earlier one was; None until that is gone.

        Raises:
            OpenStackRefused: If the node has no container service.
        """
        if not cloud.containers.offered():
            raise OpenStackRefused(self._node, Refusal.MISSING, "no container service in the catalogue")
        found = find_containers(cloud, spec.mark)
        made = [container for container in found if container.labels.get(NUMBER_KEY) == str(number)]
        for other in found:
            if other not in made[:1]:
                self.end(cloud, other)
        if made:
            return made[0].id
        return None if found else self._run(cloud, spec, address, {NUMBER_KEY: str(number)})

    def end(self, cloud: Cloud, container: Container) -> bool:
        """Ask for the next step towards its end; whether it is certainly gone.

        A deletion is asked for only when nothing runs in Docker any longer, not together with a stop or
        during a start: Zun then takes it off the network, fails to remove it, and forgets it at the
        next try, while Docker keeps it.
        """
        key = container.id, container.status
        if self._asked.known(key):
            return False
        step = self._step(cloud, container)
        if step is None:
            return False
        self._asked.put(key, True)
        try:
            return step()
        except OpenStackRefused as error:
            if status_of(error) not in (400, 403, 409):  # busy, or force is not for us: the next pass
                raise
            return False

    def _step(self, cloud: Cloud, container: Container) -> Callable[[], bool] | None:
        """What can be asked for now. True when that shows that it is gone; None: wait."""
        containers, busy = cloud.containers, self._busy_seconds(container)
        if busy >= FORCE_AFTER:
            return lambda: not containers.delete(container.id, force=True)
        if container.task:
            return None
        if container.status == "Running":
            return lambda: _asked(containers.stop, container.id)
        if container.status == "Paused":
            return lambda: _asked(containers.unpause, container.id)
        if container.status in _STILL or _never_started(container, busy):
            return lambda: not containers.delete(container.id)
        return None

    def _busy_seconds(self, container: Container) -> float:
        """How long it has been seen in this status while its end was wanted."""
        since = self._busy.get((container.id, container.status), self._clock)
        return self._clock() - since

    def _run(
        self, cloud: Cloud, spec: ContainerSpec, address: Address, more: Mapping[str, str] | None = None
    ) -> str:
        labels = {RENTAL_KEY: spec.mark.removeprefix(TAG_PREFIX), OWNER_KEY: spec.owner, **(more or {})}
        name = spec.name if _NAME.fullmatch(spec.name) else spec.mark
        size = spec.size
        try:
            return cloud.containers.run(
                name,
                spec.image,
                size.vcpus,
                size.ram_mb,
                address.port_id,
                spec.command,
                spec.environment,
                labels,
            )
        except OpenStackRefused as error:
            # an earlier request of ours, given up as lost, may just have taken the port
            late = find_containers(cloud, spec.mark) if status_of(error) == 409 else ()
            if not late:
                raise
            return late[0].id


def _never_started(container: Container, busy: float) -> bool:
    return container.status == "Created" and (bool(container.reason) or busy >= _SETTLED)


def _asked(ask: Callable[[str], None], container_id: str) -> bool:
    ask(container_id)
    return False

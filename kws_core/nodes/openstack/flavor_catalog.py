"""The flavors behind our sizes: found by what they are, made when missing, gone after their last server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from threading import RLock

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.concurrency import TtlCache
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Flavor
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of
from kws_core.nodes.openstack.translation import mark_of_server, resize_state
from kws_core.values import Size

FLAVORS = "flavors"
_OURS = re.compile(r"kws-\d+c-\d+m-\d+g")


def flavor_name(size: Size) -> str:
    """The name of the flavor that we make for a size, e.g. ``kws-1c-512m-5g``."""
    return f"kws-{size.vcpus}c-{size.ram_mb}m-{size.disk_gb}g"


class FlavorCatalog:
    """One node's flavors."""

    def __init__(self, node: str, memory: TtlCache) -> None:
        self._node = node
        self._memory = memory
        self._lock = RLock()
        self._wanted: Counter[str] = Counter()  # our flavors that a running create is about to use

    @contextmanager
    def in_use(self, size: Size) -> Iterator[None]:
        """Within this block, sweep() leaves the size's flavor alone."""
        name = flavor_name(size)
        with self._lock:
            self._wanted[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted[name] -= 1

    def id_for(self, cloud: Cloud, size: Size) -> str:
        """The id of a flavor of exactly this size; made if there is none (``missing`` if we may not)."""
        with self._lock:
            found = self.match(self._memory.known(FLAVORS) or (), size)
            if found is None:  # what was known may be old
                self._memory.put(FLAVORS, cloud.flavors.list())
                found = self.match(self._memory.known(FLAVORS) or (), size) or self._make(cloud, size)
            return found.id

    def sweep(self, cloud: Cloud, dry_run: bool = False) -> list[str]:
        """Delete the flavors that we made and no server on the node uses. Without the admin role: nothing.

        Nothing either while a server of ours gets another one. Returns their names; ``dry_run`` deletes none.
        """
        ours = [flavor for flavor in cloud.flavors.list() if _OURS.fullmatch(flavor.name)]
        swept: list[str] = []
        if not ours:
            return swept
        try:
            with self._lock:
                # under the lock: a create that ends meanwhile can't leave _wanted before this is done
                servers = cloud.servers.list(all_projects=True)
                if any(mark_of_server(one) and resize_state(one) for one in servers):
                    return swept  # Nova shows one of the two flavors that such a server has
                used = {server.flavor for server in servers}
                for flavor in ours:
                    if flavor.name not in used and not self._wanted[flavor.name]:
                        if not dry_run:
                            self._memory.drop(FLAVORS)
                            cloud.flavors.delete(flavor.id)
                        swept.append(flavor.name)
        except NodeRefused as error:
            if status_of(error) not in (403, 409):
                raise
        return swept

    def _make(self, cloud: Cloud, size: Size) -> Flavor:
        name = flavor_name(size)
        try:
            made = cloud.flavors.create(name, size.vcpus, size.ram_mb, size.disk_gb)
            self._memory.put(FLAVORS, [*(self._memory.known(FLAVORS) or ()), made])
            return made
        except OpenStackRefused as error:
            if status_of(error) == 403:
                text = f"no flavor for {size.name} ({name}), and we may not make one"
                raise OpenStackRefused(self._node, Refusal.MISSING, text, 403) from error
            found = self.match(cloud.flavors.list(), size) if status_of(error) == 409 else None
            if found is None:
                raise
            return found

    @staticmethod
    def match(flavors: Collection[Flavor], size: Size) -> Flavor | None:
        """The flavor of exactly this size, ours before others; None when there is none."""
        wanted = (size.vcpus, size.ram_mb, size.disk_gb)
        same = [f for f in flavors if f.plain and (f.vcpus, f.ram_mb, f.disk_gb) == wanted]
        return min(same, key=lambda flavor: (flavor.name != flavor_name(size), flavor.name), default=None)

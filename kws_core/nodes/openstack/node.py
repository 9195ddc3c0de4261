"""A node that is an OpenStack: Nova, Neutron, Glance and Zun behind the contract.

Everything is looked for before it is made, by the mark; whatever a listing returns is checked for the
mark again. Requests that make something are sent once: what an ambiguous failure left is found by the
next call. One lock per mark keeps two threads of this process from making a resource twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from kws_core.config import OpenStackSection
from kws_core.errors import NodeRefused, Refusal
from kws_core.findings import Finding, Wanted
from kws_core.nodes.concurrency import Locks, SingleFlight, TtlCache, Workers
from kws_core.nodes.offered_images import bootable, copy_mark, offered_image
from kws_core.nodes.openstack import actions
from kws_core.nodes.openstack.address_set import AddressSet, Lookups, Wiring, look_up_wiring
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Container, Server
from kws_core.nodes.openstack.capacity import Measure
from kws_core.nodes.openstack.checks import Checks
from kws_core.nodes.openstack.connection import Handle
from kws_core.nodes.openstack.containers import ContainerDriver
from kws_core.nodes.openstack.containers import ranked as ranked_containers
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of, translated, unless_missing
from kws_core.nodes.openstack.flavor_catalog import FLAVORS, FlavorCatalog
from kws_core.nodes.openstack.image_store import GlanceImageStore
from kws_core.nodes.openstack.own_network import ensure_network
from kws_core.nodes.openstack.survey import delete_pass, remains, survey
from kws_core.nodes.openstack.translation import (
    OWNER_KEY,
    RENTAL_KEY,
    container_is_gone,
    container_machine,
    machine,
    machine_state,
    mark_of_container,
    mark_of_server,
)
from kws_core.nodes.probe import check_login, fingerprints
from kws_core.nodes.values import (
    Action,
    Address,
    Capacity,
    ContainerSpec,
    Image,
    Login,
    LoginCheck,
    Machine,
    MachineState,
    NetworkSpec,
    Rebuild,
    RemainingResources,
    Resize,
    ServerSpec,
    StoredImage,
)
from kws_core.values import TAG_PREFIX, Kind, ResizeEnd, Size

REMEMBERED_SECONDS = 300.0
PING_SECONDS = 5.0
_WIRING, _IMAGES = "wiring", "images"
ONE_BY_ONE = 3  # servers; more of them are cheaper in one list
_STALE = (400, 404)  # what Nova and Neutron answer to an id that is no more


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OpenStackNode:
    """See :class:`kws_core.nodes.Node`."""

    def __init__(
        self,
        name: str,
        connection: Handle,
        settings: OpenStackSection,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._name = name
        self._connection = connection
        self._settings = settings
        self._now = now
        self._lock = Lock()
        self._cloud_once: Cloud | None = None
        self._marks = Locks()
        self._memory = TtlCache(REMEMBERED_SECONDS)
        self._workers = Workers(name)
        self._flavors = FlavorCatalog(name, self._memory)
        self._dock = ContainerDriver(name)
        self._measure = Measure(self._workers)
        self._listing, self._naming, self._building = SingleFlight(), SingleFlight(), SingleFlight()
        self._lookups = Lookups()
        self._seen: dict[str, str] = {}  # ids of servers to their marks, "" for those that aren't ours
        self._surveying, self._sweeping = SingleFlight(), SingleFlight()
        self.shelf = GlanceImageStore(
            lambda: self.cloud, settings.read_timeout, lambda: self._memory.drop(_IMAGES)
        )

    @property
    def name(self) -> str:
        """As in nodes.toml."""
        return self._name

    @property
    def cloud(self) -> Cloud:
        """The facade over this node's connection, for what the contract does not have."""
        with self._lock, translated(self._name):
            if self._cloud_once is None:
                self._cloud_once = Cloud(self._connection.openstack, self._name, lambda: self._connection.zun)
            return self._cloud_once

    def ping(self) -> None:
        """See Node. Nova asks Keystone and its database for this."""
        self.cloud.servers.ping((self._settings.connect_timeout, PING_SECONDS))

    def images(self) -> list[Image]:
        """See Node."""
        self._memory.drop(_IMAGES)
        return [offered_image(stored) for stored in self._stored_images() if not copy_mark(stored)]

    def cidrs(self) -> list[str]:
        """See Node."""
        return sorted({subnet.cidr for subnet in self.cloud.subnets.list()})

    def capacity(self) -> Capacity:
        """See Node."""
        return self._measure.capacity(self.cloud, lambda: self._wiring().external_id, self._now())

    def ensure_address(
        self, spec: ServerSpec | ContainerSpec, with_port: Callable[[str], None] | None = None
    ) -> Address:
        """See Node."""
        with self._marks.of(spec.mark):
            wiring = self._wiring()
            try:
                if spec.network:
                    wiring = replace(wiring, internal_id=self._own_network(spec.network))
                return AddressSet(self.cloud, self._workers, self._lookups, wiring, spec).ensure(with_port)
            except OpenStackRefused as error:
                if status_of(error) in _STALE:
                    self._memory.drop(_WIRING)
                raise

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """See Node."""
        with self._marks.of(spec.mark):
            found = self._found(spec.mark)
            return self._keep_one(found) if found else self._create(spec, address)

    def ensure_container(self, spec: ContainerSpec, address: Address) -> str:
        """See Node."""
        with self._marks.of(spec.mark):
            return self._dock.ensure(self.cloud, spec, address)

    def machines(self, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, Machine]:
        """See Node."""
        listings = {Kind.CONTAINER: self._containers, Kind.SERVER: self._servers}
        if not self.cloud.containers.offered():  # also gets the token, in this thread: wrong ones count once
            del listings[Kind.CONTAINER]
        wanted = [listings[kind] for kind in listings if kind in kinds]
        found = self._workers.gather(*wanted) if wanted else []
        return {mark: one for machines in found for mark, one in machines.items()}

    def new_servers(self, ids: Collection[str]) -> dict[str, Machine]:
        """See Node. With 24 servers there, the ids of those in BUILD take a tenth of the list's time, and one a third."""
        building = self._building.get(lambda: self.cloud.servers.ids("BUILD"))
        created = [one for one in ids if one not in building]
        if len(created) > ONE_BY_ONE:
            return {one.id: one for one in self._servers().values()}
        found = {one: Machine(one, "", "", Kind.SERVER, MachineState.BUILDING) for one in building}
        for one in created:
            with unless_missing():
                found[one] = machine(self.cloud.servers.get(one))
        return found

    def release(self, mark: str) -> RemainingResources:
        """See Node."""
        _check_mark(self._name, mark)
        with self._marks.of(mark):
            seen = self._surveying.get(lambda: survey(self.cloud, self._workers))
            items = seen.get(mark, ())
            left = delete_pass(self.cloud, self._workers, items, self._dock.end)
        if "server" not in left.kinds():
            self._sweeping.get(lambda: self._flavors.sweep(self.cloud))
        return left

    def marked(self) -> dict[str, RemainingResources]:
        """See Node."""
        seen = survey(self.cloud, self._workers, copies=True)
        return {mark: remains(items) for mark, items in seen.items()}

    def tidy(self, dry_run: bool = False) -> list[str]:
        """See Node."""
        return self._flavors.sweep(self.cloud, dry_run)

    def act(self, kind: Kind, machine_id: str, action: Action) -> None:
        """See Node."""
        with self._marks.of(machine_id):  # Nova answers two at once with a 500
            if isinstance(action, Resize):
                self._resize(machine_id, action.size)
            elif isinstance(action, ResizeEnd):
                actions.end_resize(self.cloud, machine_id, action)
            else:
                actions.act(self.cloud, kind, machine_id, action)

    def rebuild(self, again: Rebuild, address: Address) -> str | None:
        """See Node.

        Raises:
            OpenStackRefused: If there is no such server, or no such image.
        """
        spec = again.spec
        with self._marks.of(spec.mark):
            if isinstance(spec, ContainerSpec):
                return self._dock.again(self.cloud, spec, address, again.number)
            found = self._found(spec.mark)
            if not found:
                raise OpenStackRefused(self._name, Refusal.MISSING, f"no server of {spec.mark}")
            server = _ranked(found)[0]
            self._memory.drop(_IMAGES)  # it is rare, and an image of that name may be another one by now
            with self._marks.of(server.id):  # as act()
                actions.rebuild(self.cloud, server, self._image_id(spec.image), again)
            return server.id

    def console(self, kind: Kind, machine_id: str, lines: int) -> str:
        """See Node."""
        return actions.console(self.cloud, kind, machine_id, lines)

    def cpu_seconds(self, server_id: str) -> float | None:
        """See Node. Nova's policy lets only admins see it, and nobody while the server is stopped."""
        with suppress(NodeRefused):
            return self.cloud.servers.cpu_seconds(server_id)
        return None

    def put_key(self, machine_id: str, public_key: str) -> None:
        """See Node."""
        with self._marks.of(machine_id):
            actions.put_key(self.cloud, machine_id, public_key)

    def check_login(self, address: Address, login: Login) -> LoginCheck:
        """See Node."""
        if self._settings.ready_check == "active":
            return LoginCheck(answers=True, accepted=True)
        return check_login(address.floating_ip, login)

    def host_keys(self, machine_id: str) -> list[str]:
        """See Node. Where nothing answers nobody waited for it to boot: its console tells nothing yet."""
        if self._settings.ready_check == "active":
            return []
        with suppress(NodeRefused):  # no console on this hypervisor, or the machine is gone
            return fingerprints(self.cloud.servers.console(machine_id))
        return []

    def diagnose(self, wanted: Wanted) -> Iterator[Finding]:
        """See Node."""
        return Checks(self._name, self._connection, self._settings, wanted, self._now).run()

    def raw(self) -> Any:
        """See Node."""
        return self._connection.openstack

    def close(self) -> None:
        """See Node. A later call connects again."""
        with self._lock:
            self._cloud_once = None
        self._workers.close()
        self._connection.close()

    def _found(self, mark: str) -> list[Server]:
        """The mark's servers that are not deleted yet.

        Where all that are there were seen before, under other marks, their ids are enough: a server keeps its mark.
        """
        seen = self._seen
        if seen and mark not in seen.values() and self._naming.get(self.cloud.servers.ids) <= seen.keys():
            return []
        return [one for one in self._listed() if mark_of_server(one) == mark and one.status != "DELETED"]

    def _listed(self) -> Sequence[Server]:
        found: Sequence[Server] = self._listing.get(self.cloud.servers.list)
        self._seen = {server.id: mark_of_server(server) for server in found}
        return found

    def _servers(self) -> dict[str, Machine]:
        found: dict[str, list[Server]] = {}
        for server in self._listed():
            mark = mark_of_server(server)
            if mark:
                found.setdefault(mark, []).append(server)
        return {mark: machine(self._with_fault(_ranked(servers)[0])) for mark, servers in found.items()}

    def _containers(self) -> dict[str, Machine]:
        found: dict[str, list[Container]] = {}
        for container in self.cloud.containers.list():
            mark = mark_of_container(container)
            if mark and not container_is_gone(container):
                found.setdefault(mark, []).append(container)
        return {mark: container_machine(ranked_containers(same)[0]) for mark, same in found.items()}

    def _with_fault(self, server: Server) -> Server:
        """Nova's listing leaves out why a server broke when its scheduler gave up: ask for it, once."""
        if machine_state(server) is not MachineState.BROKEN or server.fault:
            return server
        with suppress(NodeRefused):  # it is just gone
            key = "fault", server.id
            fault = self._memory.get(key, lambda: self.cloud.servers.get(server.id).fault)
            return replace(server, fault=fault)
        return server

    def _wiring(self) -> Wiring:
        wanted = self._settings
        names = (wanted.external_network, wanted.internal_network, wanted.router)
        return self._memory.get(_WIRING, lambda: look_up_wiring(self.cloud, self._name, *names))

    def _own_network(self, spec: NetworkSpec) -> str:
        with self._marks.of(spec.mark):
            return ensure_network(self.cloud, self._settings.router, spec)

    def _stored_images(self) -> Sequence[StoredImage]:
        return self._memory.get(_IMAGES, lambda: bootable(self.cloud.images.list("active")))

    def _image_id(self, name: str) -> str:
        found = [stored for stored in self._stored_images() if name == stored.name]
        if not found:  # what we knew may be old
            self._memory.drop(_IMAGES)
            found = [stored for stored in self._stored_images() if name == stored.name]
        if not found:
            raise OpenStackRefused(self._name, Refusal.NO_IMAGE, f"no active image {name!r}")
        return max(found, key=lambda stored: stored.created_at).id  # a newer upload replaces an older one

    def _create(self, spec: ServerSpec, address: Address) -> str:
        with self._flavors.in_use(spec.size):
            ids = self._ids(spec)
            try:
                return self._post(spec, address, *ids)
            except OpenStackRefused as error:
                if status_of(error) not in _STALE:
                    raise
                self._memory.drop(_IMAGES, FLAVORS)
                fresh = self._ids(spec)
                if fresh == ids:
                    raise
                return self._post(spec, address, *fresh)  # the first was a clear no: this makes no second one

    def _resize(self, machine_id: str, size: Size) -> None:
        with self._flavors.in_use(size):
            try:
                actions.resize(self.cloud, machine_id, size, lambda: self._flavors.id_for(self.cloud, size))
            except OpenStackRefused as error:
                if status_of(error) not in _STALE:
                    raise
                was = self._flavors.id_for(self.cloud, size)
                self._memory.drop(FLAVORS)
                fresh = self._flavors.id_for(self.cloud, size)
                if fresh == was:
                    raise
                actions.resize(self.cloud, machine_id, size, lambda: fresh)

    def _ids(self, spec: ServerSpec) -> tuple[str, str]:
        return self._image_id(spec.image), self._flavors.id_for(self.cloud, spec.size)

    def _post(self, spec: ServerSpec, address: Address, image_id: str, flavor_id: str) -> str:
        metadata = {RENTAL_KEY: spec.mark.removeprefix(TAG_PREFIX), OWNER_KEY: spec.owner}
        made = self.cloud.servers.create_by_ids(
            spec.name, image_id, flavor_id, [address.port_id], spec.user_data, metadata, description=spec.mark
        )
        self._seen = {**self._seen, made: spec.mark}  # never changed in place: other threads read it
        return made

    def _keep_one(self, found: Sequence[Server]) -> str:
        kept, *duplicates = _ranked(found)
        for double in duplicates:
            if machine_state(double) is not MachineState.DELETING:
                self.cloud.servers.delete(double.id)
        return kept.id


def _ranked(servers: Sequence[Server]) -> list[Server]:
    """Best first: one that lives, then the oldest."""
    dead = (MachineState.DELETING, MachineState.BROKEN)
    oldest = datetime.max.replace(tzinfo=UTC)
    return sorted(servers, key=lambda s: (machine_state(s) in dead, s.created_at or oldest, s.id))


def _check_mark(node: str, mark: str) -> None:
    # The only caller's slip that could cost another person's resources.
    if not mark.startswith(TAG_PREFIX) or mark == TAG_PREFIX:
        raise OpenStackRefused(node, Refusal.INVALID, f"{mark!r} is no mark")

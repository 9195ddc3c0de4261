"""A node in memory, for the demo and for tests: no threads, no sleep, time only through ``now``.

It keeps security groups, ports, floating IPs and servers one by one, each with an id and its mark, so
that what is leaked or made twice can be seen; faults are ordered beforehand: ``fail_next``, ``go_down``,
``break_next``, ``vanish``, ``plant``.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import RLock
from typing import TypeVar

from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.nodes import (
    Address,
    Capacity,
    Image,
    Kind,
    Machine,
    MachineState,
    Refusal,
    Remains,
    ServerSpec,
    Size,
)
from kws_core.nodes.tables import login_of

T = TypeVar("T")
GROUP, PORT, ADDRESS, SERVER = "security_group", "port", "floating_ip", "server"
FAULTS = {Refusal.NO_HOST: "No valid host was found.", Refusal.QUOTA: "Quota exceeded for instances."}
_IMAGES = (
    Image(id="fake-debian-12", name="debian-12", title="Debian 12", min_disk_gb=2, login="debian"),
    Image(id="fake-ubuntu-24.04", name="ubuntu-24.04", title="Ubuntu 24.04", min_disk_gb=3, login="ubuntu"),
)


def _image(name: str) -> Image:
    return Image(id=f"fake-{name}", name=name, login=login_of(name))


@dataclass(frozen=True, slots=True)
class _Thing:
    """A security group, port or floating IP."""

    id: str
    kind: str
    mark: str
    text: str = ""  # the address
    port_id: str = ""


@dataclass(frozen=True, slots=True)
class _Server:
    id: str
    spec: ServerSpec
    port_id: str
    created_at: datetime
    broken: Refusal | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    error: NodeError
    after: bool


class FakeNode:
    """See :class:`kws_core.nodes.Node`. RAM in MiB, disk in GiB, times in seconds.

    A server is ACTIVE ``build_seconds`` after it was asked for and answers ``boot_seconds`` later; a
    deleted one is shown for ``delete_seconds``. What doesn't fit is refused at once (``no_host``), as
    is an address too many (``no_address``) and an unknown image (``no_image``).
    """

    def __init__(
        self,
        name: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        images: Iterable[Image | str] = _IMAGES,
        vcpus: int = 8,
        ram_mb: int = 16384,
        disk_gb: int = 200,
        addresses: int = 20,
        build_seconds: float = 0,
        boot_seconds: float = 0,
        delete_seconds: float = 0,
    ) -> None:
        self._name = name
        self._now = now
        self._images = [_image(image) if isinstance(image, str) else image for image in images]
        self._size = Size(name, vcpus, ram_mb, disk_gb)
        self._addresses = addresses
        self._build = timedelta(seconds=build_seconds)
        self._boot = timedelta(seconds=boot_seconds)
        self._delete = timedelta(seconds=delete_seconds)
        self._lock = RLock()
        self._ids = count(1)
        self._things: dict[str, _Thing] = {}
        self._servers: dict[str, _Server] = {}
        self._ever: list[_Server] = []
        self._faults: defaultdict[str, deque[_Fault]] = defaultdict(deque)
        self._breaks: deque[Refusal] = deque()
        self._down = False
        self.calls: list[str] = []

    @property
    def name(self) -> str:
        """As in nodes.toml."""
        return self._name

    def ping(self) -> None:
        """See Node."""
        self._call("ping", lambda: None)

    def images(self) -> list[Image]:
        """See Node."""
        return self._call("images", lambda: list(self._images))

    def capacity(self) -> Capacity:
        """See Node."""
        return self._call("capacity", self._capacity)

    def ensure_address(self, spec: ServerSpec) -> Address:
        """See Node."""
        return self._call("ensure_address", lambda: self._ensure_address(spec.mark))

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """See Node."""
        return self._call("ensure_server", lambda: self._ensure_server(spec, address))

    def machines(self) -> dict[str, Machine]:
        """See Node."""
        return self._call("machines", lambda: {s.spec.mark: self._machine(s) for s in self._servers.values()})

    def release(self, mark: str) -> Remains:
        """See Node."""
        return self._call("release", lambda: self._release(mark))

    def marked(self) -> dict[str, Remains]:
        """See Node."""
        return self._call("marked", self.resources)

    def answers(self, address: Address) -> bool:
        """See Node. False, not an error, while the node is down."""
        with self._lock:
            self.calls.append("answers")
            self._pass_time()
            return not self._down and any(
                server.port_id == address.port_id
                and self._state(server) is MachineState.ACTIVE
                and self._now() >= server.created_at + self._build + self._boot
                for server in self._servers.values()
            )

    def host_keys(self, machine_id: str, address: Address) -> list[str]:
        """See Node. One made-up fingerprint per machine."""
        digest = hashlib.sha256(machine_id.encode()).digest()
        return self._call("host_keys", lambda: ["SHA256:" + b64encode(digest).decode().rstrip("=")])

    def raw(self) -> FakeNode:
        """The fake itself."""
        return self

    def close(self) -> None:
        """See Node."""

    def resources(self) -> dict[str, Remains]:
        """Everything that exists here, by mark. Not a call of the contract: never fails."""
        with self._lock:
            self._pass_time()
            found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
            for thing in self._things.values():
                found[thing.mark].add((thing.kind, thing.id))
            for server in self._servers.values():
                found[server.spec.mark].add((SERVER, server.id))
            return {mark: Remains(frozenset(items)) for mark, items in found.items()}

    def doubles(self) -> list[str]:
        """Marks for which more than one server was ever made; those that broke don't count."""
        with self._lock:
            made = Counter(server.spec.mark for server in self._ever if server.broken is None)
        return sorted(mark for mark, number in made.items() if number > 1)

    def user_data(self, mark: str) -> str:
        """The user data of the mark's newest server, also of one that is gone; KeyError without one."""
        with self._lock:
            found = [server for server in self._ever if server.spec.mark == mark]
        if not found:
            raise KeyError(mark)
        return found[-1].spec.user_data

    def fail_next(self, method: str, error: NodeError, after: bool = False, times: int = 1) -> None:
        """The next ``times`` calls of ``method`` raise ``error``; with ``after`` they take effect first."""
        with self._lock:
            self._faults[method].extend([_Fault(error, after)] * times)

    def go_down(self) -> None:
        """From now on every call raises NodeDown."""
        self._down = True

    def come_back(self) -> None:
        """End of go_down(); what was there is still there."""
        self._down = False

    def break_next(self, refusal: Refusal = Refusal.FAILED) -> None:
        """The next server that is made goes BROKEN where it would have become ACTIVE."""
        with self._lock:
            self._breaks.append(refusal)

    def vanish(self, mark: str, kind: str = SERVER) -> None:
        """Something is deleted behind our back: the mark's server, or its things of another ``kind``."""
        with self._lock:
            if kind == SERVER:
                self._servers = {i: s for i, s in self._servers.items() if s.spec.mark != mark}
            else:
                self._drop_things(mark, kind)

    def plant(self, mark: str) -> None:
        """Make a whole set (group, port, floating IP, server) that nobody asked for."""
        spec = ServerSpec(mark, "planted", self._images[0].name, Size("planted", 1, 512, 1), "")
        with self._lock:
            address = self._ensure_address(mark)
            self._add_server(spec, address)

    def _call(self, method: str, do: Callable[[], T]) -> T:
        with self._lock:
            self.calls.append(method)
            if self._down:
                raise NodeDown(self._name, Refusal.DOWN, "switched off")
            fault = self._faults[method].popleft() if self._faults[method] else None
            if fault is not None and not fault.after:
                raise fault.error
            self._pass_time()
            result = do()
            if fault is not None:
                raise fault.error
            return result

    def _pass_time(self) -> None:
        def shown(server: _Server) -> bool:
            return server.deleted_at is None or self._now() < server.deleted_at + self._delete

        self._servers = {i: s for i, s in self._servers.items() if shown(s)}

    def _new_id(self, kind: str) -> str:
        return f"{self._name}-{kind}-{next(self._ids)}"

    def _capacity(self) -> Capacity:
        used = [server.spec.size for server in self._servers.values()]
        return Capacity(
            at=self._now(),
            vcpus=self._size.vcpus,
            ram_mb=self._size.ram_mb,
            disk_gb=self._size.disk_gb,
            used_vcpus=sum(size.vcpus for size in used),
            used_ram_mb=sum(size.ram_mb for size in used),
            used_disk_gb=sum(size.disk_gb for size in used),
            free_addresses=self._addresses - sum(t.kind == ADDRESS for t in self._things.values()),
        )

    def _ensure_address(self, mark: str) -> Address:
        self._one(mark, GROUP)
        port = self._one(mark, PORT)
        address = self._one(mark, ADDRESS)
        if address.port_id != port.id:
            address = self._things[address.id] = replace(address, port_id=port.id)
        return Address(port.id, address.id, address.text, port.text)

    def _one(self, mark: str, kind: str) -> _Thing:
        found = [t for t in self._things.values() if (t.mark, t.kind) == (mark, kind)]
        if found:
            return found[0]
        if kind == ADDRESS and sum(t.kind == ADDRESS for t in self._things.values()) >= self._addresses:
            raise NodeRefused(self._name, Refusal.NO_ADDRESS, "no floating IP left")
        thing = _Thing(self._new_id(kind), kind, mark, self._free_ip(kind))
        self._things[thing.id] = thing
        return thing

    def _free_ip(self, kind: str) -> str:
        net = {ADDRESS: "203.0.113", PORT: "10.0.0"}.get(kind)
        taken = {thing.text for thing in self._things.values()}
        return next(ip for ip in (f"{net}.{n}" for n in range(10, 10_000)) if ip not in taken) if net else ""

    def _ensure_server(self, spec: ServerSpec, address: Address) -> str:
        for server in self._servers.values():
            if server.spec.mark == spec.mark:
                return server.id
        if spec.image not in {image.name for image in self._images}:
            raise NodeRefused(self._name, Refusal.NO_IMAGE, f"no image {spec.image!r}")
        if address.port_id not in self._things:
            raise NodeRefused(self._name, Refusal.INVALID, f"no port {address.port_id!r}")
        if not self._fits(spec.size):
            raise NodeRefused(self._name, Refusal.NO_HOST, FAULTS[Refusal.NO_HOST])
        return self._add_server(spec, address)

    def _add_server(self, spec: ServerSpec, address: Address) -> str:
        broken = self._breaks.popleft() if self._breaks else None
        server = _Server(self._new_id(SERVER), spec, address.port_id, self._now(), broken)
        self._servers[server.id] = server
        self._ever.append(server)
        return server.id

    def _fits(self, size: Size) -> bool:
        now = self._capacity()
        return (
            now.used_vcpus + size.vcpus <= self._size.vcpus
            and now.used_ram_mb + size.ram_mb <= self._size.ram_mb
            and now.used_disk_gb + size.disk_gb <= self._size.disk_gb
        )

    def _state(self, server: _Server) -> MachineState:
        if server.deleted_at is not None:
            return MachineState.DELETING
        if self._now() < server.created_at + self._build:
            return MachineState.BUILDING
        return MachineState.BROKEN if server.broken else MachineState.ACTIVE

    def _machines(self) -> dict[str, Machine]:
        return {server.spec.mark: self._machine(server) for server in self._servers.values()}

    def _machine(self, server: _Server) -> Machine:
        state = self._state(server)
        refusal = server.broken if state is MachineState.BROKEN else None
        fault = FAULTS.get(refusal, "Build of instance aborted.") if refusal else ""
        return Machine(
            id=server.id,
            mark=server.spec.mark,
            name=server.spec.name,
            kind=Kind.SERVER,
            state=state,
            fault=fault,
            refusal=refusal,
            created_at=server.created_at,
        )

    def _release(self, mark: str) -> Remains:
        self._drop_things(mark, ADDRESS)
        for server in [s for s in self._servers.values() if s.spec.mark == mark and not s.deleted_at]:
            self._servers[server.id] = replace(server, deleted_at=self._now())
        self._pass_time()
        if not any(server.spec.mark == mark for server in self._servers.values()):
            self._drop_things(mark, PORT, GROUP)
        return self.resources().get(mark, Remains())

    def _drop_things(self, mark: str, *kinds: str) -> None:
        self._things = {i: t for i, t in self._things.items() if t.mark != mark or t.kind not in kinds}

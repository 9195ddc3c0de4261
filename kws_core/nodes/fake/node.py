"""A node in memory, for the demo and for tests: no threads, no sleep, time only through ``now``.

It keeps security groups, ports, floating IPs, servers and containers one by one, each with an id and its
mark, so that orphans and duplicates can be seen; faults are ordered beforehand: ``fail_next``,
``go_down``, ``break_next``, ``vanish``, ``plant``.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import TypeVar

from kws_core.errors import NodeDown, NodeError, NodeRefused, Refusal
from kws_core.nodes.fake.diagnosis import FakeChecks
from kws_core.nodes.fake.image_store import FakeImageStore
from kws_core.nodes.fake.machines import (
    FAULTS,
    IMAGES,
    REGISTRY,
    RUNNING,
    FakeMachine,
    Times,
    capacity_left,
    fits,
    image_called,
    verdict,
)
from kws_core.nodes.fake.network import ADDRESS, GROUP, NETWORK, PORT, FakeNetwork
from kws_core.nodes.values import (
    Action,
    Address,
    Capacity,
    ContainerSpec,
    Image,
    Login,
    LoginCheck,
    Machine,
    MachineAction,
    MachineState,
    Rebuild,
    RemainingResources,
    Resize,
    ServerSpec,
)
from kws_core.values import Kind, ResizeEnd, Size

T = TypeVar("T")
SERVER, CONTAINER = Kind.SERVER.value, Kind.CONTAINER.value


class FakeNode(FakeChecks):
    """See :class:`kws_core.nodes.Node`. RAM in MiB, disk in GiB, times in seconds.

    A machine is ACTIVE ``build_seconds`` after it was asked for and answers ``boot_seconds`` later, also
    after an action that starts it; one that is being stopped is ACTIVE for ``stop_seconds``, a deleted one is
    shown for ``delete_seconds``. A server is on its way to another size, and back, for ``resize_seconds``; a node
    that can't do it (``resizes``, or no room beside the size that it has) shows it then as before. A server that doesn't
    fit is refused at once (``no_host``), as is an address too many (``no_address``) and an unknown image
    (``no_image``). A container goes BROKEN instead, as in Zun: one that doesn't fit, one whose image is
    not in ``registry`` (``no_image``), one whose command is "no-such-command" (``invalid``). Without
    ``registry`` (empty) the node has no container service.

    What is here may be looked at and set: ``servers`` by id (containers too), ``ever``: those that there ever
    were, ``offered`` images, ``down``, ``size``, ``largest``: the largest server that its one host gives, where that is less
    than all (None: it is not), ``network``; ``faults`` and ``breaks``: what is ordered and not yet due.
    """

    diagnostics = True  # False: it tells no CPU time, as an OpenStack whose user isn't an admin

    def __init__(
        self,
        name: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        images: Iterable[Image | str] = IMAGES,
        vcpus: int = 8,
        ram_mb: int = 16384,
        disk_gb: int = 200,
        addresses: int = 20,
        build_seconds: float = 0,
        boot_seconds: float = 0,
        delete_seconds: float = 0,
        registry: Collection[str] = REGISTRY,
        stop_seconds: float = 0,
        resize_seconds: float = 0,
    ) -> None:
        self._name = name
        self._now = now
        self.offered = [image_called(image) if isinstance(image, str) else image for image in images]
        self.shelf = FakeImageStore(self)
        self._registry = registry
        self.size = Size(name, vcpus, ram_mb, disk_gb)
        self.largest: Size | None = None
        self.times = Times.of(build_seconds, boot_seconds, delete_seconds, stop_seconds, resize_seconds)
        self._lock = RLock()
        self._ids = count(1)
        self.network = FakeNetwork(name, addresses, self._new_id)
        self.servers: dict[str, FakeMachine] = {}  # by id; containers too
        self.ever: list[FakeMachine] = []
        self.rebuilt: list[tuple[str, int]] = []  # mark and number of each rebuild that was carried out
        self.faults: defaultdict[str, deque[tuple[NodeError, bool]]] = defaultdict(deque)  # error, after
        self.breaks: deque[Refusal] = deque()
        self.down = False
        self.boot_scripts = True  # False: its images run none, so that no server takes a key later
        self.resumes_guests = False  # as Nova's resume_guests_state_on_host_boot
        self.consoles = True  # False: it keeps none of its servers
        self.resizes = True  # False: as a single host without Nova's allow_resize_to_same_host
        self.resized: list[tuple[str, Size | ResizeEnd]] = []  # by mark, what it began, and how that ended
        self.spare_flavors: list[str] = []  # what tidy() finds
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
        return self._call("images", lambda: list(self.offered))

    def cidrs(self) -> list[str]:
        """See Node."""
        return self._call("cidrs", lambda: ["10.0.0.0/24", *self.network.cidrs])

    def capacity(self) -> Capacity:
        """See Node."""
        return self._call("capacity", self._capacity)

    def ensure_address(
        self, spec: ServerSpec | ContainerSpec, with_port: Callable[[str], None] | None = None
    ) -> Address:
        """See Node. A call that is to fail before it did anything makes no port."""
        with self._lock:
            fails = self.down or any(not after for _, after in [*self.faults["ensure_address"]][:1])
            port_id = "" if fails else self.network.ensure_port(spec)
        if with_port is not None and port_id:
            with_port(port_id)
        return self._call("ensure_address", lambda: self.network.ensure(spec))

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """See Node."""
        return self._call("ensure_server", lambda: self._ensure_server(spec, address))

    def ensure_container(self, spec: ContainerSpec, address: Address) -> str:
        """See Node."""
        return self._call("ensure_container", lambda: self._ensure_container(spec, address))

    def machines(self, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, Machine]:
        """See Node."""
        return self._call("machines", lambda: self._machines(kinds))

    def new_servers(self, ids: Collection[str]) -> dict[str, Machine]:
        """See Node."""
        return self._call("new_servers", lambda: self._new_servers(ids))

    def release(self, mark: str) -> RemainingResources:
        """See Node."""
        return self._call("release", lambda: self._release(mark))

    def marked(self) -> dict[str, RemainingResources]:
        """See Node."""
        return self._call("marked", self.resources)

    def tidy(self, dry_run: bool = False) -> list[str]:
        """See Node."""
        spare = self.spare_flavors
        return self._call("tidy", lambda: [*spare] if dry_run else [spare.pop() for _ in [*spare]])

    def act(self, kind: Kind, machine_id: str, action: Action) -> None:
        """See Node. Among ``calls`` and ``faults``: act, resize, confirm and revert."""
        if isinstance(action, Resize):
            self._call("resize", lambda: self._resize(machine_id, action.size))
        elif isinstance(action, ResizeEnd):
            self._call(action.value, lambda: self._end_resize(machine_id, action))
        else:
            self._call("act", lambda: self._act(kind, machine_id, action))

    def rebuild(self, again: Rebuild, address: Address) -> str | None:
        """See Node."""
        return self._call("rebuild", lambda: self._rebuild(again, address))

    def console(self, kind: Kind, machine_id: str, lines: int) -> str:
        """See Node. What write() has put there."""
        return self._call("console", lambda: self._console(kind, machine_id, lines))

    def cpu_seconds(self, server_id: str) -> float | None:
        """See Node. None without ``diagnostics``."""
        return self._call("cpu_seconds", lambda: self._cpu_seconds(server_id))

    def put_key(self, machine_id: str, public_key: str) -> None:
        """See Node."""
        self._call("put_key", lambda: self._put_key(machine_id, public_key))

    def check_login(self, address: Address, login: Login) -> LoginCheck:
        """See Node. Nothing, not an error, while the node is down."""
        with self._lock:
            self.calls.append("check_login")
            self._pass_time()
            return LoginCheck() if self.down else self._check_login(address, login, self._now())

    def host_keys(self, machine_id: str) -> list[str]:
        """See Node. One made-up fingerprint per machine, printed a while after it lets people in."""
        return self._call("host_keys", lambda: self._host_keys(machine_id))

    def raw(self) -> FakeNode:
        """The fake itself."""
        return self

    def close(self) -> None:
        """See Node."""

    def resources(self) -> dict[str, RemainingResources]:
        """Everything that exists here, by mark. Not a call of the contract: never fails."""
        with self._lock:
            self._pass_time()
            found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
            for thing in self.network:
                found[thing.mark].add((thing.kind, thing.id))
            for one in self.servers.values():
                found[one.spec.mark].add((one.kind.value, one.id))
            for mark, image_id in self.shelf.copies():
                found[mark].add(("image", image_id))
            return {mark: RemainingResources(frozenset(items)) for mark, items in found.items()}

    def duplicates(self) -> list[str]:
        """Marks for which more than one machine was ever made for the same request; those that broke don't count."""
        with self._lock:
            made = Counter((one.spec.mark, one.number) for one in self.ever if one.broken is None)
            made += Counter(self.rebuilt)
        return sorted({mark for (mark, _), number in made.items() if number > 1})

    def spec(self, mark: str) -> ServerSpec | ContainerSpec:
        """Return the spec of the mark's newest machine, even if it is gone.

        Raises:
            KeyError: If there never was one.
        """
        found = [one for one in list(self.ever) if one.spec.mark == mark]
        if not found:
            raise KeyError(mark)
        return found[-1].spec

    def opens(self, mark: str, public_key: str) -> bool:
        """Whether that key of KWS lets its owner into the mark's server as it runs now."""
        return any(one.opens(public_key) for one in self._of(mark))

    def fail_next(self, method: str, error: NodeError, after: bool = False, times: int = 1) -> None:
        """The next ``times`` calls of ``method`` raise ``error``; with ``after`` they take effect first."""
        with self._lock:
            self.faults[method].extend([(error, after)] * times)

    def go_down(self, *, power: bool = True) -> None:
        """From now on every call raises NodeDown; without ``power`` all machines go off too.

        Where ``resumes_guests`` says so, Nova starts again what ran, when the node comes back.
        """
        self.down = True
        with self._lock:
            for one in [] if power else list(self.servers.values()):
                lost = one.state(self._now(), self.times) is MachineState.ACTIVE
                self._put(replace(one, stopped=True, lost=lost))

    def come_back(self) -> None:
        """End of go_down(); what was there is still there."""
        self.down = False
        with self._lock:
            for one in [one for one in self.servers.values() if one.lost]:
                ran = replace(one, lost=False)
                self._put(ran.again(self._now()) if self.resumes_guests else ran)

    def break_next(self, refusal: Refusal = Refusal.FAILED) -> None:
        """The next machine that is made goes BROKEN where it would have become ACTIVE."""
        with self._lock:
            self.breaks.append(refusal)

    def vanish(self, mark: str, kind: str = SERVER) -> None:
        """Something is deleted behind our back: the mark's server, or its resources of another ``kind``."""
        with self._lock:
            self.network.drop(mark, kind)
            here = self.servers.items()
            self.servers = {i: one for i, one in here if (one.spec.mark, one.kind.value) != (mark, kind)}

    def end(self, mark: str, code: int = 0) -> None:
        """The mark's machine ends by itself: a container with that code, a server is powered off from inside."""
        for one in self._of(mark):
            ending = f"Exited({code}) 1 second ago" if one.kind is Kind.CONTAINER else ""
            self._put(replace(one, stopped=True, ending=ending))

    def write(self, mark: str, text: str) -> None:
        """The mark's machine writes this to its console."""
        for one in self._of(mark):
            self._put(replace(one, output=one.output + text))

    def plant(self, mark: str) -> None:
        """Make a whole set (group, port, floating IP, server) that nobody asked for."""
        spec = ServerSpec(mark, "planted", self.offered[0].name, Size("planted", 1, 512, 1), "")
        with self._lock:
            self._add(spec, self.network.ensure(spec))

    def _call(self, method: str, do: Callable[[], T]) -> T:
        with self._lock:
            self.calls.append(method)
            if self.down:
                raise NodeDown(self._name, Refusal.DOWN, "switched off")
            error, after = self.faults[method].popleft() if self.faults[method] else (None, False)
            if error is not None and not after:
                raise error
            self._pass_time()
            result = do()
            if error is not None:
                raise error
            return result

    def _pass_time(self) -> None:
        now, times = self._now(), self.times
        here = {i: one for i, one in self.servers.items() if not one.is_gone(now, times)}
        self.servers = {i: self._booted(one, one.settled(now, times)) for i, one in here.items()}
        self.shelf.pass_time(now)

    def _new_id(self, kind: str) -> str:
        return f"{self._name}-{kind}-{next(self._ids)}"

    def _of(self, mark: str) -> list[FakeMachine]:
        with self._lock:
            return [one for one in self.servers.values() if one.spec.mark == mark]

    def _put(self, machine: FakeMachine) -> None:
        with self._lock:
            self.servers[machine.id] = machine

    def _capacity(self) -> Capacity:
        largest, addresses = self.largest or self.size, self.network.free_addresses
        return capacity_left(self.servers.values(), self.size, largest, addresses, self._now())

    def _ensure_server(self, spec: ServerSpec, address: Address) -> str:
        for one in self._of(spec.mark):
            return one.id
        if spec.image not in {image.name for image in self.offered} and not self.shelf.has_copy(spec.image):
            raise NodeRefused(self._name, Refusal.NO_IMAGE, f"no image {spec.image!r}")
        if not all(self.shelf.boots(image) for image in self.offered if image.name == spec.image):
            raise NodeRefused(self._name, Refusal.INVALID, "Can not find requested image")
        if address.port_id not in self.network:
            raise NodeRefused(self._name, Refusal.INVALID, f"no port {address.port_id!r}")
        if not fits(spec.size, self._capacity()) or not spec.size.within(self.largest or self.size):
            raise NodeRefused(self._name, Refusal.NO_HOST, FAULTS[Kind.SERVER][Refusal.NO_HOST])
        return self._add(spec, address)

    def _ensure_container(self, spec: ContainerSpec, address: Address) -> str:
        if not self._registry:
            raise NodeRefused(self._name, Refusal.MISSING, "no container service")
        for one in self._of(spec.mark):
            return one.id
        return self._run(spec, address)

    def _run(self, spec: ContainerSpec, address: Address, number: int = 0) -> str:
        if address.port_id not in self.network:
            raise NodeRefused(self._name, Refusal.MISSING, f"no port {address.port_id!r}")
        has_room = fits(replace(spec.size, disk_gb=0), self._capacity())
        return self._add(spec, address, verdict(spec, self._registry, has_room), number)

    def _rebuild(self, again: Rebuild, address: Address) -> str | None:
        spec = again.spec
        if isinstance(spec, ContainerSpec):
            return self._run_again(spec, address, again.number)
        for one in self._of(spec.mark):
            if one.number == again.number:
                return one.id
            if spec.image not in {image.name for image in self.offered}:
                raise NodeRefused(self._name, Refusal.NO_IMAGE, f"no image {spec.image!r}")
            fresh = one.rebuilt(again, self._now(), self.times, self.breaks[0] if self.breaks else None)
            if fresh is None:
                raise NodeRefused(self._name, Refusal.INVALID, "cannot rebuild while it is not there to run")
            if self.breaks:
                self.breaks.popleft()
            self._put(fresh if self.boot_scripts else replace(fresh, taken=""))
            self.rebuilt.append((spec.mark, again.number))
            return one.id
        raise NodeRefused(self._name, Refusal.MISSING, f"no server of {spec.mark}")

    def _run_again(self, spec: ContainerSpec, address: Address, number: int) -> str | None:
        for one in self._of(spec.mark):
            if one.number == number:
                return one.id
            self._put(replace(one, deleted_at=one.deleted_at or self._now()))
        self._pass_time()
        return None if self._of(spec.mark) else self._run(spec, address, number)

    def _add(
        self,
        spec: ServerSpec | ContainerSpec,
        address: Address,
        broken: Refusal | None = None,
        number: int = 0,
    ) -> str:
        kind = CONTAINER if isinstance(spec, ContainerSpec) else SERVER
        if self.breaks:
            broken = self.breaks.popleft()
        machine = FakeMachine(self._new_id(kind), spec, address.port_id, self._now(), broken, number=number)
        self.servers[machine.id] = machine
        self.ever.append(machine)
        return machine.id

    def _machines(self, kinds: Collection[Kind]) -> dict[str, Machine]:
        wanted = [one for one in self.servers.values() if one.kind in kinds]
        return {one.spec.mark: one.shown(self._now(), self.times) for one in wanted}

    def _new_servers(self, ids: Collection[str]) -> dict[str, Machine]:
        shown = self._machines((Kind.SERVER,)).values()
        return {one.id: one for one in shown if one.id in ids or one.state is MachineState.BUILDING}

    def _find(self, kind: Kind, machine_id: str) -> FakeMachine:
        found = self.servers.get(machine_id)
        if found is None or found.kind is not kind:
            raise NodeRefused(self._name, Refusal.MISSING, f"no {kind} {machine_id!r}")
        return found

    def _act(self, kind: Kind, machine_id: str, action: MachineAction) -> None:
        machine = self._find(kind, machine_id)
        after = machine.after(action, self._now(), self.times)
        if after is not None and not self.boot_scripts:
            after = replace(after, taken=machine.taken)
        if after is None:
            raise NodeRefused(self._name, Refusal.INVALID, f"cannot {action} while it is not there to run")
        self._put(after)

    def _booted(self, before: FakeMachine, after: FakeMachine) -> FakeMachine:
        """A boot takes the key that was left, where the images have the script for it."""
        return after if self.boot_scripts else replace(after, taken=before.taken)

    def _resize(self, machine_id: str, size: Size) -> None:
        machine, now = self._find(Kind.SERVER, machine_id), self._now()
        can = self.resizes and fits(size, self._capacity()) and size.within(self.largest or self.size)
        after = machine.with_size(size, now, self.times, can=can)
        if after is None:
            raise NodeRefused(self._name, Refusal.INVALID, "cannot resize while it is not there to run")
        if after is not machine:
            self.resized.append((machine.spec.mark, size))
            spoiled = self.breaks.popleft() if self.breaks and after.before else None
            self._put(replace(after, spoiled=spoiled))

    def _end_resize(self, machine_id: str, end: ResizeEnd) -> None:
        machine = self._find(Kind.SERVER, machine_id)
        after = machine.ended(end, self._now(), self.times)
        if after is None:
            raise NodeRefused(self._name, Refusal.INVALID, "it has not been resized yet")
        if after is not machine:
            self.resized.append((machine.spec.mark, end))
            self._put(after)

    def _cpu_seconds(self, server_id: str) -> float | None:
        machine = self.servers.get(server_id)
        return machine.cpu_seconds(self._now(), self.times) if machine and self.diagnostics else None

    def _put_key(self, machine_id: str, public_key: str) -> None:
        after = self._find(Kind.SERVER, machine_id).with_key(public_key, self._now(), self.times)
        if after is None:
            raise NodeRefused(self._name, Refusal.INVALID, "no metadata now, or none of that length")
        self._put(after)

    def _disk_of(self, server_id: str) -> bytes:
        """Return what is on a server's disk, as far as a copy has to tell it. Not a call of the contract.

        Raises:
            NodeRefused: If there is no such server, or its state doesn't allow a copy now.
        """
        machine = self._find(Kind.SERVER, server_id)
        if machine.state(self._now(), self.times) not in RUNNING:
            raise NodeRefused(self._name, Refusal.INVALID, "cannot be copied while it is not there to run")
        return f"disk of {machine.spec.mark}".encode().ljust(4096, b"\0")

    def _check_login(self, address: Address, login: Login, now: datetime) -> LoginCheck:
        here = [one for one in self.servers.values() if one.port_id == address.port_id]
        looks = [one.check_login(login, now, self.times) for one in here]
        return next((look for look in looks if look.answers), LoginCheck())

    def _host_keys(self, machine_id: str) -> list[str]:
        machine = self._find(Kind.SERVER, machine_id)
        return [machine.host_key] if machine.has_printed_keys(self._now(), self.times) else []

    def _console(self, kind: Kind, machine_id: str, lines: int) -> str:
        machine = self._find(kind, machine_id)
        state = machine.state(self._now(), self.times)
        if state is MachineState.BUILDING:
            return ""
        if kind is Kind.SERVER and state is MachineState.STOPPED:
            raise NodeRefused(self._name, Refusal.OFF, "it is stopped")
        if kind is Kind.SERVER and not self.consoles:
            raise NodeRefused(self._name, Refusal.NO_CONSOLE, "no console here")
        return "".join(machine.output.splitlines(keepends=True)[-lines:])

    def _release(self, mark: str) -> RemainingResources:
        self.network.drop(mark, ADDRESS)
        for one in self._of(mark):
            self._put(replace(one, deleted_at=one.deleted_at or self._now()))
        self._pass_time()
        if not self._of(mark):
            self.network.drop(mark, PORT, GROUP, NETWORK)
        left = self.resources().get(mark, RemainingResources())
        return RemainingResources(frozenset(item for item in left.items if item[0] != "image"))

"""Servers and containers of the node in memory: what each is at a given time."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kws_core.errors import Refusal
from kws_core.nodes.offered_images import login_of
from kws_core.nodes.user_data import with_key
from kws_core.nodes.values import (
    Capacity,
    ContainerSpec,
    Image,
    Login,
    LoginCheck,
    Machine,
    MachineAction,
    MachineState,
    Rebuild,
    ResizeState,
    ServerSpec,
)
from kws_core.values import HostCapacity, Kind, ResizeEnd, Size

REGISTRY = ("nginx:latest", "busybox:latest")
LONGEST_METADATA = 255  # characters of a value; more is no metadata to Nova
BAD_COMMAND = "no-such-command"  # the program that no container has
IMAGES = (
    Image(id="fake-debian-12", name="debian-12", title="Debian 12", min_disk_gb=2, login="debian"),
    Image(id="fake-ubuntu-24.04", name="ubuntu-24.04", title="Ubuntu 24.04", min_disk_gb=3, login="ubuntu"),
)
FAULTS = {
    Kind.SERVER: {
        Refusal.NO_HOST: "No valid host was found.",
        Refusal.QUOTA: "Quota exceeded for instances.",
    },
    Kind.CONTAINER: {
        Refusal.NO_HOST: "There are not enough hosts available.",
        Refusal.NO_IMAGE: "Cannot download image from docker: Error on pulling image",
        Refusal.INVALID: "Docker internal error: 400 Client Error: executable file not found in $PATH",
    },
}
CLOUD_INIT_ENDS = timedelta(
    seconds=20
)  # after the SSH server has begun to answer; a real one takes up to a minute
RUNNING = (MachineState.ACTIVE, MachineState.STOPPED)
CONSOLE = "FAKE CONSOLE OUTPUT\n"


@dataclass(frozen=True, slots=True)
class Times:
    """How long each step takes, in seconds."""

    build: timedelta
    boot: timedelta
    delete: timedelta
    stop: timedelta = timedelta(0)
    resize: timedelta = timedelta(0)

    @classmethod
    def of(cls, *seconds: float) -> Times:
        """The same, in this order."""
        return cls(*(timedelta(seconds=one) for one in seconds))


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """A server or a container, by its spec."""

    id: str
    spec: ServerSpec | ContainerSpec
    port_id: str
    created_at: datetime
    broken: Refusal | None = None
    deleted_at: datetime | None = None
    stopped: bool = False
    lost: bool = False  # it ran when its node lost power
    stopping_at: datetime | None = None  # since when it is being stopped by an action
    started_at: datetime | None = None  # by an action, since it was made
    ending: str = ""  # of a container that ended by itself, Docker's words
    output: str = CONSOLE
    key: str = ""  # in its metadata, by put_key()
    taken: str = ""  # what was there when it booted last
    number: int = 0  # of its last rebuild
    rebuilt_at: datetime | None = None
    before: Size | None = None  # the size that it goes back to, until the new one is confirmed
    resize_at: datetime | None = None  # since when it is on its way to another size, or back
    reverting: bool = False
    was_off: bool = False  # it was stopped as that began
    spoiled: Refusal | None = None  # it breaks on its way
    cpu_share: float = 0.001  # how much of its vCPUs it uses

    @property
    def kind(self) -> Kind:
        return Kind.CONTAINER if isinstance(self.spec, ContainerSpec) else Kind.SERVER

    @property
    def made_at(self) -> datetime:
        """Since when it has this disk."""
        return self.rebuilt_at or self.created_at

    @property
    def host_key(self) -> str:
        """The fingerprint of the host key on this disk."""
        return host_key(f"{self.id}.{self.number}" if self.number else self.id)

    def state(self, now: datetime, times: Times) -> MachineState:
        """Its state at this time."""
        if self.deleted_at is not None:
            return MachineState.DELETING
        if now < self.made_at + times.build:
            return MachineState.BUILDING
        if self.broken or (self.spoiled and not self._on_its_way(now, times)):
            return MachineState.BROKEN
        settled = self.resize_state(now, times) is None  # Nova doesn't say whether it runs until then
        return MachineState.STOPPED if settled and self._is_off(now, times) else MachineState.ACTIVE

    def _is_off(self, now: datetime, times: Times) -> bool:
        return self.stopped or (self.stopping_at is not None and now >= self.stopping_at + times.stop)

    def resize_state(self, now: datetime, times: Times) -> ResizeState | None:
        """How far it is with another size."""
        if self._on_its_way(now, times):
            return ResizeState.UNDER_WAY
        return ResizeState.UNCONFIRMED if self.before and not (self.spoiled or self.reverting) else None

    def _on_its_way(self, now: datetime, times: Times) -> bool:
        return self.resize_at is not None and now < self.resize_at + times.resize

    def with_size(self, size: Size, now: datetime, times: Times, *, can: bool) -> FakeMachine | None:
        """On its way to that size, or ``can`` not get there; None when its state does not allow it."""
        here, going = self.state(now, times), self.resize_state(now, times)
        has_it = _figures(self.spec.size) == _figures(size)
        if here in RUNNING and (has_it or going is ResizeState.UNDER_WAY) and not self.reverting:
            return self
        if here not in RUNNING or going or (self.stopping_at and here is MachineState.ACTIVE):
            return None
        if not can:
            return replace(self, resize_at=now)
        off = here is MachineState.STOPPED
        resized = replace(self, spec=replace(self.spec, size=size), before=self.spec.size, resize_at=now)
        return replace(resized, stopped=off, stopping_at=None, was_off=off)

    def ended(self, end: ResizeEnd, now: datetime, times: Times) -> FakeMachine | None:
        """With the new size for good, or on its way back to the old one; None when it is on its way to the new one."""
        if self.before is None or self.reverting or self.spoiled:
            return self
        if self._on_its_way(now, times):
            return None
        if end is ResizeEnd.CONFIRM:
            return replace(self, before=None)
        return replace(self, resize_at=now, reverting=True)

    def settled(self, now: datetime, times: Times) -> FakeMachine:
        """What has become of it at the end of its way: one that has another size, or has it no longer, was restarted."""
        if self.resize_at is None or self._on_its_way(now, times) or self.spoiled:
            return self
        there = replace(self, resize_at=None)
        if self.before is None:
            return there
        if self.reverting:
            spec = replace(self.spec, size=self.before)
            there = replace(there, spec=spec, before=None, reverting=False, stopped=self.was_off)
        return (
            there
            if there.stopped
            else replace(there, started_at=self.resize_at + times.resize, taken=self.key)
        )

    def is_gone(self, now: datetime, times: Times) -> bool:
        """Whether it is not shown any longer."""
        return self.deleted_at is not None and now >= self.deleted_at + times.delete

    def answers(self, now: datetime, times: Times) -> bool:
        """Whether it is up and has booted."""
        up_since = self.started_at or self.made_at + times.build
        if self._on_its_way(now, times) or self._is_off(now, times):
            return False
        return self.state(now, times) is MachineState.ACTIVE and now >= up_since + times.boot

    def has_printed_keys(self, now: datetime, times: Times) -> bool:
        """Whether cloud-init has come to its end, where it prints the host keys."""
        return self.answers(now - CLOUD_INIT_ENDS, times)

    def cpu_seconds(self, now: datetime, times: Times) -> float | None:
        """CPU time that it has used since its start; None while it isn't running."""
        if self.kind is not Kind.SERVER or self.state(now, times) is not MachineState.ACTIVE:
            return None
        since = self.started_at or self.made_at + times.build
        return max(0.0, (now - since).total_seconds()) * self.spec.size.vcpus * self.cpu_share

    def check_login(self, login: Login, now: datetime, times: Times) -> LoginCheck:
        """What its SSH server shows; it lets in whose key it was born with, or has taken, and any password."""
        if not self.answers(now, times):
            return LoginCheck()
        accepted = login.public_key is None or self.opens(login.public_key)
        return LoginCheck(True, accepted, (self.host_key,))

    def after(self, action: MachineAction, now: datetime, times: Times) -> FakeMachine | None:
        """What it is after the action; None when its state does not allow it."""
        state = self.state(now, times)
        if self.resize_state(now, times) is not None:
            return None
        if action is MachineAction.STOP and state in RUNNING:
            return self if self.stopping_at or self.stopped else replace(self, stopping_at=now)
        if state not in RUNNING or (self.stopping_at and state is MachineState.ACTIVE):
            return None
        if action is MachineAction.START and state is MachineState.ACTIVE:
            return self
        return self.again(now)

    def again(self, now: datetime) -> FakeMachine:
        """Booted again."""
        return replace(self, stopped=False, stopping_at=None, ending="", started_at=now, taken=self.key)

    def rebuilt(
        self, again: Rebuild, now: datetime, times: Times, broken: Refusal | None
    ) -> FakeMachine | None:
        """With a new disk, stopped if it was; None when its state does not allow it."""
        state = self.state(now, times)
        if state not in (*RUNNING, MachineState.BROKEN) or (
            self.stopping_at and state is MachineState.ACTIVE
        ):
            return None
        if self.resize_state(now, times) is not None:
            return None
        spec, key = self.spec, again.public_key or self.key
        if isinstance(spec, ServerSpec) and again.public_key:
            spec = replace(spec, user_data=with_key(spec.user_data, again.public_key))
        stopped = state is MachineState.STOPPED
        fresh = FakeMachine(self.id, spec, self.port_id, self.created_at, broken, stopped=stopped)
        return replace(fresh, key=key, taken=key, number=again.number, rebuilt_at=now)

    def with_key(self, public_key: str, now: datetime, times: Times) -> FakeMachine | None:
        """With that key in its metadata; None when it takes none, now or of that length."""
        if self.state(now, times) not in RUNNING or len(public_key) > LONGEST_METADATA:
            return None
        return replace(self, key=public_key)

    def opens(self, public_key: str) -> bool:
        """Whether a key of KWS opens it: the last one that it took, otherwise the one that it was born with."""
        born = "" if isinstance(self.spec, ContainerSpec) else self.spec.user_data
        return public_key == self.taken if self.taken else public_key in born

    def shown(self, now: datetime, times: Times) -> Machine:
        """As the contract's Machine."""
        state = self.state(now, times)
        refusal = self.broken if state is MachineState.BROKEN else None
        fault = FAULTS[self.kind].get(refusal, "Build of instance aborted.") if refusal else self.ending
        return Machine(
            id=self.id,
            mark=self.spec.mark,
            name=self.spec.name,
            kind=self.kind,
            state=state,
            fault=fault,
            refusal=refusal,
            created_at=self.created_at,
            command=self.spec.command if isinstance(self.spec, ContainerSpec) else (),
            environment=self.spec.environment if isinstance(self.spec, ContainerSpec) else {},
            size=self._shown_size(now, times),
            resize=self.resize_state(now, times),
        )

    def _shown_size(self, now: datetime, times: Times) -> Size | None:
        """The old one until it has the new one."""
        if self.kind is Kind.CONTAINER:
            return None
        coming = self._on_its_way(now, times) and not self.reverting
        return self.before if coming and self.before else self.spec.size


def capacity_left(
    machines: Iterable[FakeMachine], total: Size, largest: Size, addresses: int, now: datetime
) -> Capacity:
    """What the node's one host has, and what these machines use of it; broken containers use nothing.

    ``largest`` is the largest server that it gives.
    """
    machines = list(machines)
    held = [one.spec.size for one in machines if one.kind is Kind.SERVER or not one.broken]
    disks = [one.spec.size for one in machines if one.kind is Kind.SERVER]
    twice = [one.before for one in machines if one.before]  # until a new size is confirmed it has both
    used = Size(
        "used",
        sum(size.vcpus for size in (*held, *twice)),
        sum(size.ram_mb for size in (*held, *twice)),
        sum(size.disk_gb for size in (*disks, *twice)),
    )
    host = HostCapacity(
        min(total.vcpus, largest.vcpus),
        min(total.ram_mb, largest.ram_mb),
        min(total.disk_gb, largest.disk_gb),
        max(0, min(total.vcpus - used.vcpus, largest.vcpus)),
        max(0, min(total.ram_mb - used.ram_mb, largest.ram_mb)),
        max(0, min(total.disk_gb - used.disk_gb, largest.disk_gb)),
    )
    return Capacity(
        at=now,
        vcpus=total.vcpus,
        ram_mb=total.ram_mb,
        disk_gb=total.disk_gb,
        used_vcpus=used.vcpus,
        used_ram_mb=used.ram_mb,
        used_disk_gb=used.disk_gb,
        free_addresses=addresses,
        hosts=(host,),
    )


def _figures(size: Size) -> tuple[int, int, int]:
    return size.vcpus, size.ram_mb, size.disk_gb


def fits(size: Size, now: Capacity) -> bool:
    """Whether a machine of that size has room beside the others."""
    room = (now.vcpus or 0, now.ram_mb or 0, now.disk_gb or 0)
    used = (now.used_vcpus, now.used_ram_mb, now.used_disk_gb)
    wanted = (size.vcpus, size.ram_mb, size.disk_gb)
    return all(u + w <= r for u, w, r in zip(used, wanted, room, strict=True))


def host_key(machine_id: str) -> str:
    """A made-up fingerprint, always the same for a machine."""
    digest = hashlib.sha256(machine_id.encode()).digest()
    return "SHA256:" + b64encode(digest).decode().rstrip("=")


def verdict(spec: ContainerSpec, registry: Iterable[str], fits: bool) -> Refusal | None:
    """How a container will break, in the order in which Zun notices; None when it will run."""
    if not fits:
        return Refusal.NO_HOST
    if spec.image not in registry:
        return Refusal.NO_IMAGE
    return Refusal.INVALID if spec.command and spec.command[0] == BAD_COMMAND else None


def image_called(name: str) -> Image:
    """An image of which no more than the name is known."""
    return Image(id=f"fake-{name}", name=name, login=login_of(name))

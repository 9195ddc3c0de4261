"""OpenStack's words into ours, as tables."""

from __future__ import annotations

import re

from kws_core.errors import Refusal
from kws_core.nodes.openstack.api.types import Container, Server
from kws_core.nodes.values import Machine, MachineState, ResizeState
from kws_core.values import TAG_PREFIX, Kind, Size, owner_tag

RENTAL_KEY = "kws_rental"  # metadata of a server, label of a container: the rental's id
OWNER_KEY = "kws_owner"
NUMBER_KEY = "kws_reset"  # which rebuild it is the machine of; a machine that was never rebuilt has none

_STATES = {
    "ACTIVE": MachineState.ACTIVE,
    "BUILD": MachineState.BUILDING,
    "REBUILD": MachineState.BUILDING,
    "REBOOT": MachineState.ACTIVE,
    "HARD_REBOOT": MachineState.ACTIVE,
    "PASSWORD": MachineState.ACTIVE,
    "MIGRATING": MachineState.ACTIVE,
    "RESCUE": MachineState.ACTIVE,
    "RESIZE": MachineState.ACTIVE,
    "VERIFY_RESIZE": MachineState.ACTIVE,
    "REVERT_RESIZE": MachineState.ACTIVE,
    "SHUTOFF": MachineState.STOPPED,
    "PAUSED": MachineState.STOPPED,
    "SUSPENDED": MachineState.STOPPED,
    "SHELVED": MachineState.STOPPED,
    "SHELVED_OFFLOADED": MachineState.STOPPED,
    "UNKNOWN": MachineState.STOPPED,  # Nova lost sight of the host: no reason to call the machine broken
    "ERROR": MachineState.BROKEN,
    "DELETED": MachineState.DELETING,  # listed for half a second after the deletion
    "SOFT_DELETED": MachineState.DELETING,
}
UNCONFIRMED = "VERIFY_RESIZE"
RESIZING, REVERTING = "RESIZE", "REVERT_RESIZE"
_DELETING_TASKS = frozenset({"deleting", "soft-deleting"})

_CONTAINER_STATES = {
    "Creating": MachineState.BUILDING,
    "Created": MachineState.BUILDING,
    "Rebuilding": MachineState.BUILDING,
    "Running": MachineState.ACTIVE,
    "Restarting": MachineState.ACTIVE,
    "Stopped": MachineState.STOPPED,
    "Exited": MachineState.STOPPED,
    "Paused": MachineState.STOPPED,
    "Unknown": MachineState.STOPPED,  # as Nova's
    "Error": MachineState.BROKEN,
    "Deleting": MachineState.DELETING,
    "Deleted": MachineState.DELETING,
    "Dead": MachineState.DELETING,
}
_ADOPTED = re.compile(re.escape(TAG_PREFIX) + r"[a-z0-9]{10}")
_GONE_CONTAINERS = frozenset({"Deleted", "Dead"})  # only their record is left
# What a container's status_reason says; the first that fits counts.
_CONTAINER_FAULTS = (
    (re.compile(r"cannot download image|image .*(not found|not be found)", re.I), Refusal.NO_IMAGE),
    (re.compile(r"not enough hosts|no valid host", re.I), Refusal.NO_HOST),
    (re.compile(r"quota", re.I), Refusal.QUOTA),
    (
        re.compile(r"docker internal error: 4\d\d|oci runtime|executable file not found", re.I),
        Refusal.INVALID,
    ),
)


def machine_state(server: Server) -> MachineState:
    """The state of a Nova server."""
    if server.task in _DELETING_TASKS or server.vm_state in ("deleted", "soft-delete"):
        return MachineState.DELETING
    return _STATES.get(server.status, MachineState.STOPPED)


def resize_state(server: Server) -> ResizeState | None:
    """How far a Nova server is with another flavor."""
    if server.status in (RESIZING, REVERTING) or (server.status == UNCONFIRMED and server.task):
        return ResizeState.UNDER_WAY
    return ResizeState.UNCONFIRMED if server.status == UNCONFIRMED else None


def size_of(server: Server) -> Size:
    """The size that a Nova server has now."""
    return Size(server.flavor, server.vcpus, server.ram_mb, server.disk_gb)


def fault_refusal(fault: str) -> Refusal:
    """What kind of failure a server's fault text tells. Nova gives every fault the same code 500."""
    text = fault.lower()
    if "no valid host" in text:
        return Refusal.NO_HOST
    if "quota" in text:
        return Refusal.QUOTA
    return Refusal.FAILED


def mark_of_server(server: Server) -> str:
    """The server's mark, empty when it isn't ours."""
    rental = server.metadata.get(RENTAL_KEY, "")
    return owner_tag(rental) if rental else ""


def machine(server: Server) -> Machine:
    """A Nova server as the contract's Machine."""
    state = machine_state(server)
    broken = state is MachineState.BROKEN
    return Machine(
        id=server.id,
        mark=mark_of_server(server),
        name=server.name,
        kind=Kind.SERVER,
        state=state,
        fault=server.fault,
        refusal=fault_refusal(server.fault) if broken else None,
        created_at=server.created_at,
        size=size_of(server),
        resize=resize_state(server),
    )


def container_state(container: Container) -> MachineState:
    """The state of a Zun container. One whose command can't be started stays, or goes back to, Created."""
    if container.task == "container_deleting":
        return MachineState.DELETING
    if container.status == "Created" and container.reason and not container.task:
        return MachineState.BROKEN
    return _CONTAINER_STATES.get(container.status, MachineState.STOPPED)


def container_is_gone(container: Container) -> bool:
    """Whether Zun shows no more than a record of what was."""
    return container.status in _GONE_CONTAINERS


def container_refusal(reason: str) -> Refusal:
    """What kind of failure a container's status_reason tells."""
    return next((kind for pattern, kind in _CONTAINER_FAULTS if pattern.search(reason)), Refusal.FAILED)


def mark_of_container(container: Container) -> str:
    """The container's mark, empty when it isn't ours. An adopted one has it for a name: Zun sets no label later."""
    rental = container.labels.get(RENTAL_KEY, "")
    if rental:
        return owner_tag(rental)
    return container.name if _ADOPTED.fullmatch(container.name) else ""


def container_machine(container: Container) -> Machine:
    """A Zun container as the contract's Machine."""
    state = container_state(container)
    return Machine(
        id=container.id,
        mark=mark_of_container(container),
        name=container.name,
        kind=Kind.CONTAINER,
        state=state,
        fault=container.reason or (container.detail if state is MachineState.STOPPED else ""),
        refusal=container_refusal(container.reason) if state is MachineState.BROKEN else None,
        created_at=container.created_at,
        command=container.command,
        environment=container.environment,
    )

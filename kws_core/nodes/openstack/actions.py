"""Actions on machines that run, and what they wrote. Look first: the mark, and whether it is so already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from kws_core.errors import Refusal
from kws_core.nodes.image_store import COPY, LOGIN
from kws_core.nodes.offered_images import copy_mark
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Server
from kws_core.nodes.openstack.faults import OpenStackRefused, status_of
from kws_core.nodes.openstack.translation import (
    NUMBER_KEY,
    OWNER_KEY,
    RESIZING,
    UNCONFIRMED,
    container_is_gone,
    container_state,
    fault_refusal,
    machine_state,
    mark_of_container,
    mark_of_server,
    size_of,
)
from kws_core.nodes.user_data import with_key
from kws_core.nodes.values import CopySpec, MachineAction, MachineState, Rebuild
from kws_core.values import GUEST_KEY, TAG_PREFIX, Kind, ResizeEnd, Size

# Nova's and Zun's words for being on the way to what the action is for
_SERVER_TASKS = {
    MachineAction.REBOOT: frozenset({"reboot_pending", "reboot_started", "rebooting", "powering-on"}),
    MachineAction.START: frozenset({"powering-on"}),
    MachineAction.STOP: frozenset({"powering-off"}),
}
_CONTAINER_TASKS = {
    MachineAction.REBOOT: frozenset({"container_rebooting"}),
    MachineAction.START: frozenset({"container_starting", "container_rebooting"}),
    MachineAction.STOP: frozenset({"container_stopping"}),
}
_WANTED = {MachineAction.START: MachineState.ACTIVE, MachineAction.STOP: MachineState.STOPPED}
_NOT_READY = 409
_SETTLED = ("ACTIVE", "SHUTOFF")
_NO_IMAGE = frozenset({"deleted", "killed", "pending_delete"})
_NO_CONSOLE = (400, 404, _NOT_READY, 501)


def act(cloud: Cloud, kind: Kind, machine_id: str, action: MachineAction) -> None:
    """See Node.act()."""
    _Doer(cloud, kind, machine_id, action).do()


def console(cloud: Cloud, kind: Kind, machine_id: str, lines: int) -> str:
    """See Node.console().

    Raises:
        OpenStackRefused: If the server is stopped, or the node keeps no console.
    """
    read = cloud.servers.console if kind is Kind.SERVER else cloud.containers.logs
    refused: OpenStackRefused | None = None
    try:
        if text := read(machine_id, lines):
            return text
    except OpenStackRefused as error:
        if status_of(error) not in _NO_CONSOLE:
            raise
        refused = error
    state, _ = _find(cloud, kind, machine_id)  # missing is another matter than mute
    if state is MachineState.STOPPED and kind is Kind.SERVER:
        raise OpenStackRefused(cloud.node, Refusal.OFF, "it is stopped")
    if refused is not None and state is MachineState.ACTIVE and status_of(refused) != _NOT_READY:
        raise OpenStackRefused(cloud.node, Refusal.NO_CONSOLE, refused.detail)
    return ""


def put_key(cloud: Cloud, machine_id: str, public_key: str) -> None:
    """See Node.put_key(). Looks first: Nova takes no metadata while it reboots the server."""
    if _our_server(cloud, machine_id).metadata.get(GUEST_KEY) != public_key:
        cloud.servers.set_metadata(machine_id, {GUEST_KEY: public_key})


def rebuild(cloud: Cloud, server: Server, image_id: str, again: Rebuild) -> None:
    """Have Nova make the server's disk once more, unless it is that of this time already.

    The number gets into the metadata in the transaction in which Nova accepts, so that whether it was done can be
    read there.
    """
    if server.metadata.get(NUMBER_KEY) == str(again.number):
        return
    metadata, user_data = {**server.metadata, NUMBER_KEY: str(again.number)}, ""
    if again.public_key:
        metadata[GUEST_KEY] = again.public_key
        born = cloud.servers.user_data(server.id)
        changed = with_key(born, again.public_key)
        user_data = changed if changed != born else ""
    cloud.servers.rebuild(server.id, image_id, metadata, user_data)


def resize(cloud: Cloud, machine_id: str, size: Size, flavor_id: Callable[[], str]) -> None:
    """Have Nova give the server another flavor, unless it has it or is on the way to it.

    Raises:
        OpenStackRefused: If its state does not allow it, or Nova says no.
    """
    server = _our_server(cloud, machine_id)
    has_it = replace(size_of(server), name=size.name) == size
    if server.status == RESIZING or (has_it and server.status in (*_SETTLED, UNCONFIRMED)):
        return
    flavor = flavor_id()
    try:
        cloud.servers.resize(machine_id, flavor)
    except OpenStackRefused as error:  # an older Nova asks its scheduler before it answers
        if fault_refusal(error.detail) is not Refusal.NO_HOST:
            raise
        raise OpenStackRefused(cloud.node, Refusal.NO_HOST, error.detail) from error


def end_resize(cloud: Cloud, machine_id: str, end: ResizeEnd) -> None:
    """See Node.act(). What was confirmed or reverted already, by anyone, is fine.

    Raises:
        OpenStackRefused: If it has not got that far yet.
    """
    verb = {ResizeEnd.CONFIRM: cloud.servers.confirm_resize, ResizeEnd.REVERT: cloud.servers.revert_resize}
    status = _our_server(cloud, machine_id).status
    if status == RESIZING:
        raise OpenStackRefused(cloud.node, Refusal.INVALID, "it has not been resized yet")
    if status != UNCONFIRMED:
        return
    try:
        verb[end](machine_id)
    except OpenStackRefused as error:  # it is being confirmed, which its status doesn't tell
        if status_of(error) not in (400, _NOT_READY):
            raise


def ensure_copy(cloud: Cloud, machine_id: str, spec: CopySpec) -> str:
    """See ImageStore.ensure_copy(). Nova makes the image before it answers, so that one look finds it."""
    for image in cloud.images.list():
        if copy_mark(image) == spec.mark and image.status not in _NO_IMAGE:
            return image.id
    _our_server(cloud, machine_id)
    properties = {COPY: spec.mark.removeprefix(TAG_PREFIX), LOGIN: spec.login, OWNER_KEY: spec.owner}
    return cloud.servers.create_image(machine_id, spec.mark, properties)


class _Doer:
    def __init__(self, cloud: Cloud, kind: Kind, machine_id: str, action: MachineAction) -> None:
        self._cloud = cloud
        self._kind = kind
        self._id = machine_id
        self._action = action

    def do(self) -> None:
        state, task = _find(self._cloud, self._kind, self._id)
        if self._is_so(state, task):
            return
        try:
            self._verbs(state)[self._action](self._id)
        except OpenStackRefused as error:
            if status_of(error) != 409 or not self._is_so(*_find(self._cloud, self._kind, self._id)):
                raise

    def _is_so(self, state: MachineState, task: str) -> bool:
        tasks = _SERVER_TASKS if self._kind is Kind.SERVER else _CONTAINER_TASKS
        return task in tasks[self._action] or (not task and state is _WANTED.get(self._action))

    def _verbs(self, state: MachineState) -> Mapping[MachineAction, Callable[[str], None]]:
        servers, containers = self._cloud.servers, self._cloud.containers
        if self._kind is Kind.CONTAINER:
            return {
                MachineAction.REBOOT: containers.restart,
                MachineAction.START: containers.start,
                MachineAction.STOP: containers.stop,
            }
        again = servers.start if state is MachineState.STOPPED else servers.reboot
        return {
            MachineAction.REBOOT: again,
            MachineAction.START: servers.start,
            MachineAction.STOP: servers.stop,
        }


def _find(cloud: Cloud, kind: Kind, machine_id: str) -> tuple[MachineState, str]:
    """State and task of the machine; NodeRefused ``missing`` when it is not there, or none of ours."""
    if kind is Kind.SERVER:
        server = _our_server(cloud, machine_id)
        return machine_state(server), server.task
    # get() would wait for the compute service
    for container in cloud.containers.list():
        if container.id == machine_id and mark_of_container(container) and not container_is_gone(container):
            return container_state(container), container.task
    raise OpenStackRefused(cloud.node, Refusal.MISSING, f"no {kind} {machine_id!r} of ours")


def _our_server(cloud: Cloud, machine_id: str) -> Server:
    server = cloud.servers.get(machine_id)
    if not mark_of_server(server):
        raise OpenStackRefused(cloud.node, Refusal.MISSING, f"no server {machine_id!r} of ours")
    return server

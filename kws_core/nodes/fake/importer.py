"""Machines without our mark on the node in memory, and their adoption: see :mod:`kws_core.nodes.importer`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.fake.machines import FakeMachine
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.importer import UntaggedMachine
from kws_core.nodes.values import ContainerSpec, MachineState, ServerSpec
from kws_core.values import Kind, Size


class FakeImporter:
    """Beside a FakeNode, whose insides it uses; ``plant`` puts a machine there that somebody else made."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node
        self._there: dict[str, UntaggedMachine] = {}
        self._marks: dict[str, str] = {}

    def plant(self, name: str, address: str, kind: Kind = Kind.SERVER, **changes: object) -> UntaggedMachine:
        """A machine that runs; ``changes`` to the Stray."""
        number = len(self._there) + 1
        stray = UntaggedMachine(
            f"{self._node.name}-old-{number}",
            name,
            kind,
            MachineState.ACTIVE,
            frozenset({address, f"10.9.0.{number}"}),
        )
        self._there[stray.id] = replace(stray, **changes)  # type: ignore[arg-type]
        return self._there[stray.id]

    def strays(self, kind: Kind) -> Sequence[UntaggedMachine]:
        """See Importer."""
        return self._node._call("strays", lambda: [s for s in self._unmarked() if s.kind is kind])

    def adopt(self, kind: Kind, machine_id: str, mark: str, owner: str, address: str) -> None:
        """See Importer. From here on the machine is the FakeNode's own."""
        self._node._call("adopt", lambda: self._adopt(kind, machine_id, mark))

    def _unmarked(self) -> list[UntaggedMachine]:
        return [stray for stray in self._there.values() if stray.id not in self._marks]

    def _adopt(self, kind: Kind, machine_id: str, mark: str) -> None:
        stray = self._there.get(machine_id)
        if stray is None or stray.kind is not kind:
            raise NodeRefused(self._node.name, Refusal.MISSING, f"no {kind} {machine_id!r}")
        if self._marks.get(machine_id, mark) != mark:
            raise NodeRefused(self._node.name, Refusal.INVALID, "another mark")
        if machine_id not in self._marks:
            self._marks[machine_id] = mark
            self._take_in(stray, mark)

    def _take_in(self, stray: UntaggedMachine, mark: str) -> None:
        size = Size("old", stray.vcpus or 1, stray.ram_mb or 512, stray.disk_gb)
        spec: ServerSpec | ContainerSpec = ServerSpec(mark, stray.name, "old", size, "")
        if stray.kind is Kind.CONTAINER:
            spec = ContainerSpec(mark, stray.name, "old", size)
        address, stopped = self._node.network.ensure(spec), stray.state is MachineState.STOPPED
        machine = FakeMachine(stray.id, spec, address.port_id, self._node._now(), stopped=stopped)
        self._node.servers[stray.id] = machine

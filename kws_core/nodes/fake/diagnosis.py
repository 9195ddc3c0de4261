"""What the node in memory tells of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from kws_core.errors import NodeError
from kws_core.findings import Finding, Wanted, fail, ok
from kws_core.nodes.values import Capacity, ContainerSpec, Image, ServerSpec
from kws_core.values import Kind


class _Fake(Protocol):
    _registry: Collection[str]

    @property
    def name(self) -> str: ...

    def ping(self) -> None: ...

    def images(self) -> list[Image]: ...

    def capacity(self) -> Capacity: ...

    def spec(self, mark: str) -> ServerSpec | ContainerSpec: ...


class FakeChecks:
    """Part of FakeNode, which has the calls that are used here."""

    def diagnose(self: _Fake, wanted: Wanted) -> Iterator[Finding]:
        """See Node."""
        try:
            self.ping()
            yield ok("node_answers", url=f"fake://{self.name}", ms=0)
            images = [image for image in self.images() if not image.hidden]
            capacity = self.capacity()
            free = capacity.free_addresses
        except NodeError:
            yield fail("node_silent", url=f"fake://{self.name}", host=self.name, seconds=0)
            return
        yield ok("images", names=", ".join(image.name for image in images)) if images else fail("images_none")
        name = "public"
        yield ok("external_network_free", name=name, free=free) if free else fail("addresses_none", name=name)
        if too_large := wanted.too_large(capacity.hosts):
            yield too_large
        if Kind.CONTAINER in wanted.kinds:
            yield ok("containers") if self._registry else fail("containers_missing")

    def user_data(self: _Fake, mark: str) -> str:
        """Return the user data of the mark's newest server, even if it is gone.

        Raises:
            KeyError: If there never was one.
        """
        spec = self.spec(mark)
        if isinstance(spec, ContainerSpec):
            raise KeyError(mark)
        return spec.user_data

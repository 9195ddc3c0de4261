"""A real OpenStack node on a stub of OpenStack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.contract_kit import node_on
from harness.openstack_stub import Stub

from kws_core.nodes import Node


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def node(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """The real OpenStack node, on a stub of OpenStack."""
    with node_on(stub, tmp_path, monkeypatch) as node:
        yield node

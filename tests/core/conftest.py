"""A real OpenStack node on a stub of OpenStack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.kit import config_for
from contract.stub import Stub

from kws_core.nodes import Node
from kws_core.nodes.pool import Pool


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    yield server
    server.close()


@pytest.fixture
def node(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """The real OpenStack node, on a stub of OpenStack."""
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(stub.clouds_yaml(tmp_path)))
    pool = Pool(config_for("stub"))
    yield pool.nodes()["stub"].unguarded
    pool.close()

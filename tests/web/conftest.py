"""A real Caddy with a proxy on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.caddy_kit import RealCaddy, own_address, real_caddy
from web.front import Front


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[RealCaddy]:
    """A Caddy that serves nothing yet."""
    with real_caddy(tmp_path) as caddy:
        yield caddy


@pytest.fixture
def front(caddy: RealCaddy) -> Iterator[Front]:
    """A proxy with its own CA."""
    front = Front(caddy, caddy.section(), own_address())
    front.load()
    front.wait()
    yield front
    front.close()

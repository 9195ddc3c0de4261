"""The nodes that the contract is tried on: one in memory, one real (the lab, where it runs)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from kws_core.nodes.fake import FakeNode
from kws_core.nodes.pool import Pool

from .kit import Clock, Kit, config_for

LAB_CLOUD = os.environ.get("KWS_TEST_CLOUD", "node2")
HINT = 'run: eval "$(tests/lab/up.sh)"'


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "openstack: needs a real OpenStack node (tests/lab/up.sh)")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def lab_pool() -> Iterator[Pool]:
    """A Pool with the lab's node in it."""
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        pytest.skip(f"OS_CLIENT_CONFIG_FILE is not set; {HINT}")
    pool = Pool(config_for(LAB_CLOUD, ready_check="active"))
    url = urlsplit(str(pool[LAB_CLOUD].openstack.config.get_auth_args()["auth_url"]))
    try:
        socket.create_connection((url.hostname or "", url.port or 443), 2).close()
    except OSError:
        pytest.skip(f"no Keystone at {url.netloc}; {HINT}")
    yield pool
    pool.close()


@pytest.fixture
def lab(lab_pool: Pool) -> Iterator[Kit]:
    """The real node."""
    node = lab_pool.nodes()[LAB_CLOUD].unguarded
    kit = Kit(node, lambda: time.sleep(0.3), 300)
    yield kit
    kit.release_all()


@pytest.fixture
def fake(clock: Clock) -> Kit:
    """The node in memory."""
    node = FakeNode("fake", clock, build_seconds=3, boot_seconds=2, delete_seconds=2)
    return Kit(node, lambda: clock.advance(1), 60)


@pytest.fixture(params=["fake", pytest.param("lab", marks=pytest.mark.openstack)])
def kit(request: pytest.FixtureRequest) -> Kit:
    """Each node in turn."""
    found: Kit = request.getfixturevalue(request.param)
    return found

"""The nodes that the contract is tried on: one in memory, one real (the lab, where it runs)."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from harness.contract_kit import Clock, Kit, bare_node, config_for
from harness.node_inside import FakeInside, OpenStackInside

from kws_core.errors import NodeDown
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.openstack.credentials.reader import read_clouds
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.pool import Pool

LAB_CLOUD = os.environ.get("KWS_TEST_CLOUD", "node2")
DOCK_CLOUD = os.environ.get("KWS_TEST_CONTAINER_CLOUD", "node1")
HINT = 'run: eval "$(tests/lab/up.sh)"'
DOCK_HINT = 'run: eval "$(tests/lab/up-zun.sh)"'


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "openstack: needs a real OpenStack node (tests/lab/up.sh)")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _pool(cloud: str, **openstack: object) -> Iterator[Pool]:
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        pytest.skip(f"OS_CLIENT_CONFIG_FILE is not set; {HINT}")
    pool = Pool(config_for(cloud, ready_check="active", **openstack))
    url = urlsplit(str(pool.nodes()[cloud].raw().config.get_auth_args()["auth_url"]))
    try:
        socket.create_connection((url.hostname or "", url.port or 443), 2).close()
    except OSError:
        pytest.skip(f"no Keystone at {url.netloc}; {HINT}")
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def lab_pool() -> Iterator[Pool]:
    """A Pool with the lab's node in it."""
    yield from _pool(LAB_CLOUD)


@pytest.fixture(scope="session")
def dock_pool() -> Iterator[Pool]:
    """A Pool with the lab's node that runs containers."""
    yield from _pool(DOCK_CLOUD, read_timeout=30)


@pytest.fixture
def lab(lab_pool: Pool) -> Iterator[Kit]:
    """The real node."""
    node = bare_node(config_for(LAB_CLOUD, ready_check="active"))
    kit = Kit(node, OpenStackInside(node), lambda: time.sleep(0.3), 300)
    yield kit
    kit.release_all()
    node.close()  # else its connections stay: a Neutron worker takes a hundred, and then no more


@pytest.fixture
def lab_dock(dock_pool: Pool) -> Iterator[Kit]:
    """The real node that runs containers."""
    node = bare_node(config_for(DOCK_CLOUD, ready_check="active", read_timeout=30))
    if not node.cloud.containers.offered():
        pytest.skip(f"{DOCK_CLOUD} has no container service in its catalogue; {DOCK_HINT}")
    try:
        node.cloud.containers.list()
    except NodeDown as error:
        pytest.skip(f"{DOCK_CLOUD}: the container service does not answer ({error.detail}); {DOCK_HINT}")
    kit = Kit(node, OpenStackInside(node), lambda: time.sleep(0.2), 450)
    yield kit
    kit.release_all()
    node.close()


@pytest.fixture
def fake(clock: Clock) -> Kit:
    """The node in memory."""
    return _fake(clock)


def _fake(clock: Clock, **options: Any) -> Kit:
    node = FakeNode("fake", clock, build_seconds=3, boot_seconds=2, delete_seconds=2, **options)
    return Kit(node, FakeInside(node), lambda: clock.advance(1), 60)


@pytest.fixture(params=["fake", pytest.param("lab", marks=pytest.mark.openstack)])
def kit(request: pytest.FixtureRequest) -> Kit:
    """Each node in turn."""
    found: Kit = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["fake", pytest.param("lab_dock", marks=pytest.mark.openstack)])
def dock(request: pytest.FixtureRequest) -> Kit:
    """Each node that runs containers in turn."""
    found: Kit = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["fake", pytest.param("lab", marks=pytest.mark.openstack)])
def bare(request: pytest.FixtureRequest, clock: Clock) -> Kit:
    """Each node without a container service in turn."""
    if request.param == "fake":
        return _fake(clock, registry=())
    kit: Kit = request.getfixturevalue("lab")
    assert isinstance(kit.node, OpenStackNode)
    if kit.node.cloud.containers.offered():
        pytest.skip(f"{LAB_CLOUD} has a container service")
    return kit


@pytest.fixture
def lab_roomy(lab_dock: Kit) -> Iterator[Kit]:
    """The real node through a project of the test's own, whose quotas allow more than nine groups."""
    assert isinstance(lab_dock.node, OpenStackNode)
    connection = lab_dock.node.raw()
    name = f"kws-test-{secrets.token_hex(4)}"
    project = connection.identity.create_project(name=name, domain_id="default")
    role = connection.identity.find_role("admin")
    connection.identity.assign_project_role_to_user(project, connection.current_user_id, role)
    connection.network.update_quota(project.id, security_groups=40, security_group_rules=400)
    clouds = read_clouds()
    clouds.cloud_config["clouds"][DOCK_CLOUD]["auth"]["project_name"] = name
    node = bare_node(config_for(DOCK_CLOUD, ready_check="active", read_timeout=30), clouds)
    kit = Kit(node, OpenStackInside(node), lambda: time.sleep(0.2), 450)
    yield kit
    kit.release_all()
    node.close()
    for group in connection.network.security_groups(project_id=project.id):
        connection.network.delete_security_group(group)
    connection.network.delete_quota(project.id)
    connection.identity.delete_project(project)


@pytest.fixture(params=["fake", pytest.param("lab_roomy", marks=pytest.mark.openstack)])
def roomy(request: pytest.FixtureRequest, clock: Clock) -> Kit:
    """Each node that runs containers in turn, with room for many."""
    if request.param == "fake":
        return _fake(clock, vcpus=16)
    found: Kit = request.getfixturevalue(request.param)
    return found

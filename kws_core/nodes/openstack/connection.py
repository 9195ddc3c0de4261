"""One node's connections: openstacksdk, and python-zunclient on the same session. Made on first use, kept.

Imports of the OpenStack libraries are inside the functions: they cost a quarter of a second, and
``kws --help`` must not pay it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, cast

from kws_core.config import OpenStackSection
from kws_core.errors import ConfigError, KwsError, NodeDown, Refusal
from kws_core.nodes.openstack.credentials.reader import IMPORTS, login_problem
from kws_core.nodes.openstack.faults import from_exception

if TYPE_CHECKING:
    from openstack.config import OpenStackConfig
    from openstack.connection import Connection

ZUN_API = "1"  # negotiate the newest that both sides know

# Retries of the libraries are off: a read timeout counts as "connection failed" there, so a POST that
# was merely slow would be sent again (and made a second server); Glance's five retries block 15 s.
_SERVICES = ("compute", "network", "image", "placement", "block_storage", "volume", "container", "identity")
_NO_RETRIES: dict[str, Any] = {
    f"{name}_{kind}_retries": 0 for name in _SERVICES for kind in ("connect", "status_code")
}


class Handle(Protocol):
    """What a node adapter needs of a connection: ``openstack`` made on first use, and an end."""

    @property
    def openstack(self) -> Connection: ...

    @property
    def zun(self) -> Any: ...

    def close(self) -> None: ...


class NodeConnection:
    """The connections of one node; safe to share among threads.

    ``openstack`` is an ``openstack.connection.Connection``, ``zun`` a python-zunclient ``Client``.
    Both raise ConfigError when clouds.yaml has no such entry, or none to log in with; ``zun`` may also raise NodeDown or
    NodeRefused, as its constructor already talks to the node.
    """

    def __init__(
        self, name: str, cloud: str, settings: OpenStackSection, clouds: Callable[[], OpenStackConfig]
    ) -> None:
        self.name = name
        self.cloud = cloud
        self._settings = settings
        self._clouds = clouds
        self._lock = RLock()
        self._openstack: Connection | None = None
        self._zun: Any = None

    @property
    def openstack(self) -> Connection:
        """The SDK's connection. No network call is made here; its first request authenticates."""
        with self._lock:
            if self._openstack is None:
                self._openstack = self._connect()
            return self._openstack

    @property
    def zun(self) -> Any:
        """The Zun client. Its first use authenticates in the caller's thread."""
        with self._lock:
            if self._zun is None:
                self._zun = self._connect_zun()
            return self._zun

    def close(self) -> None:
        """Drop the connections; the next use makes new ones."""
        with self._lock:
            connection, self._openstack, self._zun = self._openstack, None, None
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        with IMPORTS:
            from openstack.connection import Connection

            from kws_core.nodes.openstack.session import NodeSession

        clouds = self._clouds()
        problem = login_problem(clouds, self.name, self.cloud)
        if problem:
            raise ConfigError([problem])
        region = clouds.get_one(cloud=self.cloud, **_NO_RETRIES)
        region._session_constructor = NodeSession  # also for an OpenStackConfig that the caller made
        connection = Connection(config=region, app_name="kws")
        # Two numbers, after the fact: the SDK's own api_timeout knows only one for both.
        session = cast(Any, connection.session)
        session.timeout = (self._settings.connect_timeout, self._settings.read_timeout)
        return connection

    def _connect_zun(self) -> Any:
        with IMPORTS:
            from zunclient import client

        # zunclient adds a handler of its own to stderr at import: every line would come twice.
        logging.getLogger("zunclient.api_versions").handlers.clear()
        connection = self.openstack
        try:
            return client.Client(
                ZUN_API,
                session=connection.session,
                service_type="container",
                interface=connection.config.get_interface("container"),
                region_name=connection.config.get_region_name("container"),
            )
        except Exception as error:
            raise _zun_error(self.name, error) from error


def _zun_error(node: str, error: Exception) -> KwsError:
    """The client says RuntimeError('Not authorized') whatever went wrong; the truth is in the context."""
    cause: BaseException | None = error
    while cause is not None:
        ours = from_exception(node, cause) if isinstance(cause, Exception) else None
        if ours is not None:
            return ours
        cause = cause.__cause__ or cause.__context__
    return NodeDown(node, Refusal.DOWN, f"container client: {error}")

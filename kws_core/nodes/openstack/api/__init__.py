"""What KWS needs of one OpenStack, by subject, in one vocabulary.

``Cloud(connection).servers.create("web", image="debian-12", flavor="m1.small", ports=[…], user_data="…")``

* Names and ids are accepted wherever something is looked up. A name that two resources share is refused
  (NodeRefused ``invalid``, both ids in the detail), an unknown one too (``missing``).
* Results are the small frozen dataclasses of :mod:`kws_core.nodes.openstack.api.types`, never SDK objects:
  sizes are MiB and GiB, user data is plain text, times are aware.
* Errors are NodeDown and NodeRefused only. Nothing is retried, nothing waits for a build or a deletion.
* ``delete()`` says whether there was something to delete; absent is fine.
* What is not wrapped: ``connection`` itself (openstack.connection.Connection).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kws_core.nodes.openstack.api.addresses import FloatingIps, Ports
from kws_core.nodes.openstack.api.containers import Containers
from kws_core.nodes.openstack.api.flavors import Flavors
from kws_core.nodes.openstack.api.images import Images
from kws_core.nodes.openstack.api.keypairs import Keypairs
from kws_core.nodes.openstack.api.limits import Limits
from kws_core.nodes.openstack.api.networks import Networks, Routers, Subnets
from kws_core.nodes.openstack.api.rest import Rest
from kws_core.nodes.openstack.api.security_groups import SecurityGroups
from kws_core.nodes.openstack.api.servers import Servers
from kws_core.nodes.openstack.api.volumes import Volumes

if TYPE_CHECKING:
    from openstack.connection import Connection

__all__ = ["Cloud"]


class Cloud:
    """The facade over one connection; safe to share among threads. Making it costs no network call.

    ``zun`` gives the python-zunclient Client when it is first needed; without it no containers are offered.
    """

    def __init__(
        self, connection: Connection, node: str = "openstack", zun: Callable[[], Any] | None = None
    ) -> None:
        self.connection = connection
        self.node = node
        rest = Rest(connection, node)
        self.hosts = rest.hosts
        self.images = Images(rest)
        self.flavors = Flavors(rest)
        self.servers = Servers(rest, self.images, self.flavors)
        self.containers = Containers(rest, zun)
        self.keypairs = Keypairs(rest)
        self.networks = Networks(rest)
        self.subnets = Subnets(rest, self.networks)
        self.routers = Routers(rest, self.networks, self.subnets)
        self.security_groups = SecurityGroups(rest)
        self.ports = Ports(rest, self.networks)
        self.addresses = FloatingIps(rest, self.networks)
        self.volumes = Volumes(rest)
        self.limits = Limits(rest)

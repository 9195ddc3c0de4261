"""A project of a test's own on the lab, with a person in it who holds some roles, and how they log in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

INTERNAL, ROUTER = "default", "router"


@dataclass
class OwnProject:
    """``cloud`` is an entry for clouds.yaml: an application credential with ``roles``."""

    name: str
    id: str
    cloud: dict[str, Any]


@contextmanager
def own_project(admin: Any, roles: tuple[str, ...] = ("member",), wired: bool = True) -> Iterator[OwnProject]:
    """Made with ``admin`` (openstacksdk) and taken away again; ``wired``: with an internal network and a router."""
    name, password = f"kws-test-{secrets.token_hex(4)}", secrets.token_hex(12)
    project = admin.identity.create_project(name=name, domain_id="default")
    user = admin.identity.create_user(
        name=name, password=password, default_project_id=project.id, domain_id="default"
    )
    try:
        for role in roles:
            admin.identity.assign_project_role_to_user(project, user, admin.identity.find_role(role))
        auth_url = str(admin.config.get_auth_args()["auth_url"])
        person = _login(auth_url, name, password)
        if wired:
            _wire(person)
        made = person.identity.create_application_credential(
            user=user.id, name="kws", roles=[{"name": role} for role in roles]
        )
        login = {
            "auth_url": auth_url,
            "application_credential_id": made.id,
            "application_credential_secret": made.secret,
        }
        cloud = {
            "auth_type": "v3applicationcredential",
            "auth": login,
            "region_name": admin.config.region_name,
        }
        yield OwnProject(name, project.id, cloud)
    finally:
        _clear(admin, project)
        admin.identity.delete_user(user)
        admin.identity.delete_project(project)


def _login(auth_url: str, name: str, password: str) -> Any:
    import openstack

    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_url=auth_url,
        username=name,
        password=password,
        project_name=name,
        user_domain_id="default",
        project_domain_id="default",
        region_name="RegionOne",
    )


def _wire(person: Any) -> None:
    """What docs/how-to/prepare-a-node.md has the owner of a node make; a member may."""
    network = person.network.create_network(name=INTERNAL)
    subnet = person.network.create_subnet(
        network_id=network.id, ip_version=4, cidr="10.77.0.0/24", name=INTERNAL
    )
    external = person.network.find_network("public")
    router = person.network.create_router(name=ROUTER, external_gateway_info={"network_id": external.id})
    person.network.add_interface_to_router(router, subnet_id=subnet.id)


def _clear(admin: Any, project: Any) -> None:
    network = admin.network
    for server in list(admin.compute.servers(all_projects=True, project_id=project.id)):
        if server.project_id == project.id:
            admin.compute.delete_server(server)
            admin.compute.wait_for_delete(server, wait=60)
    for address in network.ips(project_id=project.id):
        network.delete_ip(address)
    for router in network.routers(project_id=project.id):
        for port in network.ports(device_id=router.id):
            if "router_interface" in port.device_owner:
                network.remove_interface_from_router(router, port_id=port.id)
        network.delete_router(router)
    for port in network.ports(project_id=project.id):
        if not port.device_owner:
            network.delete_port(port)
    for found in network.networks(project_id=project.id):
        network.delete_network(found)
    for group in network.security_groups(project_id=project.id):
        network.delete_security_group(group)

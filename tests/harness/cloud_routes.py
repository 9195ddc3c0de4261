"""Which request of the local OpenStack (``cloud_server``) is answered by what of its stock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cloud_stock import EXTERNAL, INTERNAL, ROUTER, SUBNET, Stock

Respond = Callable[[Stock, tuple[str, ...], Mapping[str, list[str]], Any], tuple[int, Any]]
NETWORKS = [
    {"id": EXTERNAL, "name": "public", "router:external": True, "subnets": ["s-public"]},
    {"id": INTERNAL, "name": "default", "router:external": False, "subnets": [SUBNET]},
]
WIRE = {
    "id": "port-of-router",
    "name": "",
    "description": "",
    "network_id": INTERNAL,
    "device_id": ROUTER,
    "device_owner": "network:router_interface",
    "fixed_ips": [{"subnet_id": SUBNET, "ip_address": "10.0.0.1"}],
}


def _listed(
    stock: Stock, found: tuple[str, ...], asked: Mapping[str, list[str]], body: Any
) -> tuple[int, Any]:
    kind = found[0]
    things = [*stock.network[kind].values(), *([WIRE] if kind == "ports" else [])]
    wanted = {
        key: values
        for key, values in asked.items()
        if key in ("name", "description", "device_id", "network_id")
    }
    shown = [one for one in things if all(str(one.get(key, "")) in values for key, values in wanted.items())]
    return 200, {kind.replace("-", "_"): shown}


def _limits(stock: Stock) -> dict[str, Any]:
    vcpus, ram, _ = stock.used()
    limits = {"maxTotalInstances": stock.instances, "totalInstancesUsed": len(stock.servers)}
    limits |= {"maxTotalCores": -1, "totalCoresUsed": vcpus, "maxTotalRAMSize": -1, "totalRAMUsed": ram}
    return {"limits": {"absolute": limits}}


def _inventories(stock: Stock) -> dict[str, Any]:
    named = zip(("VCPU", "MEMORY_MB", "DISK_GB"), stock.hardware, strict=True)
    return {
        "inventories": {
            name: {"total": total, "reserved": 0, "allocation_ratio": 1.0} for name, total in named
        }
    }


def _usages(stock: Stock) -> dict[str, Any]:
    return {"usages": dict(zip(("VCPU", "MEMORY_MB", "DISK_GB"), stock.used(), strict=True))}


def _gone(do: Callable[[Stock, tuple[str, ...]], object], status: int = 204) -> Respond:
    def respond(
        stock: Stock, found: tuple[str, ...], asked: Mapping[str, list[str]], body: Any
    ) -> tuple[int, Any]:
        do(stock, found)
        return status, None

    return respond


NOVA, NEUTRON, PLACEMENT = "/compute/v2.1", "/network/v2.0", "/placement"
KINDS = "(ports|floatingips|security-groups)"
SINGULAR = {"ports": "port", "floatingips": "floatingip", "security-groups": "security_group"}
SUBNETS = [{"id": SUBNET, "name": "default", "network_id": INTERNAL, "cidr": "10.0.0.0/16"}]
GATE = {"id": ROUTER, "name": "router", "external_gateway_info": {"network_id": EXTERNAL}}
ROUTES: list[tuple[str, str, Respond]] = [
    ("GET", f"{NOVA}/servers(?:/detail)?", lambda s, f, a, b: (200, {"servers": [
        shown for shown in map(s.shown, s.servers.values()) if shown["status"] in a.get("status", [shown["status"]])]})),
    ("POST", f"{NOVA}/servers", lambda s, f, a, b: (202, s.new_server(b["server"]))),
    ("GET", f"{NOVA}/servers/([^/]+)", lambda s, f, a, b: (200, {"server": s.shown(s.server(f[0]))})),
    ("DELETE", f"{NOVA}/servers/([^/]+)", _gone(lambda s, f: s.delete_server(f[0]))),
    ("POST", f"{NOVA}/servers/([^/]+)/action", lambda s, f, a, b: (202, s.act(f[0], b))),
    ("POST", f"{NOVA}/servers/([^/]+)/metadata", lambda s, f, a, b: (200, s.server(f[0]).wanted["metadata"].update(b["metadata"]) or b)),
    ("GET", f"{NOVA}/flavors/detail", lambda s, f, a, b: (200, {"flavors": list(s.flavors.values())})),
    ("POST", f"{NOVA}/flavors", lambda s, f, a, b: (200, s.new_flavor(b["flavor"]))),
    ("DELETE", f"{NOVA}/flavors/([^/]+)", _gone(lambda s, f: s.flavors.pop(f[0], None), 202)),
    ("GET", f"{NOVA}/os-keypairs", lambda s, f, a, b: (200, {"keypairs": []})),
    ("GET", f"{NOVA}/limits", lambda s, f, a, b: (200, _limits(s))),
    ("GET", f"{NOVA}/os-hypervisors", lambda s, f, a, b: (200, {"hypervisors": [{"id": "h1"}]})),
    ("GET", f"{PLACEMENT}/resource_providers", lambda s, f, a, b: (200, {"resource_providers": [{"uuid": "h1"}]})),
    ("GET", f"{PLACEMENT}/resource_providers/h1/inventories", lambda s, f, a, b: (200, _inventories(s))),
    ("GET", f"{PLACEMENT}/resource_providers/h1/usages", lambda s, f, a, b: (200, _usages(s))),
    ("GET", "/image/v2/images", lambda s, f, a, b: (
        200, {"images": s.glance.listed("".join(a.get("status", [])), a.get("os_hidden") == ["true"])})),
    ("POST", "/image/v2/images", lambda s, f, a, b: (201, s.glance.create(b))),
    ("GET", "/image/v2/info/import", lambda s, f, a, b: (200, {"import-methods": {"value": []}})),
    ("GET", "/image/v2/images/([^/]+)", lambda s, f, a, b: (200, s.glance.image(f[0]))),
    ("PATCH", "/image/v2/images/([^/]+)", lambda s, f, a, b: (200, s.glance.change(f[0], b))),
    ("DELETE", "/image/v2/images/([^/]+)", _gone(lambda s, f: s.glance.delete(f[0]))),
    ("GET", "/image/v2/images/([^/]+)/file", lambda s, f, a, b: (200, s.glance.content[s.glance.image(f[0])["id"]])),
    ("PUT", "/image/v2/images/([^/]+)/file", lambda s, f, a, b: (204, s.glance.fill(f[0], b))),
    ("GET", f"{NEUTRON}/{KINDS}", _listed),
    ("POST", f"{NEUTRON}/ports", lambda s, f, a, b: (201, s.new_port(b["port"]))),
    ("POST", f"{NEUTRON}/floatingips", lambda s, f, a, b: (201, s.new_address(b["floatingip"]))),
    ("POST", f"{NEUTRON}/security-groups", lambda s, f, a, b: (201, s.new_group(b["security_group"]))),
    ("POST", f"{NEUTRON}/security-group-rules", lambda s, f, a, b: (201, s.new_rules(b["security_group_rules"]))),
    ("PUT", f"{NEUTRON}/{KINDS}/([^/]+)", lambda s, f, a, b: (200, s.change(f[0], f[1], b[SINGULAR[f[0]]]))),
    ("DELETE", f"{NEUTRON}/{KINDS}/([^/]+)", _gone(lambda s, f: s.delete(f[0], f[1]))),
    ("GET", f"{NEUTRON}/networks", lambda s, f, a, b: (200, {"networks": NETWORKS})),
    ("GET", f"{NEUTRON}/subnets", lambda s, f, a, b: (200, {"subnets": SUBNETS})),
    ("GET", f"{NEUTRON}/routers", lambda s, f, a, b: (200, {"routers": [GATE]})),
    ("GET", f"{NEUTRON}/quotas/[^/]+/details.json", lambda s, f, a, b: (200, {"quota": s.quotas()})),
    ("GET", f"{NEUTRON}/network-ip-availabilities/.*", lambda s, f, a, b: (
        200, {"network_ip_availability": {"total_ips": len(s.pool), "used_ips": len(s.pool) - len(s.free())}})),
]  # fmt: skip

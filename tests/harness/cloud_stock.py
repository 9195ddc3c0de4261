"""What a local OpenStack has: servers that take their time, ports, addresses, groups, images. No HTTP here.

Each function of ``ROUTES`` answers one sort of request as the real service does (status, JSON), refusals included.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.cloud_glance import Glance, copy_of

from kws_core.nodes.values import RemainingResources
from kws_core.values import owner_tag

Json = dict[str, Any]
Fault = tuple[int, Json]

EXTERNAL, INTERNAL, ROUTER, SUBNET = "n-public", "n-default", "r-router", "s-default"
PROJECT = "p1"
MARKED = {
    "ports": "port",
    "floatingips": "floating_ip",
    "security-groups": "security_group",
}  # as Remains says
DEFAULT_RULES = tuple({"direction": "egress", "ethertype": ethertype} for ethertype in ("IPv4", "IPv6"))


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


def nova_no(status: int, message: str, key: str = "") -> Refusal:
    """As Nova says no."""
    keys = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest"}
    return Refusal(status, {key or keys[status]: {"code": status, "message": message}})


def neutron_no(status: int, kind: str, message: str) -> Refusal:
    """As Neutron says no."""
    return Refusal(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})


@dataclass(frozen=True)
class Times:
    """Seconds until a server is ACTIVE, a deleted one gone, the image of a server active, and another flavor there."""

    build: float = 3.0
    delete: float = 2.0
    copy: float = 2.0
    resize: float = 2.0


@dataclass
class Server:
    """A Nova server; ``broken`` is the fault that it ends its build with."""

    id: str
    wanted: Json
    flavor: Json
    made_at: datetime
    deleted_at: datetime | None = None
    broken: str = ""
    stuck: bool = False
    off: bool = False
    new_key: str = ""  # taken from its metadata as it started last
    rebuilt: int = 0  # how often
    before: Json | None = None  # its old flavor, until the new one is confirmed
    resize_at: datetime | None = None  # since when it is on its way to another flavor, or back
    reverting: bool = False
    spoiled: str = ""  # the fault that it ends that way with
    resizes: list[str] = field(default_factory=list)  # all that was asked for: names of flavors, and the ends

    @property
    def mark(self) -> str:
        """As KWS marks it; empty for somebody else's."""
        rental = (self.wanted.get("metadata") or {}).get("kws_rental", "")
        return owner_tag(rental) if rental else ""

    @property
    def ports(self) -> list[str]:
        """Ids of the ports that it was made with."""
        networks = self.wanted.get("networks")
        return [one["port"] for one in networks if "port" in one] if isinstance(networks, list) else []

    @property
    def user_data(self) -> str:
        """As cloud-init reads it."""
        return base64.b64decode(self.wanted.get("user_data") or "").decode()


def _arrive(server: Server) -> None:
    """At the end of its way to another flavor, or back; it was restarted if it ran."""
    server.resize_at = None
    server.broken = server.broken or server.spoiled
    if server.reverting:
        server.flavor, server.before, server.reverting = server.before or server.flavor, None, False
    if not server.off:
        server.new_key = (server.wanted.get("metadata") or {}).get("kws_key", "") or server.new_key


class Stock:
    """Everything in one project of one node. The caller holds a lock."""

    def __init__(
        self,
        now: Callable[[], datetime],
        times: Times,
        *,
        number: int = 0,
        addresses: int = 50,
        instances: int = 50,
        images: Iterable[str] = ("debian-12",),
        hardware: tuple[int, int, int] = (64, 65536, 1000),
    ) -> None:
        self.now, self.times = now, times
        self.instances, self.hardware = instances, hardware
        self.pool = [f"203.0.113.{number * 60 + one}" for one in range(1, addresses + 1)]
        self.servers: dict[str, Server] = {}
        self.ever: list[Server] = []
        self.flavors: dict[str, Json] = {}
        self.glance = Glance(now, images)
        self.network: dict[str, dict[str, Json]] = {
            kind: {} for kind in ("ports", "floatingips", "security-groups")
        }
        self.next_faults: list[str] = []  # the next servers end so
        self.stuck = False  # whether deletions stop half-way
        self.resizes = True  # False: as a single host without allow_resize_to_same_host
        self._numbers = itertools.count(1)

    # -- for who looks from outside

    def resources(self) -> dict[str, RemainingResources]:
        """Everything that exists here, by mark."""
        self.pass_time()
        found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for kind, things in self.network.items():
            for thing in things.values():
                if thing["description"].startswith("kws-"):
                    found[thing["description"]].add((MARKED[kind], thing["id"]))
        for server in self.servers.values():
            if server.mark:
                found[server.mark].add(("server", server.id))
        for image in self.glance.images:
            if mark := copy_of(image):
                found[mark].add(("image", image["id"]))
        return {mark: RemainingResources(frozenset(items)) for mark, items in found.items()}

    def duplicates(self) -> list[str]:
        """Marks for which more than one server was ever made; those that broke don't count."""
        made = Counter(server.mark for server in self.ever if server.mark and not server.broken)
        return sorted(mark for mark, number in made.items() if number > 1)

    def opens(self, mark: str, public_key: str) -> bool:
        """Whether the mark's server lets that key in: it was born with it, or took it as it started."""
        lets_in = [
            server.new_key or server.user_data for server in self.servers.values() if server.mark == mark
        ]
        return any(" ".join(public_key.split()[:2]) in text for text in lets_in)

    def free(self) -> list[str]:
        """Floating addresses that nobody has."""
        taken = {one["floating_ip_address"] for one in self.network["floatingips"].values()}
        return [address for address in self.pool if address not in taken]

    def pass_time(self) -> None:
        """What was deleted long enough ago is gone, and lets go of its ports."""
        limit = self.now() - timedelta(seconds=self.times.delete)
        for server in list(self.servers.values()):
            if server.deleted_at and server.deleted_at <= limit and not (server.stuck and self.stuck):
                del self.servers[server.id]
                for port in server.ports:
                    if port in self.network["ports"]:
                        self.network["ports"][port] |= {"device_id": "", "device_owner": ""}
        for server in self.servers.values():
            if server.resize_at and self.now() - server.resize_at >= timedelta(seconds=self.times.resize):
                _arrive(server)

    # -- servers

    def shown(self, server: Server) -> Json:
        """As Nova shows it."""
        built = self.now() - server.made_at >= timedelta(seconds=self.times.build)
        status = "ERROR" if built and server.broken else "ACTIVE" if built else "BUILD"
        status = "SHUTOFF" if built and server.off and not server.broken else status
        if built and not server.broken and (server.resize_at or server.before):
            way = "REVERT_RESIZE" if server.reverting else "RESIZE"
            status = way if server.resize_at else "VERIFY_RESIZE"
        task = "deleting" if server.deleted_at else None if built else "spawning"
        task = ("resize_reverting" if server.reverting else "resize_prep") if server.resize_at else task
        made = f"{server.made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry = {"id": server.id, "name": server.wanted["name"], "status": status, "created": made}
        entry |= {"metadata": server.wanted.get("metadata") or {}, "OS-EXT-STS:task_state": task}
        entry |= {"OS-EXT-STS:vm_state": status.lower(), "addresses": self._addresses(server)}
        has = server.before if server.before and server.resize_at and not server.reverting else server.flavor
        flavor = {key: has[key] for key in ("vcpus", "ram", "disk")}
        entry["flavor"] = {**flavor, "original_name": has["name"]}
        if status == "ERROR":
            entry["fault"] = {"code": 500, "message": server.broken, "created": made}
        return entry

    def _addresses(self, server: Server) -> Json:
        found = [self.network["ports"][port] for port in server.ports if port in self.network["ports"]]
        return {"default": [{"addr": ip["ip_address"]} for port in found for ip in port["fixed_ips"]]}

    def new_server(self, wanted: Json) -> Json:
        """POST /servers."""
        flavor = self.flavors.get(str(wanted.get("flavorRef")))
        if flavor is None:
            raise nova_no(400, f"Flavor {wanted.get('flavorRef')} could not be found.")
        if wanted.get("imageRef") not in [image["id"] for image in self.glance.images]:
            raise nova_no(400, "Can not find requested image")
        server = Server(secrets.token_hex(8), wanted, flavor, self.now())
        ports = [self.network["ports"].get(port) for port in server.ports]
        if None in ports:
            raise nova_no(400, "Port could not be found.")
        if any(port and port["device_id"] for port in ports):
            raise nova_no(409, "Port is still in use.")
        if len(self.servers) >= self.instances:
            raise nova_no(
                403, f"Quota exceeded for instances: Requested 1, but already used {self.instances}"
            )
        server.broken = self.next_faults.pop(0) if self.next_faults else ""
        server.stuck = self.stuck
        self.servers[server.id] = server
        self.ever.append(server)
        for port in ports:
            assert port
            port |= {"device_id": server.id, "device_owner": "compute:nova"}
        return {"server": {"id": server.id}}

    def server(self, server_id: str) -> Server:
        """One of them, or Nova's 404."""
        if server_id not in self.servers:
            raise nova_no(404, f"Instance {server_id} could not be found.")
        return self.servers[server_id]

    def delete_server(self, server_id: str) -> None:
        """DELETE /servers/ID."""
        server = self.server(server_id)
        server.deleted_at = server.deleted_at or self.now()
        server.stuck = server.stuck or self.stuck

    def act(self, server_id: str, action: Json) -> Json:
        """POST /servers/ID/action."""
        server = self.server(server_id)
        if "os-getConsoleOutput" in action:
            return {"output": f"{server.wanted['name']} login:"}
        if "createImage" in action:
            disk = f"disk of {server.mark}".ljust(4096)
            wanted = action["createImage"]
            return {"image_id": self.glance.copy(wanted["name"], wanted["metadata"], disk, self.times.copy)}
        if "rebuild" in action:
            return self._rebuild(server, action["rebuild"])
        if "resize" in action:
            return self._resize(server, str(action["resize"]["flavorRef"]))
        if "confirmResize" in action or "revertResize" in action:
            return self._end_resize(server, next(iter(action)))
        if "os-stop" in action or "os-start" in action:
            if server.off == ("os-stop" in action):
                raise nova_no(409, "Cannot do that while it is in this vm_state")
            server.off = "os-stop" in action
        if "reboot" in action or "os-start" in action:
            server.new_key = (server.wanted.get("metadata") or {}).get("kws_key", "")
        return {}

    def _rebuild(self, server: Server, wanted: Json) -> Json:
        """As Nova: metadata takes the place of all there is, user data stays unless there is new; off stays off."""
        if wanted["imageRef"] not in [image["id"] for image in self.glance.images]:
            raise nova_no(400, "Cannot find image for rebuild")
        if self.shown(server)["OS-EXT-STS:task_state"]:
            raise nova_no(409, "Cannot 'rebuild' instance while it is in task_state")
        server.wanted = {**server.wanted, **wanted}
        server.made_at, server.rebuilt = self.now(), server.rebuilt + 1
        server.broken = self.next_faults.pop(0) if self.next_faults else ""
        server.new_key = (wanted.get("metadata") or {}).get("kws_key", "")
        return {"server": {"id": server.id}}

    def _resize(self, server: Server, flavor_id: str) -> Json:
        """As Nova, which finds out after its answer whether there is a host for it."""
        flavor = self.flavors.get(flavor_id)
        if flavor is None:
            raise nova_no(400, "Unable to locate requested flavor.")
        shown = self.shown(server)
        if shown["OS-EXT-STS:task_state"] or shown["status"] not in ("ACTIVE", "SHUTOFF"):
            raise nova_no(409, f"Cannot 'resize' instance while it is {shown['status']}")
        if flavor["id"] == server.flavor["id"]:
            raise nova_no(400, "When resizing, instances must change flavor!")
        server.resizes.append(flavor["name"])
        server.resize_at = self.now()
        if self.resizes:
            server.before, server.flavor = server.flavor, flavor
            server.spoiled = self.next_faults.pop(0) if self.next_faults else ""
        return {}

    def _end_resize(self, server: Server, end: str) -> Json:
        """confirmResize, or revertResize."""
        if self.shown(server)["status"] != "VERIFY_RESIZE":
            raise nova_no(409, f"Cannot '{end}' instance while it is in this vm_state")
        server.resizes.append(end)
        if end == "confirmResize":
            server.before = None
        else:
            server.reverting, server.resize_at = True, self.now()
        return {}

    def used(self) -> tuple[int, int, int]:
        """vCPUs, memory and disk of all servers; of one whose new flavor isn't confirmed, of both."""
        flavors = [f for s in self.servers.values() for f in (s.flavor, s.before) if f]
        sizes = [(f["vcpus"], f["ram"], f["disk"]) for f in flavors]
        return tuple(sum(column) for column in zip(*sizes, strict=True)) if sizes else (0, 0, 0)  # type: ignore[return-value]

    def new_flavor(self, wanted: Json) -> Json:
        """POST /flavors."""
        if any(flavor["name"] == wanted["name"] for flavor in self.flavors.values()):
            raise nova_no(409, f"Flavor with name {wanted['name']} already exists.")
        flavor = {**wanted, "id": f"f{next(self._numbers)}", "extra_specs": {}}
        self.flavors[flavor["id"]] = flavor
        return {"flavor": flavor}

    # -- the network

    def new_port(self, wanted: Json) -> Json:
        """POST /ports."""
        lacking = set(wanted.get("security_groups") or ()) - set(self.network["security-groups"])
        if lacking:
            raise neutron_no(404, "SecurityGroupNotFound", f"Security group {lacking} does not exist")
        number = next(self._numbers)
        fixed = [{"subnet_id": SUBNET, "ip_address": f"10.0.{number // 250}.{number % 250 + 2}"}]
        return self._keep("ports", {**wanted, "fixed_ips": fixed, "device_id": "", "device_owner": ""})

    def new_address(self, wanted: Json) -> Json:
        """POST /floatingips."""
        port, free = str(wanted.get("port_id") or ""), self.free()
        if port and port not in self.network["ports"]:
            raise neutron_no(404, "PortNotFound", f"Port {port} could not be found.")
        if port and any(one["port_id"] == port for one in self.network["floatingips"].values()):
            raise neutron_no(409, "FloatingIPPortAlreadyAssociated", "Cannot associate it twice")
        if not free:
            raise neutron_no(409, "IpAddressGenerationFailure", "No more IP addresses available on network")
        return self._keep("floatingips", {**wanted, "floating_ip_address": free[0], "port_id": port})

    def new_group(self, wanted: Json) -> Json:
        """POST /security-groups."""
        return self._keep("security-groups", {**wanted, "security_group_rules": list(DEFAULT_RULES)})

    def new_rules(self, wanted: list[Json]) -> Json:
        """POST /security-group-rules, many at once: all or none."""
        for rule in wanted:
            group = self.thing("security-groups", rule["security_group_id"])
            if any(rule.items() <= known.items() for known in group["security_group_rules"]):
                raise neutron_no(409, "SecurityGroupRuleExists", "Security group rule already exists.")
        for rule in wanted:
            self.thing("security-groups", rule["security_group_id"])["security_group_rules"].append(rule)
        return {"security_group_rules": wanted}

    def _keep(self, kind: str, entry: Json) -> Json:
        made = f"{self.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        entry = {"name": "", "description": "", **entry, "id": secrets.token_hex(8), "created_at": made}
        self.network[kind][entry["id"]] = entry
        return {kind.rstrip("s").replace("-", "_"): entry}

    def thing(self, kind: str, thing_id: str) -> Json:
        """A port, address or group, or Neutron's 404."""
        if thing_id not in self.network[kind]:
            raise neutron_no(404, "NotFound", f"{kind} {thing_id} could not be found")
        return self.network[kind][thing_id]

    def change(self, kind: str, thing_id: str, wanted: Json) -> Json:
        """PUT."""
        self.thing(kind, thing_id).update(wanted)
        return {kind.rstrip("s").replace("-", "_"): self.network[kind][thing_id]}

    def delete(self, kind: str, thing_id: str) -> None:
        """DELETE; what points at it is let go, a group that is in use is refused."""
        self.thing(kind, thing_id)
        groups = [
            group for port in self.network["ports"].values() for group in port.get("security_groups") or ()
        ]
        if kind == "security-groups" and thing_id in groups:
            raise neutron_no(409, "SecurityGroupInUse", f"Security Group {thing_id} in use.")
        del self.network[kind][thing_id]
        if kind == "ports":
            for address in self.network["floatingips"].values():
                address["port_id"] = "" if address["port_id"] == thing_id else address["port_id"]

    def quotas(self) -> Json:
        """Neutron's, with what is used."""
        limits = {
            "port": 500,
            "floatingip": len(self.pool),
            "security_group": 500,
            "security_group_rule": 5000,
        }
        used = {
            "port": len(self.network["ports"]),
            "floatingip": len(self.network["floatingips"]),
            "security_group": len(self.network["security-groups"]),
            "security_group_rule": 0,
        }
        return {name: {"limit": limit, "used": used[name], "reserved": 0} for name, limit in limits.items()}

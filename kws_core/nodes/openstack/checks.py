"""Looks at one OpenStack the way its owner would: what KWS needs of it, one after the other.

Nothing is made and nothing is changed. When the node can't be reached or does not let us in, that is the
last finding; a service that does not answer costs one finding and one timeout, not one for each question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from kws_core.config import OpenStackSection
from kws_core.errors import ConfigError, NodeDown, NodeError, NodeRefused
from kws_core.findings import Finding, Result, Wanted, clock_finding, fail, note, ok
from kws_core.nodes.offered_images import NotOffered, bootable, offered_image, part_ids, why_not_offered
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.rest import NOVA, Rest
from kws_core.nodes.openstack.connection import Handle
from kws_core.nodes.openstack.faults import status_of, translated
from kws_core.nodes.openstack.flavor_catalog import FlavorCatalog, flavor_name
from kws_core.nodes.openstack.network_checks import network_findings
from kws_core.nodes.openstack.quota_checks import quota_findings
from kws_core.values import HostCapacity, Kind

_NEEDED = {"compute": "Nova", "network": "Neutron", "image": "Glance"}
NAMES = {**_NEEDED, "identity": "Keystone", "container": "Zun", "placement": "Placement"}
_CAUSES = (  # class names in the chain of causes of a failed connection → code
    (("gaierror", "NameResolutionError"), "node_unknown_host"),
    (("SSLError", "SSLCertVerificationError", "SSLFailure"), "node_tls"),
    (("ConnectionRefusedError",), "node_nobody_listens"),
)


class Checks:
    """One look at one node. ``run()`` yields what is found, as it is found."""

    def __init__(
        self,
        name: str,
        connection: Handle,
        settings: OpenStackSection,
        wanted: Wanted,
        now: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._handle = connection
        self._settings = settings
        self._wanted = wanted
        self._now = now
        self._admin = False
        self._clock_seen = False

    def run(self) -> Iterator[Finding]:
        """Every finding, in an order that begins with what all else needs."""
        try:
            connection = self._handle.openstack
        except ConfigError as error:
            yield fail("cloud_unknown", problem="; ".join(error.problems))
            return
        for entrance in (self._address, self._login, self._catalogue):
            failed = False
            for finding in entrance(connection):
                failed = failed or finding.result is Result.FAIL
                yield finding
            if failed:
                return
        cloud, rest = Cloud(connection, self._name, lambda: self._handle.zun), Rest(connection, self._name)
        yield from self._part("compute", lambda: self._compute(connection, cloud, rest))
        yield from self._part("network", lambda: network_findings(cloud, rest, self._settings, self._admin))
        yield from self._part("image", lambda: self._images(cloud))
        yield from self._part("container", lambda: self._containers(cloud))

    # -- the way in

    def _address(self, connection: Any) -> Iterator[Finding]:
        url = str(connection.config.get_auth_args().get("auth_url") or "")
        if not urlsplit(url).hostname:
            yield fail("auth_url_missing")
            return
        started, asked = time.monotonic(), self._now()
        try:
            with translated(self._name):
                answer = connection.session.get(url, authenticated=False, raise_exc=False)
        except NodeError as error:
            yield _unreachable(url, error, time.monotonic() - started)
            return
        passed = time.monotonic() - started
        if answer.status_code >= 500:
            yield fail("node_sick", url=url, status=answer.status_code)
        elif not _is_keystone(answer):
            yield fail("node_no_keystone", url=url, status=answer.status_code)
        else:
            yield ok("node_answers", url=url, ms=round(passed * 1000))
        told = _date(answer.headers.get("Date"))
        if told is not None:
            self._clock_seen = True
            yield clock_finding((told - asked).total_seconds() - passed / 2, self._name)

    def _login(self, connection: Any) -> Iterator[Finding]:
        arguments = connection.config.get_auth_args()
        who = str(arguments.get("username") or arguments.get("application_credential_id") or "?")
        try:
            with translated(self._name):
                access = connection.session.auth.get_access(connection.session)
        except NodeError as error:
            if status_of(error) == 401:
                yield fail("login_refused", who=who)
            else:
                yield fail("login_failed", who=who, why=error.detail)
            return
        if not self._clock_seen and access.issued is not None:  # some web servers send no Date
            yield clock_finding((access.issued - self._now()).total_seconds(), self._name)
        roles = sorted(access.role_names or [])
        if not access.project_id:
            yield fail("login_without_project", who=who)
            return
        self._admin = "admin" in roles
        project = str(access.project_name or access.project_id)
        yield ok("login", who=who, project=project, project_id=str(access.project_id))
        if self._admin:
            yield ok("role_admin")
        elif set(roles) & {"member", "manager", "_member_"}:
            yield note("role_member", roles=", ".join(roles))
        else:
            yield fail("role_too_small", roles=", ".join(roles) or "-")

    def _catalogue(self, connection: Any) -> Iterator[Finding]:
        catalog = connection.session.auth.get_access(connection.session).service_catalog.catalog
        offered = {entry.get("type"): entry for entry in catalog}
        region = connection.config.get_region_name()
        for kind, name in _NEEDED.items():
            regions = {place.get("region") for place in (offered.get(kind) or {}).get("endpoints") or ()}
            if not regions:
                yield fail("service_missing", service=name, type=kind)
            elif region and region not in regions:
                yield fail(
                    "region_wrong", service=name, region=region, regions=", ".join(sorted(map(str, regions)))
                )

    # -- what is behind it

    def _part(self, service: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        name = NAMES[service]
        try:
            yield from check()
        except NodeDown as error:
            yield fail("service_silent", service=name, url=self._url(service), why=error.detail)
        except NodeRefused as error:
            yield fail("service_refuses", service=name, why=error.detail)

    def _url(self, service: str) -> str:
        try:
            return str(self._handle.openstack.endpoint_for(service) or "?")
        except Exception:
            return "?"

    def _compute(self, connection: Any, cloud: Cloud, rest: Rest) -> Iterator[Finding]:
        with translated(self._name):
            data = connection.compute.get_endpoint_data()
        newest = tuple(data.max_microversion or (0, 0)) if data else (0, 0)
        shown = ".".join(map(str, newest))
        if newest < tuple(map(int, NOVA.split("."))):
            yield fail("nova_too_old", newest=shown, needed=NOVA)
        else:
            yield ok("nova", newest=shown)
        if self._admin:
            hosts = rest.pages("compute", "/os-services", "services", {"binary": "nova-compute"})
            usable = [host for host in hosts if (host.get("state"), host.get("status")) == ("up", "enabled")]
            if not usable:
                names = ", ".join(str(host.get("host")) for host in hosts)
                yield fail("nova_compute_down", hosts=names or "-")
        yield from self._flavors(cloud)
        yield from quota_findings(cloud, self._wanted)
        measured: Sequence[HostCapacity] = ()
        if self._admin:
            measured = yield from self._hardware(cloud)
        if too_large := self._wanted.too_large(measured):
            yield too_large

    def _flavors(self, cloud: Cloud) -> Iterator[Finding]:
        known = cloud.flavors.list()
        lacking = [size for size in self._wanted.sizes if FlavorCatalog.match(known, size) is None]
        sizes = ", ".join(size.name for size in lacking)
        if not lacking:
            yield ok("flavors")
        elif self._admin:
            yield ok("flavors_made", sizes=sizes)
        else:
            commands = "\n".join(
                f"openstack flavor create {flavor_name(size)}"
                f" --vcpus {size.vcpus} --ram {size.ram_mb} --disk {size.disk_gb}"
                for size in lacking
            )
            yield fail("flavors_missing", sizes=sizes, commands=commands)

    def _hardware(self, cloud: Cloud) -> Generator[Finding, None, Sequence[HostCapacity]]:
        try:
            measured = cloud.limits.placement()
        except NodeError:
            measured = cloud.limits.hypervisors()
        have = {"vCPU": measured.vcpus.total, "MiB RAM": measured.ram_mb.total, "GiB": measured.disk_gb.total}
        want = {"vCPU": self._wanted.vcpus, "MiB RAM": self._wanted.ram_mb, "GiB": self._wanted.disk_gb}
        smaller = [what for what in want if (have[what] or 0) < want[what]]
        for what in smaller:
            yield note("hardware_smaller", what=what, measured=have[what] or 0, wanted=want[what])
        if not smaller:
            yield ok("hardware", vcpus=have["vCPU"], ram_mb=have["MiB RAM"], disk_gb=have["GiB"])
        return measured.hosts

    def _images(self, cloud: Cloud) -> Iterator[Finding]:
        active = cloud.images.list("active")
        parts = part_ids(active)
        found = [offered_image(stored) for stored in bootable(active)]
        shown = [one for one in found if not one.hidden]
        if not found:
            yield fail("images_none")
        elif not shown:
            yield fail("images_hidden", count=len(found))
        else:
            yield ok("images", names=_some(sorted({one.name for one in shown})))
        whys = {stored.name: why_not_offered(stored, parts) for stored in active}
        left_out = sorted(name for name, why in whys.items() if why not in (None, NotOffered.PART))
        if left_out:
            yield note("images_not_booted", names=_some(left_out))
        for one in shown:
            if not one.login:
                yield note("image_login_unknown", image=one.name)
        sizes = self._wanted.sizes
        for one in shown:
            if not any(s.disk_gb >= one.min_disk_gb and s.ram_mb >= one.min_ram_mb for s in sizes):
                yield note("image_too_big", image=one.name, disk_gb=one.min_disk_gb, ram_mb=one.min_ram_mb)

    def _containers(self, cloud: Cloud) -> Iterator[Finding]:
        wanted, offered = Kind.CONTAINER in self._wanted.kinds, cloud.containers.offered()
        if not wanted:
            if offered:
                yield note("containers_unused")
            return
        if not offered:
            yield fail("containers_missing")
            return
        cloud.containers.list()
        services = cloud.containers.services() if self._admin else []
        down = [one for one in services if one.get("state") != "up" or one.get("disabled")]
        if services and len(down) == len(services):
            yield fail("zun_compute_down", hosts=", ".join(str(one.get("host")) for one in down))
        else:
            yield ok("containers")


def _unreachable(url: str, error: NodeError, seconds: float) -> Finding:
    """Why nobody could be asked, by the classes of the errors behind it."""
    names, cause = set(), error.__cause__
    while cause is not None:
        names.add(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    parts = urlsplit(url)
    data = {"url": url, "host": parts.hostname, "seconds": round(seconds)}
    for classes, code in _CAUSES:
        if names & set(classes):
            return fail(code, **data)
    return fail("node_silent", **data)


def _is_keystone(answer: Any) -> bool:
    """Its version 3, or the list of its versions (status 300); other services list theirs differently."""
    try:
        body = answer.json()
    except ValueError:
        return False
    if answer.status_code >= 400 or not isinstance(body, dict):
        return False
    version, versions = body.get("version"), body.get("versions")
    return isinstance(versions, dict) or (
        isinstance(version, dict) and str(version.get("id")).startswith("v3")
    )


def _date(text: str | None) -> datetime | None:
    try:
        told = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")

"""nodes.toml and the environment, as frozen pydantic models that are passed around as they are.

Every mistake is reported at once, each with its path (``nodes[1].vcpus: …``). No secret is kept here:
``cloud`` names an entry of clouds.yaml, tokens come from the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from kws_core.errors import ConfigError
from kws_core.values import Kind, Locale, PortRange, Size

DEFAULT_PATH = "nodes.toml"
DEFAULT_DATABASE_URL = "sqlite:///kws.db"
DEFAULT_SLACK_API_URL = "https://slack.com/api/"

LONGEST_QUIET = 366  # days
LAST_YEAR = 2999

# Names that a browser, a mail server or a person would take for the lab's own.
RESERVED_NAMES = ("admin", "api", "auth", "autoconfig", "cloud", "ftp", "git", "kws", "ldap", "login", "mail",
                  "mx", "ns", "openstack", "root", "slack", "smtp", "sso", "status", "vpn", "webmail", "wpad",
                  "www")  # fmt: skip
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"^{_LABEL}(?:\.{_LABEL})+$"

Port = Annotated[int, Field(ge=1, le=65535)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
AdminId = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]{2,}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class KwsSection(_Section):
    """[kws]: who and where we are."""

    timezone: str = "Asia/Seoul"
    """IANA time zone. Dates are dates in this zone; a rental's last day ends at its midnight."""
    locale: Locale = "ko"
    """Language for people whose Slack is set to neither."""
    admins: tuple[AdminId, ...] = ()
    """Slack user IDs (`U…`, `W…`) or user group IDs (`S…`). Admins see and change all rentals, in the bot's
    Home tab and with `/kws admin`."""
    admin_channel: Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,}$")] | None = None
    """Channel ID (`C…` or `G…`) for admin alerts: the nightly cleanup, people who left, nodes in trouble.
    Invite the bot. Without it, each admin gets them as a DM."""

    @field_validator("admins", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("unknown time zone; use a name such as 'Asia/Seoul'") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The lab's time zone."""
        return ZoneInfo(self.timezone)


class QuietDays(_Section):
    """One [[policy.quiet]]: days, both included, on which nothing is deleted."""

    first: Annotated[date, Field(alias="from")]
    """First day of the deletion freeze."""
    last: Annotated[date, Field(alias="to")]
    """Last day of the deletion freeze, inclusive."""

    @model_validator(mode="after")
    def _in_order(self) -> QuietDays:
        if self.last < self.first:
            raise ValueError("'to' is before 'from'")
        if (self.last - self.first).days > LONGEST_QUIET or self.last.year > LAST_YEAR:
            raise ValueError(f"is longer than {LONGEST_QUIET} days, or ends after {LAST_YEAR}")
        return self


class AutoApprove(_Section):
    """[policy.auto_approve]: how far beyond the policy a request to the admins is approved at once."""

    days: Annotated[int, Field(ge=0)] = 0
    """Days beyond `max_days`."""
    rentals: Annotated[int, Field(ge=0)] = 0
    """Rentals beyond `max_rentals_per_user`."""
    vcpus: Annotated[int, Field(ge=0)] = 0
    """vCPUs beyond `max_vcpus_per_user`."""
    ram_mb: Annotated[int, Field(ge=0)] = 0
    """Memory beyond `max_ram_mb_per_user`, in MiB."""


class Policy(_Section):
    """[policy]: what a person may have, and for how long."""

    default_days: Annotated[int, Field(ge=1)] = 14
    """Last day that the form suggests, in days from today; at most `max_days`."""
    max_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Latest last day that people can choose, in days from today; also for extensions."""
    max_rentals_per_user: Annotated[int, Field(ge=1)] = 3
    """Active rentals of one person: queued, creating, running, or expired."""
    max_vcpus_per_user: Annotated[int, Field(ge=1)] = 8
    """vCPUs of one person's active rentals."""
    max_ram_mb_per_user: Annotated[int, Field(ge=1)] = 16384
    """Memory of one person's active rentals, in MiB."""
    warn_days: tuple[Annotated[int, Field(ge=1)], ...] = (7, 3, 1)
    """Days before the last day on which the owner gets an expiry reminder, at 09:00 in the lab's zone. A short
    rental gets only those within two thirds of its length, or one if none is. Nothing is deleted unless a
    reminder was delivered 12 hours before."""
    monthly_usage: bool = True
    """Whether each person with a rental gets a message on the 1st of each month at 09:00 in the lab's zone: what they
    used in the month before, and what they still have, with buttons to return it."""
    open_ports: tuple[Port, ...] = (80, 443)
    """TCP ports open to the world on every server, besides SSH (TCP 22) and ICMP. A rental keeps the ports it
    was rented with."""
    grace_hours: Annotated[int, Field(ge=0)] = 0
    """Grace period. 0: the nightly cleanup at 00:00 after the last day deletes the rental. More: it stops the
    server then, and deletes it this number of hours later, unless it's restored."""
    key_file_days: Annotated[int, Field(ge=1, le=3650)] = 7
    """Days after which the file of a delivered private key is removed from the DM, unless its owner confirmed
    earlier that it is saved."""
    max_copies_per_user: Annotated[int, Field(ge=0)] = 2
    """Copies of servers that one person can keep. 0 turns copies off."""
    copy_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that a copy is kept, counted from the day it was requested, and the days that *Keep longer* gives."""
    copy_floor_gb: Annotated[int, Field(ge=0)] = 10
    """Free disk, in GiB, that a node must have left for KWS to make a copy there."""
    copies_on: Literal["same", "other"] = "same"
    """Where copies are kept. `same`: on the server's node. `other`: each is brought to another node with disk for
    copies, so that it outlives the server's PC."""
    ask_idle: bool = True
    """Whether owners of servers that look unused are asked if they still need them, while others wait for room."""
    quiet: tuple[QuietDays, ...] = ()
    """Deletion freezes (holidays, exams): tables `[[policy.quiet]]` with `from` and `to`, both inclusive. An
    end that falls on such a day moves to the day after the last of them, and the reminders say so."""
    auto_approve: AutoApprove | None = None
    """Requests to the admins that KWS approves by itself: a table `[policy.auto_approve]`. Left out: none."""

    @field_validator("warn_days", "open_ports", "quiet", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _default_within_max(self) -> Policy:
        if self.default_days > self.max_days:
            raise ValueError("default_days is more than max_days")
        return self

    def open_port_ranges(self) -> tuple[PortRange, ...]:
        """``open_ports`` as TCP ranges."""
        return tuple(PortRange(port, port) for port in self.open_ports)


class OpenStackSection(_Section):
    """[openstack]: what every node has, by name."""

    external_network: str = "public"
    """Network that floating IPs come from."""
    internal_network: str = "default"
    """Network that servers get their port in."""
    router: str = "router"
    """Router with its gateway on the external network and an interface on the internal one."""
    ready_check: Literal["ssh", "active"] = "ssh"
    """`ssh`: a server is ready when the SSH server on port 22 of its floating IP would let the owner in.
    `active`: when Nova says ACTIVE, for nodes where nothing can answer, such as a fake hypervisor; there
    are no host key fingerprints then."""
    connect_timeout: Annotated[float, Field(gt=0, le=60)] = 3.0  # seconds to open a connection to a node
    """Seconds to open a connection to a node's API."""
    read_timeout: Annotated[float, Field(gt=0, le=600)] = 30.0  # seconds a node may take over one answer
    """Seconds that a node's API may take for one answer."""
    image_import: bool = False  # nodes download images by themselves where Glance offers it
    """`true`: where Glance offers `web-download`, nodes fetch an image from its URL themselves. KWS can't
    check where a node is redirected then."""
    build_timeout: Annotated[int, Field(ge=30, le=7200)] = 900  # seconds from placement until it must answer
    """Seconds until a server must let its owner in, from the moment KWS asks for it. Then it is deleted and
    the rental ends. A server that still writes to its console gets three times as long."""

    @field_validator("connect_timeout", "read_timeout", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class SizeEntry(_Section):
    """One entry of [sizes]."""

    vcpus: Annotated[int, Field(ge=1)]
    """vCPUs."""
    ram_mb: Annotated[int, Field(ge=64)]
    """Memory in MiB."""
    disk_gb: Annotated[int, Field(ge=1)]
    """Disk in GiB."""


class NodeSection(_Section):
    """One [[nodes]]: a PC, how it is reached, and how much of it may be lent."""

    name: Label
    """Name that people see, unique. Same form as the name of a size. Rentals remember it, so don't rename a
    node that has some."""
    driver: Literal["openstack", "fake"] = "openstack"  # as in kws_core/nodes/registry.py
    """`openstack`: a real node. `fake`: a simulated one in the memory of the process, to try KWS without a
    node. Everything on it is gone when the process ends."""
    cloud: Annotated[str, Field(min_length=1)]
    """Entry in clouds.yaml, unique. Required for `openstack` only."""
    kinds: tuple[Kind, ...] = (Kind.SERVER,)
    """What people can rent there. `container` needs Zun on the node."""
    vcpus: Annotated[int, Field(ge=1)]
    """vCPUs that KWS may allocate."""
    ram_mb: Annotated[int, Field(ge=256)]
    """Memory that KWS may allocate, in MiB."""
    disk_gb: Annotated[int, Field(ge=1)]
    """Disk that KWS may allocate, in GiB."""
    copy_disk_gb: Annotated[int, Field(ge=0)] = 20
    """Disk for copies of servers, in GiB, besides `disk_gb`. 0: KWS makes no copies on this node."""
    max_builds: Annotated[int, Field(ge=1, le=64)] = 2
    """Servers that the node creates at the same time. Others wait in the queue, where everybody gets a first
    turn before anybody gets a second."""

    @model_validator(mode="before")
    @classmethod
    def _cloud_is_for_openstack(cls, section: Any) -> Any:
        others = isinstance(section, dict) and section.get("driver", "openstack") != "openstack"
        return {"cloud": "-", **section} if others else section

    @field_validator("kinds", mode="before")
    @classmethod
    def _kinds(cls, value: Any) -> Any:
        if not isinstance(value, list) or not value:
            return value or None
        known = {kind.value for kind in Kind}
        unknown = [entry for entry in value if entry not in known]
        if unknown:
            raise ValueError(f"unknown kind {unknown[0]!r}; use {' or '.join(sorted(known))}")
        return tuple(Kind(entry) for entry in value)


class WebSection(_Section):
    """[web]: names and HTTPS for the web servers on rentals, through Caddy. Left out: there are none."""

    domain: Annotated[str, Field(pattern=DOMAIN, max_length=180)]
    """Domain of the names: a rental called `web01` is at `https://web01.<domain>`. Its wildcard DNS record
    points to the proxy."""
    admin: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")] = "http://127.0.0.1:2019"
    """Admin API of Caddy. The whole configuration of this Caddy is KWS's. Everybody who reaches this address
    controls the proxy, so keep it on loopback."""
    proxy: Annotated[tuple[str, ...], Field(min_length=1)]
    """IPv4 addresses that the proxy connects from, as the nodes see them. The security group of a rental lets
    them in on its web port."""
    tls: Literal["internal", "acme", "files"] = "internal"
    """`internal`: Caddy's own CA, for closed networks; people install its root certificate. `acme`: a public
    certificate for each name; the world must reach the proxy. `files`: `certificate` and `key`."""
    certificate: str | None = None
    """For `files`: path of the certificate for `*.<domain>` with its chain, as Caddy sees it."""
    key: str | None = None
    """For `files`: path of its private key, as Caddy sees it."""
    ask: Annotated[str, Field(pattern=r"^(127\.0\.0\.1|localhost):[0-9]{1,5}$")] = "127.0.0.1:8702"
    """For `acme`: where KWS listens for Caddy, which asks before it gets the certificate of a name."""
    open_to: tuple[str, ...] = ()
    """Networks (CIDR) that can open sites that are for the lab only. Required unless `everybody` is true."""
    everybody: bool = False
    """Whether people can open their site to everybody."""
    by_default: bool = True
    """Whether *Web address* is selected in the rent form, and set for `/kws rent NAME …`."""
    reserved: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")], ...] = RESERVED_NAMES
    """Names under the domain that nobody gets, and nothing that looks like them."""
    access_log: bool = False
    """Whether Caddy logs each request with its host name, status, and the visitor's address."""
    http_port: Port = 80
    """Port that redirects to HTTPS."""
    https_port: Port = 443
    """Port of the sites."""

    @field_validator("proxy", "open_to", "reserved", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("proxy")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                IPv4Address(text)
            except ValueError:
                raise ValueError(f"{text!r} isn't an IPv4 address") from None
        return value

    @field_validator("open_to")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"{text!r} isn't a network such as 10.0.0.0/8") from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> WebSection:
        if {self.certificate is not None, self.key is not None} != {self.tls == "files"}:
            raise ValueError('certificate and key belong to tls = "files", both of them')
        if not self.open_to and not self.everybody:
            raise ValueError("open_to is empty and everybody is false, so nobody could open a site")
        if self.http_port == self.https_port:
            raise ValueError("http_port and https_port are the same")
        return self

    def address(self, label: str) -> str:
        """What people open in a browser for the name ``label``."""
        port = "" if self.https_port == 443 else f":{self.https_port}"
        return f"https://{label}.{self.domain}{port}"


class Config(_Section):
    """All of nodes.toml."""

    kws: KwsSection = KwsSection()
    policy: Policy = Policy()
    openstack: OpenStackSection = OpenStackSection()
    web: WebSection | None = None
    sizes: Annotated[dict[Label, SizeEntry], Field(min_length=1)]
    nodes: Annotated[tuple[NodeSection, ...], Field(min_length=1)]

    @field_validator("nodes", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    def size(self, name: str) -> Size | None:
        """The size of that name, or None."""
        entry = self.sizes.get(name)
        return Size(name, entry.vcpus, entry.ram_mb, entry.disk_gb) if entry else None

    def all_sizes(self) -> list[Size]:
        """Every size, in the file's order."""
        return [Size(n, s.vcpus, s.ram_mb, s.disk_gb) for n, s in self.sizes.items()]

    def node(self, name: str) -> NodeSection | None:
        """The node of that name, or None."""
        return next((node for node in self.nodes if node.name == name), None)


def parse_config(text: str, source: str = DEFAULT_PATH) -> Config:
    """Parse ``text`` as the configuration.

    Raises:
        ConfigError: With every mistake, each with ``source`` and its path.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{source}: invalid TOML: {error}"]) from error
    problems = _twice(data.get("nodes"))
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        problems = [_problem(entry) for entry in _first_hand(error)] + problems
        raise ConfigError([f"{source}: {problem}" for problem in problems]) from error
    if problems:
        raise ConfigError([f"{source}: {problem}" for problem in problems])
    return config


def _twice(nodes: Any) -> list[str]:
    """Names and clouds that two nodes share; looked for in the raw data, beside any other mistake."""
    found = []
    for key in ("name", "cloud"):
        entries = (
            [node.get(key) for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
        )
        values = [value for value in entries if isinstance(value, str)]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            found.append(f"nodes: two nodes have the same {key}: {', '.join(twice)}")
    return found


def load_config(path: str | os.PathLike[str] | None = None) -> Config:
    """Load the configuration from ``path``, then $KWS_CONFIG, then ./nodes.toml.

    Raises:
        ConfigError: If the file can't be read, or with every mistake in it.
    """
    source = Path(path or os.environ.get("KWS_CONFIG") or DEFAULT_PATH)
    try:
        text = source.read_text(encoding="utf-8-sig")  # editors on Windows begin with a BOM
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError([f"{source}: can't be read: {reason}"]) from error
    return parse_config(text, str(source))


def _first_hand(error: ValidationError) -> list[Any]:
    """The errors without those that only follow from one deeper inside (a list "too short" of bad items)."""
    entries = error.errors()
    locs = [entry["loc"] for entry in entries]
    return [
        entry
        for entry in entries
        if entry["type"] != "too_short"
        or not any(len(loc) > len(entry["loc"]) and loc[: len(entry["loc"])] == entry["loc"] for loc in locs)
    ]


def _problem(entry: Mapping[str, Any]) -> str:
    path = _path(entry["loc"])
    if entry["type"] == "extra_forbidden":
        message = f"unknown key {entry['loc'][-1]!r}"
        path = _path(entry["loc"][:-1])
    elif entry["type"] == "missing":
        message = "missing"
    else:
        message = re.sub(r"^Value error, ", "", entry["msg"])
        message = message[:1].lower() + message[1:]
        if not isinstance(entry.get("input"), dict | list | tuple):
            message += f" (found {entry.get('input')!r})"
    return f"{path}: {message}" if path else message


def _path(loc: tuple[Any, ...]) -> str:
    text = ""
    for part in loc:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class Environment(BaseModel):
    """What comes from the environment; tokens are kept out of ``repr``."""

    model_config = ConfigDict(frozen=True)

    bot_token: str = Field(default="", repr=False)
    app_token: str = Field(default="", repr=False)
    signing_secret: str = Field(default="", repr=False)
    slack_api_url: str = DEFAULT_SLACK_API_URL
    database_url: str = Field(default=DEFAULT_DATABASE_URL, repr=False)
    log_format: Literal["auto", "pretty", "json"] = "auto"

    def secrets(self) -> tuple[str, ...]:
        """What no log may have."""
        return self.bot_token, self.app_token, self.signing_secret


def load_environment(env: Mapping[str, str] | None = None, *, http: bool = False) -> Environment:
    """Read the environment of ``kws run``.

    Raises:
        ConfigError: With every missing or malformed variable.
    """
    env = os.environ if env is None else env
    problems = []
    needed = {"SLACK_BOT_TOKEN": "xoxb-"}
    needed |= {"SLACK_SIGNING_SECRET": ""} if http else {"SLACK_APP_TOKEN": "xapp-"}
    for variable, prefix in needed.items():
        value = env.get(variable, "")
        if not value:
            problems.append(
                f"{variable}: not set" + (f"; use a token that starts with {prefix}" if prefix else "")
            )
        elif not value.startswith(prefix):
            problems.append(f"{variable}: must start with {prefix}")
    log_format = env.get("KWS_LOG_FORMAT") or "auto"
    if log_format not in ("auto", "pretty", "json"):
        problems.append(f"KWS_LOG_FORMAT: unknown format {log_format!r}; use auto, pretty, or json")
    if problems:
        raise ConfigError(problems)
    url = env.get("SLACK_API_URL") or DEFAULT_SLACK_API_URL
    return Environment(
        bot_token=env.get("SLACK_BOT_TOKEN", ""),
        app_token="" if http else env.get("SLACK_APP_TOKEN", ""),
        signing_secret=env.get("SLACK_SIGNING_SECRET", ""),
        slack_api_url=url if url.endswith("/") else url + "/",
        database_url=env.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL,
        log_format=log_format,
    )

"""Whether a form may be granted: every field is checked, and every mistake told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.database import queries
from kws_core.database.queries import saved_key
from kws_core.errors import BEYOND_POLICY, ErrorCode, FormError, UserError
from kws_core.expiry import EndChoices
from kws_core.forms.cidr import check_cidr, check_network_name
from kws_core.forms.cloud_init import parse_cloud_init
from kws_core.forms.container import check_image_name, parse_command, parse_environment
from kws_core.forms.passwords import Secret, check_password, hash_password
from kws_core.forms.ports import parse_ports
from kws_core.forms.ssh_keys import check_public_key
from kws_core.nodes.values import Image
from kws_core.people import Actor
from kws_core.rentals.asks import beyond_policy, check_reason
from kws_core.rentals.quota import beyond_quota
from kws_core.rentals.web_names import check_free
from kws_core.scheduling.placement import NodeCapacity, largest
from kws_core.tables.copy import Copy
from kws_core.tables.details.asks import BeyondPolicy
from kws_core.tables.states import Access
from kws_core.values import Kind, PortRange, Size

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123 label, lower case
NEW_NETWORK = "new"  # the network whose name and CIDR are in the form
FIGURES = ("vcpus", "ram_mb", "disk_gb")
CUSTOM = "custom"  # the size whose figures are in the form
SMALLEST_RAM_MB = 64
DEFAULT_LOGIN = "student"  # for images that don't say whose login is theirs


@dataclass(frozen=True, slots=True)
class RentForm:
    """What the form says, parsed into fields but not yet checked. None: left empty, or not in this form."""

    name: str | None = None
    image: str | None = None
    size: str | None = None  # a name of nodes.toml, or CUSTOM
    ends_on: date | None = None
    starts_on: date | None = None  # its first day; None: as soon as it is accepted
    wait: bool = False  # for room, where there is none
    wait_until: date | None = None  # the last day on which it may still begin; None: its own last day
    kind: Kind = Kind.SERVER
    access: Access = Access.GENERATED
    public_key: str | None = None  # for OWN_KEY
    saved_key: int | None = None  # for OWN_KEY: one that the person saved, by id
    password: Secret | None = None  # for PASSWORD
    vcpus: int | None = None  # these three for CUSTOM
    ram_mb: int | None = None
    disk_gb: int | None = None
    ports: str | None = None  # None: the policy's
    cloud_init: str | None = None
    command: str | None = None  # these two for containers
    environment: str | None = None
    network: str | None = None  # id of the person's own, or NEW_NETWORK; None: the shared default
    network_name: str | None = None  # these two for NEW_NETWORK
    cidr: str | None = None
    node: str | None = None  # admins choose one
    web: bool | None = None  # whether it gets a web address; None: as nodes.toml says
    copy: str | None = None  # id of the person's copy that the disk is made from, instead of an image
    ask: str | None = None  # why an admin should allow what the policy does not


@dataclass(frozen=True, slots=True)
class ValidatedRequest:
    """The form with every field checked and in its final shape."""

    name: str
    image: str
    login: str
    size: Size
    ends_on: date
    starts_on: date | None  # later than today
    wait_until: date | None
    open_ports: tuple[PortRange, ...]
    public_key: str | None
    password_hash: str | None = field(repr=False)
    cloud_init: Mapping[str, Any]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    network: str | None  # id of the person's own
    new_network: tuple[str, str] | None  # name and CIDR
    copy: Copy | None = None
    web: str | None = None  # its name under the domain
    beyond: tuple[BeyondPolicy, ...] = ()  # what an admin is to allow first


def examine(
    session: Session,
    config: Config,
    who: Actor,
    form: RentForm,
    images: Mapping[str, Image],
    today: date,
    now: datetime,
    rooms: Sequence[NodeCapacity] = (),
) -> ValidatedRequest:
    """What is granted; FormError with every field's error. ``rooms``: what the nodes have."""
    return _Examination(session, config, who, form, images, today, now, rooms).grant()


@dataclass(frozen=True, slots=True)
class _Examination:
    session: Session
    config: Config
    who: Actor
    form: RentForm
    images: Mapping[str, Image]
    today: date
    now: datetime
    rooms: Sequence[NodeCapacity]
    errors: dict[str, UserError] = field(default_factory=dict)
    beyond: list[BeyondPolicy] = field(default_factory=list)

    def grant(self) -> ValidatedRequest:
        """Return the validated request.

        Raises:
            FormError: With every mistake, by field.
        """
        container = self.form.kind is Kind.CONTAINER
        copy = self._field("image", self._copy)
        if self.form.copy is not None:
            image, login = (copy.rental.image, copy.rental.login) if copy else ("", DEFAULT_LOGIN)
        else:
            image = self._field("image", self._registry_image if container else self._image)
            login = (self.images[image].login if image in self.images else "") or DEFAULT_LOGIN
        size = self._field("vcpus" if self.form.size == CUSTOM else "size", self._size)
        values = {
            "name": self._field("name", self._name),
            "web": self._field("web", self._web),
            "ends_on": self._field("ends_on", self._last_day),
            "starts_on": self._field("starts_on", self._first_day),
            "wait_until": self._field("wait_until", self._wait_until),
            "open_ports": self._field("ports", self._ports),
            "public_key": self._field("public_key", self._public_key),
            "password_hash": self._field("password", lambda: self._password(login)),
            "cloud_init": self._field("cloud_init", lambda: self._cloud_init(login)),
            "command": self._field("command", lambda: parse_command(self.form.command or "")),
            "environment": self._field("environment", lambda: parse_environment(self.form.environment or "")),
        }
        values["network"] = self._field("network", self._network)
        values["new_network"] = self._new_network()
        self._field("node", self._node)
        if self.beyond:
            self._field("ask", lambda: check_reason(self.session, self.who.id, self.form.ask))
        if self.errors:
            raise FormError(self.errors)
        beyond = tuple(self.beyond)
        return ValidatedRequest(image=image, login=login, size=size, copy=copy, beyond=beyond, **values)

    def _ask_for(self, error: UserError) -> None:
        """Go on without what the policy refuses, if an admin is to be asked for it; otherwise it is an error."""
        if self.form.ask is None or error.code not in BEYOND_POLICY:
            raise error
        self.beyond.append(beyond_policy(error, self.form.ends_on, self.today))

    def _last_day(self) -> date:
        choices = EndChoices(self.config.policy)
        try:
            return choices.check_last_day(self.form.ends_on, self.today)
        except UserError as error:
            self._ask_for(error)
            return choices.check_last_day(self.form.ends_on, self.today, beyond_policy=True)

    def _first_day(self) -> date | None:
        return EndChoices.check_first_day(self.form.starts_on, self.form.ends_on, self.today)

    def _wait_until(self) -> date | None:
        return EndChoices.check_wait(self.form.wait_until, self.form.ends_on, self.today)

    def _field(self, name: str, check: Callable[[], Any]) -> Any:
        try:
            return check()
        except UserError as error:
            self.errors[name] = error
            return None

    def _cloud_init(self, login: str) -> dict[str, Any]:
        by_password = self.form.access is Access.PASSWORD
        return parse_cloud_init(self.form.cloud_init or "", login, by_password=by_password)

    def _name(self) -> str:
        name = self.form.name
        if not name:
            raise UserError(ErrorCode.NAME_MISSING)
        if not NAME.fullmatch(name):
            raise UserError(ErrorCode.NAME_INVALID)
        if queries.live_by_name(self.session, name):
            raise UserError(ErrorCode.NAME_TAKEN, name=name)
        return name

    def _web(self) -> str | None:
        """The rental's name, under the domain; nothing where the name is wrong anyway."""
        web = self.config.web
        wanted = self.form.web if self.form.web is not None else web is not None and web.by_default
        if wanted and web is None:
            raise UserError(ErrorCode.WEB_OFF)
        if not wanted or web is None or "name" in self.errors:
            return None
        return check_free(self.session, web, self.form.name or "", self.who.id, self.now)

    def _copy(self) -> Copy | None:
        return queries.copy_of(self.session, self.who.id, self.form.copy) if self.form.copy else None

    def _source(self) -> Image | None:
        """What the disk is made from, for what it needs at least; None where that is not known."""
        if self.form.copy and "image" not in self.errors:
            copy = queries.copy_of(self.session, self.who.id, self.form.copy)
            return Image(id="", name=copy.rental.name, min_disk_gb=copy.rental.disk_gb)
        return self.images.get(self.form.image or "") if self.form.kind is Kind.SERVER else None

    def _image(self) -> str:
        if not self.form.image:
            raise UserError(ErrorCode.IMAGE_MISSING)
        if self.form.image not in self.images:
            raise UserError(ErrorCode.IMAGE_UNKNOWN, image=self.form.image)
        return self.form.image

    def _registry_image(self) -> str:
        if not self.form.image:
            raise UserError(ErrorCode.IMAGE_MISSING)
        return check_image_name(self.form.image)

    def _size(self) -> Size:
        size = self._custom_size() if self.form.size == CUSTOM else self.config.size(self.form.size or "")
        if size is None:
            raise UserError(ErrorCode.SIZE_MISSING)
        if not self.errors.keys().isdisjoint(FIGURES):
            return size
        image = self._source()
        if (image is None or self._large_enough(size, image)) and self._possible(size):
            for error in beyond_quota(self.session, self.config.policy, self.who.id, size):
                self._ask_for(error)
        return size

    def _possible(self, size: Size) -> bool:
        """Whether a host gives it to one server; otherwise there is an error: at the size, or at each figure."""
        most = self._largest()
        if not most or any(size.within(one) for one in most):
            return True
        custom = self.form.size == CUSTOM
        for name in FIGURES if custom else ():
            limit = max(getattr(one, name) for one in most)
            if getattr(size, name) > limit:
                self.errors[name] = UserError(ErrorCode.FIGURE_LARGE, most=limit)
        if custom and not self.errors.keys().isdisjoint(FIGURES):
            return False
        raise too_large(self.config, size, most)

    def _largest(self) -> list[Size]:
        """The largest server of each host that may get this one, whatever else is on it now."""
        if self.form.kind is Kind.CONTAINER:
            return []
        known = self.form.image in self.images
        rooms = [
            room
            for room in self.rooms
            if Kind.SERVER in room.kinds
            and self.form.node in (None, room.node)
            and (not known or self.form.image in room.images)
        ]
        return [one for room in rooms for one in largest(room)]

    def _large_enough(self, size: Size, image: Image) -> bool:
        """Otherwise there is an error: at the size, or at each custom figure that is too small."""
        small = {"disk_gb": size.disk_gb < image.min_disk_gb, "ram_mb": size.ram_mb < image.min_ram_mb}
        error = too_small(image)
        if any(small.values()) and self.form.size != CUSTOM:
            raise error
        self.errors.update({name: error for name, wrong in small.items() if wrong})
        return not any(small.values())

    def _custom_size(self) -> Size:
        """Each figure has its own field, and its own error."""
        policy, nodes = self.config.policy, self.config.nodes
        allowed = {"vcpus": policy.max_vcpus_per_user, "ram_mb": policy.max_ram_mb_per_user}
        for name in FIGURES:
            value, least = getattr(self.form, name), SMALLEST_RAM_MB if name == "ram_mb" else 1
            possible = max(getattr(node, name) for node in nodes)  # what is beyond the policy is told by it
            if value is None or not least <= value <= possible:
                most = min(possible, allowed.get(name, possible))
                self.errors[name] = UserError(ErrorCode.NUMBER_RANGE, least=least, most=most)
        return Size(CUSTOM, self.form.vcpus or 1, self.form.ram_mb or 1, self.form.disk_gb or 1)

    def _ports(self) -> tuple[PortRange, ...]:
        if self.form.ports is None:
            return self.config.policy.open_port_ranges()
        try:
            return parse_ports(self.form.ports)
        except UserError as error:
            self._ask_for(error)
            return parse_ports(self.form.ports, frozenset())

    def _public_key(self) -> str | None:
        if self.form.kind is Kind.CONTAINER or self.form.access is not Access.OWN_KEY:
            return None
        if self.form.saved_key is not None:
            return saved_key(self.session, self.who.id, self.form.saved_key).public_key
        if not self.form.public_key:
            raise UserError(ErrorCode.KEY_MISSING)
        return check_public_key(self.form.public_key)

    def _password(self, login: str) -> str | None:
        if self.form.kind is Kind.CONTAINER or self.form.access is not Access.PASSWORD:
            return None
        if not self.form.password:
            raise UserError(ErrorCode.PASSWORD_MISSING)
        check_password(self.form.password, login, self.form.name or "")
        return hash_password(self.form.password)

    def _network(self) -> str | None:
        if self.form.network in (None, NEW_NETWORK):
            return None
        mine = {network.id for network in queries.networks_of(self.session, self.who.id)}
        if self.form.network not in mine:
            raise UserError(ErrorCode.NETWORK_GONE)
        return self.form.network

    def _new_network(self) -> tuple[str, str] | None:
        if self.form.network != NEW_NETWORK:
            return None
        name = self._field("network_name", self._network_name)
        taken = queries.cidrs_in_use(self.session)
        cidr = self._field("cidr", lambda: str(check_cidr(self.form.cidr or "", taken)))
        return name, cidr

    def _network_name(self) -> str:
        name = check_network_name(self.form.network_name or "")
        if name in {network.name for network in queries.networks_of(self.session, self.who.id)}:
            raise UserError(ErrorCode.NETWORK_TAKEN, name=name)
        return name

    def _node(self) -> None:
        if self.form.node is None:
            return
        if self.config.node(self.form.node) is None:
            raise UserError(ErrorCode.NODE_UNKNOWN)
        if not self.who.admin:
            self._ask_for(UserError(ErrorCode.NODE_ADMINS))


def too_large(config: Config, size: Size, most: Sequence[Size]) -> UserError:
    """What is said to a size that no host gives to one server, with those that one does."""
    fitting = [one.name for one in config.all_sizes() if any(one.within(host) for host in most)]
    return UserError(ErrorCode.SIZE_LARGE, size=size, largest=most, fitting=fitting)


def too_small(image: Image) -> UserError:
    """What is said to a size that is less than the image needs."""
    least = {"disk_gb": image.min_disk_gb, "ram_mb": image.min_ram_mb}
    return UserError(ErrorCode.SIZE_SMALL, image=image.name, **least)

"""What the proxy is to serve: the rows as routes. Knows nothing of Caddy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, joinedload

from kws_core.rentals.web_names import KEPT
from kws_core.tables.network import Site, WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import NOT_OVER, Audience, Power, Status, Upstream


class Page(StrEnum):
    """What the proxy says by itself instead of a site."""

    STARTING = "starting"  # the machine is being made
    SILENT = "silent"  # it runs, and nothing listens on the port
    STOPPED = "stopped"
    ENDED = "ended"
    CLOSED = "closed"  # to this visitor, or to all
    UNKNOWN = "unknown"  # nobody has that name


@dataclass(frozen=True, slots=True)
class Target:
    """A web server on a rental."""

    address: str
    port: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """What is behind the names of one rental: a target, or a page."""

    rental_id: str
    labels: tuple[str, ...]
    goes_to: Target | Page
    lab_only: bool = False


# asked every second: put together once
_SHOWN = (
    select(Rental, WebName.label)
    .join(Site, Site.rental_id == Rental.id)
    .join(
        WebName,
        and_(
            WebName.rental_id == Rental.id,
            WebName.released_at.is_(None),
            or_(WebName.label == Site.label, WebName.label == Site.second),
        ),
    )
    .options(joinedload(Rental.site), joinedload(Rental.placements))
    .where(
        or_(
            Rental.status.in_(NOT_OVER),
            and_(Rental.status == Status.ENDED, Rental.ended_at > bindparam("since")),
        )
    )
    .order_by(Rental.id, WebName.label)
)


def shown(session: Session, now: datetime) -> Sequence[Route]:
    """Every route, in the order of their rentals. A name that went to another rental is only that one's."""
    labels: dict[str, list[str]] = {}
    rentals: dict[str, Rental] = {}
    for rental, label in session.execute(_SHOWN, {"since": now - KEPT}).unique():
        rentals[rental.id] = rental
        labels.setdefault(rental.id, []).append(label)
    return [route_of(rental, tuple(labels[one])) for one, rental in rentals.items()]


def route_of(rental: Rental, labels: tuple[str, ...]) -> Route:
    """What is behind the names of a rental that has a site."""
    site = rental.site
    assert site
    if not site.open:
        return Route(rental.id, labels, Page.CLOSED)
    return Route(rental.id, labels, _goes_to(rental, site), site.audience is Audience.LAB)


def _goes_to(rental: Rental, site: Site) -> Target | Page:
    if not rental.live:
        return Page.ENDED
    if rental.moving or rental.power in (Power.RESETTING, Power.RESIZING):
        return Page.STARTING  # another machine, or disk, is on its way
    if rental.status is Status.STOPPED or rental.power in (Power.OFF, Power.STARTING):
        return Page.STOPPED
    address = rental.placement.floating_ip if rental.placement else None
    if not address or not may_be_reached(address):
        return Page.STARTING
    return Target(address, site.port, site.upstream is Upstream.HTTPS)


def may_be_reached(address: str) -> bool:
    """Whether a machine may have that address: never this host, nor the metadata service of a cloud."""
    ip = ip_address(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)

"""What must hold of names under the lab's domain: told from the rows, and from what the proxy has beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.caddy_kit import FakeCaddy
from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.database.store import Store
from kws_core.tables.network import WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import LIVE, Audience, Power, Status
from kws_core.web.routes import Page

FOLLOWS = timedelta(seconds=5)
KEPT = timedelta(days=7)
DOMAIN = "lab.example"  # of WEB in world.py


@dataclass(frozen=True)
class _Had:
    rental_id: str
    owner: str
    at: datetime  # seen so last


class NameWatch:
    """``look`` says what is wrong with the rows right now, ``follow`` what the proxy should have had for 5 seconds."""

    def __init__(self) -> None:
        self._had: dict[str, _Had] = {}
        self._wanted: dict[str, tuple[object, datetime]] = {}  # since when
        self._well_since: datetime | None = None

    def look(self, store: Store, now: datetime) -> list[str]:
        """Names that two have, or that went to another person too early."""
        with store.read() as session:
            live = list(session.scalars(select(Rental).where(Rental.status.in_(LIVE))))
            names = {name.label: name for name in session.scalars(select(WebName))}
            return [*_lost(live, names), *self._given_away(live, now)]

    def _given_away(self, live: list[Rental], now: datetime) -> Iterator[str]:
        for rental in live:
            for label in rental.site.labels if rental.site else ():
                had = self._had.get(label)
                other = had is not None and had.rental_id != rental.id and had.owner != rental.owner
                if other and had and now - had.at < KEPT:
                    yield f"{label} went from {had.owner} to {rental.owner} within {now - had.at}"
                self._had[label] = _Had(rental.id, rental.owner, now)

    def disturbed(self, now: datetime) -> None:
        """Somebody changed the proxy by hand, or nobody was there to tell it: 5 seconds more until that is seen."""
        self._well_since = now + FOLLOWS

    def follow(self, store: Store, caddy: FakeCaddy, now: datetime) -> list[str]:
        """Names that still lead elsewhere, although the rows say so and the proxy is well since 5 seconds and more."""
        with store.read() as session:
            places = wanted(session, now)
        for label, place in places.items():
            if self._wanted.get(label, ("", now))[0] != place:
                self._wanted[label] = place, now
        if caddy.down or caddy.refuses:
            self._well_since = None
            return []
        self._well_since = self._well_since or now
        old = [
            label
            for label, (_, since) in self._wanted.items()
            if now - max(since, self._well_since) > FOLLOWS
        ]
        return shared(caddy) + [one for one in unequal(places, caddy) if one.split()[0] in old]


def wanted(session: Session, now: datetime) -> dict[str, object]:
    """By name, where the rows have it lead: to an address and port, or to a page."""
    names = session.scalars(select(WebName))
    return {name.label: _place(name, session.get_one(Rental, name.rental_id), now) for name in names}


def served(store: Store, caddy: FakeCaddy, now: datetime) -> list[str]:
    """Names that lead elsewhere than the rows say."""
    with store.read() as session:
        return shared(caddy) + unequal(wanted(session, now), caddy)


def unequal(places: Mapping[str, object], caddy: FakeCaddy) -> list[str]:
    """The same, of these places."""
    found = {label: caddy.behind(f"{label}.{DOMAIN}") for label in places}
    return [
        f"{label} leads to {found[label]}, not {place}"
        for label, place in places.items()
        if found[label] != place
    ]


def shared(caddy: FakeCaddy) -> list[str]:
    """Names that have two routes."""
    server = caddy.found.get("apps", {}).get("http", {}).get("servers", {}).get("kws", {})
    matches = [match for route in server.get("routes", []) for match in route.get("match", [])]
    hosts = Counter(host for match in matches if "not" not in match for host in match.get("host", []))
    return [f"{host} has {number} routes" for host, number in hosts.items() if number > 1]


def _lost(live: list[Rental], names: Mapping[str, WebName]) -> Iterator[str]:
    holders = Counter(label for rental in live if rental.site for label in rental.site.labels)
    yield from (f"{number} rentals have {label}" for label, number in holders.items() if number > 1)
    for rental in live:
        for label in rental.site.labels if rental.site else ():
            name = names.get(label)
            if name is None or name.rental_id != rental.id or name.released_at:
                yield f"{label} isn't that of {rental.id}, which is served under it"


def _place(name: WebName, rental: Rental, now: datetime) -> object:
    site, held = rental.site, rental.placement
    if site is None or name.released_at or name.label not in site.labels:
        return Page.UNKNOWN
    if rental.ended_at and now - rental.ended_at >= KEPT:
        return Page.UNKNOWN
    if site.taken_off_by or site.audience is Audience.NOBODY:
        return Page.CLOSED
    if not rental.live:
        return Page.ENDED
    if rental.replaced_by or rental.power is Power.RESETTING:
        return Page.STARTING
    if rental.status is Status.STOPPED or rental.power in (Power.OFF, Power.STARTING):
        return Page.STOPPED
    return f"{held.floating_ip}:{site.port}" if held and held.floating_ip else Page.STARTING

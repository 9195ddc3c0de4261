"""The loop that makes Caddy's configuration equal to the rows.

It looks first and changes nothing that is as it should be. After a restart of Caddy or of the bot, or a change by hand,
it finds the difference within seconds. Caddy goes on by itself while KWS is down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.tables.details.alerts import WebDownAlert, WebUpAlert
from kws_core.tables.details.web_events import WebServed
from kws_core.tables.network import Site
from kws_core.web import caddy, routes
from kws_core.web.caddy import Caddy, Json, Pages, ProxyDown, ProxyRefused
from kws_core.web.routes import Route, Target

log = logging.getLogger(__name__)

WEB = "web"  # the lease on the proxy
IDLE = timedelta(seconds=1)
LOOK = timedelta(seconds=5)  # whether somebody else changed it
BETWEEN = timedelta(seconds=3)  # loads: each makes open WebSockets connect again
AGAIN = timedelta(seconds=2)  # after a failure
WORTH_TELLING = timedelta(seconds=60)  # a restart of Caddy is not


class Proxy:
    """``tick`` looks whether the rows or Caddy have changed; ``trouble`` is what is wrong, "" for nothing."""

    def __init__(self, context: Context, pages: Pages, connect: Callable[[str], Caddy] = Caddy) -> None:
        self.context = context
        self._web = context.config.web
        self._pages = pages
        self._caddy = connect(self._web.admin if self._web else "")
        self._served: Json | None = None  # what Caddy had when it was read last
        self._looked_at: datetime | None = None
        self._loaded_at: datetime | None = None
        self._down_since: datetime | None = None
        self._told = False
        self.trouble = ""

    def tick(self) -> timedelta:
        """Make it equal if it isn't known to be; returns when to look again."""
        if self._web is None:
            return LOOK
        now = self.context.now()
        with self.context.store.read() as session:
            wanted = routes.shown(session, now)
        apps = caddy.apps(self._web, wanted, self._pages)
        if self._down_since is None and self._is_recent(self._looked_at, LOOK) and apps == self._served:
            return IDLE
        with self.context.leases.acquire(WEB) as ours:
            return self._make_equal(apps, wanted) if ours else IDLE

    def _make_equal(self, apps: Json, wanted: Sequence[Route]) -> timedelta:
        try:
            found = self._caddy.config()
            if found.get("apps") != apps:
                if self._is_recent(self._loaded_at, BETWEEN):
                    return IDLE
                log.info("web: loading %d routes into Caddy", len(wanted))
                self._caddy.load({**found, "apps": apps})
                self._loaded_at = self.context.now()
        except (ProxyDown, ProxyRefused) as error:
            self._failed(error)
            return AGAIN
        self._served, self._looked_at = apps, self.context.now()
        self._note_served(wanted)
        self._works()
        return IDLE

    def _is_recent(self, at: datetime | None, span: timedelta) -> bool:
        return at is not None and timedelta(0) <= self.context.now() - at < span

    # -- what the rows learn

    def _note_served(self, wanted: Iterable[Route]) -> None:
        """What is served now was wanted: its owner is told where it is."""
        targets = {route.rental_id: route for route in wanted if isinstance(route.goes_to, Target)}
        with self.context.store.read() as session:
            new = [one for one in session.scalars(_UNSERVED) if one in targets]
        for rental_id in new:
            with self.context.store.write() as session:
                self._serve(session, targets[rental_id])
        if new:
            self.context.mail.set()

    def _serve(self, session: Session, route: Route) -> None:
        """Unless it was changed meanwhile: then the next tick tells."""
        assert self._web
        now, rental = self.context.now(), queries.rental(session, route.rental_id, lock=True)
        site = rental.site if rental else None
        if rental and site and not site.served_at and routes.route_of(rental, route.labels) == route:
            site.served_at = now
            rental.record(WebServed(self._web.address(site.second or site.label)), now)

    # -- trouble

    def _failed(self, error: ProxyDown | ProxyRefused) -> None:
        now = self.context.now()
        refused = isinstance(error, ProxyRefused)
        if self._down_since is None:
            self._down_since, self._told = now, False
            log.warning("web: %s: %s", "Caddy rejected its configuration" if refused else "no Caddy", error)
        self.trouble = "Caddy rejected its configuration" if refused else "Caddy isn't responding"
        if not self._told and now - self._down_since >= WORTH_TELLING:
            with self.context.store.write() as session:
                alert_admins(session, WebDownAlert(self._down_since, refused), self._key(), now)
            self._told = True

    def _works(self) -> None:
        if self._down_since is None:
            return
        log.info("web: Caddy does what it should again")
        if self._told:
            now = self.context.now()
            with self.context.store.write() as session:
                alert_admins(session, WebUpAlert(self._down_since, at=now), self._key(), now)
        self._down_since, self._told, self.trouble = None, False, ""

    def _key(self) -> str:
        assert self._down_since
        return str(int(self._down_since.timestamp()))


_UNSERVED = select(Site.rental_id).where(Site.served_at.is_(None), Site.taken_off_by.is_(None))

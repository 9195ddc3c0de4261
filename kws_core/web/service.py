"""Web addresses: the use cases. One method is one transaction; asks no proxy, no node, and no Slack.

What the proxy is to do is a row first; ``web/proxy.py`` makes Caddy do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.config import WebSection
from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.forms.ports import FIRST, LAST
from kws_core.people import Actor
from kws_core.rentals.access import allowed
from kws_core.rentals.web_names import check_free, claim, new_site, release
from kws_core.tables.details.web_events import WebChanged, WebPutBack, WebTakenOff
from kws_core.tables.network import Site, WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import LIVE, Audience, Upstream


@dataclass(frozen=True, slots=True)
class SiteForm:
    """What a person wants of a rental's web address, unchecked."""

    audience: Audience = Audience.LAB
    port: int | None = None
    upstream: Upstream = Upstream.HTTP
    second: str | None = None


@dataclass(frozen=True, slots=True)
class SiteTerms:
    """A rental's web address as it is, or as it would be."""

    rental: Rental
    web: WebSection
    label: str
    form: SiteForm


class Sites:
    """Show and change web addresses; admins take them off the web."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def web(self) -> WebSection:
        """Return the section of nodes.toml.

        Raises:
            UserError: If nodes.toml has no such section.
        """
        if self.context.config.web is None:
            raise UserError(ErrorCode.WEB_OFF)
        return self.context.config.web

    def terms(self, who: Actor, rental_id: str) -> SiteTerms:
        """Return what a form for the rental's web address shows.

        Raises:
            UserError: If it has ended, was taken off the web, or isn't this person's.
        """
        with self.context.store.read() as session:
            rental = self._changeable(queries.rental(session, rental_id), who)
            site = rental.site or new_site(rental, self.web)
            form = SiteForm(site.audience, site.port, site.upstream, site.second)
            if rental.site is None:
                form = replace(form, audience=Audience.NOBODY)
            return SiteTerms(rental, self.web, site.label, form)

    def change(self, who: Actor, rental_id: str, form: SiteForm, *, via: str | None = None) -> Rental:
        """Have the proxy serve it like that. Done twice it is done once.

        Raises:
            FormError: With the error of every field.
            UserError: If it has ended, was taken off the web, or isn't this person's.
        """
        try:
            # who asks for a name at the same time waits here
            with queries.capacity_turn(self.context.store, first=True) as session:
                rental = self._changeable(queries.rental(session, rental_id, lock=True), who)
                self._change(session, rental, form, who, via)
        except IntegrityError as error:  # two transactions met (PostgreSQL)
            address = self.web.address(form.second or "")
            raise FormError({"second": UserError(ErrorCode.WEB_NAME_TAKEN, address=address)}) from error
        self._changed()
        return rental

    def _change(self, session: Session, rental: Rental, form: SiteForm, who: Actor, via: str | None) -> None:
        now, site = self.context.now(), rental.site
        second = self._check(session, rental, form)
        if new := site is None:
            site = rental.site = new_site(rental, self.web)
            claim(session, rental, site.label)
        if site.second and site.second != second:
            release(session, rental, site.second, now)
        if second and second != site.second:
            claim(session, rental, second)
        before = (site.audience, site.port, site.upstream, site.second)
        wanted = (form.audience, form.port, form.upstream, second)
        if before == wanted and not new:
            return
        assert form.port is not None
        site.audience, site.port, site.upstream, site.second = form.audience, form.port, form.upstream, second
        self._touch(rental, site)
        rental.record(WebChanged(form.audience, form.port, form.upstream, second, via=via), now, actor=who.id)

    def _check(self, session: Session, rental: Rental, form: SiteForm) -> str | None:
        """Return the second name as it is stored.

        Raises:
            FormError: With the error of every field.
        """
        errors: dict[str, UserError] = {}
        second = None
        label = rental.site.label if rental.site else rental.name
        if form.port is None or not FIRST <= form.port <= LAST:
            errors["port"] = UserError(ErrorCode.NUMBER_RANGE, least=FIRST, most=LAST)
        if form.audience is Audience.EVERYBODY and not self.web.everybody:
            errors["audience"] = UserError(ErrorCode.WEB_EVERYBODY)
        wanted = {"second": form.second} if form.second else {}
        for field, text in {**({} if rental.site else {"audience": label}), **wanted}.items():
            try:
                name = check_free(session, self.web, text, rental.owner, self.context.now(), rental.id)
                if field == "second" and name == label:
                    raise UserError(ErrorCode.WEB_NAME_OWN, name=name)
                second = name if field == "second" else second
            except UserError as error:
                errors.setdefault(field, error)
        if errors:
            raise FormError(errors)
        return second

    def take_off(self, who: Actor, rental_id: str, note: str, *, via: str | None = None) -> Rental:
        """Have the proxy serve it no longer, whatever its owner wants; for admins.

        Raises:
            UserError: If this is no admin, there is no such site, or no reason is given.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        if not note.strip():
            raise UserError(ErrorCode.NOTE_MISSING)
        with self.context.store.write() as session:
            rental, site = self._with_site(queries.rental(session, rental_id, lock=True), who)
            if site.taken_off_by is None:
                site.taken_off_by, site.note = who.id, note.strip()
                self._touch(rental, site)
                gone = WebTakenOff(note=site.note, via=via)
                rental.record(gone, self.context.now(), actor=who.id)
        self._changed()
        return rental

    def put_back(self, who: Actor, rental_id: str, *, via: str | None = None) -> Rental:
        """Let its owner decide again; for admins.

        Raises:
            UserError: If this is no admin, or there is no such site.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.write() as session:
            rental, site = self._with_site(queries.rental(session, rental_id, lock=True), who)
            if site.taken_off_by is not None:
                site.taken_off_by = site.note = None
                self._touch(rental, site)
                rental.record(WebPutBack(via=via), self.context.now(), actor=who.id)
        self._changed()
        return rental

    def everybodys(self) -> Sequence[Rental]:
        """Every rental that has not ended and has a web address, by name (for admins: the caller checks)."""
        with self.context.store.read() as session:
            found = [rental for rental in queries.all_rentals(session) if rental.site]
        return sorted(found, key=lambda rental: rental.name)

    def may_have_certificate(self, host: str) -> bool:
        """Whether a host name is that of a live rental whose site is open."""
        web = self.context.config.web
        label, _, domain = host.lower().partition(".")
        if web is None or domain != web.domain:
            return False
        query = (
            select(Site)
            .join(WebName, WebName.rental_id == Site.rental_id)
            .join(Rental, Rental.id == Site.rental_id)
            .where(WebName.label == label, WebName.released_at.is_(None), Rental.status.in_(LIVE))
        )
        with self.context.store.read() as session:
            site = session.scalar(query)
            return site is not None and site.open and label in site.labels

    def _changeable(self, rental: Rental | None, who: Actor) -> Rental:
        """The rental, if this person may change its web address now."""
        rental = allowed(rental, who)
        if self.web and not rental.live:
            raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
        if rental.site and rental.site.taken_off_by:
            raise UserError(ErrorCode.WEB_TAKEN_OFF, name=rental.name, note=rental.site.note)
        return rental

    def _with_site(self, rental: Rental | None, who: Actor) -> tuple[Rental, Site]:
        rental = allowed(rental, who)
        if rental.site is None or not rental.live:
            raise UserError(ErrorCode.WEB_NONE, name=rental.name)
        return rental, rental.site

    def _touch(self, rental: Rental, site: Site) -> None:
        """The proxy is to do something else, and the node may have to let it in at another port."""
        site.served_at = None
        if rental.placement:
            rental.placement.next_check_at = self.context.now()

    def _changed(self) -> None:
        self.context.work.set()
        self.context.mail.set()

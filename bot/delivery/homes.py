"""App Homes: published when they are opened, and again when something changes while they may be looked at.

Drawn from the database alone; ``HomeStates`` remembers who looks and what is shown, so any process can do it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.views import View

from bot.slack.directory import Directory
from bot.slack.retries import retry_after
from bot.text import error_messages
from bot.text.i18n import Texts
from bot.views import admin_home, home
from kws_core.context import Context
from kws_core.copies.service import Copies
from kws_core.errors import UserError
from kws_core.outbox.admin_queries import DeskQueries, Search
from kws_core.outbox.home_state import HomeStates
from kws_core.people import Actor
from kws_core.rentals.lab_calendar import DayPlan, LabCalendar
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService

log = logging.getLogger(__name__)

NO_HOME = frozenset({"not_enabled", "user_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot"})


class Homes:
    """Its network calls belong on a worker thread, or on the loop of its own: no message waits for it."""

    def __init__(self, context: Context, directory: Directory, client: WebClient) -> None:
        self.context = context
        self.rental_service = RentalService(self.context)
        self.rental_queries = RentalQueries(self.context)
        self.calendar = LabCalendar(context)
        self.copies = Copies(context)
        self.book = HomeStates(context)
        self.queries = DeskQueries(context)
        self.directory = directory
        self.client = client
        self._stopping = False

    def stop(self) -> None:
        """No new publication is begun."""
        self._stopping = True

    def tick(self) -> timedelta:
        """Publish what has changed, one after the other: Slack's limit counts all of them together."""
        for person in self.book.due():
            if self._stopping:
                break
            self.show(person, at_once=False)
        return timedelta(seconds=1)

    def opened(self, person: str, team_id: str | None) -> None:
        """The person looks at it now."""
        try:
            self.book.opened(person)
        except Exception:
            log.exception(
                "Home tab of %s: can't update it", person
            )  # nobody waits for the answer of an event
            return
        self.show(person, team_id)

    def show(self, person: str, team_id: str | None = None, *, at_once: bool = True) -> None:
        """Bring what they see up to date; what Slack does not take now is tried again later.

        ``at_once``: also while another is at it, since the person waits; then it is drawn once more.
        """
        try:
            with self.book.acquire(person) as ours:
                if ours or at_once:
                    self._show(person, team_id)
                if at_once and not ours:
                    self.book.unsure(person)
        except SlackApiError as error:
            said = error.response.get("error")
            log.warning("Home tab of %s: Slack returned %s", person, said)
            if said in NO_HOME:
                self.book.forget(person)
            else:
                self.book.later(person, retry_after(error))
        except (SlackClientError, HTTPException, OSError) as error:
            log.warning("Home tab of %s: can't send it to Slack: %s", person, error)
            self.book.later(person)
        except Exception:
            log.exception("Home tab of %s: can't update it", person)
            self.book.later(person)

    def _show(self, person: str, team_id: str | None) -> None:
        sheet = self.book.sheet(person)
        if sheet is None:
            return
        view, admin = self._draw(person, team_id, sheet.search)
        drawn = view.to_dict()  # once: it takes a third of the time of *Manage rentals*
        digest = hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()
        if digest != sheet.digest:
            self.client.views_publish(user_id=person, view=drawn)
        self.book.shown(sheet, digest, admin=admin)

    def _draw(self, person: str, team_id: str | None, search: Search) -> tuple[View, bool]:
        """Who they are is asked again each time: someone who is no longer an admin loses *Manage rentals*."""
        try:
            who, texts = self.directory.authorize(person, team_id)
        except UserError as error:
            return home.refusal(error_messages.sentence(error, self.directory.texts_of(person))), False
        return self.draw(who, texts, search), who.admin

    def draw(self, who: Actor, texts: Texts, search: Search) -> View:
        """The view for this person."""
        mine = self.rental_queries.my_rentals(who)
        offer = replace(self.rental_service.offer(who), mine=mine)
        plan = self.calendar.days(who)
        desk = admin_home.build(self._desk(search, plan), texts) if who.admin else []
        ends = {rental.id: self.context.expiry.ends_at(rental) for rental in mine}
        turns, copies = self.rental_queries.turns(mine), self.copies.of(who)
        return home.build(offer, self.context.config.policy, ends, texts, desk, copies, turns, plan)

    def _desk(self, search: Search, plan: DayPlan) -> admin_home.AdminHome:
        return admin_home.AdminHome(
            search=search,
            found=self.queries.find(search),
            last_day=self.context.expiry.last_day,
            nodes=self.rental_queries.nodes(),
            missed=self.queries.missed(),
            images=self.queries.images(),
            entries=self.queries.events(),
            plan=plan,
            asks=self.queries.asks(),
        )

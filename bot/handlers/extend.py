"""Extending a rental, restoring one that was stopped: by command, by form, by the buttons of its messages."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from slack_bolt import Ack, App

from bot.handlers.commands import Commands
from bot.handlers.my_rentals import MyRentals
from bot.handlers.rent_words import day_meant
from bot.slack.dispatcher import Desk, Visit
from bot.text.i18n import N_
from bot.views import extend_form, ids
from kws_core.errors import UserError
from kws_core.rentals.extension import Terms
from kws_core.tables.rental import Rental


def register(app: App, desk: Desk, commands: Commands, terms: Terms) -> None:
    """Listens for ``/kws extend``, its form, and the buttons of warnings and cards."""
    extend = Extend(desk, terms)
    commands.add("extend", extend.asked)
    app.action(ids.Action.EXTEND)(desk.listener(extend.open))
    app.action(re.compile(f"^{ids.Action.EXTEND_TO}:"))(desk.listener(extend.by_button))
    app.action(ids.Action.EXTEND_UNTIL)(desk.listener(extend.by_date))
    app.action(ids.Action.RESTORE)(desk.listener(extend.restore))
    app.view(ids.View.EXTEND)(extend.submitted)


class Extend:
    """Extends and restores."""

    def __init__(self, desk: Desk, terms: Terms) -> None:
        self.desk = desk
        self.core = desk.core
        self.terms = terms

    def asked(self, visit: Visit, rest: str) -> None:
        """``extend NAME`` opens the form; ``extend NAME 7d`` or ``… 2026-12-24`` does it at once."""
        name, _, word = rest.partition(" ")
        if not name:
            MyRentals(self.desk).show(visit, "")
            return
        rental = self.core.rental_named(visit.who, name.lower())
        if word.strip():
            until = self._until(rental, word.strip().lower())
            rental = self.terms.extend(visit.who, rental.id, until, via="command")
            text = N_("{name} is yours until {day}.")
            visit.say(visit.texts(text, name=rental.name, day=visit.texts.date(rental.ends_on)))
        else:
            self._open(visit, rental)

    def open(self, visit: Visit) -> None:
        """The card's button."""
        self._open(visit, self.core.rental(visit.who, visit.value))

    def by_button(self, visit: Visit) -> None:
        """A warning's button; the warning itself is edited to what happened."""
        rental_id, until = ids.parse_until(visit.value)
        self.terms.extend(visit.who, rental_id, until, via="warning")

    def by_date(self, visit: Visit) -> None:
        """A warning's date picker."""
        action = visit.action
        rental_id = action["block_id"].removeprefix(ids.EXTENSION)
        chosen = action.get("selected_date")
        until = date.fromisoformat(chosen) if chosen else None
        self.terms.extend(visit.who, rental_id, until, via="warning")

    def restore(self, visit: Visit) -> None:
        """Out of the grace time."""
        self.terms.restore(visit.who, visit.value)

    def submitted(self, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Extends, or says at the field why not."""
        user_id = str(body["user"]["id"])
        texts = self.desk.directory.texts_of(user_id)
        try:
            who, texts = self.desk.directory.admit_known(user_id)
            rental_id, until = extend_form.parse(view)
            self.terms.extend(who, rental_id, until, via="form")
        except Exception as error:
            text = self.desk.explain_plain(error, texts, f"extension form of {user_id}")
            ack(response_action="errors", errors={ids.Field.ENDS_ON: text})
        else:
            ack()

    def _open(self, visit: Visit, rental: Rental) -> None:
        if not rental.live:
            raise UserError("too_late_to_extend", name=rental.name)
        outlook = self.core.ends.outlook(rental, (), self.core.now())
        view = extend_form.build(rental, outlook, visit.texts)
        visit.open_form(view, f"/kws extend {rental.name}")

    def _until(self, rental: Rental, word: str) -> date:
        """``7d`` is a week more than agreed until now; a date is that date."""
        until = day_meant(word.lstrip("+"), max(rental.ends_on, self.core.today()))
        if until is None:
            raise UserError("extend_words", word=word)
        return until

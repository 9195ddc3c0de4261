"""What is remembered of the people of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.tables.details.alerts import DepartedAlert
from kws_core.tables.person import Person

FORGET_AFTER = timedelta(days=7)


class Members:
    """People as Slack described them last."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def person(self, user_id: str) -> Person | None:
        """What is remembered of a person, None when never seen."""
        with self.context.store.look() as connection:
            return queries.person(connection, user_id)

    def remember_person(self, user_id: str, *, locale: str | None, guest: bool, stranger: bool) -> Person:
        """Keep what Slack says of a person."""
        with self.context.store.write() as session:
            person = self._person(session, user_id)
            person.locale, person.guest, person.stranger = locale, guest, stranger
            person.seen_at = self.context.now()
        return person

    def _person(self, session: Session, user_id: str) -> Person:
        """Two processes may see a person for the first time at once."""
        queries.insert_once(session, Person, {"id": user_id, "seen_at": self.context.now()})
        return session.get_one(Person, user_id, with_for_update=True)

    def note_departure(self, user_id: str, *, left: bool) -> None:
        """Keep whether a person has left the workspace; the admins are told once of each departure."""
        with self.context.store.write() as session:
            person = self._person(session, user_id)
            if left and person.departed_at is None:
                person.departed_at = self.context.now()
                key = f"{user_id}:{self.context.now().isoformat()}"
                alert_admins(session, DepartedAlert(user_id), key, self.context.now())
            elif not left:
                person.departed_at = None
        self.context.mail.set()

    def owners(self) -> Sequence[str]:
        """Everybody who has a rental."""
        with self.context.store.read() as session:
            return sorted({rental.owner for rental in queries.all_rentals(session) if rental.live})

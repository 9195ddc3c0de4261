"""Who is asking: member, guest or stranger; admin or not; which language. Remembered, so that it is fast."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.text.i18n import Texts, texts_for
from kws_core.context import Context
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.members import Members
from kws_core.tables.person import Person

log = logging.getLogger(__name__)

PERSON_FRESH = timedelta(hours=12)
GROUP_FRESH = timedelta(minutes=5)
GROUP_RETRY = timedelta(seconds=30)  # after Slack did not say who is in it
GROUP_KNOWN = timedelta(minutes=10)  # for a form, where there is no time to ask: as long as that counts


class Directory:
    """People as Slack knows them, through the core's memory. Its network calls belong on a worker thread."""

    def __init__(self, context: Context, client: WebClient) -> None:
        self.context = context
        self.members = Members(self.context)
        self.client = client
        self._groups: dict[str, tuple[datetime, frozenset[str]]] = {}
        self._said_at: dict[str, datetime] = {}  # when Slack last said who is in a group
        self._team: str | None = None
        self._locales: dict[str, str | None] = {}  # of people that this process has seen
        self._lock = threading.Lock()

    def authorize(self, user_id: str, team_id: str | None) -> tuple[Actor, Texts]:
        """Return the person, asking Slack if they weren't seen lately.

        Raises:
            UserError: For guests and strangers, or if Slack doesn't answer.
        """
        person = self.members.person(user_id)
        if person is None or self.context.now() - person.seen_at > PERSON_FRESH:
            person = self._ask_slack(user_id, team_id) or person
        if person is None:
            raise UserError(ErrorCode.SLACK_SILENT)
        return self._checked(person, self._is_admin(user_id)), self.texts(person)

    def authorize_known(self, user_id: str) -> tuple[Actor, Texts]:
        """Return the person from memory alone, where there is no time to ask.

        Raises:
            UserError: If they were never seen.
        """
        person = self.members.person(user_id)
        if person is None:
            raise UserError(ErrorCode.FORM_STALE)
        return self._checked(person, self._is_known_admin(user_id)), self.texts(person)

    def texts(self, person: Person | None) -> Texts:
        """The person's language."""
        if person is not None:
            self._locales[person.id] = person.locale
        return texts_for(person.locale if person else None, self.context.config.kws.locale)

    def texts_of(self, user_id: str) -> Texts:
        """The language of a person who may not have been seen yet. It never fails: errors are told in it."""
        try:
            return self.texts(self.members.person(user_id))
        except Exception:
            log.exception("can't look up the language of %s", user_id)
            return texts_for(self._locales.get(user_id), self.context.config.kws.locale)

    def _checked(self, person: Person, admin: bool) -> Actor:
        if person.stranger:
            raise UserError(ErrorCode.STRANGER)
        if person.guest:
            raise UserError(ErrorCode.GUEST)
        return Actor(person.id, admin=admin)

    def _ask_slack(self, user_id: str, team_id: str | None) -> Person | None:
        try:
            user = self.client.users_info(user=user_id, include_locale=True)["user"]
            team = self._own_team()
        except (SlackClientError, OSError) as error:
            log.warning("users.info %s: %s", user_id, error)
            return None
        teams = {team_id or team, user.get("team_id") or team}
        stranger = bool(user.get("is_stranger")) or teams != {team}
        guest = bool(user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_bot"))
        return self.members.remember_person(
            user_id, locale=user.get("locale"), guest=guest, stranger=stranger
        )

    def _own_team(self) -> str:
        if self._team is None:
            self._team = str(self.client.auth_test()["team_id"])
        return self._team

    def _is_admin(self, user_id: str) -> bool:
        admins = self.context.config.kws.admins
        return user_id in admins or any(user_id in self._group(g) for g in admins if g.startswith("S"))

    def _is_known_admin(self, user_id: str) -> bool:
        """From memory; only those whom Slack has lately called members count."""
        admins, since = self.context.config.kws.admins, self.context.now() - GROUP_KNOWN
        with self._lock:
            groups = [self._groups[g][1] for g in admins if g in self._groups and self._said_at[g] >= since]
        return user_id in admins or any(user_id in members for members in groups)

    def admins(self) -> list[str]:
        """Everybody who is an admin now."""
        found: dict[str, None] = {}
        for entry in self.context.config.kws.admins:
            found |= dict.fromkeys(sorted(self._group(entry)) if entry.startswith("S") else [entry])
        return list(found)

    def has_left(self, user_id: str) -> bool | None:
        """Whether Slack says that this account is deactivated; None when it does not say."""
        try:
            user = self.client.users_info(user=user_id)["user"]
        except (SlackClientError, OSError) as error:
            log.warning("users.info %s: %s", user_id, error)
            return None
        return bool(user.get("deleted"))

    def _group(self, group_id: str) -> frozenset[str]:
        """Its members as Slack said last; a group that was deleted or disabled has none."""
        now = self.context.now()
        with self._lock:
            ask_at, members = self._groups.get(group_id, (now, frozenset()))
        if now < ask_at:
            return members
        fresh, said_at = GROUP_FRESH, now
        try:
            members = frozenset(self.client.usergroups_users_list(usergroup=group_id)["users"])
        except (SlackClientError, OSError) as error:
            log.warning("usergroups.users.list %s: %s", group_id, error)
            if isinstance(error, SlackApiError) and error.response.get("error") == "no_such_subteam":
                members = frozenset()
            else:
                fresh, said_at = GROUP_RETRY, self._said_at.get(group_id, datetime.min.replace(tzinfo=UTC))
        with self._lock:
            self._groups[group_id], self._said_at[group_id] = (now + fresh, members), said_at
        return members

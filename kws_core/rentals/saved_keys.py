"""People's own public keys, saved once and chosen by name when they rent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.database.audit_log import note_act
from kws_core.database.queries import keys_of, saved_key
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.forms.ssh_keys import check_public_key, fingerprint
from kws_core.tables.saved_key import LONGEST_NAME, SavedKey

if TYPE_CHECKING:
    from kws_core.context import Context
    from kws_core.people import Actor

log = logging.getLogger(__name__)

MOST = 10  # keys a person


class KeyRing:
    """The use cases. A rental has its own copy of the key, so a removed one still opens what it was rented with."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def list(self, who: Actor) -> Sequence[SavedKey]:
        """The person's keys, by name."""
        with self.context.store.read() as session:
            return keys_of(session, who.id)

    def get(self, who: Actor, key_id: int) -> SavedKey:
        """One of the person's keys."""
        with self.context.store.read() as session:
            return saved_key(session, who.id, key_id)

    def named(self, who: Actor, name: str) -> SavedKey:
        """Return the person's key of that name.

        Raises:
            UserError: If there is none, with the names of theirs.
        """
        mine = self.list(who)
        for key in mine:
            if key.name == _clean(name):
                return key
        raise UserError(ErrorCode.SAVED_KEY_UNKNOWN, name=name, mine=[key.name for key in mine])

    def add(self, who: Actor, name: str | None, text: str, *, via: str | None = None) -> SavedKey:
        """Save a key; FormError has the errors of the fields ``name`` and ``public_key``.

        Without a name it is called as the comment in its line says, otherwise by its fingerprint.
        """
        try:
            key = self._add(who, name, text, via)
        except IntegrityError:  # two transactions met (PostgreSQL): the second look sees the first one's key
            key = self._add(who, name, text, via)
        log.info("%s saved the key %s", who.id, key.fingerprint)
        return key

    def remove(self, who: Actor, key_id: int, *, via: str | None = None) -> SavedKey:
        """Forget a key; what it opens already stays open."""
        with self.context.store.write() as session:
            key = saved_key(session, who.id, key_id)
            session.delete(key)
            self._note(session, who, "key_removed", key, via)
        log.info("%s removed the key %s", who.id, key.fingerprint)
        return key

    def _note(self, session: Session, who: Actor, what: str, key: SavedKey, via: str | None) -> None:
        note_act(session, who.id, what, via, self.context.now(), name=key.name, fingerprint=key.fingerprint)

    def _add(self, who: Actor, name: str | None, text: str, via: str | None) -> SavedKey:
        with self.context.store.write() as session:
            mine = keys_of(session, who.id)
            errors, public = {}, ""
            try:
                public = _check_key(text, mine)
            except UserError as error:
                errors["public_key"] = error
            wanted = _clean(name or "") or (_own_name(public) if public else "")
            if len(wanted) > LONGEST_NAME:
                errors["name"] = UserError(ErrorCode.KEY_NAME_LONG, maximum=LONGEST_NAME)
            elif any(key.name == wanted for key in mine):
                errors["name"] = UserError(ErrorCode.KEY_NAME_TAKEN, name=wanted)
            if errors:
                raise FormError(errors)
            key = SavedKey(
                owner=who.id,
                name=wanted,
                public_key=public,
                fingerprint=fingerprint(public),
                added_at=self.context.now(),
            )
            session.add(key)
            self._note(session, who, "key_saved", key, via)
        return key


def _check_key(text: str, mine: Sequence[SavedKey]) -> str:
    public = check_public_key(text)
    same = next((key for key in mine if key.fingerprint == fingerprint(public)), None)
    if same is not None:
        raise UserError(ErrorCode.KEY_SAVED_ALREADY, name=same.name)
    if len(mine) >= MOST:
        raise UserError(ErrorCode.KEYS_FULL, maximum=MOST)
    return public


def _own_name(public: str) -> str:
    """What a key is called without a name of its own."""
    comment = _clean(public.partition(" ")[2].partition(" ")[2])
    return comment[:LONGEST_NAME].strip() or "key-" + "".join(filter(str.isalnum, fingerprint(public)))[6:14]


def _clean(name: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())

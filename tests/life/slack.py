"""Slack as the notifier of each process finds it, and what people have seen: messages, key files, silence."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from life.process import Process

from kws_core.database.leases import LeaseLost
from kws_core.forms import ssh_keys
from kws_core.outbox.pending_messages import PendingMessages
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Status

SPEAKS = frozenset(
    {EventKind.READY, EventKind.EXTENDED, EventKind.RESTORED, EventKind.WARNED, EventKind.STOPPED, EventKind.EXPIRED,
     EventKind.COPY_KEPT, EventKind.COPY_WARNED}
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A message that a person has seen. ``given_up``: Slack said instead that nobody can reach them."""

    rental: str
    owner: str
    kind: EventKind
    last_day: str | None
    at: datetime
    given_up: bool = False


class Slack:
    """``tell`` is what bot.delivery.owners does: look, commit the intent, post, note it."""

    def __init__(self) -> None:
        self.silent = False
        self.away: set[str] = set()  # people whom Slack brings nothing to
        self.files: defaultdict[str, dict[str, str]] = defaultdict(dict)  # rental id → file id → public half
        self.posted: Counter[int] = Counter()  # messages by event
        self.warned: Counter[tuple[str, str, str | None]] = Counter()  # (rental, owner, key)
        self.seen: list[Seen] = []
        self._numbers = itertools.count(1)

    def tell_all(self, process: Process) -> None:
        """Everything that is due."""
        for rental_id in process.outbox.due():
            with suppress(LeaseLost), process.outbox.acquire(rental_id) as ours:
                if ours:
                    self.tell(process, rental_id)

    def tell(self, process: Process, rental_id: str) -> None:
        """All news of one rental."""
        mail = process.outbox.mail(rental_id)
        if mail is None or not mail.unseen:
            return
        process.fate.gap("read")
        if self.silent:
            process.outbox.postpone(rental_id)
        elif mail.rental.owner in self.away:
            process.outbox.unreachable(rental_id, "user_disabled")
            self.seen += [_seen(mail, one, process, given_up=True) for one in mail.unseen]
        elif mail.wants_key:
            self.bring_key(process, mail)
        else:
            for one in mail.unseen:
                if one.kind in SPEAKS and _asks(process, mail, one):
                    self._post(process, mail, one)
            process.outbox.delivered(rental_id, mail.events[-1].id)

    def bring_key(self, process: Process, mail: PendingMessages) -> None:
        """A fresh pair, unless an earlier try was seen."""
        rental_id, old = mail.rental.id, mail.rental.key_file
        files = self.files[rental_id]
        if old and old in files:
            process.outbox.key_sent(rental_id, old)
            return
        pair = ssh_keys.generate("test")
        file_id = f"F{next(self._numbers)}"
        if process.outbox.offer_key(rental_id, pair.public, pair.fingerprint, file_id):
            process.fate.point("upload?")
            files[file_id] = pair.public
            process.fate.gap("uploaded")
            process.fate.point("uploaded")
            process.outbox.key_sent(rental_id, file_id)

    def _post(self, process: Process, mail: PendingMessages, one: Event) -> None:
        if one.tries and self.posted[one.id]:
            return
        process.outbox.trying(one)
        process.fate.point("post?")
        self.posted[one.id] += 1
        if one.kind is EventKind.WARNED:
            self.warned[mail.rental.id, mail.rental.owner, one.key] += 1
        self.seen.append(_seen(mail, one, process))
        process.fate.gap("posted")
        process.fate.point("posted")


def _asks(process: Process, mail: PendingMessages, one: Event) -> bool:
    """Warnings that are out of date are not posted any more."""
    if one.kind is not EventKind.WARNED:
        return True
    newest = max(other.id for other in mail.events if other.kind is EventKind.WARNED)
    last_day = process.context.expiry.last_day(mail.rental.ends_on).isoformat()
    return mail.rental.status is Status.READY and one.id == newest and one.data["last_day"] == last_day


def _seen(mail: PendingMessages, one: Event, process: Process, *, given_up: bool = False) -> Seen:
    rental = mail.rental
    last_day = one.data.get("last_day") or one.data.get("until")
    return Seen(rental.id, rental.owner, one.kind, last_day, process.context.now(), given_up)

"""Delivers what happened to a rental as DMs: one card that is edited, the key file, and notifications.

At least once, shown once: before a call whose effect people would see, the intent is committed in the
outbox; when an attempt may have gone through unheard, Slack is looked into before anything is said again.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Executor
from datetime import timedelta
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.delivery import keys
from bot.delivery.card_edits import CardEdits
from bot.slack import files
from bot.slack.directory import Directory
from bot.slack.files import Upload
from bot.slack.messages import MessageClient
from bot.slack.retries import retry_after
from bot.views import end_notices, ids, rental_card
from bot.views.news import outages
from bot.views.rental_card import Message
from bot.views.usage import month
from kws_core.context import Context
from kws_core.database.leases import LeaseLost
from kws_core.expiry import ExpiryInfo
from kws_core.outbox.pending_messages import Outbox, PendingMessages
from kws_core.people import Actor
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.details.events import Transferred
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

log = logging.getLogger(__name__)

LEFT = "user_disabled"
UNREACHABLE = frozenset(
    {
        LEFT,
        "cannot_dm_bot",
        "user_not_found",
        "users_not_found",
        "user_not_visible",
    }
)
NO_CHANNEL = frozenset(
    {"channel_not_found", "is_archived"}
)  # of a DM: the person has left, or it is another now


class Notifier:
    """``tick()`` starts the delivery of what is due and returns; rentals wait for nobody but themselves."""

    def __init__(
        self,
        context: Context,
        client: WebClient,
        directory: Directory,
        executor: Executor,
        upload: Upload = files.send,
    ) -> None:
        self.context = context
        self.members = Members(self.context)
        self.outbox = Outbox(context)
        self.rental_queries = RentalQueries(context)
        self.client = client
        self.directory = directory
        self.executor = executor
        self.upload = upload
        self.post = MessageClient(client)
        self.edits = CardEdits(self.post, context.now)
        self._guard = threading.Lock()
        self._busy: set[str] = set()
        self._stopping = False

    def stop(self) -> None:
        """No new delivery is begun."""
        self._stopping = True

    def tick(self) -> timedelta:
        """Start a delivery for each rental that is due."""
        if not self._stopping:
            for rental_id in self.outbox.due():
                self._start(rental_id)
        return timedelta(seconds=1)

    def _start(self, rental_id: str) -> None:
        with self._guard:
            if rental_id in self._busy:
                return
            self._busy.add(rental_id)
        self.executor.submit(self._run, rental_id)

    def _run(self, rental_id: str) -> None:
        try:
            with self.outbox.acquire(rental_id) as ours:
                if ours:
                    self.deliver(rental_id)
        except LeaseLost:
            log.warning("rental %s: another process is delivering its messages", rental_id)
        except Exception:
            log.exception("rental %s: delivery failed", rental_id)
            self.outbox.postpone(rental_id)
        finally:
            with self._guard:
                self._busy.discard(rental_id)
            self.context.mail.set()

    def deliver(self, rental_id: str) -> None:
        """Tells everything that is untold of one rental, as far as Slack takes it now."""
        mail = self.outbox.mail(rental_id)
        if mail is None or not mail.unseen:
            return
        try:
            self._tell(mail)
        except SlackApiError as error:
            self._refused(mail, error)
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            log.warning("rental %s: can't send its messages to Slack: %s", rental_id, error)
            self.outbox.postpone(rental_id)

    def _refused(self, mail: PendingMessages, error: SlackApiError) -> None:
        code = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
        log.warning("rental %s: Slack returned %s", mail.rental.id, code or error)
        if code in NO_CHANNEL:
            left = self.directory.has_left(mail.rental.owner)
            if left is False:
                self.outbox.forget_channel(mail.rental.id)
            code = LEFT if left else code
        if code in UNREACHABLE:
            self._unreachable(mail, code)
        else:
            self.outbox.postpone(mail.rental.id, retry_after(error))

    def _unreachable(self, mail: PendingMessages, code: str) -> None:
        if code == LEFT:
            self.members.note_departure(mail.rental.owner, left=True)
        self.outbox.unreachable(mail.rental.id, code, tell=code != LEFT)

    def _tell(self, mail: PendingMessages) -> None:
        later = self._card(mail)
        if mail.wants_key:
            keys.deliver(mail, self.client, self.outbox, self.directory.texts(mail.person), self.upload)
            return  # key_sent is news: the card is edited by the next delivery, which settles all events
        for event in mail.unseen:
            self._tell_event(mail, event, told_again=later is not None)
        self._close_answered(mail)
        if later is None:
            self.outbox.delivered(mail.rental.id, mail.events[-1].id)
        else:
            self.outbox.postpone(mail.rental.id, later)

    def _tell_event(self, mail: PendingMessages, event: Event, *, told_again: bool) -> None:
        if isinstance(event.details, Transferred):
            self._give_up_card(mail, event, event.details)
        if event.kind in end_notices.KINDS:
            outlook = self._outlook(mail)
            if not end_notices.asks(mail.rental, event, mail.events, outlook):
                return
            if self.directory.has_left(mail.rental.owner):  # Slack takes messages to them all the same
                self._unreachable(mail, LEFT)
            else:
                self._ask(mail, event, outlook)
        elif rental_card.should_notify(mail.rental, event) and self._is_news(mail, event):
            self._ring(mail, event, told_again=told_again)
        elif month.rings(mail.rental, event):
            self._tell_month(mail, event)

    # -- the card

    def _card(self, mail: PendingMessages) -> timedelta | None:
        """Posts the card, or edits it to what is now; in how long it may be edited, if Slack does not take it now."""
        rental = mail.rental
        message = rental_card.card(
            rental,
            mail.events,
            self.context.expiry.ends_at(rental),
            self.directory.texts(mail.person),
            self.context.config.web,
            self._place(rental),
        )
        if rental.dm_channel is None:
            self._first_card(rental, message)
            return None
        if rental.card_ts is None:
            ts = self.post.find(rental.dm_channel, ids.CARD + rental.id)
            rental.card_ts = ts or self.post.send(rental.dm_channel, message)
            self.outbox.keep_card(rental.id, rental.card_ts)
            if ts is None:
                return None
        return self.edits.edit(rental.dm_channel, rental.card_ts, message)

    def _place(self, rental: Rental) -> Place | None:
        turn = self.rental_queries.turns([rental]).get(rental.id) if rental.status is Status.WAITING else None
        return turn if isinstance(turn, Place) else None

    def _first_card(self, rental: Rental, message: Message) -> None:
        channel = str(self.client.conversations_open(users=[rental.owner])["channel"]["id"])
        self.outbox.keep_channel(rental.id, channel)
        rental.dm_channel = channel
        rental.card_ts = self.post.send(channel, message)
        self.outbox.keep_card(rental.id, rental.card_ts)

    # -- notifications

    def _ring(self, mail: PendingMessages, event: Event, *, told_again: bool) -> None:
        """A short message in the card's thread, shown in the DM as well, posted once.

        ``told_again``: the card is still to be edited, so this event comes once more.
        """
        rental = mail.rental
        assert rental.dm_channel and rental.card_ts
        if event.ts:
            return
        if event.tries and self.post.find(rental.dm_channel, f"{ids.NOTICE}{event.id}", rental.card_ts):
            return
        self.outbox.trying(event)
        texts = self.directory.texts(mail.person)
        message = rental_card.notification(rental, event, texts, self.context.config.web)
        ts = self.post.send(rental.dm_channel, message, rental.card_ts)
        if told_again:
            self.outbox.posted(event.id, ts)

    def _is_news(self, mail: PendingMessages, event: Event) -> bool:
        """Tell nothing of an outage that ended before its owner heard of it."""
        if event.kind is EventKind.NODE_SILENT:
            return not outages.is_over(event, mail.events)
        if event.kind is not EventKind.NODE_BACK:
            return True
        silent, rental = outages.silence_of(event, mail.events), mail.rental
        if silent is None or silent.undeliverable or silent.delivered_at is not None:
            return silent is not None and not silent.undeliverable
        return self.post.find(rental.dm_channel or "", f"{ids.NOTICE}{silent.id}", rental.card_ts) is not None

    def _tell_month(self, mail: PendingMessages, event: Event) -> None:
        """A message of its own, not in the thread of the rental that happens to be the oldest; posted once."""
        channel = mail.rental.dm_channel or ""
        if event.ts or (event.tries and self.post.find(channel, f"{ids.MONTH}{event.id}")):
            return
        self.outbox.trying(event)
        rentals = self.rental_queries.my_rentals(Actor(mail.rental.owner))
        texts, last_day = self.directory.texts(mail.person), self.context.expiry.last_day
        self.post.send(channel, month.message(event, rentals, last_day, texts))

    # -- questions about the end

    def _ask(self, mail: PendingMessages, event: Event, outlook: ExpiryInfo) -> None:
        """A message of its own, with buttons, posted once; its ts is kept until the buttons are taken off."""
        rental = mail.rental
        assert rental.dm_channel
        ts = event.ts
        if ts is None and event.tries:
            ts = self.post.find(rental.dm_channel, f"{ids.NOTICE}{event.id}")
        if ts is None:
            self.outbox.trying(event)
            texts = self.directory.texts(mail.person)
            ts = self.post.send(
                rental.dm_channel, end_notices.message(rental, event, mail.events, outlook, texts)
            )
        self.outbox.posted(event.id, ts)
        event.ts = ts

    def _close_answered(self, mail: PendingMessages) -> None:
        """Take the buttons off messages that ask what is no longer a question; redraw those that say it otherwise now."""
        asked = [event for event in mail.events if event.ts and event.kind in end_notices.KINDS]
        if not asked:
            return
        rental, outlook, texts = mail.rental, self._outlook(mail), self.directory.texts(mail.person)
        planned = any(event.kind is EventKind.COPY_PLANNED for event in mail.unseen)
        for event in asked:
            over = not end_notices.asks(rental, event, mail.events, outlook)
            if event.ts and (over or planned):
                drawn = end_notices.message(rental, event, mail.events, outlook, texts)
                self.post.edit(rental.dm_channel or "", event.ts, drawn)
            if event.ts and over:
                self.outbox.closed(event.id)

    def _outlook(self, mail: PendingMessages) -> ExpiryInfo:
        return self.context.expiry.outlook(mail.rental, mail.events, self.context.now())

    def _give_up_card(self, mail: PendingMessages, event: Event, transferred: Transferred) -> None:
        """The card in the messages of the person who had it says who has it now, and they are told.

        Whether they can be reached decides nothing about the rental any longer.
        """
        channel, card = transferred.channel, transferred.card
        if not channel or not card:
            return
        texts = self.directory.texts_of(transferred.was)
        message = rental_card.handed_over(mail.rental, transferred, texts)
        person = self.members.person(transferred.was)
        try:
            self.post.edit(channel, card, message)
            if person and person.departed_at:
                return
            notice = rental_card.transfer_notification(mail.rental, event, transferred, texts)
            if event.tries and self.post.find(channel, f"{ids.NOTICE}{event.id}", card):
                return
            self.outbox.trying(event)
            self.post.send(channel, notice, card)
        except SlackApiError as error:
            code = error.response.get("error")
            if code not in UNREACHABLE | NO_CHANNEL | {"thread_not_found", "message_not_found"}:
                raise
            log.info("rental %s: can't notify the previous owner: %s", mail.rental.id, code)

"""Delivers what happened to a rental as DMs: one card that is edited, the key file, and bells.

At least once, shown once: before a call whose effect people would see, the intent is committed in the
outbox; when an attempt may have gone through unheard, Slack is looked into before anything is said again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot import key_delivery
from bot.directory import Directory
from bot.retries import retry_after
from bot.views import ids, rental_card
from bot.views.rental_card import Message
from kws_core.core import Core
from kws_core.model import Event
from kws_core.outbox import Mail, Outbox

log = logging.getLogger(__name__)

UNREACHABLE = frozenset(
    {
        "user_disabled",
        "cannot_dm_bot",
        "user_not_found",
        "users_not_found",
        "user_not_visible",
    }
)
LOOK_BACK = 200  # messages of a DM searched for one that may have been posted


class Notifier:
    """``tick()`` starts the delivery of what is due and returns; rentals wait for nobody but themselves."""

    def __init__(self, core: Core, client: WebClient, directory: Directory, executor: Executor) -> None:
        self.core = core
        self.outbox = Outbox(core)
        self.client = client
        self.directory = directory
        self.executor = executor
        self._guard = threading.Lock()
        self._busy: set[str] = set()
        self._stopping = False

    def stop(self) -> None:
        """No new delivery is begun."""
        self._stopping = True

    def tick(self) -> timedelta:
        """Starts what is due, each rental by itself."""
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
            self.deliver(rental_id)
        except Exception:
            log.exception("rental %s: delivery failed", rental_id)
            self.outbox.postpone(rental_id)
        finally:
            with self._guard:
                self._busy.discard(rental_id)
            self.core.mail.set()

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
            log.warning("rental %s: Slack did not take it: %s", rental_id, error)
            self.outbox.postpone(rental_id)

    def _refused(self, mail: Mail, error: SlackApiError) -> None:
        code = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
        log.warning("rental %s: Slack says %s", mail.rental.id, code or error)
        if code in UNREACHABLE:
            self.outbox.unreachable(mail.rental.id, code)
        else:
            self.outbox.postpone(mail.rental.id, retry_after(error))

    def _tell(self, mail: Mail) -> None:
        mail = self._card(mail)
        if mail.wants_key:
            key_delivery.deliver(mail, self.client, self.outbox, self.directory.texts(mail.person))
            return  # key_sent is news: the card is edited by the next delivery, which settles all events
        for event in mail.unseen:
            if rental_card.rings(mail.rental, event):
                self._ring(mail, event)
        self.outbox.delivered(mail.rental.id, mail.events[-1].id)

    # -- the card

    def _card(self, mail: Mail) -> Mail:
        """Posts the card, or edits it to what is now; returns the mail with where it is."""
        rental = mail.rental
        message = rental_card.card(
            rental, mail.events, self.core.ends_at(rental), self.directory.texts(mail.person)
        )
        if rental.dm_channel is None:
            return self._first_card(mail, message)
        if rental.card_ts is None:
            ts = self._find_block(rental.dm_channel, ids.CARD + rental.id)
            rental.card_ts = ts or self._post(rental.dm_channel, message)
            self.outbox.keep_card(rental.id, rental.card_ts)
            if ts is None:
                return mail
        self._edit(rental.dm_channel, rental.card_ts, message)
        return mail

    def _first_card(self, mail: Mail, message: Message) -> Mail:
        rental = mail.rental
        channel = str(self.client.conversations_open(users=[rental.owner])["channel"]["id"])
        self.outbox.keep_channel(rental.id, channel)
        rental.dm_channel = channel
        rental.card_ts = self._post(channel, message)
        self.outbox.keep_card(rental.id, rental.card_ts)
        return mail

    def _post(self, channel: str, message: Message, thread_ts: str | None = None) -> str:
        answer = self.client.chat_postMessage(
            channel=channel,
            text=message.text,
            blocks=message.blocks,
            thread_ts=thread_ts,
            reply_broadcast=True if thread_ts else None,
            unfurl_links=False,
        )
        return str(answer["ts"])

    def _edit(self, channel: str, ts: str, message: Message) -> None:
        try:
            self.client.chat_update(channel=channel, ts=ts, text=message.text, blocks=message.blocks)
        except SlackApiError as error:
            if error.response.get("error") not in (
                "message_not_found",
                "cant_update_message",
                "edit_window_closed",
            ):
                raise
            log.info("card %s/%s can't be edited any more: %s", channel, ts, error.response.get("error"))

    # -- bells

    def _ring(self, mail: Mail, event: Event) -> None:
        """A short message in the card's thread, shown in the DM as well, posted once."""
        rental = mail.rental
        assert rental.dm_channel and rental.card_ts
        if event.tries and self._find_block(rental.dm_channel, f"{ids.NOTICE}{event.id}", rental.card_ts):
            return
        self.outbox.trying(event.id)
        texts = self.directory.texts(mail.person)
        message = rental_card.bell(rental, event, texts)
        self._post(rental.dm_channel, message, rental.card_ts)

    def _find_block(self, channel: str, block_id: str, thread_ts: str | None = None) -> str | None:
        """The ts of our message with that block, looked for where it would be."""
        ask: Callable[..., Any] = self.client.conversations_history
        arguments: dict[str, Any] = {"channel": channel, "limit": LOOK_BACK}
        if thread_ts:
            ask, arguments["ts"] = self.client.conversations_replies, thread_ts
        messages: list[dict[str, Any]] = ask(**arguments).get("messages") or []
        for message in messages:
            if any(block.get("block_id") == block_id for block in message.get("blocks") or ()):
                return str(message["ts"])
        return None

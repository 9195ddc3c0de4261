"""Removes the files of private keys from DMs: when their owners have saved them, otherwise after some days."""

from __future__ import annotations

import logging
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.delivery.keys import DELETED, shown_with
from kws_core.context import Context
from kws_core.rentals.key_files import KeyFiles
from kws_core.tables.saved_key import KeyFile

log = logging.getLogger(__name__)

LEASE = "key files"
UNSEEN = frozenset(
    {"channel_not_found", "thread_not_found", "is_archived"}
)  # the person has left, or deleted it


class KeyFileRemover:
    """``remove_due()`` belongs on a thread that may wait for Slack."""

    def __init__(self, context: Context, client: WebClient) -> None:
        self.book = KeyFiles(context)
        self.context = context
        self.client = client

    def remove_due(self) -> None:
        """What is to go now; one that Slack does not remove delays no other."""
        due = self.book.due()
        if not due:
            return
        with self.context.leases.acquire(LEASE) as ours:
            for file in due if ours else ():
                self._try(file)

    def _try(self, file: KeyFile) -> None:
        try:
            for other in self._companions(file):
                self._delete(other)
            self._delete(file.id)
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            log.warning("rental %s: can't remove its key file yet: %s", file.rental_id, error)
            self.book.later(file.id)
        else:
            self.book.removed(file.id)

    def _companions(self, file: KeyFile) -> list[str]:
        """PuTTY's file, in the same message. It goes first: afterwards nothing says which one it was."""
        try:
            files = shown_with(self.client, file.channel, file.thread, file.id)
        except SlackApiError as error:
            if error.response.get("error") not in UNSEEN:
                raise
            return []
        return [str(one["id"]) for one in files if one.get("mode") != "tombstone" and one["id"] != file.id]

    def _delete(self, file_id: str) -> None:
        try:
            self.client.files_delete(file=file_id)
        except SlackApiError as error:
            if error.response.get("error") not in DELETED:
                raise

"""Delivers admin alerts once: to the admin channel, or to each admin if there is no channel."""

from __future__ import annotations

import logging
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError

from bot.slack.directory import Directory
from bot.slack.messages import MessageClient
from bot.slack.retries import retry_after
from bot.text.i18n import Texts, texts_for
from bot.views import admin_notice, ids
from kws_core.context import Context
from kws_core.database.leases import LeaseLost
from kws_core.outbox.alert_outbox import AlertOutbox
from kws_core.tables.alert import AdminAlert

log = logging.getLogger(__name__)

TRYING = "trying"
UNREACHED = "unreachable"
NOBODY = frozenset(
    {"user_disabled", "cannot_dm_bot", "user_not_found", "users_not_found", "user_not_visible", "channel_not_found",
     "not_in_channel", "is_archived"}
)  # fmt: skip


class AdminNotices:
    """``deliver_due()`` belongs on a worker thread: it waits for Slack."""

    def __init__(self, context: Context, directory: Directory, post: MessageClient) -> None:
        self.context = context
        self.box = AlertOutbox(context)
        self.directory = directory
        self.post = post

    def deliver_due(self) -> None:
        """Every notice that is due, each by itself."""
        for notice in self.box.due():
            with self.box.acquire(notice) as ours:
                if ours:
                    self._try(notice.id)

    def _try(self, notice_id: int) -> None:
        notice = self.box.notice(notice_id)  # as it is now that it is ours
        if notice is None or notice.delivered_at is not None:
            return
        try:
            self._deliver(notice)
        except LeaseLost:
            log.warning("alert %s: another process is delivering it", notice.key)
        except SlackApiError as error:
            log.warning("alert %s: Slack returned %s", notice.key, error.response.get("error"))
            self.box.postpone(notice.id, retry_after(error))
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            log.warning("alert %s: can't send it to Slack: %s", notice.key, error)
            self.box.postpone(notice.id)

    def texts(self, target: str) -> Texts:
        """The language of a channel (the lab's) or of a person."""
        if target == self.context.config.kws.admin_channel:
            return texts_for(None, self.context.config.kws.locale)
        return self.directory.texts_of(target)

    def _deliver(self, notice: AdminAlert) -> None:
        channel = self.context.config.kws.admin_channel
        for target in [channel] if channel else self.directory.admins():
            if notice.reached.get(target) in (None, TRYING):
                self._reach(notice, target)
            elif notice.details.edited:  # it says something else by now
                self._edit(notice, target)
        self.box.delivered(notice)

    def _reach(self, notice: AdminAlert, target: str) -> None:
        try:
            channel = self._channel(target)
            ts = None
            if notice.reached.get(target) == TRYING:
                ts = self._posted(channel, notice)
            if ts is None:
                self.box.note(notice.id, target, TRYING)
                rentals = self.box.concerned(notice)
                ts = self.post.send(channel, admin_notice.message(notice, rentals, self.texts(target)))
            self.box.note(notice.id, target, ts)
        except SlackApiError as error:
            if error.response.get("error") not in NOBODY:
                raise
            log.warning("alert %s: can't reach %s: %s", notice.key, target, error.response.get("error"))
            self.box.note(notice.id, target, UNREACHED)

    def _edit(self, notice: AdminAlert, target: str) -> None:
        ts = notice.reached[target]
        if ts != UNREACHED:
            drawn = admin_notice.message(notice, (), self.texts(target))
            self.post.edit(self._channel(target), ts, drawn)

    def _posted(self, channel: str, notice: AdminAlert) -> str | None:
        """Where an earlier try arrived. None too where we may not look: then rather twice than never."""
        try:
            return self.post.find(channel, f"{ids.ADMIN_NOTICE}{notice.id}")
        except SlackApiError as error:  # no channels:history (docs/reference/slack-scopes.md)
            if error.response.get("error") != "missing_scope":
                raise
            return None

    def _channel(self, target: str) -> str:
        if target.startswith(("C", "G")):
            return target
        return str(self.post.client.conversations_open(users=[target])["channel"]["id"])

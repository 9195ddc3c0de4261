"""Brings a private key into its owner's DM, and nowhere else.

The pair lives in this process's memory for the length of one upload. Slack gives a file its id before it
is visible; that id and the public half are committed first. So whatever instant the process dies at, the
next try can tell whether the file arrived: then its public half is the one in the database. If it did not,
the file is deleted and a new pair is made; there is never a second key that looks valid.

The same key goes out as PuTTY's file too, completed in the same call and so shown in the same message. The
OpenSSH file alone stands for both: an upload that is never completed is never seen, and what was shown
together is withdrawn together.
"""

from __future__ import annotations

import logging
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.files import Upload, send
from bot.text import prose
from bot.text.i18n import N_, Texts
from kws_core.forms import boot_script, ssh_keys
from kws_core.forms.putty_key import to_ppk
from kws_core.outbox.pending_messages import Outbox, PendingMessages
from kws_core.tables.rental import Rental

log = logging.getLogger(__name__)

DELETED = frozenset({"file_not_found", "file_deleted"})


def deliver(
    mail: PendingMessages, client: WebClient, outbox: Outbox, texts: Texts, upload: Upload = send
) -> None:
    """Uploads a fresh private key into the card's thread, unless an earlier try did arrive."""
    rental = mail.rental
    if rental.key_file and _arrived(client, rental):
        outbox.key_sent(rental.id, rental.key_file)
        return
    if rental.key_file:
        _withdraw(client, rental)
    name = prose.key_name(rental)
    pair = ssh_keys.generate(boot_script.comment(rental.name))  # by which the server knows its keys of KWS
    ppk = to_ppk(pair.private, name)
    slot = client.files_getUploadURLExternal(filename=name, length=len(pair.private))
    ppk_slot = client.files_getUploadURLExternal(filename=f"{name}.ppk", length=len(ppk))
    file_id = str(slot["file_id"])
    if not outbox.offer_key(rental.id, pair.public, pair.fingerprint, file_id):
        return
    upload(str(slot["upload_url"]), pair.private)
    upload(str(ppk_slot["upload_url"]), ppk)
    rental.key_file = file_id
    title = texts.plain(N_("Private key of {name}"), name=rental.name)
    client.files_completeUploadExternal(
        files=[
            {"id": file_id, "title": title},
            {"id": str(ppk_slot["file_id"]), "title": f"{title} (PuTTY)"},
        ],
        channel_id=rental.dm_channel,
        thread_ts=rental.card_ts,
        initial_comment=prose.key_message(rental, outbox.context.config.policy.key_file_days, texts),
    )
    outbox.key_sent(rental.id, file_id)


def _arrived(client: WebClient, rental: Rental) -> bool:
    """Whether the file of an earlier try is in the card's thread."""
    files = _shown_with(client, rental)
    return any(file.get("id") == rental.key_file and file.get("mode") != "tombstone" for file in files)


def _shown_with(client: WebClient, rental: Rental) -> list[dict[str, Any]]:
    """The files of the message in the card's thread that has the key of an earlier try."""
    assert rental.dm_channel and rental.card_ts
    return shown_with(client, rental.dm_channel, rental.card_ts, rental.key_file or "")


def shown_with(client: WebClient, channel: str, thread: str, file_id: str) -> list[dict[str, Any]]:
    """The files of the message in that thread that has this file."""
    answer = client.conversations_replies(channel=channel, ts=thread, limit=200)
    messages: list[dict[str, Any]] = answer.get("messages") or []
    for message in messages:
        files: list[dict[str, Any]] = message.get("files") or []
        if any(file.get("id") == file_id for file in files):
            return files
    return []


def _withdraw(client: WebClient, rental: Rental) -> None:
    """Delete what did not arrive (or did so after we looked): its key was never used."""
    assert rental.key_file
    _delete(client, rental.key_file)
    for file in _shown_with(client, rental):  # PuTTY's, when both came after we looked
        if file.get("mode") != "tombstone":
            _delete(client, str(file["id"]))


def _delete(client: WebClient, file_id: str) -> None:
    try:
        client.files_delete(file=file_id)
    except SlackApiError as error:
        if error.response.get("error") not in DELETED:
            raise  # it may still be seen: no second key before it is gone
        log.info("key file %s of an earlier attempt: %s", file_id, error.response.get("error"))

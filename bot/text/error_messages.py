"""From an error to a sentence that a person can act on; and the reference id for what is our bug."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from datetime import date
from typing import cast

from bot.text.form_messages import SENTENCES as FORM_SENTENCES
from bot.text.i18n import N_, Mrkdwn, Texts, escape
from bot.text.image_messages import SENTENCES as IMAGE_SENTENCES
from kws_core.errors import UserError
from kws_core.scheduling.placement import NodeCapacity

log = logging.getLogger(__name__)

SENTENCES: dict[str, str] = {
    "name_missing": N_("Give it a name."),
    "name_invalid": N_(
        "Use 1 to 63 lower-case letters (a-z), digits and hyphens; no hyphen at the start or the end. Example: web01"
    ),
    "name_taken": N_("The name {name} is in use. Choose another one."),
    "image_missing": N_("Choose an image."),
    "image_unknown": N_("No node has the image {image} any more. Choose another one."),
    "size_missing": N_("Choose a size."),
    "size_small": N_(
        "The image {image} needs at least {disk_gb} GB of disk and {ram_mb} MB of memory. Choose a larger size."
    ),
    "quota_rentals": N_("You would have {wanted} rentals; {limit} are allowed. Return one first: /kws list"),
    "quota_vcpus": N_("With this you would use {wanted} vCPUs; {limit} are allowed. Choose a smaller size."),
    "quota_ram_mb": N_(
        "With this you would use {wanted} MB of memory; {limit} MB are allowed. Choose a smaller size."
    ),
    "end_not_later": N_("{name} lasts until {day} already. Choose a later day."),
    "too_late_to_extend": N_(
        "{name} is over, or being deleted already: nothing can be done about it any more."
    ),
    "not_stopped": N_("{name} is not stopped."),
    "extend_words": N_("{word} is no length and no date. Examples: 7d, 2w, 2026-12-24"),
    "node_missed": N_("{node} is not in nodes.toml any more, so it gets nothing new anyway."),
    "nodes_words": N_("{word} fits nothing here. Examples: nodes, nodes drain node1, nodes undrain node1"),
    "drain_day_missing": N_("Choose the day: the people on it are told until when it is theirs."),
    "month_words": N_("{word} is no month. Example: 2026-11"),
    "end_far": N_("That is too far away. At the latest: {last}."),
    "note_missing": N_("Say why: the owner reads it, and it is kept."),
    "no_member": N_("Only members of this workspace can have rentals; {person} is none."),
    "admins_only": N_("Only admins may do that."),
    "end_missing": N_("Choose the last day."),
    "end_past": N_("That day is over. Today is {today}."),
    "end_late": N_("At most {days} days from today are possible: until {last}."),
    "key_is_private": N_(
        "This is a PRIVATE key. Never paste it anywhere; paste the .pub file instead, and make a new pair."
    ),
    "key_invalid": N_("This is not one line of an OpenSSH public key. Accepted: {accepted}."),
    "key_too_short": N_("This RSA key has {bits} bits; at least {minimum} are needed."),
    "key_saved_already": N_("You have saved this key already, as {name}."),
    "key_name_taken": N_("You have a key called {name} already. Give this one another name."),
    "key_name_long": N_("At most {maximum} characters."),
    "keys_full": N_("You have {maximum} keys, and no more can be saved. Remove one first: /kws keys"),
    "keys_words": N_(
        "Type /kws keys, /kws keys add with the line of your public key, or /kws keys remove NAME."
    ),
    "saved_key_gone": N_("This key is not there any more, or it is not yours."),
    "saved_key_unknown": N_("You have no key called {name}. {hint}"),
    "password_short": N_("The password needs at least {minimum} characters."),
    "password_long": N_("The password may have at most {maximum} characters."),
    "password_characters": N_(
        "Use only letters (a-z, A-Z), digits, spaces and the usual signs for the password."
    ),
    "password_blank_end": N_("The password begins or ends with a space. Take it away."),
    "password_has_name": N_("The password must not contain {word}."),
    "password_simple": N_("This password is easily guessed. Four or five unrelated words make a good one."),
    "no_node": N_("No node can take this now. Please try again in a few minutes, or tell an admin."),
    "no_room": N_("No node has room for {size} now. Free: {free}. {earliest}"),
    "rental_unknown": N_("You have no rental called {name}. {hint}"),
    "rental_gone": N_("This rental is not there any more, or it is not yours."),
    "guest": N_("KWS is for members of this workspace. Ask a member of the lab to rent for you."),
    "stranger": N_("KWS is only for people of this workspace."),
    "form_stale": N_("This form is too old. Open a new one: /kws rent"),
    "button_stale": N_("This button is too old. Open the list anew: /kws"),
    "slack_silent": N_("Slack does not tell KWS who you are right now. Please try again in a minute."),
    "kind_unknown": N_("No node of this lab offers that."),
    "key_missing": N_("Paste your public key, or choose another way to log in."),
    "password_missing": N_("Choose a password, or another way to log in."),
    "node_unknown": N_("Only admins choose a node, and only one of nodes.toml."),
    "network_gone": N_("This network is not there any more. Choose another one."),
    "network_taken": N_("You have a network called {name} already."),
    "number_range": N_("A whole number from {least} to {most}."),
    "word_near": N_("{word} fits nothing here. Did you mean {near}?"),
    "word_unknown": N_("{word} fits nothing here. Known: {known}"),
    "not_ready": N_("{name} is not ready, so that is not possible now."),
    "container_key": N_(
        "{name} is a container: nobody logs in to it, so it has no key. Its card has its logs and a reboot; to change it, return it and rent another one."
    ),
    "foreign_key": N_(
        "{name} was taken over from the system before, so KWS can't give it a new key. An admin of the lab can help; or rent a new one."
    ),
    **FORM_SENTENCES,
    **IMAGE_SENTENCES,
    "node_silent": N_("{node} did not do it. Please try again in a minute, or tell an admin."),
}
HINTS = {  # behind a name that is not known: what there is, and that there is nothing
    "rental_unknown": (N_("Yours: {names}."), N_("You have none.")),
    "saved_key_unknown": (N_("Your keys: {names}."), N_("You have saved no key yet.")),
}
BUG = N_(
    "Something went wrong on our side. Nothing is lost; please try again. If it stays, tell an admin: {ref}"
)


def sentence(error: UserError, texts: Texts) -> Mrkdwn:
    """The error in the person's language, as mrkdwn."""
    return texts(SENTENCES[error.code], **_data(error, texts))


def plain_sentence(error: UserError, texts: Texts) -> str:
    """The error in the person's language, for an error at a field of a form."""
    return texts.plain(SENTENCES[error.code], **_data(error, texts))


def new_reference(error: BaseException, what: str) -> str:
    """Logs a bug with its traceback; returns the reference id that the person is told."""
    reference = secrets.token_hex(4)
    log.error("ref %s: %s failed", reference, what, exc_info=error)
    return reference


def _data(error: UserError, texts: Texts) -> dict[str, object]:
    data = {key: texts.date(value) if isinstance(value, date) else value for key, value in error.data.items()}
    if error.code == "no_room":
        rooms = cast(Iterable[NodeCapacity], error.data["rooms"])
        data["free"] = free_rooms(rooms, texts)
        earliest = error.data["earliest"]
        data["earliest"] = (
            texts.plain(N_("The next rental ends on {day}."), day=texts.date(earliest))
            if isinstance(earliest, date)
            else ""
        )
    if error.code == "cloud_init_unknown":
        guess = error.data["guess"]
        data["guess"] = texts.plain(N_(" Did you mean {guess}?"), guess=guess) if guess else ""
    if error.code == "word_unknown":
        data["known"] = ", ".join(cast(Iterable[str], error.data["known"]))
    if "nodes" in error.data:
        data["nodes"] = ", ".join(cast(Iterable[str], error.data["nodes"]))
    if "users" in error.data:
        data["users"] = used_by(cast(Iterable[tuple[str, str]], error.data["users"]))
    if "silent" in error.data:
        names = ", ".join(cast(Iterable[str], error.data["silent"]))
        data["hint"] = texts.plain(N_("{names} did not answer."), names=names) if names else ""
    if error.code in HINTS:
        names = ", ".join(cast(Iterable[str], error.data["mine"]))
        some, none = HINTS[error.code]
        data["hint"] = texts.plain(some, names=names) if names else texts.plain(none)
    return data


def used_by(rentals: Iterable[tuple[str, str]]) -> Mrkdwn:
    """Rentals and whose they are, in one line."""
    return Mrkdwn(", ".join(f"{escape(name)} (<@{escape(owner)}>)" for name, owner in rentals))


def free_rooms(rooms: Iterable[NodeCapacity], texts: Texts) -> str:
    """What each node has left, in one line."""
    parts = [
        f"{room.node} {room.free_vcpus} vCPU / {room.free_ram_mb} MB / {room.free_disk_gb} GB"
        for room in rooms
    ]
    return "; ".join(parts) or texts.plain(N_("nothing"))

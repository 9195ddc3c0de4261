"""From an error to a sentence that a person can act on; and the reference id for what is our bug."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import date
from typing import cast

from bot.text.form_messages import SENTENCES as FORM_SENTENCES
from bot.text.form_messages import VALUE_KINDS, yaml_problem
from bot.text.i18n import N_, Mrkdwn, Texts, escape
from bot.text.image_messages import SENTENCES as IMAGE_SENTENCES
from bot.text.units import size_line
from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.admission import CUSTOM
from kws_core.scheduling.placement import NodeCapacity
from kws_core.values import Size

log = logging.getLogger(__name__)

_OWN: dict[ErrorCode, str] = {
    ErrorCode.NAME_MISSING: N_("Give it a name."),
    ErrorCode.NAME_INVALID: N_(
        "Use 1 to 63 lower-case letters (a-z), digits and hyphens; no hyphen at the start or the end. Example: web01"
    ),
    ErrorCode.NAME_TAKEN: N_("The name {name} is in use. Choose another one."),
    ErrorCode.IMAGE_MISSING: N_("Choose an image."),
    ErrorCode.IMAGE_UNKNOWN: N_("No node has the image {image} any more. Choose another one."),
    ErrorCode.SIZE_MISSING: N_("Choose a size."),
    ErrorCode.SIZE_SMALL: N_(
        "The image {image} needs at least {disk_gb} GB of disk and {ram_mb} MB of memory. Choose a larger size."
    ),
    ErrorCode.SIZE_LARGE: N_(
        "{size} is too large for one server: no node can give that much. The largest: {largest}. {fitting}"
    ),
    ErrorCode.FIGURE_LARGE: N_("Enter at most {most}: no node can give one server more."),
    ErrorCode.QUOTA_RENTALS: N_(
        "You would have {wanted} rentals; {limit} are allowed. Return one first: /kws list"
    ),
    ErrorCode.QUOTA_VCPUS: N_(
        "With this you would use {wanted} vCPUs; {limit} are allowed. Choose a smaller size."
    ),
    ErrorCode.QUOTA_RAM_MB: N_(
        "With this you would use {wanted} MB of memory; {limit} MB are allowed. Choose a smaller size."
    ),
    ErrorCode.END_NOT_LATER: N_("{name} lasts until {day} already. Choose a later day."),
    ErrorCode.TOO_LATE_TO_EXTEND: N_(
        "{name} is over, or being deleted already: nothing can be done about it any more."
    ),
    ErrorCode.NOT_STOPPED: N_("{name} is not stopped."),
    ErrorCode.EXTEND_WORDS: N_("{word} is no length and no date. Examples: 7d, 2w, 2026-12-24"),
    ErrorCode.NODE_MISSED: N_("{node} is not in nodes.toml any more, so it gets nothing new anyway."),
    ErrorCode.NODES_WORDS: N_(
        "{word} fits nothing here. Examples: nodes, nodes drain node1, nodes undrain node1"
    ),
    ErrorCode.DRAIN_DAY_MISSING: N_("Choose the day: the people on it are told until when it is theirs."),
    ErrorCode.MONTH_WORDS: N_("{word} is no month. Example: 2026-11"),
    ErrorCode.END_FAR: N_("That is too far away. At the latest: {last}."),
    ErrorCode.NOTE_MISSING: N_("Say why: the owner reads it, and it is kept."),
    ErrorCode.NO_MEMBER: N_("Only members of this workspace can have rentals; {person} is none."),
    ErrorCode.ADMINS_ONLY: N_("Only admins may do that."),
    ErrorCode.END_MISSING: N_("Choose the last day."),
    ErrorCode.END_PAST: N_("That day is over. Today is {today}."),
    ErrorCode.END_LATE: N_("At most {days} days from today are possible: until {last}."),
    ErrorCode.KEY_IS_PRIVATE: N_(
        "This is a PRIVATE key. Never paste it anywhere; paste the .pub file instead, and make a new pair."
    ),
    ErrorCode.KEY_INVALID: N_("This is not one line of an OpenSSH public key. Accepted: {accepted}."),
    ErrorCode.KEY_TOO_SHORT: N_("This RSA key has {bits} bits; at least {minimum} are needed."),
    ErrorCode.KEY_SAVED_ALREADY: N_("You have saved this key already, as {name}."),
    ErrorCode.KEY_NAME_TAKEN: N_("You have a key called {name} already. Give this one another name."),
    ErrorCode.KEY_NAME_LONG: N_("At most {maximum} characters."),
    ErrorCode.KEYS_FULL: N_("You have {maximum} keys, and no more can be saved. Remove one first: /kws keys"),
    ErrorCode.KEYS_WORDS: N_(
        "Type /kws keys, /kws keys add with the line of your public key, or /kws keys remove NAME."
    ),
    ErrorCode.SAVED_KEY_GONE: N_("This key is not there any more, or it is not yours."),
    ErrorCode.SAVED_KEY_UNKNOWN: N_("You have no key called {name}. {hint}"),
    ErrorCode.PASSWORD_SHORT: N_("The password needs at least {minimum} characters."),
    ErrorCode.PASSWORD_LONG: N_("The password may have at most {maximum} characters."),
    ErrorCode.PASSWORD_CHARACTERS: N_(
        "Use only letters (a-z, A-Z), digits, spaces and the usual signs for the password."
    ),
    ErrorCode.PASSWORD_BLANK_END: N_("The password begins or ends with a space. Take it away."),
    ErrorCode.PASSWORD_HAS_NAME: N_("The password must not contain {word}."),
    ErrorCode.PASSWORD_SIMPLE: N_(
        "This password is easily guessed. Four or five unrelated words make a good one."
    ),
    ErrorCode.NO_NODE: N_("No node can take this now. Please try again in a few minutes, or tell an admin."),
    ErrorCode.NO_ROOM: N_("No node has room for {size} now. Free: {free}. {earliest}"),
    ErrorCode.RENTAL_UNKNOWN: N_("You have no rental called {name}. {hint}"),
    ErrorCode.RENTAL_GONE: N_("This rental is not there any more, or it is not yours."),
    ErrorCode.GUEST: N_("KWS is for members of this workspace. Ask a member of the lab to rent for you."),
    ErrorCode.STRANGER: N_("KWS is only for people of this workspace."),
    ErrorCode.FORM_STALE: N_("This form is too old. Open a new one: /kws rent"),
    ErrorCode.BUTTON_STALE: N_("This button is too old. Open the list anew: /kws"),
    ErrorCode.SLACK_SILENT: N_(
        "Slack does not tell KWS who you are right now. Please try again in a minute."
    ),
    ErrorCode.KIND_UNKNOWN: N_("No node of this lab offers that."),
    ErrorCode.KEY_MISSING: N_("Paste your public key, or choose another way to log in."),
    ErrorCode.PASSWORD_MISSING: N_("Choose a password, or another way to log in."),
    ErrorCode.NODE_UNKNOWN: N_("Only admins choose a node, and only one of nodes.toml."),
    ErrorCode.NETWORK_GONE: N_("This network is not there any more. Choose another one."),
    ErrorCode.NETWORK_TAKEN: N_("You have a network called {name} already."),
    ErrorCode.NUMBER_RANGE: N_("A whole number from {least} to {most}."),
    ErrorCode.WORD_NEAR: N_("{word} fits nothing here. Did you mean {near}?"),
    ErrorCode.WORD_UNKNOWN: N_("{word} fits nothing here. Known: {known}"),
    ErrorCode.NOT_READY: N_("{name} is not ready, so that is not possible now."),
    ErrorCode.CONTAINER_KEY: N_(
        "{name} is a container: nobody logs in to it, so it has no key. Its card has its logs and a reboot; to change it, return it and rent another one."
    ),
    ErrorCode.FOREIGN_KEY: N_(
        "{name} was taken over from the system before, so KWS can't give it a new key. An admin of the lab can help; or rent a new one."
    ),
    ErrorCode.CONSOLE_OFF: N_("{name} is powered off, so its console shows nothing. Start it first."),
    ErrorCode.NO_CONSOLE: N_(
        "{node} keeps no console of its servers, so there is nothing to show of {name}."
    ),
    ErrorCode.NODE_SILENT: N_("{node} did not do it. Please try again in a minute, or tell an admin."),
}


def _one_table(*tables: Mapping[ErrorCode, str]) -> dict[ErrorCode, str]:
    """Join tables of sentences.

    Raises:
        ValueError: If a code has two sentences, since one of them would never be seen.
    """
    joined: dict[ErrorCode, str] = {}
    for table in tables:
        if duplicates := joined.keys() & table.keys():
            raise ValueError(f"two sentences for {', '.join(sorted(duplicates))}")
        joined |= table
    return joined


SENTENCES = _one_table(_OWN, FORM_SENTENCES, IMAGE_SENTENCES)
HINTS: dict[
    ErrorCode, tuple[str, str]
] = {  # behind a name that is not known: what there is, and that there is nothing
    ErrorCode.RENTAL_UNKNOWN: (N_("Yours: {names}."), N_("You have none.")),
    ErrorCode.SAVED_KEY_UNKNOWN: (N_("Your keys: {names}."), N_("You have saved no key yet.")),
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
    """Log a bug with its traceback; returns the reference id that the person is told."""
    reference = secrets.token_hex(4)
    log.error("ref %s: %s failed", reference, what, exc_info=error)
    return reference


def _data(error: UserError, texts: Texts) -> dict[str, object]:
    data = {key: texts.date(value) if isinstance(value, date) else value for key, value in error.data.items()}
    if error.code is ErrorCode.NO_ROOM:
        rooms = cast(Iterable[NodeCapacity], error.data["rooms"])
        data["free"] = free_rooms(rooms, texts)
        earliest = error.data["earliest"]
        data["earliest"] = (
            texts.plain(N_("The next rental ends on {day}."), day=texts.date(earliest))
            if isinstance(earliest, date)
            else ""
        )
    if error.code is ErrorCode.SIZE_LARGE:
        data |= _too_large(error, texts)
    if error.code is ErrorCode.CLOUD_INIT_UNKNOWN:
        guess = error.data["guess"]
        data["guess"] = texts.plain(N_(" Did you mean {guess}?"), guess=guess) if guess else ""
    if error.code is ErrorCode.CLOUD_INIT_KIND:
        data |= {name: texts.plain(VALUE_KINDS[str(error.data[name])]) for name in ("wanted", "found")}
    if error.code is ErrorCode.CLOUD_INIT_YAML:
        data["problem"] = texts.plain(yaml_problem(str(error.data["problem"])))
    if error.code is ErrorCode.WORD_UNKNOWN:
        data["known"] = ", ".join(cast(Iterable[str], error.data["known"]))
    if "nodes" in error.data:
        data["nodes"] = ", ".join(cast(Iterable[str], error.data["nodes"]))
    if "images" in error.data:
        data["images"] = ", ".join(cast(Iterable[str], error.data["images"]))
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


def _too_large(error: UserError, texts: Texts) -> dict[str, object]:
    """The size with its figures, the largest that each node gives, and the sizes that fit."""
    size, hosts = cast(Size, error.data["size"]), cast(Iterable[Size], error.data["largest"])
    names = ", ".join(cast(Iterable[str], error.data["fitting"]))
    lines = sorted({f"{host.name} {size_line(host)}" for host in hosts})
    return {
        "size": size_line(size) if size.name == CUSTOM else f"{size.name} ({size_line(size)})",
        "largest": "; ".join(lines),
        "fitting": texts.plain(N_("Sizes that fit: {names}."), names=names) if names else "",
    }


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

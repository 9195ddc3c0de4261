"""From an error to a sentence that a person can act on; and the reference id for what is our bug."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import cast

from bot.text.form_messages import SENTENCES as FORM_SENTENCES
from bot.text.form_messages import VALUE_KINDS, yaml_problem
from bot.text.i18n import N_, P_, Message, Mrkdwn, Texts, escape
from bot.text.image_messages import SENTENCES as IMAGE_SENTENCES
from bot.text.units import DAYS, disk, duration, memory, size_line
from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.admission import CUSTOM
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.base import SYSTEM
from kws_core.tables.states import AskDecision
from kws_core.values import Size

log = logging.getLogger(__name__)

_OWN: dict[ErrorCode, Message] = {
    ErrorCode.NAME_MISSING: N_("Enter a name."),
    ErrorCode.NAME_INVALID: N_(
        "Use 1–63 lowercase letters (a-z), digits, and hyphens. Start and end with a letter or digit, such as web01."
    ),
    ErrorCode.NAME_TAKEN: N_("{name} is already taken. Choose another name."),
    ErrorCode.IMAGE_MISSING: N_("Choose an image."),
    ErrorCode.IMAGE_UNKNOWN: N_("The image {image} is no longer available. Choose another one."),
    ErrorCode.SIZE_MISSING: N_("Choose a size."),
    ErrorCode.SIZE_SMALL: N_(
        "The image {image} needs at least {disk} of disk and {ram} of memory. Choose a larger size."
    ),
    ErrorCode.SIZE_LARGE: N_(
        "No node can run a server of size {size}. Largest possible: {largest}. {fitting}"
    ),
    ErrorCode.FIGURE_LARGE: N_("Enter {most} or less. No node can give a server more."),
    ErrorCode.QUOTA_RENTALS: P_(
        "You can have {limit} rental at a time. Return it first: /kws list",
        "You can have up to {limit} rentals at a time. Return one first: /kws list",
        "limit",
    ),
    ErrorCode.QUOTA_VCPUS: N_("This would use {wanted} vCPUs; your limit is {limit}. Choose a smaller size."),
    ErrorCode.QUOTA_RAM_MB: N_(
        "This would use {wanted} of memory; your limit is {limit}. Choose a smaller size."
    ),
    ErrorCode.END_NOT_LATER: N_("{name} already ends on {day}. Choose a later date."),
    ErrorCode.TOO_LATE_TO_EXTEND: N_("{name} has ended or is being deleted, so you can't change it."),
    ErrorCode.NOT_STOPPED: N_("{name} hasn't expired, so there's nothing to restore."),
    ErrorCode.EXTEND_WORDS: N_("{word} isn't a duration or date. Try 7d, 2w, or 2026-12-24."),
    ErrorCode.NODE_MISSED: N_("{node} is no longer in nodes.toml, so it doesn't get new rentals."),
    ErrorCode.NODES_WORDS: N_(
        "Unknown option: {word}. Try nodes, nodes drain node1, or nodes undrain node1."
    ),
    ErrorCode.DRAIN_DAY_MISSING: N_("Choose the date when maintenance starts. Owners will see it."),
    ErrorCode.MONTH_WORDS: N_("{word} isn't a month. Try 2026-11."),
    ErrorCode.END_FAR: N_("Choose a date no later than {last}."),
    ErrorCode.NOTE_MISSING: N_("Enter a reason. The owner will see it."),
    ErrorCode.NO_MEMBER: N_("{person} isn't a workspace member. Choose someone else."),
    ErrorCode.ADMINS_ONLY: N_("Only admins can do that."),
    ErrorCode.END_MISSING: N_("Choose a last day."),
    ErrorCode.END_PAST: N_("That date has passed. Today is {today}."),
    ErrorCode.END_LATE: N_("Choose a date within {time} from today, no later than {last}."),
    ErrorCode.KEY_IS_PRIVATE: N_(
        "This is a PRIVATE key. Don't share it with anyone. Create a new key pair, and paste the .pub file."
    ),
    ErrorCode.KEY_INVALID: N_(
        "This isn't an OpenSSH public key. Paste the one line of a .pub file. Accepted types: {accepted}."
    ),
    ErrorCode.KEY_TOO_SHORT: N_("This RSA key has {bits} bits. Use a key with at least {minimum} bits."),
    ErrorCode.KEY_SAVED_ALREADY: N_("You already saved this key as {name}."),
    ErrorCode.KEY_NAME_TAKEN: N_("You already have a key called {name}. Choose another name."),
    ErrorCode.KEY_NAME_LONG: P_(
        "Enter up to {maximum} character.", "Enter up to {maximum} characters.", "maximum"
    ),
    ErrorCode.KEYS_FULL: P_(
        "You can save {maximum} key. Remove it first: /kws keys",
        "You can save up to {maximum} keys. Remove one first: /kws keys",
        "maximum",
    ),
    ErrorCode.KEYS_WORDS: N_(
        "Enter /kws keys, /kws keys add followed by your public key, or /kws keys remove NAME."
    ),
    ErrorCode.SAVED_KEY_GONE: N_("This key was removed or isn't yours. Open your keys again: /kws keys"),
    ErrorCode.SAVED_KEY_UNKNOWN: N_("You don't have a key called {name}. {hint}"),
    ErrorCode.PASSWORD_SHORT: P_(
        "Enter at least {minimum} character.", "Enter at least {minimum} characters.", "minimum"
    ),
    ErrorCode.PASSWORD_LONG: P_(
        "Enter a password of up to {maximum} character.",
        "Enter a password of up to {maximum} characters.",
        "maximum",
    ),
    ErrorCode.PASSWORD_CHARACTERS: N_(
        "Use only letters (a-z, A-Z), digits, spaces, and symbols in the password."
    ),
    ErrorCode.PASSWORD_BLANK_END: N_("Remove the leading or trailing space from the password."),
    ErrorCode.PASSWORD_HAS_NAME: N_("Don't use {word} in the password."),
    ErrorCode.PASSWORD_SIMPLE: N_("This password is easy to guess. Try four or five unrelated words."),
    ErrorCode.NO_NODE: N_("No node is available. Try again later, or contact an admin."),
    ErrorCode.NO_ROOM: N_("No node has room for {size} now. Available: {free}. {earliest}"),
    ErrorCode.NOT_FREE: N_("Not free from {day}. {following}"),
    ErrorCode.STARTS_LATE: N_("Choose a first day no later than the last day, {last}."),
    ErrorCode.PROMISED: N_("{longest} From {next}, its room is promised to someone else."),
    ErrorCode.RENTAL_UNKNOWN: N_("You don't have a rental called {name}. {hint}"),
    ErrorCode.RENTAL_GONE: N_("This rental was deleted or isn't yours. Open your rentals again: /kws list"),
    ErrorCode.GUEST: N_("Only workspace members can use KWS. Ask a lab member to rent for you."),
    ErrorCode.STRANGER: N_("Only people in this workspace can use KWS."),
    ErrorCode.FORM_STALE: N_("This form has expired. Open a new one: /kws rent"),
    ErrorCode.BUTTON_STALE: N_("This button has expired. Open the list again: /kws"),
    ErrorCode.SLACK_SILENT: N_("KWS can't check your Slack account right now. Try again in a minute."),
    ErrorCode.KIND_UNKNOWN: N_("No node offers that. Choose something else."),
    ErrorCode.KEY_MISSING: N_("Paste your public key, or choose another login method."),
    ErrorCode.PASSWORD_MISSING: N_("Enter a password, or choose another login method."),
    ErrorCode.NODE_UNKNOWN: N_("That node isn't in nodes.toml. Choose another one."),
    ErrorCode.NODE_ADMINS: N_("Only admins can choose a node. Leave it empty, and KWS chooses one."),
    ErrorCode.ASK_REASON: N_("Enter a reason. The admins will see it."),
    ErrorCode.ASK_LONG: P_(
        "Enter up to {maximum} character.", "Enter up to {maximum} characters.", "maximum"
    ),
    ErrorCode.ASKS_FULL: P_(
        "{maximum} request of yours already waits for an admin. Wait for the answer, or withdraw it: /kws list",
        "{maximum} requests of yours already wait for an admin. Wait for an answer, or withdraw one: /kws list",
        "maximum",
    ),
    ErrorCode.ASK_OPEN: N_("The admins were already asked about {name}. You'll get their answer by DM."),
    ErrorCode.ASK_DECIDED: N_("{person} was first: the request for {name} was {decision}."),
    ErrorCode.ASK_OVER: N_("There's nothing left to decide: {name} has ended, or the request was withdrawn."),
    ErrorCode.ASK_OWNER_LEFT: N_(
        "{person} left this workspace, so {name} can't be approved. Decline the request."
    ),
    ErrorCode.ASK_NOT_LESS: N_("Choose a smaller size or an earlier last day than was asked for."),
    ErrorCode.ASK_NOT_FREE: N_("{name} no longer fits from {day} on. Approve less, or decline it."),
    ErrorCode.ASK_UNDECIDED: N_(
        "{name} waits for an admin's answer, so you can't change it. Withdraw it: /kws list"
    ),
    ErrorCode.NETWORK_GONE: N_("This network no longer exists. Choose another one."),
    ErrorCode.NETWORK_TAKEN: N_("You already have a network called {name}. Choose another name."),
    ErrorCode.NUMBER_RANGE: N_("Enter a whole number from {least} to {most}."),
    ErrorCode.WORD_NEAR: N_("Unknown option: {word}. Did you mean {near}?"),
    ErrorCode.WORD_UNKNOWN: N_("Unknown option: {word}. Available: {known}"),
    ErrorCode.RESET_UNDER_WAY: N_("KWS is resetting {name}. You'll get a DM when it's running."),
    ErrorCode.RESET_NAME: N_("That isn't the name. Type {name}."),
    ErrorCode.RESET_STALE: N_("{name} was reset since you opened this form. Open a new one: /kws reset"),
    ErrorCode.RESET_NO_IMAGE: N_(
        "{node} no longer has the image {image}, so KWS can't reset the server. Contact an admin."
    ),
    ErrorCode.COPIES_OFF: N_("KWS doesn't keep copies on {node}. Save your data elsewhere."),
    ErrorCode.COPIES_FULL: P_(
        "You can keep {maximum} copy. Delete it first: /kws copies",
        "You can keep up to {maximum} copies. Delete one first: /kws copies",
        "maximum",
    ),
    ErrorCode.COPY_CONTAINER: N_(
        "{name} is a container, so KWS can't keep a copy. Save your data elsewhere, or rent it again from its image."
    ),
    ErrorCode.COPY_UNDER_WAY: N_("KWS is already making a copy of {name}. You'll get a DM when it's kept."),
    ErrorCode.COPY_NO_ROOM: N_(
        "A copy needs up to {disk}, but {node} has only {free} left for copies. Delete a copy first: /kws copies"
    ),
    ErrorCode.COPY_GONE: N_("This copy was deleted or isn't yours. Open your copies again: /kws copies"),
    ErrorCode.COPY_IN_USE: N_("A server is being created from the copy of {name}. Try again later."),
    ErrorCode.COPY_NOT_KEPT: N_("The copy of {name} isn't finished. Try again later."),
    ErrorCode.BUSY: N_("KWS is still busy with {name}. Try again in a few minutes."),
    ErrorCode.MOVING: N_("{name} is being moved. Its card shows the progress."),
    ErrorCode.RESIZING: N_("{name} is getting a new size. Its card shows the progress."),
    ErrorCode.MOVE_CONTAINER: N_(
        "{name} is a container, so KWS can't move it. Rent it again from its image, then return this one."
    ),
    ErrorCode.MOVE_FOREIGN: N_("{name} was imported, so KWS can't move it. Contact an admin."),
    ErrorCode.MOVE_NETWORK: N_(
        "{name} shares its network with {others}, so KWS can't move it alone. Return the others first, or contact an admin."
    ),
    ErrorCode.MOVE_NO_ROOM: N_(
        "No other node has room for {name} with the size {size} now. Try again later."
    ),
    ErrorCode.DISK_SHRINKS: N_("The disk of {size} is too small. Choose a size with at least {disk}."),
    ErrorCode.NODE_RESPONDS: N_("{node} is responding, so nothing has to be recovered."),
    ErrorCode.SIZE_SAME: N_("{name} already has the size {size}. Choose another one."),
    ErrorCode.WEB_OFF: N_("This lab has no web addresses. Ask an admin to set up a proxy."),
    ErrorCode.WEB_NAME_INVALID: N_(
        "Use 1–63 lowercase letters (a-z), digits, and hyphens for the web address. Start and end with a letter or digit."
    ),
    ErrorCode.WEB_NAME_PUNYCODE: N_(
        "Web addresses can't have two hyphens in the third and fourth place, such as {name}. Choose another name."
    ),
    ErrorCode.WEB_NAME_RESERVED: N_("{name} looks like the lab's own {own}. Choose another name."),
    ErrorCode.WEB_NAME_TAKEN: N_("{address} is already taken. Choose another name."),
    ErrorCode.WEB_NAME_KEPT: N_(
        "{address} belonged to someone else until recently. You can use it from {day}."
    ),
    ErrorCode.WEB_NAME_OWN: N_(
        "{name} is already the first name of this rental. Choose another one, or leave it empty."
    ),
    ErrorCode.WEB_EVERYBODY: N_("This lab's policy doesn't let sites be open to everyone. Choose the lab."),
    ErrorCode.WEB_TAKEN_OFF: N_("An admin took {name} off the web: {note}. Contact an admin."),
    ErrorCode.WEB_NONE: N_("{name} has no web address."),
    ErrorCode.NOT_READY: N_("{name} isn't running. Try again later."),
    ErrorCode.CONTAINER_KEY: N_(
        "{name} is a container, so it has no SSH key. To see its output, select *View logs*."
    ),
    ErrorCode.FOREIGN_KEY: N_(
        "{name} was imported from the previous system, so its SSH key can't be reset. Contact an admin."
    ),
    ErrorCode.CONSOLE_OFF: N_("{name} is stopped, so it has no console log. Start it first."),
    ErrorCode.NO_CONSOLE: N_("{node} doesn't keep console logs, so there's none for {name}."),
    ErrorCode.NODE_SILENT: N_(
        "{node} couldn't complete the request. Try again in a minute, or contact an admin."
    ),
}


def _one_table(*tables: Mapping[ErrorCode, Message]) -> dict[ErrorCode, Message]:
    """Join tables of sentences.

    Raises:
        ValueError: If a code has two sentences, since one of them would never be seen.
    """
    joined: dict[ErrorCode, Message] = {}
    for table in tables:
        if duplicates := joined.keys() & table.keys():
            raise ValueError(f"two sentences for {', '.join(sorted(duplicates))}")
        joined |= table
    return joined


SENTENCES = _one_table(_OWN, FORM_SENTENCES, IMAGE_SENTENCES)
HINTS: dict[
    ErrorCode, tuple[str, str]
] = {  # behind a name that is not known: what there is, and that there is nothing
    ErrorCode.RENTAL_UNKNOWN: (N_("Your rentals: {names}."), N_("You don't have any rentals.")),
    ErrorCode.SAVED_KEY_UNKNOWN: (N_("Your keys: {names}."), N_("You don't have any saved keys.")),
}
DECISIONS = {
    AskDecision.APPROVED: N_("approved"),
    AskDecision.LESS: N_("approved in part"),
    AskDecision.DECLINED: N_("declined"),
    AskDecision.OVER: N_("withdrawn"),
}
ROOM_FROM = N_("As planned now, there's room from {day}.")
BUG = N_("Something went wrong. Try again, or send this ID to an admin: {ref}")


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
    data |= _of_room(error, texts) | _of_ask(error, texts)
    data |= _amounts(error, texts)
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
    if error.code is ErrorCode.MOVE_NETWORK:
        data["others"] = ", ".join(cast(Iterable[str], error.data["others"]))
    if "images" in error.data:
        data["images"] = ", ".join(cast(Iterable[str], error.data["images"]))
    if "users" in error.data:
        data["users"] = used_by(cast(Iterable[tuple[str, str]], error.data["users"]))
    if "silent" in error.data:
        names = ", ".join(cast(Iterable[str], error.data["silent"]))
        data["hint"] = texts.plain(N_("Not responding: {names}."), names=names) if names else ""
    if error.code in HINTS:
        names = ", ".join(cast(Iterable[str], error.data["mine"]))
        some, none = HINTS[error.code]
        data["hint"] = texts.plain(some, names=names) if names else texts.plain(none)
    return data


def _of_room(error: UserError, texts: Texts) -> dict[str, object]:
    """What is free now, and when there is room."""
    if error.code is ErrorCode.NO_ROOM:
        day = error.data["earliest"]
        later = texts.plain(ROOM_FROM, day=texts.date(day)) if isinstance(day, date) else ""
        rooms = cast(Iterable[NodeCapacity], error.data["rooms"])
        return {"free": free_rooms(rooms, texts), "earliest": later}
    if error.code is ErrorCode.NOT_FREE:
        day = error.data["following"]
        if not isinstance(day, date):
            return {"following": texts.plain(N_("Choose other days, or a smaller size."))}
        return {"following": texts.plain(N_("It's free for as long from {day}."), day=texts.date(day))}
    if error.code is ErrorCode.PROMISED:
        latest, name = cast(date, error.data["latest"]), error.data["name"]
        said = N_("You can extend {name} until {latest}.")
        if latest <= cast(date, error.data["ends_on"]):
            said = N_("You can't extend {name}.")
        longest = texts.plain(said, name=name, latest=texts.date(latest))
        return {"longest": longest, "next": texts.date(latest + timedelta(days=1))}
    return {}


def _of_ask(error: UserError, texts: Texts) -> dict[str, object]:
    """Who was first, and what they decided; or who has left."""
    found: dict[str, object] = {}
    if error.code in (ErrorCode.ASK_DECIDED, ErrorCode.ASK_OWNER_LEFT):
        person = str(error.data["person"])
        found["person"] = "KWS" if person == SYSTEM else Mrkdwn(f"<@{escape(person)}>")
    if error.code is ErrorCode.ASK_DECIDED:
        found["decision"] = texts.plain(DECISIONS[AskDecision(str(error.data["decision"]))])
    return found


def _amounts(error: UserError, texts: Texts) -> dict[str, object]:
    """Memory, disk and time in the units that people use."""
    if error.code is ErrorCode.SIZE_SMALL:
        least = cast(int, error.data["ram_mb"])
        return {"disk": disk(cast(int, error.data["disk_gb"]), texts), "ram": memory(least, texts, up=True)}
    if error.code is ErrorCode.DISK_SHRINKS:
        return {"disk": disk(cast(int, error.data["disk_gb"]), texts)}
    if error.code is ErrorCode.COPY_NO_ROOM:
        return {
            "disk": disk(cast(int, error.data["disk_gb"]), texts),
            "free": disk(cast(int, error.data["free_gb"]), texts),
        }
    if error.code is ErrorCode.END_LATE:
        return {"time": duration(cast(int, error.data["days"]), DAYS, texts)}
    if error.code is ErrorCode.QUOTA_RAM_MB:
        wanted, limit = (cast(int, error.data[name]) for name in ("wanted", "limit"))
        return {"wanted": memory(wanted, texts, up=True), "limit": memory(limit, texts)}
    return {}


def _too_large(error: UserError, texts: Texts) -> dict[str, object]:
    """The size with its figures, the largest that each node gives, and the sizes that fit."""
    size, hosts = cast(Size, error.data["size"]), cast(Iterable[Size], error.data["largest"])
    names = ", ".join(cast(Iterable[str], error.data["fitting"]))
    lines = sorted({f"{host.name} {size_line(host, texts)}" for host in hosts})
    return {
        "size": size_line(size, texts) if size.name == CUSTOM else f"{size.name} ({size_line(size, texts)})",
        "largest": "; ".join(lines),
        "fitting": texts.plain(N_("Sizes that fit: {names}."), names=names) if names else "",
    }


def used_by(rentals: Iterable[tuple[str, str]]) -> Mrkdwn:
    """Rentals and whose they are, in one line."""
    return Mrkdwn(", ".join(f"{escape(name)} (<@{escape(owner)}>)" for name, owner in rentals))


def free_rooms(rooms: Iterable[NodeCapacity], texts: Texts) -> str:
    """What each node has left, in one line."""
    parts = [
        f"{room.node} {size_line(Size(room.node, room.free_vcpus, room.free_ram_mb, room.free_disk_gb), texts)}"
        for room in rooms
    ]
    return "; ".join(parts) or texts.plain(N_("none"))

"""What is said of images: why one can't be had, changed or deleted, and what became of an act on a node."""

from __future__ import annotations

from bot.text.i18n import N_, Texts
from kws_core.errors import Refusal
from kws_core.images.reports import DIFFERS, NO_SOURCE, ImageOutcome, NodeImageState
from kws_core.images.table import Difference
from kws_core.images.upload import SLOW, SPOILED, TAKEN

SENTENCES: dict[str, str] = {
    "image_empty": N_("This is empty, so it is no image."),
    "image_no_disk": N_(
        "This is no image of a disk that KWS knows. Known: qcow2, VMDK, VDI, VHD, VHDX, and raw with a partition table."
    ),
    "image_packed": N_("This is compressed. Unpack it first."),
    "image_iso": N_("This is an installation CD (ISO). Servers need the image of a disk."),
    "image_refers": N_("This qcow2 is based on another file. Make one that stands alone: qemu-img convert."),
    "image_large": N_("The image is larger than {gib} GiB."),
    "image_no_room": N_("There is too little room in {folder}, where images are kept on their way."),
    "image_unreadable": N_("{file} can't be read: {why}"),
    "image_name_invalid": N_(
        "Use letters (a-z, A-Z), digits and ._+- for the name of an image, 128 at most; a letter or a digit first."
    ),
    "image_name_taken": N_(
        "Another image is called {name} on {nodes}. Choose another name, or delete that one."
    ),
    "image_title_invalid": N_("A title has at most {most} characters, on one line."),
    "image_login_invalid": N_("A user's name has only a-z, 0-9, _ and -, 32 at most, and no digit first."),
    "image_not_there": N_("No node that answers has an image called {name}. {hint}"),
    "image_in_use": N_("{name} is in use: {users}. Try again when these rentals are over."),
    "image_protected": N_("{name} is protected on {nodes}. Take the protection off first: unprotect {name}"),
    "image_sync_running": N_("That is being copied already; how far it is stands in a direct message."),
    "images_stopped": N_("KWS was stopped in the middle of it."),
    "images_words": N_(
        "Please type: images, or images and one of sync, describe, hide, show, protect, unprotect, delete with a name."
    ),
    "nothing_changed": N_("Nothing was changed."),
    "url_invalid": N_("This is no URL."),
    "url_scheme": N_("Only URLs with http and https are possible, not with {scheme}."),
    "url_password": N_("A URL with a password in it is not accepted: it would be shown and logged."),
    "url_unknown_host": N_("There is no host called {host}."),
    "url_forbidden": N_("{host} is {address}: nothing is fetched from this machine, nor from its own link."),
    "url_node": N_("{host} is {address}: that is a node's own interface. Nothing is fetched from there."),
    "url_refused": N_("{host} answered with the status {status}."),
    "url_redirects": N_("That URL redirects more than {most} times."),
    "url_broken": N_("The download from {host} failed: {why}"),
}

STATES = {
    NodeImageState.DONE: N_("done"),
    NodeImageState.ALREADY: N_("had it already"),
    NodeImageState.LACKS: N_("has no such image"),
    NodeImageState.FAILED: N_("failed"),
}
WHY = {
    Refusal.DOWN.value: N_("did not answer"),
    Refusal.AUTH.value: N_("does not allow it to KWS"),
    Refusal.QUOTA.value: N_("is at its quota"),
    Refusal.MISSING.value: N_("does not have it any more"),
    Refusal.INVALID.value: N_("did not accept the image"),
    SLOW: N_("took too long to download it"),
    SPOILED: N_("got other bytes than were sent; they are deleted"),
    TAKEN: N_("has another image of that name"),
    DIFFERS: N_("has other bytes than another node; delete or rename one of them"),
    NO_SOURCE: N_("still lacks it: no node that has it could be read"),
}
DIFFERENCES = {
    Difference.MISSING: N_("not on every node"),
    Difference.CONTENT: N_("other bytes"),
    Difference.DOUBLE: N_("twice on a node"),
    Difference.UNFINISHED: N_("an upload that is not finished"),
    Difference.FORMAT: N_("format"),
    Difference.TITLE: N_("title"),
    Difference.LOGIN: N_("default user"),
    Difference.MINIMUM: N_("least size"),
    Difference.HIDDEN: N_("hidden"),
    Difference.PROTECTED: N_("protected"),
}


def outcome_text(outcome: ImageOutcome, texts: Texts) -> str:
    """What became of an act on a node."""
    failed = outcome.state is NodeImageState.FAILED
    return texts.plain(WHY.get(outcome.why, N_("failed")) if failed else STATES[outcome.state])

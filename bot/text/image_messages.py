"""What is said of images: why one can't be had, changed or deleted, and what became of an act on a node."""

from __future__ import annotations

from bot.text.i18n import N_, Texts
from kws_core.errors import ErrorCode, Refusal
from kws_core.images.reports import (
    BOOT_DIFFERS,
    DIFFERS,
    NO_SOURCE,
    PART_LACKS,
    UNSAFE,
    ImageOutcome,
    NodeImageState,
)
from kws_core.images.table import Difference
from kws_core.images.upload import SLOW, SPOILED, TAKEN
from kws_core.nodes.offered_images import NotOffered

SENTENCES: dict[ErrorCode, str] = {
    ErrorCode.IMAGE_EMPTY: N_("This is empty, so it is no image."),
    ErrorCode.IMAGE_NO_DISK: N_(
        "This is no image of a disk that KWS knows. Known: qcow2, VMDK, VDI, VHD, VHDX, and raw with a partition table."
    ),
    ErrorCode.IMAGE_PACKED: N_("This is compressed. Unpack it first."),
    ErrorCode.IMAGE_ISO: N_("This is an installation CD (ISO). Servers need the image of a disk."),
    ErrorCode.IMAGE_REFERS: N_(
        "This qcow2 is based on another file. Make one that stands alone: qemu-img convert."
    ),
    ErrorCode.IMAGE_LARGE: N_("The image is larger than {gib} GiB."),
    ErrorCode.IMAGE_NO_ROOM: N_("There is too little room in {folder}, where images are kept on their way."),
    ErrorCode.IMAGE_UNREADABLE: N_("{file} can't be read: {why}"),
    ErrorCode.IMAGE_NAME_INVALID: N_(
        "Use letters (a-z, A-Z), digits and ._+- for the name of an image, 128 at most; a letter or a digit first."
    ),
    ErrorCode.IMAGE_NAME_TAKEN: N_(
        "Another image is called {name} on {nodes}. Choose another name, or delete that one."
    ),
    ErrorCode.IMAGE_TITLE_INVALID: N_("A title has at most {most} characters, on one line."),
    ErrorCode.IMAGE_LOGIN_INVALID: N_(
        "A user's name has only a-z, 0-9, _ and -, 32 at most, and no digit first."
    ),
    ErrorCode.IMAGE_NOT_THERE: N_("No node that answers has an image called {name}. {hint}"),
    ErrorCode.IMAGE_IN_USE: N_("{name} is in use: {users}. Try again when these rentals are over."),
    ErrorCode.IMAGE_PROTECTED: N_(
        "{name} is protected on {nodes}. Take the protection off first: unprotect {name}"
    ),
    ErrorCode.IMAGE_IS_PART: N_(
        "{images} can't boot without {name}. Delete that image first, or give it another kernel or ramdisk."
    ),
    ErrorCode.IMAGE_NOT_ON_NODE: N_("{node} doesn't have {name}, or isn't responding. Choose another node."),
    ErrorCode.IMAGE_LOGIN_UNKNOWN: N_(
        "Who logs in to {name} is not known from its name. Repeat with --login and the user that cloud-init makes in it."
    ),
    ErrorCode.IMAGE_SYNC_RUNNING: N_(
        "That is being copied already; how far it is stands in a direct message."
    ),
    ErrorCode.IMAGES_STOPPED: N_("KWS was stopped in the middle of it."),
    ErrorCode.IMAGES_WORDS: N_(
        "Please type: images, or images and one of sync, describe, hide, show, protect, unprotect, delete with a name."
    ),
    ErrorCode.NOTHING_CHANGED: N_("Nothing was changed."),
    ErrorCode.URL_INVALID: N_("This is no URL."),
    ErrorCode.URL_SCHEME: N_("Only URLs with http and https are possible, not with {scheme}."),
    ErrorCode.URL_PASSWORD: N_("A URL with a password in it is not accepted: it would be shown and logged."),
    ErrorCode.URL_UNKNOWN_HOST: N_("There is no host called {host}."),
    ErrorCode.URL_FORBIDDEN: N_(
        "{host} is {address}: nothing is fetched from this machine, nor from its own link."
    ),
    ErrorCode.URL_NODE: N_(
        "{host} is {address}: that is a node's own interface. Nothing is fetched from there."
    ),
    ErrorCode.URL_REFUSED: N_("{host} answered with the status {status}."),
    ErrorCode.URL_REDIRECTS: N_("That URL redirects more than {most} times."),
    ErrorCode.URL_BROKEN: N_("The download from {host} failed: {why}"),
    ErrorCode.IMAGE_UNSAFE: N_(
        "This image may name files outside itself ({why}). Convert it first: qemu-img convert -O qcow2"
    ),
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
    UNSAFE: N_("doesn't get it: the image names files outside itself"),
    BOOT_DIFFERS: N_(
        "boots otherwise than on another node. Choose which node is right: kws images sync NAME --from NODE"
    ),
    PART_LACKS: N_("lacks the kernel or ramdisk that it boots with, and it couldn't be copied"),
    NO_SOURCE: N_("still lacks it: no node that has it could be read"),
}
DIFFERENCES = {
    Difference.MISSING: N_("not on every node"),
    Difference.CONTENT: N_("other bytes"),
    Difference.DOUBLE: N_("twice on a node"),
    Difference.UNFINISHED: N_("an upload that is not finished"),
    Difference.FORMAT: N_("format"),
    Difference.BOOT: N_("how it boots"),
    Difference.TAGS: N_("tags"),
    Difference.TITLE: N_("title"),
    Difference.LOGIN: N_("default user"),
    Difference.MINIMUM: N_("least size"),
    Difference.HIDDEN: N_("hidden"),
    Difference.PROTECTED: N_("protected"),
}

NOT_OFFERED = {
    NotOffered.PART: N_("not in the form: a kernel or ramdisk of {images}"),
    NotOffered.ISO: N_("not in the form: an installation CD, which never gets to a login"),
    NotOffered.FORMAT: N_("not in the form: nodes can't boot this format"),
}


def outcome_text(outcome: ImageOutcome, texts: Texts) -> str:
    """What became of an act on a node."""
    failed = outcome.state is NodeImageState.FAILED
    return texts.plain(WHY.get(outcome.why, N_("failed")) if failed else STATES[outcome.state])

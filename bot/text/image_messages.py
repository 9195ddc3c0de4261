"""What is said of images: why one can't be had, changed or deleted, and what became of an act on a node."""

from __future__ import annotations

from bot.text.i18n import N_, P_, Message, Texts
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

SENTENCES: dict[ErrorCode, Message] = {
    ErrorCode.IMAGE_EMPTY: N_("This file is empty. Choose a disk image."),
    ErrorCode.IMAGE_NO_DISK: N_(
        "This isn't a supported disk image. Supported: qcow2, VMDK, VDI, VHDX, and raw with a partition table."
    ),
    ErrorCode.IMAGE_PACKED: N_("This file is compressed. Unpack it first."),
    ErrorCode.IMAGE_ISO: N_("This is an installation CD (ISO). Choose a disk image."),
    ErrorCode.IMAGE_VHD: N_("Nodes can't boot a VHD. Convert it: qemu-img convert -O qcow2"),
    ErrorCode.IMAGE_REFERS: N_("This qcow2 has a backing file. Merge it: qemu-img convert"),
    ErrorCode.IMAGE_LARGE: N_("The image is larger than {gib} GB. Choose a smaller one."),
    ErrorCode.IMAGE_NO_ROOM: N_("{folder}, where images are stored during a copy, is full. Free some space."),
    ErrorCode.IMAGE_UNREADABLE: N_("{file} can't be read: {why}"),
    ErrorCode.IMAGE_NAME_INVALID: N_(
        "Use up to 128 letters (a-z, A-Z), digits, and ._+- for an image name. Start with a letter or digit."
    ),
    ErrorCode.IMAGE_NAME_TAKEN: N_(
        "Another image on {nodes} is called {name}. Choose another name, or delete that image."
    ),
    ErrorCode.IMAGE_TITLE_INVALID: P_(
        "Enter a title of up to {most} character, on one line.",
        "Enter a title of up to {most} characters, on one line.",
        "most",
    ),
    ErrorCode.IMAGE_LOGIN_INVALID: N_(
        "Use up to 32 characters for a username: a-z, 0-9, _ and -. Don't start with a digit."
    ),
    ErrorCode.IMAGE_NOT_THERE: N_("None of the responding nodes has an image called {name}. {hint}"),
    ErrorCode.IMAGE_IN_USE: N_("{name} is in use: {users}. Try again when these rentals have ended."),
    ErrorCode.IMAGE_PROTECTED: N_(
        "{name} is protected on {nodes}. Remove the protection first: unprotect {name}"
    ),
    ErrorCode.IMAGE_IS_PART: N_(
        "Images that can't boot without {name}: {images}. Delete them first, or choose another kernel or ramdisk for them."
    ),
    ErrorCode.IMAGE_NOT_ON_NODE: N_("{node} doesn't have {name}, or isn't responding. Choose another node."),
    ErrorCode.IMAGE_LOGIN_UNKNOWN: N_(
        "KWS doesn't know the username for {name}. Repeat with --login and the user that cloud-init creates."
    ),
    ErrorCode.IMAGE_SYNC_RUNNING: N_("Already copying. See your DMs for progress."),
    ErrorCode.IMAGES_STOPPED: N_("KWS stopped during the copy. Try again."),
    ErrorCode.IMAGES_WORDS: N_(
        "Enter images, or images followed by a command and a name. Commands: sync, describe, hide, show, protect, unprotect, delete."
    ),
    ErrorCode.NOTHING_CHANGED: N_("You didn't change anything."),
    ErrorCode.URL_INVALID: N_("Enter a URL."),
    ErrorCode.URL_SCHEME: N_("Use a URL that starts with http or https, not {scheme}."),
    ErrorCode.URL_PASSWORD: N_("Remove the password from the URL. It would appear on screen and in logs."),
    ErrorCode.URL_UNKNOWN_HOST: N_("There's no host called {host}. Check the URL."),
    ErrorCode.URL_FORBIDDEN: N_(
        "{host} resolves to {address}, which is this machine or its local network link. Choose another URL."
    ),
    ErrorCode.URL_NODE: N_(
        "{host} resolves to {address}, which is a node's management address. Choose another URL."
    ),
    ErrorCode.URL_REFUSED: N_("{host} responded with status {status}. Check the URL."),
    ErrorCode.URL_REDIRECTS: P_(
        "The URL redirects more than {most} time.", "The URL redirects more than {most} times.", "most"
    ),
    ErrorCode.URL_BROKEN: N_("The download from {host} failed: {why}"),
    ErrorCode.IMAGE_UNSAFE: N_(
        "This image may refer to external files ({why}). Convert it first: qemu-img convert -O qcow2"
    ),
}

STATES = {
    NodeImageState.DONE: N_("done"),
    NodeImageState.ALREADY: N_("already there"),
    NodeImageState.LACKS: N_("image not found"),
    NodeImageState.FAILED: N_("failed"),
}
WHY = {
    Refusal.DOWN.value: N_("not responding"),
    Refusal.AUTH.value: N_("permission denied"),
    Refusal.QUOTA.value: N_("quota exceeded"),
    Refusal.MISSING.value: N_("image no longer there"),
    Refusal.INVALID.value: N_("image rejected"),
    SLOW: N_("download timed out"),
    SPOILED: N_("received data differs, so it was deleted"),
    TAKEN: N_("another image has that name"),
    DIFFERS: N_("differs from another node; delete or rename one of them"),
    UNSAFE: N_("not copied: the image refers to external files"),
    BOOT_DIFFERS: N_(
        "boot settings differ from another node. Choose the correct node: kws images sync NAME --from NODE"
    ),
    PART_LACKS: N_("kernel or ramdisk missing, and copying it failed"),
    NO_SOURCE: N_("still missing: no node that has it could be read"),
}
DIFFERENCES = {
    Difference.MISSING: N_("missing on some nodes"),
    Difference.CONTENT: N_("content"),
    Difference.DOUBLE: N_("duplicate on a node"),
    Difference.UNFINISHED: N_("unfinished upload"),
    Difference.FORMAT: N_("format"),
    Difference.BOOT: N_("boot settings"),
    Difference.TAGS: N_("tags"),
    Difference.TITLE: N_("title"),
    Difference.LOGIN: N_("default user"),
    Difference.MINIMUM: N_("minimum size"),
    Difference.HIDDEN: N_("hidden"),
    Difference.PROTECTED: N_("protected"),
}

NOT_OFFERED = {
    NotOffered.PART: N_("not in the form: kernel or ramdisk of {images}"),
    NotOffered.ISO: N_("not in the form: nobody can log in to an installation CD"),
    NotOffered.FORMAT: N_("not in the form: nodes can't boot this format"),
}


def outcome_text(outcome: ImageOutcome, texts: Texts) -> str:
    """What became of an act on a node."""
    failed = outcome.state is NodeImageState.FAILED
    return texts.plain(WHY.get(outcome.why, N_("failed")) if failed else STATES[outcome.state])

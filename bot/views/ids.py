"""Every callback, action and block id, each once."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from kws_core.errors import ErrorCode, UserError

COMMAND = "/kws"


class View(StrEnum):
    """callback_id of modals."""

    RENT = "rent"
    KEY = "key"
    EXTEND = "extend"
    RESET = "reset"
    SIZE = "size"
    DRAIN = "drain"
    IMAGE = "image"
    DESK = "desk"
    WEB = "web"
    WEB_OFF = "web_off"
    ASK_LESS = "ask_less"
    ASK_DECLINE = "ask_decline"


class Field(StrEnum):
    """block_id of the rental form's inputs: the names of RentForm's fields."""

    NAME = "name"
    IMAGE = "image"
    SIZE = "size"
    ENDS_ON = "ends_on"
    STARTS_ON = "starts_on"
    WAIT_UNTIL = "wait_until"
    ROOM = "room"  # what to do where there is no room; behind it the number of the question
    ACCESS = "access"
    PUBLIC_KEY = "public_key"
    PASSWORD = "password"
    VCPUS = "vcpus"
    RAM_MB = "ram_mb"
    DISK_GB = "disk_gb"
    PORTS = "ports"
    CLOUD_INIT = "cloud_init"
    COMMAND = "command"
    SHELL = "shell"  # the command is for sh -c
    ENVIRONMENT = "environment"
    NETWORK = "network"
    NETWORK_NAME = "network_name"
    CIDR = "cidr"
    NODE = "node"
    WEB = "web"
    ASK = "ask"  # why an admin should allow what the policy doesn't; also in other forms
    AUDIENCE = "audience"  # these four of a web address: the names of SiteForm's fields
    PORT = "port"
    UPSTREAM = "upstream"
    SECOND = "second"
    TITLE = "title"  # these four of an image
    LOGIN = "login"
    MIN_DISK_GB = "min_disk_gb"
    MIN_RAM_MB = "min_ram_mb"
    PERSON = "person"  # these two in the forms of admins
    NOTE = "note"
    ANYWAY = "anyway"  # beside them: though it takes what is promised to others
    TELL = "tell"  # these three where a node goes into maintenance
    UNTIL = "until"
    REASON = "reason"


class Action(StrEnum):
    """action_id of everything that can be clicked."""

    VALUE = "value"  # the one element of an input block
    OPEN_RENT = "open_rent"
    OPEN_CONTAINER = "open_container"
    MORE = "rent_more"
    LONGER = "rent_longer"
    RENT_WORDS = "rent_words"  # value: what was typed behind the command, and what is to be different
    SHOW_LIST = "show_list"
    SHOW_STATUS = "show_status"
    SHOW_HELP = "show_help"
    RETURN = "rental_return"
    REBOOT = "rental_reboot"
    STOP = "rental_stop"
    START = "rental_start"
    CONSOLE = "rental_console"
    NEW_KEY = "rental_new_key"
    KEY_SAVED = "rental_key_saved"
    RESET = "rental_reset"  # opens the form
    MOVE_ASK = "rental_move_ask"  # asks whether to move it
    MOVE = "rental_move"  # moves it
    MOVE_TONIGHT = "rental_move_tonight"
    MOVE_MYSELF = "rental_move_myself"
    SIZE = "rental_size"  # opens the form
    KEEP = "rental_keep"
    STILL_NEEDED = "rental_still_needed"
    COPY_ASK = "rental_copy_ask"  # asks whether to keep a copy
    COPY = "rental_copy"  # keeps it
    COPY_AT_END = "rental_copy_at_end"
    NO_COPY_AT_END = "rental_no_copy_at_end"
    BRING_BACK = "copy_bring_back"  # value of these three: the copy's id
    COPY_PROLONG = "copy_prolong"
    COPY_DELETE = "copy_delete"
    ASK_RENT = "ask_rent"  # opens the form; value: what was typed behind the command
    ASK_EXTEND = "ask_extend"  # opens the form; value: rental id and date, see until_value()
    ASK_AGAIN = "ask_again"  # value of these: the request's id
    ASK_APPROVE = "ask_approve"
    ASK_LESS = "ask_less"  # opens a form, as does the next
    ASK_DECLINE = "ask_decline"
    WEB = "rental_web"  # opens the form; value of these three: rental id
    WEB_OFF = "web_take_off"  # by an admin; asks for the reason
    WEB_BACK = "web_put_back"
    EXTEND = "rental_extend"  # opens the form; value: rental id
    EXTEND_TO = "rental_extend_to"  # value: rental id and date, see until_value()
    EXTEND_UNTIL = "rental_extend_until"  # a date picker in the block EXTENSION + rental id
    RESTORE = "rental_restore"
    TRANSFER = "rental_transfer"  # a person picker in the block of the rental
    END = "rental_end"  # by an admin
    HISTORY = "rental_history"
    DRAIN = "node_drain"  # opens the form; value: the node's name
    UNDRAIN = "node_undrain"
    USAGE = "usage_csv"  # value: the month
    DESK_ACT = "desk_act"  # opens the form; value: see act_value()
    DESK_PERSON = "desk_person"  # these five search
    DESK_NODE = "desk_node"
    DESK_STATE = "desk_state"
    DESK_WITHIN = "desk_within"
    DESK_NAME = "desk_name"
    DESK_CLEAR = "desk_clear"
    DESK_PAGE = "desk_page"  # value: the page's number
    ADD_KEY = "key_add"
    REMOVE_KEY = "key_remove"
    IMAGES = "images"  # a page of the list; value: its number
    IMAGE_SYNC = "image_sync"  # value of these: the image's name, or ALL
    IMAGE_DESCRIBE = "image_describe"
    IMAGE_HIDE = "image_hide"
    IMAGE_SHOW = "image_show"
    IMAGE_DELETE = "image_delete"


class RentalAct(StrEnum):
    """What an admin does with anybody's rental."""

    EXTEND = "extend"
    TRANSFER = "transfer"
    RESTORE = "restore"
    END = "end"


CARD = "card-"  # block_id of a rental's card: CARD + rental id
NOTICE = "notice-"  # block_id of a message about one event: NOTICE + event id
MONTH = "month-"  # block_id of what a person used in a month: MONTH + event id
ADMIN_NOTICE = "admin-notice-"  # block_id of a message to the admins: ADMIN_NOTICE + notice id
IMAGE_SYNC = "image-sync-"  # block_id of how far a copy of images is: IMAGE_SYNC + its id
EXTENSION = "extend-"
MOVE_REST = "move"  # option beside TELL
ALL = "*"  # no image can be called so
HANDOVER = "transfer-"


def until_value(rental_id: str, until: date) -> str:
    """The value of an EXTEND_TO button: the date itself, so that a second click extends no further."""
    return f"{rental_id}|{until.isoformat()}"


def parse_until(value: str) -> tuple[str, date]:
    """Return the rental ID and date of such a value.

    Raises:
        UserError: For anything else.
    """
    rental_id, _, until = value.partition("|")
    try:
        return rental_id, date.fromisoformat(until)
    except ValueError:
        raise UserError(ErrorCode.RENTAL_GONE) from None


def act_value(act: RentalAct, rental_id: str) -> str:
    """The value of an option of DESK_ACT."""
    return f"{act}|{rental_id}"


def parse_act(value: str) -> tuple[RentalAct, str]:
    """Return what to do and with which rental.

    Raises:
        UserError: For anything else.
    """
    act, _, rental_id = value.partition("|")
    if act not in list(RentalAct):
        raise UserError(ErrorCode.RENTAL_GONE)
    return RentalAct(act), rental_id

"""Every callback, action and block id, each once."""

from __future__ import annotations

from enum import StrEnum

COMMAND = "/kws"


class View(StrEnum):
    """callback_id of modals."""

    RENT = "rent"
    KEY = "key"


class Field(StrEnum):
    """block_id of the rental form's inputs: the names of RentForm's fields."""

    NAME = "name"
    IMAGE = "image"
    SIZE = "size"
    ENDS_ON = "ends_on"
    PUBLIC_KEY = "public_key"


class Action(StrEnum):
    """action_id of everything that can be clicked."""

    VALUE = "value"  # the one element of an input block
    OPEN_RENT = "open_rent"
    SHOW_LIST = "show_list"
    SHOW_STATUS = "show_status"
    SHOW_HELP = "show_help"
    RETURN = "rental_return"
    KEEP = "rental_keep"
    ADD_KEY = "key_add"
    REMOVE_KEY = "key_remove"


CARD = "card-"  # block_id of a rental's card: CARD + rental id
NOTICE = "notice-"  # block_id of a message about one event: NOTICE + event id

"""What stands in the fields of a view or a message: initial values, and what a person puts there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from slack_workspace.block_kit.block_rules import elements_of
from slack_workspace.errors import Json, NotOnScreenError

# Per element: its key in state.values, the empty value, and where the element keeps the initial one.
FIELDS: dict[str, tuple[str, Any, str]] = {
    "plain_text_input": ("value", None, "initial_value"),
    "email_text_input": ("value", None, "initial_value"),
    "url_text_input": ("value", None, "initial_value"),
    "number_input": ("value", None, "initial_value"),
    "rich_text_input": ("rich_text_value", None, "initial_value"),
    "static_select": ("selected_option", None, "initial_option"),
    "external_select": ("selected_option", None, "initial_option"),
    "radio_buttons": ("selected_option", None, "initial_option"),
    "checkboxes": ("selected_options", [], "initial_options"),
    "multi_static_select": ("selected_options", [], "initial_options"),
    "multi_external_select": ("selected_options", [], "initial_options"),
    "users_select": ("selected_user", None, "initial_user"),
    "conversations_select": ("selected_conversation", None, "initial_conversation"),
    "channels_select": ("selected_channel", None, "initial_channel"),
    "multi_users_select": ("selected_users", [], "initial_users"),
    "multi_conversations_select": ("selected_conversations", [], "initial_conversations"),
    "multi_channels_select": ("selected_channels", [], "initial_channels"),
    "datepicker": ("selected_date", None, "initial_date"),
    "timepicker": ("selected_time", None, "initial_time"),
    "datetimepicker": ("selected_date_time", None, "initial_date_time"),
    "file_input": ("files", [], ""),
}
Typed = dict[tuple[str, str], Json]


@dataclass(frozen=True)
class Control:
    """An interactive element where it stands."""

    block: Json
    element: Json

    @property
    def key(self) -> tuple[str, str]:
        return self.block["block_id"], self.element["action_id"]

    @property
    def kind(self) -> str:
        return str(self.element["type"])

    @property
    def is_input(self) -> bool:
        return bool(self.block["type"] == "input")

    def answers_to(self, name: str) -> bool:
        """A control is called by block id, action id, "block/action", or the text of its label."""
        block_id, action_id = self.key
        label = (self.block.get("label") or {}).get("text")
        return name in (block_id, action_id, f"{block_id}/{action_id}", label)


def controls(blocks: list[Json]) -> Iterator[Control]:
    """Every element that has an action id, from top to bottom."""
    for block in blocks:
        for element in elements_of(block):
            if "action_id" in element:
                yield Control(block, element)


def find_control(blocks: list[Json], name: str, value: str | None = None) -> Control | None:
    """Return the one control of that name; `value` tells buttons with the same action_id apart.

    Raises:
        NotOnScreenError: If there is none, or several.
    """
    found = [one for one in controls(blocks) if one.answers_to(name)]
    if value is not None and any("value" in one.element for one in found):
        found = [one for one in found if one.element.get("value") == value]
    if len(found) > 1:
        raise NotOnScreenError(f"{name!r} is not one thing but {[one.key for one in found]}")
    return found[0] if found else None


def values_of(blocks: list[Json], typed: Typed) -> Json:
    """`state.values`: what was entered, otherwise the initial value, otherwise the element's own kind of empty."""
    values: Json = {}
    for control in controls(blocks):
        if control.kind in FIELDS:
            block_id, action_id = control.key
            value = typed.get(control.key) or _initial(control.element)
            values.setdefault(block_id, {})[action_id] = value
    return values


def _initial(element: Json) -> Json:
    key, empty, initial = FIELDS[element["type"]]
    return {"type": element["type"], key: element.get(initial, empty)}


def entered(element: Json, value: Any) -> Json:
    """Return the entry in state.values once a person has put `value` (text, option, date, ids…) there.

    Raises:
        NotOnScreenError: If nothing can be entered there.
    """
    kind = element["type"]
    if kind not in FIELDS:
        raise NotOnScreenError(f"nothing can be entered into a {kind}")
    key, empty, _ = FIELDS[kind]
    if value is None or value == "":
        return {"type": kind, key: empty}
    if key == "selected_option":
        return {"type": kind, key: pick(element, value)}
    if key == "selected_options":
        return {"type": kind, key: [pick(element, one) for one in _several(value)]}
    return {"type": kind, key: _several(value) if empty == [] else _plain(value)}


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return int(value.timestamp())
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M")
        case dict() | int() if not isinstance(value, bool):
            return value if isinstance(value, dict) else _number_text(value)
    return str(value)


def _number_text(value: int) -> Any:
    return value if value >= 1_000_000_000 else str(value)


def options_of(element: Json) -> list[Json]:
    """The options a person sees in the element."""
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(one for group in groups for one in group["options"])]


def pick(element: Json, wanted: Any) -> Json:
    """Return the option with that value or visible text.

    Raises:
        NotOnScreenError: If there is none.
    """
    options = options_of(element)
    for option in options:
        if wanted in (option, option["value"], option["text"]["text"]):
            return option
    raise NotOnScreenError(f"no option {wanted!r} among {[one['value'] for one in options]}")


def refusals(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack itself tells the person before anything is sent: block_id -> complaint."""
    told: dict[str, str] = {}
    for control in controls(blocks):
        if control.is_input:
            block_id, action_id = control.key
            complaint = _complaint(control, values[block_id][action_id])
            if complaint:
                told[block_id] = complaint
    return told


def _complaint(control: Control, entry: Json) -> str | None:
    value = entry[FIELDS[control.kind][0]]
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        return None if control.block.get("optional") else "Please complete this required field."
    if isinstance(value, list):
        most = control.element.get("max_selected_items") or control.element.get("max_files")
        return f"Choose at most {most}." if most and len(value) > most else None
    judge = _TYPED.get(control.kind)
    return judge(control.element, value) if judge else None


def _text_complaint(element: Json, value: str) -> str | None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if not least <= len(value) <= most:
        return f"Must be {least} to {most} characters."
    return None


def _number_complaint(element: Json, value: Any) -> str | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return "Must be a number."
    if not element["is_decimal_allowed"] and number != number.to_integral_value():
        return "Must be a whole number."
    low, high = element.get("min_value"), element.get("max_value")
    if (low is not None and number < Decimal(low)) or (high is not None and number > Decimal(high)):
        return f"Must be between {low} and {high}."
    return None


def _email_complaint(_element: Json, value: str) -> str | None:
    return None if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) else "Must be an email address."


def _url_complaint(_element: Json, value: str) -> str | None:
    return None if re.fullmatch(r"https?://\S+", value) else "Must be a URL."


_TYPED: dict[str, Callable[[Json, Any], str | None]] = {
    "plain_text_input": _text_complaint, "number_input": _number_complaint,
    "email_text_input": _email_complaint, "url_text_input": _url_complaint,
}  # fmt: skip

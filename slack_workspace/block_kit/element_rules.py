"""The rules of texts, options, confirmation dialogs and interactive elements."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeGuard

from slack_workspace.errors import Json

SELECTS = {
    f"{many}{kind}_select"
    for many in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
}
TYPED = {"plain_text_input", "email_text_input", "url_text_input", "number_input"}
INPUTS = TYPED | {"file_input", "rich_text_input"}
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Problems:
    """Collects complaints, worded as Slack words them."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, at: str, what: str) -> None:
        self.found.append(f"[ERROR] {what} [json-pointer:{at}]")


def is_text_between(value: Any, least: int, most: int) -> bool:
    """A string with a length within the limits."""
    return isinstance(value, str) and least <= len(value) <= most


def check_text(text: Any, at: str, problems: Problems, *, limit: int, plain: bool = False) -> None:
    """A text object: plain_text, or mrkdwn where Slack allows that."""
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(text, dict) or text.get("type") not in kinds:
        problems.add(at, f"must be a text object of type {' or '.join(kinds)}")
        return
    if not is_text_between(text.get("text"), 1, limit):
        problems.add(f"{at}/text", f"must be a string of 1 to {limit} characters")
    own = "emoji" if text["type"] == "plain_text" else "verbatim"
    for name in sorted(set(text) - {"type", "text", own}):
        problems.add(at, f"unknown field: {name}")
    if not isinstance(text.get(own, False), bool):
        problems.add(f"{at}/{own}", "must be a boolean")


def check_element(element: Json, at: str, problems: Problems) -> None:
    """Everything inside one element; that it may stand here has been settled by the block."""
    kind = str(element["type"])
    if "action_id" in element and not is_text_between(element["action_id"], 1, 255):
        problems.add(f"{at}/action_id", "must be a string of 1 to 255 characters")
    if element.get("placeholder") is not None:
        check_text(element["placeholder"], f"{at}/placeholder", problems, limit=150, plain=True)
    if element.get("confirm") is not None:
        _confirm(element["confirm"], f"{at}/confirm", problems)
    if not isinstance(element.get("focus_on_load", False), bool):
        problems.add(f"{at}/focus_on_load", "must be a boolean")
    if check := CHECKS.get(kind):
        check(element, at, problems)


def _confirm(confirm: Any, at: str, problems: Problems) -> None:
    if not isinstance(confirm, dict):
        problems.add(at, "must be a confirmation dialog object")
        return
    for name, limit in (("title", 100), ("confirm", 30), ("deny", 30)):
        check_text(confirm.get(name), f"{at}/{name}", problems, limit=limit, plain=True)
    check_text(confirm.get("text"), f"{at}/text", problems, limit=300)
    _style(confirm, at, problems)


def _style(element: Json, at: str, problems: Problems) -> None:
    if element.get("style") not in (None, "primary", "danger"):
        problems.add(f"{at}/style", "must be primary or danger")


def _button(element: Json, at: str, problems: Problems) -> None:
    check_text(element.get("text"), f"{at}/text", problems, limit=75, plain=True)
    _style(element, at, problems)
    for name, limit in (("value", 2000), ("url", 3000), ("accessibility_label", 75)):
        if element.get(name) is not None and not is_text_between(element[name], 0, limit):
            problems.add(f"{at}/{name}", f"must be a string of at most {limit} characters")


def _image(element: Json, at: str, problems: Problems) -> None:
    if not is_text_between(element.get("alt_text"), 1, 2000):
        problems.add(f"{at}/alt_text", "must be a string of 1 to 2000 characters")
    if not element.get("image_url") and not element.get("slack_file"):
        problems.add(at, "missing required field: image_url or slack_file")


def _pattern(name: str, pattern: re.Pattern[str]) -> Callable[[Json, str, Problems], None]:
    def check(element: Json, at: str, problems: Problems) -> None:
        value = element.get(name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            problems.add(f"{at}/{name}", f"invalid value: {value!r}")

    return check


def _text_input(element: Json, at: str, problems: Problems) -> None:
    least, most = element.get("min_length"), element.get("max_length")
    for name, value, low in (("min_length", least, 0), ("max_length", most, 1)):
        if value is not None and not (_is_int(value) and low <= value <= 3000):
            problems.add(f"{at}/{name}", f"must be a whole number from {low} to 3000")
    if _is_int(least) and _is_int(most) and least > most:
        problems.add(at, "min_length must not exceed max_length")
    initial = element.get("initial_value")
    if initial is not None and not is_text_between(initial, 0, most if _is_int(most) else 3000):
        problems.add(f"{at}/initial_value", "must be a string within max_length")


def _is_int(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _number_input(element: Json, at: str, problems: Problems) -> None:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        problems.add(f"{at}/is_decimal_allowed", "missing required field: is_decimal_allowed (boolean)")
    values = [_number(element, name, at, problems) for name in ("min_value", "initial_value", "max_value")]
    given = [value for value in values if value is not None]
    if given != sorted(given):
        problems.add(at, "min_value, initial_value and max_value are out of order")


def _number(element: Json, name: str, at: str, problems: Problems) -> Decimal | None:
    if element.get(name) is None:
        return None
    try:
        return Decimal(element[name]) if isinstance(element[name], str) else _not_a_number()
    except (InvalidOperation, ValueError):
        problems.add(f"{at}/{name}", "must be a number written as a string")
        return None


def _not_a_number() -> Decimal:
    raise ValueError("a number must be sent as a string")


def _date_time(element: Json, at: str, problems: Problems) -> None:
    value = element.get("initial_date_time")
    if value is not None and not (_is_int(value) and len(str(value)) == 10):
        problems.add(f"{at}/initial_date_time", "must be a UNIX time of 10 digits")


def _file_input(element: Json, at: str, problems: Problems) -> None:
    most = element.get("max_files", 10)
    if not (_is_int(most) and 1 <= most <= 10):
        problems.add(f"{at}/max_files", "must be a whole number from 1 to 10")


def _static_select(element: Json, at: str, problems: Problems) -> None:
    groups = element.get("option_groups")
    if groups is None:
        options = _options(element.get("options"), f"{at}/options", problems, most=100)
    elif "options" in element or not isinstance(groups, list) or not 1 <= len(groups) <= 100:
        problems.add(at, "needs either options or 1 to 100 option_groups")
        return
    else:
        options = [
            one
            for i, group in enumerate(groups)
            for one in _group(group, f"{at}/option_groups/{i}", problems)
        ]
    _initial(element, options, at, problems)


def _group(group: Any, at: str, problems: Problems) -> list[Json]:
    if not isinstance(group, dict):
        problems.add(at, "must be an option group")
        return []
    check_text(group.get("label"), f"{at}/label", problems, limit=75, plain=True)
    return _options(group.get("options"), f"{at}/options", problems, most=100)


def _choice_list(element: Json, at: str, problems: Problems) -> None:
    plain = element["type"] == "overflow"
    most = 5 if plain else 10
    _initial(element, _options(element.get("options"), f"{at}/options", problems, most, plain), at, problems)


def _options(options: Any, at: str, problems: Problems, most: int, plain: bool = True) -> list[Json]:
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        problems.add(at, f"must be an array of 1 to {most} options")
        return []
    for number, option in enumerate(options):
        _option(option, f"{at}/{number}", problems, plain)
    good = [option for option in options if isinstance(option, dict)]
    values = [str(option.get("value")) for option in good]
    for value in sorted({one for one in values if values.count(one) > 1}):
        problems.add(at, f"option value is not unique: {value}")
    return good


def _option(option: Any, at: str, problems: Problems, plain: bool = True) -> None:
    if not isinstance(option, dict):
        problems.add(at, "must be an option object")
        return
    check_text(option.get("text"), f"{at}/text", problems, limit=75, plain=plain)
    if not is_text_between(option.get("value"), 1, 150):
        problems.add(f"{at}/value", "must be a string of 1 to 150 characters")
    for name in sorted(set(option) - {"text", "value", "description", "url"}):
        problems.add(at, f"unknown field: {name}")
    if option.get("description") is not None:
        check_text(option["description"], f"{at}/description", problems, limit=75, plain=plain)


def _initial(element: Json, options: list[Json], at: str, problems: Problems) -> None:
    chosen = [element["initial_option"]] if element.get("initial_option") is not None else []
    several = element.get("initial_options")
    chosen += several if isinstance(several, list) else [] if several is None else [several]
    if any(_without_emoji(option) not in map(_without_emoji, options) for option in chosen):
        problems.add(at, "the initial option is not one of the options, to the letter")
    most = element.get("max_selected_items")
    if most is not None and not (_is_int(most) and most >= max(1, len(chosen))):
        problems.add(f"{at}/max_selected_items", "must be at least 1 and hold the initial options")


def _without_emoji(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_emoji(part) for name, part in value.items() if name != "emoji"}
    return value


CHECKS: dict[str, Callable[[Json, str, Problems], None]] = {
    "button": _button, "image": _image, "plain_text_input": _text_input, "number_input": _number_input,
    "datepicker": _pattern("initial_date", DATE), "timepicker": _pattern("initial_time", CLOCK_TIME),
    "datetimepicker": _date_time, "file_input": _file_input, "overflow": _choice_list,
    "static_select": _static_select, "multi_static_select": _static_select, "checkboxes": _choice_list,
    "radio_buttons": _choice_list,
}  # fmt: skip

"""The rules of each block type: where it may stand and what it must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slack_workspace.block_kit.element_rules import (
    INPUTS,
    SELECTS,
    Problems,
    check_element,
    check_text,
    is_text_between,
)
from slack_workspace.errors import Json

CHOICES = {
    "button",
    "checkboxes",
    "datepicker",
    "overflow",
    "radio_buttons",
    "timepicker",
    "workflow_button",
} | SELECTS
IN_SECTION = CHOICES | {"image"}
IN_ACTIONS = CHOICES | {"datetimepicker", "rich_text_input"}
IN_INPUT = (CHOICES - {"button", "overflow", "workflow_button"}) | INPUTS | {"datetimepicker"}
MESSAGE_ONLY = {"markdown", "file", "table", "context_actions", "task_card", "plan"}
KNOWN = {
    "section", "divider", "image", "actions", "context", "context_actions", "input", "file", "header",
    "markdown", "video", "rich_text", "table", "task_card", "plan", "alert", "card", "container", "carousel",
}  # fmt: skip


def check_block(block: Any, surface: str, at: str, problems: Problems) -> None:
    """Judge one block standing on a message, a modal or a home view."""
    kind = kind_of(block)
    if kind not in KNOWN:
        problems.add(at, f"unsupported type: {kind}")
        return
    if block["type"] in MESSAGE_ONLY and surface != "message":
        problems.add(at, f"unsupported type in a {surface}: {block['type']}")
    if "block_id" in block and not is_text_between(block["block_id"], 1, 255):
        problems.add(f"{at}/block_id", "must be a string of 1 to 255 characters")
    if check := CHECKS.get(block["type"]):
        check(block, surface, at, problems)
    _check_unique_actions(block, at, problems)


def kind_of(thing: Any) -> str:
    """The type of a block or element, also of nonsense."""
    return str(thing.get("type")) if isinstance(thing, dict) else repr(thing)


def elements_of(block: Json) -> list[Any]:
    """The interactive parts of a block, wherever it keeps them."""
    several = block.get("elements") if block.get("type") == "actions" else None
    if isinstance(several, list):
        return several
    return [block[key] for key in ("element", "accessory") if block.get(key) is not None]


def _check_unique_actions(block: Json, at: str, problems: Problems) -> None:
    ids = [one.get("action_id") for one in elements_of(block) if isinstance(one, dict)]
    given = [action_id for action_id in ids if isinstance(action_id, str)]
    for action_id in sorted({one for one in given if given.count(one) > 1}):
        problems.add(at, f"action_id already exists in this block: {action_id}")


def _section(block: Json, _surface: str, at: str, problems: Problems) -> None:
    if block.get("text") is None and not block.get("fields"):
        problems.add(at, "missing required field: text or fields")
    if block.get("text") is not None:
        check_text(block["text"], f"{at}/text", problems, limit=3000)
    if block.get("fields") is not None:
        _fields(block["fields"], f"{at}/fields", problems)
    if block.get("accessory") is not None:
        _element(block["accessory"], IN_SECTION, f"{at}/accessory", problems)


def _fields(fields: Any, at: str, problems: Problems) -> None:
    if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
        problems.add(at, "must be an array of 1 to 10 texts")
        return
    for number, text in enumerate(fields):
        check_text(text, f"{at}/{number}", problems, limit=2000)


def _header(block: Json, _surface: str, at: str, problems: Problems) -> None:
    check_text(block.get("text"), f"{at}/text", problems, limit=150, plain=True)


def _actions(block: Json, _surface: str, at: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        problems.add(f"{at}/elements", "must be an array of 1 to 25 elements")
        return
    for number, element in enumerate(elements):
        _element(element, IN_ACTIONS, f"{at}/elements/{number}", problems)


def _context(block: Json, _surface: str, at: str, problems: Problems) -> None:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        problems.add(f"{at}/elements", "must be an array of 1 to 10 elements")
        return
    for number, element in enumerate(elements):
        where = f"{at}/elements/{number}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_element(element, where, problems)
        else:
            check_text(element, where, problems, limit=2000)


def _input(block: Json, surface: str, at: str, problems: Problems) -> None:
    check_text(block.get("label"), f"{at}/label", problems, limit=2000, plain=True)
    if block.get("hint") is not None:
        check_text(block["hint"], f"{at}/hint", problems, limit=2000, plain=True)
    for name in ("optional", "dispatch_action"):
        if not isinstance(block.get(name, False), bool):
            problems.add(f"{at}/{name}", "must be a boolean")
    allowed = IN_INPUT if surface == "modal" else IN_INPUT - {"file_input"}
    _element(block.get("element"), allowed, f"{at}/element", problems)


def _element(element: Any, allowed: set[str], at: str, problems: Problems) -> None:
    kind = kind_of(element)
    if kind not in allowed:
        problems.add(at, f"unsupported element here: {kind}")
        return
    check_element(element, at, problems)


def _image(block: Json, _surface: str, at: str, problems: Problems) -> None:
    check_element(block, at, problems)
    if block.get("title") is not None:
        check_text(block["title"], f"{at}/title", problems, limit=2000, plain=True)


def _markdown(block: Json, _surface: str, at: str, problems: Problems) -> None:
    if not is_text_between(block.get("text"), 1, 12_000):
        problems.add(f"{at}/text", "must be a string of 1 to 12000 characters")


CHECKS: dict[str, Callable[[Json, str, str, Problems], None]] = {
    "section": _section, "header": _header, "actions": _actions, "context": _context, "input": _input,
    "image": _image, "markdown": _markdown,
}  # fmt: skip

"""Small Block Kit builders for the tests: every part is good unless told otherwise."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def plain(text: str, **more: Any) -> Json:
    return {"type": "plain_text", "text": text, **more}


def mrkdwn(text: str, **more: Any) -> Json:
    return {"type": "mrkdwn", "text": text, **more}


def option(text: str, value: str, **more: Any) -> Json:
    return {"text": plain(text), "value": value, **more}


def options(count: int) -> list[Json]:
    return [option(f"Option {number}", f"v{number}") for number in range(count)]


def button(**more: Any) -> Json:
    return {"type": "button", "action_id": "press", "text": plain("Press"), "value": "1", **more}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "size", "options": options(3), **more}


def entry(element: Json, block_id: str = "field", **more: Any) -> Json:
    return {"type": "input", "block_id": block_id, "label": plain("Field"), "element": element, **more}


def text_input(**more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": "text", **more}


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn("*Hello*"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def modal(*blocks: Json, **more: Any) -> Json:
    return {
        "type": "modal", "callback_id": "rent", "title": plain("Rent"), "submit": plain("Rent it"),
        "blocks": list(blocks) or [section(), entry(text_input())], **more,
    }  # fmt: skip


def home(*blocks: Json, **more: Any) -> Json:
    return {"type": "home", "blocks": list(blocks) or [section(), actions(button())], **more}


def without(thing: Json, name: str) -> Json:
    return {key: value for key, value in thing.items() if key != name}


CONFIRM = {
    "title": plain("Sure?"),
    "text": mrkdwn("Gone for *good*"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}

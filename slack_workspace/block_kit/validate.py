"""Would Slack accept this Block Kit? Stricter than any library: every rule here is one Slack enforces.

Three judges speak in turn: our own rules, slack_sdk's models, and what slack_sdk dropped on the way (a
field it does not know is a field Slack refuses).
"""

from __future__ import annotations

from typing import Any

from slack_workspace.block_kit.block_rules import check_block
from slack_workspace.block_kit.element_rules import Problems, check_text, is_text_between
from slack_workspace.block_kit.sdk_opinion import opinion_of, sdk_refusal
from slack_workspace.errors import Json

VIEW_FIELDS = {
    "type", "title", "submit", "close", "blocks", "private_metadata", "callback_id", "external_id",
    "clear_on_close", "notify_on_close", "submit_disabled",
}  # fmt: skip
MAX_BLOCKS = {"message": 50, "modal": 100, "home": 100}


def check_view(view: Any) -> list[str]:
    """What Slack would say against this view; empty when it would show it."""
    problems = Problems()
    if not isinstance(view, dict):
        problems.add("/view", "must be an object")
        return problems.found
    surface = view.get("type")
    if surface not in ("modal", "home"):
        problems.add("/view/type", "must be modal or home")
        return problems.found
    for name in sorted(set(view) - VIEW_FIELDS):
        problems.add("/view", f"unknown field: {name}")
    (_check_modal if surface == "modal" else _check_home)(view, problems)
    _check_view_strings(view, problems)
    _check_block_list(view.get("blocks"), surface, "/view/blocks", problems)
    return problems.found or _sdk_view(view)


def check_blocks(blocks: Any, surface: str = "message") -> list[str]:
    """The same for the blocks alone; `surface` is message, modal or home."""
    problems = Problems()
    _check_block_list(blocks, surface, "/blocks", problems)
    return problems.found or _sdk_blocks(blocks, "/blocks")


def check_options(payload: Any) -> list[str]:
    """The answer to a block_suggestion: `options` (up to 100, none is fine) or `option_groups`."""
    problems = Problems()
    if not isinstance(payload, dict) or not (payload.keys() & {"options", "option_groups"}):
        problems.add("/", "neither options nor option_groups in the answer")
        return problems.found
    select = {"type": "static_select", "action_id": "answer"} | payload
    if payload.get("options") == []:
        return []
    _check_block_list([{"type": "actions", "elements": [select]}], "message", "/options", problems)
    return problems.found


def _check_modal(view: Json, problems: Problems) -> None:
    check_text(view.get("title"), "/view/title", problems, limit=24, plain=True)
    for name in ("submit", "close"):
        if view.get(name) is not None:
            check_text(view[name], f"/view/{name}", problems, limit=24, plain=True)
    blocks = view.get("blocks")
    kinds = (
        [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    )
    if "input" in kinds and not view.get("submit"):
        problems.add("/view/submit", "missing required field: submit (there are input blocks)")


def _check_home(view: Json, problems: Problems) -> None:
    for name in ("submit", "close", "notify_on_close", "clear_on_close"):
        if view.get(name):
            problems.add(f"/view/{name}", "not allowed in a home view")


def _check_view_strings(view: Json, problems: Problems) -> None:
    for name, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(name) is not None and not is_text_between(view[name], 0, limit):
            problems.add(f"/view/{name}", f"must be a string of at most {limit} characters")
    for name in ("clear_on_close", "notify_on_close"):
        if not isinstance(view.get(name, False), bool):
            problems.add(f"/view/{name}", "must be a boolean")


def _check_block_list(blocks: Any, surface: str, at: str, problems: Problems) -> None:
    if not isinstance(blocks, list):
        problems.add(at, "must be an array of blocks")
        return
    least = 0 if surface in ("message", "home") else 1
    if not least <= len(blocks) <= MAX_BLOCKS[surface]:
        problems.add(at, f"must contain between {least} and {MAX_BLOCKS[surface]} blocks")
    for number, block in enumerate(blocks):
        check_block(block, surface, f"{at}/{number}", problems)
    _check_unique_blocks(blocks, at, problems)
    if _count_focus(blocks) > 1:
        problems.add(at, "focus_on_load may be set on one element only")


def _check_unique_blocks(blocks: list[Any], at: str, problems: Problems) -> None:
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str) and block_id in seen:
            problems.add(f"{at}/{number}/block_id", f"block_id already exists: {block_id}")
        seen.add(str(block_id))


def _count_focus(value: Any) -> int:
    if isinstance(value, dict):
        return int(value.get("focus_on_load") is True) + sum(map(_count_focus, value.values()))
    return sum(map(_count_focus, value)) if isinstance(value, list) else 0


def _sdk_view(view: Json) -> list[str]:
    problems = Problems()
    shell = {**view, "blocks": [{"type": "divider"}]}
    shell.pop("submit_disabled", None)
    if refusal := sdk_refusal(shell, whole_view=True):
        problems.add("/view", refusal)
    return problems.found + _sdk_blocks(view["blocks"], "/view/blocks")


def _sdk_blocks(blocks: list[Json], at: str) -> list[str]:
    problems = Problems()
    for number, block in enumerate(blocks):
        refusal, dropped = opinion_of(block)
        if refusal:
            problems.add(f"{at}/{number}", refusal)
        for where in dropped:
            problems.add(f"{at}/{number}{where}", "unknown or empty field")
    return problems.found

"""What slack_sdk's own models think of a view or a block, given as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from slack_workspace.errors import Json

# Empty strings that Slack takes and the models leave out.
MAY_BE_EMPTY = {"private_metadata", "callback_id", "external_id", "initial_value", "value", "description"}


def opinion_of(block: Json) -> tuple[str | None, tuple[str, ...]]:
    """Why slack_sdk would not send the block, or None, and what it would drop of it; the same block is judged once."""
    try:
        text = json.dumps(block)
    except (TypeError, ValueError, RecursionError):  # no JSON
        return _judged(block)
    return _judged_text(text)


@lru_cache(maxsize=4096)
def _judged_text(text: str) -> tuple[str | None, tuple[str, ...]]:
    return _judged(json.loads(text))


def _judged(block: Json) -> tuple[str | None, tuple[str, ...]]:
    refusal = sdk_refusal(block)
    return refusal, () if refusal else tuple(dropped_fields(block))


def sdk_refusal(thing: Json, *, whole_view: bool = False) -> str | None:
    """Why slack_sdk would not send it, or None."""
    try:
        (View(**thing) if whole_view else _parsed(thing)).to_dict()
    except SlackObjectFormationError as refusal:
        return str(refusal)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        return f"malformed: {error}"
    return None


def _parsed(block: Json) -> Any:
    parsed = Block.parse(block)
    if parsed is None:
        raise SlackObjectFormationError(f"unsupported block type: {block.get('type')}")
    return parsed


def dropped_fields(block: Json) -> Iterator[str]:
    """Pointers to what the models lost of the block: unknown fields, unknown elements, empty lists."""
    yield from _lost(block, _parsed(block).to_dict(), "")


def _lost(given: Any, kept: Any, at: str) -> Iterator[str]:
    if isinstance(given, dict):
        for name, value in given.items():
            if isinstance(kept, dict) and name in kept:
                yield from _lost(value, kept[name], f"{at}/{name}")
            elif value is not None and not (value == "" and name in MAY_BE_EMPTY):
                yield f"{at}/{name}"
    elif isinstance(given, list):
        if not isinstance(kept, list) or len(kept) != len(given):
            yield at
            return
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(value, other, f"{at}/{number}")

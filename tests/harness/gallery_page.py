"""``make gallery``: every view, card, notice and message in each language on one page."""

from __future__ import annotations

import re
import sys
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.gallery import Exhibit, exhibits, sentences

from kws_core.values import LOCALES

STYLE = """
body { font: 15px/1.46 Lato, "Noto Sans CJK KR", "Noto Sans KR", system-ui, sans-serif; margin: 2rem; color: #1d1c1d }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin: .5rem 0 1.5rem }
.one { border: 1px solid #ddd; border-radius: 8px; padding: .75rem 1rem; overflow-wrap: anywhere }
.small { color: #616061; font-size: 13px } .button { display: inline-block; border: 1px solid #bbb; border-radius: 4px;
padding: 2px 10px; margin: 3px 6px 3px 0; font-weight: 600; font-size: 13px } .primary { background: #007a5a; color: #fff }
.danger { background: #e01e5a; color: #fff } .ask { color: #616061; font-size: 12px; margin: 0 0 4px 12px }
pre, code { background: #f6f6f6; border-radius: 3px; white-space: pre-wrap } label { font-weight: 700; display: block }
.box { border: 1px solid #bbb; border-radius: 4px; padding: 3px 8px; color: #616061; margin: 2px 0 } td { border-top: 1px solid #ddd;
padding: 4px 8px; vertical-align: top; width: 50% } h3 { margin-bottom: 0 }
"""


def page() -> str:
    """The whole page."""
    rooms = zip(*(list(exhibits(locale)) for locale in LOCALES), strict=True)
    parts = [f"<!doctype html><meta charset='utf-8'><title>KWS: every message</title><style>{STYLE}</style>"]
    for room, pairs in groupby(rooms, key=lambda pair: pair[0].room):
        parts.append(f"<h2>{escape(room)}</h2>")
        for pair in pairs:
            shown = "".join(f"<div class='one'>{_exhibit(one)}</div>" for one in pair)
            parts.append(f"<h3>{escape(pair[0].title)}</h3><div class='pair'>{shown}</div>")
    parts.append("<h2>All messages</h2>")
    for locale in LOCALES:
        if locale != "en":
            rows = "".join(f"<tr><td>{escape(a)}<td>{escape(b)}" for a, b in sentences(locale))
            parts.append(f"<table>{rows}</table>")
    return "\n".join(parts)


def _exhibit(one: Exhibit) -> str:
    view = one.view
    title = view.get("title")
    head = f"<div><b>{escape(title['text'])}</b></div>" if title else ""
    foot = "".join(
        f"<span class='button'>{escape(view[part]['text'])}</span>"
        for part in ("close", "submit")
        if view.get(part)
    )
    return head + "".join(_block(block) for block in one.blocks) + foot


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "divider":
            return "<hr>"
        case "header":
            return f"<h4>{_text(block['text'])}</h4>"
        case "section":
            return f"<p>{_text(block['text'])} {_element(block.get('accessory'))}</p>"
        case "context":
            return f"<p class='small'>{' '.join(_text(one) for one in block['elements'])}</p>"
        case "actions":
            return f"<div>{''.join(_element(one) for one in block['elements'])}</div>"
        case "input":
            hint = f"<div class='small'>{_text(block['hint'])}</div>" if block.get("hint") else ""
            return f"<label>{_text(block['label'])}</label>{_element(block['element'])}{hint}"
    raise ValueError(block["type"])


def _element(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    if one["type"] == "button":
        spoken = f" title='{escape(one['accessibility_label'])}'" if one.get("accessibility_label") else ""
        confirm = one.get("confirm")
        asks = [confirm[part]["text"] for part in ("title", "text", "confirm", "deny")] if confirm else []
        ask = f"<div class='ask'>{escape(' | '.join(asks))}</div>" if asks else ""
        return f"<span class='button {one.get('style', '')}'{spoken}>{_text(one['text'])}</span>{ask}"
    said = [one[part]["text"] for part in ("placeholder",) if one.get(part)]
    said += [option["text"]["text"] for option in one.get("options", ())]
    said += [str(one[part]) for part in ("initial_value", "initial_date") if one.get(part)]
    return f"<div class='box'>{escape(' · '.join(said)) or '&nbsp;'}</div>"


def _text(text: dict[str, Any]) -> str:
    if text["type"] == "plain_text":
        return escape(text["text"])
    said = re.sub(r"<!date\^\d+\^[^|]*\|([^>]*)>", r"\1", text["text"])
    said = re.sub(r"<@(\w+)>", r"@\1", said)
    said = re.sub(r"```(.*?)```", r"<pre>\1</pre>", said, flags=re.DOTALL)
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", said)
    said = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", said)
    return said.replace("\n", "<br>")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())

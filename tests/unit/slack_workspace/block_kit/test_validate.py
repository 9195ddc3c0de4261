"""Every row of the validator table: what Slack takes passes, what it refuses is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from harness.workspace_kit import (
    CONFIRM,
    Json,
    actions,
    button,
    entry,
    home,
    modal,
    mrkdwn,
    option,
    options,
    plain,
    section,
    select,
    text_input,
    without,
)

from slack_workspace import check_blocks, check_view

GOOD: dict[str, Json] = {
    "modal": modal(),
    "home": home(),
    "modal of all inputs": modal(
        entry(text_input(multiline=True, min_length=2, max_length=20, initial_value="abc"), "a"),
        entry(select(initial_option=option("Option 1", "v1"), placeholder=plain("Choose")), "b", optional=True),
        entry({"type": "external_select", "action_id": "x", "min_query_length": 0}, "c", dispatch_action=True),
        entry({"type": "users_select", "action_id": "x", "initial_user": "U0MINA0001"}, "d", hint=plain("Who")),
        entry({"type": "datepicker", "action_id": "x", "initial_date": "2026-12-01"}, "e"),
        entry({"type": "timepicker", "action_id": "x", "initial_time": "09:30", "timezone": "Asia/Seoul"}, "f"),
        entry({"type": "datetimepicker", "action_id": "x", "initial_date_time": 1790000000}, "g"),
        entry(
            {"type": "number_input", "action_id": "x", "is_decimal_allowed": False, "min_value": "1",
             "max_value": "30", "initial_value": "7"}, "h"),
        entry({"type": "checkboxes", "action_id": "x", "options": options(10)}, "i"),
        entry({"type": "radio_buttons", "action_id": "x", "options": options(2),
               "initial_option": options(2)[1]}, "j"),
        entry({"type": "multi_static_select", "action_id": "x", "options": options(4),
               "initial_options": options(2), "max_selected_items": 3}, "k"),
        entry({"type": "email_text_input", "action_id": "x", "focus_on_load": True}, "l"),
        entry({"type": "url_text_input", "action_id": "x"}, "m"),
        entry({"type": "file_input", "action_id": "x", "filetypes": ["pub"], "max_files": 1}, "n"),
        private_metadata="", close=plain("Cancel", emoji=True), notify_on_close=True, clear_on_close=False,
    ),
    "option groups and emoji": modal(
        entry({"type": "static_select", "action_id": "x",
               "option_groups": [{"label": plain("Seoul"), "options": options(2)}],
               "initial_option": {"text": plain("Option 1", emoji=True), "value": "v1"}}),
    ),
    "modal without inputs or submit": without(modal(section(), {"type": "divider"}), "submit"),
    "rich home": home(
        {"type": "header", "text": plain("Your servers", emoji=True)},
        section(text=mrkdwn("one", verbatim=True), fields=[mrkdwn("*IP*\n10.0.0.1"), plain("ready")], block_id="r:1"),
        section(accessory={"type": "overflow", "action_id": "more", "options": options(5)}),
        section(accessory={"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"}),
        actions(button(style="danger", confirm=CONFIRM), button(action_id="b", url="https://example.org"), select()),
        {"type": "context", "elements": [mrkdwn("until Friday"), plain("Seoul time")]},
        {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a", "title": plain("A")},
        private_metadata="x",
    ),
    "empty home": {"type": "home", "blocks": []},
    "markdown option in checkboxes": modal(
        entry({"type": "checkboxes", "action_id": "x", "options": [{"text": mrkdwn("*GPU*"), "value": "gpu"}]}),
    ),
}  # fmt: skip

BAD: dict[str, Json] = {
    "title 25": modal(title=plain("t" * 25)),
    "submit 25": modal(submit=plain("t" * 25)),
    "close 25": modal(close=plain("t" * 25)),
    "missing title": without(modal(), "title"),
    "0 blocks": {**modal(), "blocks": []},
    "101 blocks": modal(*[section() for _ in range(101)]),
    "private_metadata 3001": modal(private_metadata="m" * 3001),
    "callback_id 256": modal(callback_id="c" * 256),
    "input without submit": without(modal(), "submit"),
    "dup block_id": modal(section(block_id="a"), section(block_id="a")),
    "dup action_id in block": modal(actions(button(), button())),
    "unknown block type": modal({"type": "sektion", "text": plain("x")}),
    "unknown element type": modal(entry({"type": "slider", "action_id": "x"})),
    "extra unknown field (block)": modal(section(colour="red")),
    "extra unknown field (element)": modal(actions(button(colour="red"))),
    "extra unknown field (text)": modal(section(text=plain("x", bold=True))),
    "extra unknown field (option)": modal(entry(select(options=[option("a", "a", note="x")]))),
    "extra unknown field (view)": modal(colour="red"),
    "a received view sent back": modal(id="V1", hash="1.2"),
    "misspelt optional": modal(entry(text_input(), optonal=True)),
    "section text 3001": modal(section(text=mrkdwn("x" * 3001))),
    "section empty text": modal(section(text=mrkdwn(""))),
    "section no text/fields": modal({"type": "section"}),
    "11 fields": modal(section(fields=[plain("x")] * 11)),
    "0 fields": modal(section(fields=[])),
    "field text 2001": modal(section(fields=[plain("x" * 2001)])),
    "header 151": modal({"type": "header", "text": plain("x" * 151)}),
    "header mrkdwn": modal({"type": "header", "text": mrkdwn("x")}),
    "option text 76": modal(entry(select(options=[option("x" * 76, "a")]))),
    "option value 151": modal(entry(select(options=[option("x", "a" * 151)]))),
    "option without value": modal(entry(select(options=[{"text": plain("x")}]))),
    "101 options": modal(entry(select(options=options(101)))),
    "0 options": modal(entry(select(options=[]))),
    "no options": modal(entry(without(select(), "options"))),
    "dup option value": modal(entry(select(options=[option("a", "a"), option("b", "a")]))),
    "action_id 256": modal(entry(select(action_id="a" * 256))),
    "block_id 256": modal(section(block_id="b" * 256)),
    "placeholder 151": modal(entry(text_input(placeholder=plain("p" * 151)))),
    "label 2001": modal(entry(text_input(), label=plain("l" * 2001))),
    "label missing": modal(without(entry(text_input()), "label")),
    "label mrkdwn": modal(entry(text_input(), label=mrkdwn("l"))),
    "26 action elements": modal(actions(*[button(action_id=f"b{n}") for n in range(26)])),
    "0 action elements": modal(actions()),
    "11 context elements": modal({"type": "context", "elements": [plain("x")] * 11}),
    "bad initial_date": modal(entry({"type": "datepicker", "action_id": "x", "initial_date": "1.12.2026"})),
    "bad initial_time": modal(entry({"type": "timepicker", "action_id": "x", "initial_time": "25:00"})),
    "initial_option not in options": modal(entry(select(initial_option=option("Gone", "gone")))),
    "text input max_length 3001": modal(entry(text_input(max_length=3001))),
    "min_length>max_length": modal(entry(text_input(min_length=5, max_length=4))),
    "radio 11 options": modal(entry({"type": "radio_buttons", "action_id": "x", "options": options(11)})),
    "button text 76": modal(actions(button(text=plain("x" * 76)))),
    "button mrkdwn": modal(actions(button(text=mrkdwn("x")))),
    "button value 2001": modal(actions(button(value="x" * 2001))),
    "button style warning": modal(actions(button(style="warning"))),
    "home with submit": home(submit=plain("Go")),
    "button inside input": modal(entry(button())),
    "text input inside actions": modal(actions(text_input())),
    "number_input no is_decimal": modal(entry({"type": "number_input", "action_id": "x"})),
    "number_input with a number": modal(
        entry({"type": "number_input", "action_id": "x", "is_decimal_allowed": False, "min_value": 1})),
    "mrkdwn text with emoji": modal(section(text=mrkdwn("x", emoji=True))),
    "2x focus_on_load": modal(entry(text_input(focus_on_load=True), "a"), entry(text_input(focus_on_load=True), "b")),
    "confirm text 301": modal(actions(button(confirm={**CONFIRM, "text": plain("x" * 301)}))),
    "confirm without deny": modal(actions(button(confirm=without(CONFIRM, "deny")))),
    "file_input in home": home(entry({"type": "file_input", "action_id": "x"})),
    "view type missing": without(modal(), "type"),
    "text not str": modal(section(text=mrkdwn(5))),  # type: ignore[arg-type]
    "text a bare string": modal(section(text="hello")),
    "markdown in a modal": modal({"type": "markdown", "text": "# x"}),
    "image without alt_text": modal({"type": "image", "image_url": "https://example.org/a.png"}),
    "blocks no list": {**modal(), "blocks": {"type": "divider"}},
    "a block that is a string": modal("hello"),  # type: ignore[arg-type]
    "max_selected_items 0": modal(
        entry({"type": "multi_static_select", "action_id": "x", "options": options(2), "max_selected_items": 0})),
}  # fmt: skip


@pytest.mark.parametrize("view", GOOD.values(), ids=GOOD.keys())
def test_slack_would_show_it(view: Json) -> None:
    before = copy.deepcopy(view)
    assert check_view(view) == []
    assert view == before


@pytest.mark.parametrize("view", BAD.values(), ids=BAD.keys())
def test_slack_would_refuse_it(view: Json) -> None:
    problems = check_view(view)
    assert problems
    assert all(problem.startswith("[ERROR] ") and "[json-pointer:/view" in problem for problem in problems)


def test_the_pointer_leads_to_the_fault() -> None:
    (problem,) = check_view(modal(section(), entry(select(options=[option("x" * 76, "a")]))))
    assert "[json-pointer:/view/blocks/1/element/options/0/text/text]" in problem


@pytest.mark.parametrize(
    ("blocks", "good"),
    [
        ([section()] * 50, True),
        ([section()] * 51, False),
        ([{"type": "markdown", "text": "# Title"}], True),
        ([entry(text_input())], True),
        ([{"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "hi"}]}]}], True),
        ([{"type": "header", "text": mrkdwn("x")}], False),
        ("[]", False),
    ],
)  # fmt: skip
def test_message_blocks(blocks: Any, good: bool) -> None:
    assert (check_blocks(blocks, "message") == []) is good


@pytest.mark.parametrize("damage", [lambda _: None, lambda _: 7, lambda _: [], lambda _: "x", lambda _: {}])
@pytest.mark.parametrize("name", ["modal of all inputs", "rich home"])
def test_no_malformed_part_breaks_the_judge(name: str, damage: Callable[[Any], Any]) -> None:
    """Whatever part of a good view is replaced by nonsense, the answer is a list, never a traceback."""
    for broken in _damaged(GOOD[name], damage):
        assert isinstance(check_view(broken), list)


def _damaged(value: Any, damage: Callable[[Any], Any]) -> list[Any]:
    found = [damage(value)]
    if isinstance(value, dict):
        found += [{**value, key: part} for key, inner in value.items() for part in _damaged(inner, damage)]
    elif isinstance(value, list):
        found += [
            [*value[:number], part, *value[number + 1 :]]
            for number, inner in enumerate(value)
            for part in _damaged(inner, damage)
        ]
    return found

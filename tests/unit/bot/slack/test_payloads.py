"""What Slack sends becomes a model, or is dropped."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt import BoltContext, BoltResponse

from bot.slack import payloads
from bot.slack.payloads import (
    BadPayloadError,
    BlockActions,
    EventCallback,
    SlashCommand,
    ViewSubmission,
    read,
)

API = "https://slack.com/api/"
VIEW = {
    "id": "V1", "type": "modal", "callback_id": "rent", "hash": "1.a", "private_metadata": "", "state": {"values": {}},
    "blocks": [{"type": "input", "block_id": "name"}, {"type": "section"}],
}  # fmt: skip
COMMAND = {
    "command": "/kws", "text": "list", "user_id": "U1", "team_id": "T1", "trigger_id": "1.a",
    "response_url": "https://hooks.slack.com/commands/1",
}  # fmt: skip
CLICK = {
    "type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T1"}, "trigger_id": "1.a",
    "actions": [{"action_id": "a", "block_id": "b", "selected_option": {"value": "x"}}],
    "channel": {"id": "D1"}, "message": {"ts": "1.1", "blocks": [{"type": "divider"}, {"type": "x", "block_id": "card-1"}]},
}  # fmt: skip
FORM = {"type": "view_submission", "user": {"id": "U1", "team_id": "T2"}, "team": {"id": "T1"}, "view": VIEW}
OPENED = {
    "type": "event_callback",
    "team_id": "T1",
    "event": {"type": "app_home_opened", "user": "U1", "tab": "home"},
}


@pytest.mark.parametrize(
    ("body", "model", "asker"),
    [
        (COMMAND, SlashCommand, ("U1", "T1")),
        (CLICK, BlockActions, ("U1", "T1")),
        (FORM, ViewSubmission, ("U1", "T2")),  # a person of a shared workspace
        (OPENED, EventCallback, ("U1", None)),
    ],
)
def test_each_request_is_read_into_its_model(body: dict[str, Any], model: type, asker: Any) -> None:
    payload = read(body)
    assert isinstance(payload, model)
    assert payload.asker == asker


def test_what_was_clicked_is_named() -> None:
    click = read(CLICK)
    assert isinstance(click, BlockActions)
    assert click.actions[0].option == "x"
    assert click.message is not None
    assert (click.message.block_id("card-"), click.message.block_id("notice-")) == ("card-1", None)


def test_only_inputs_are_fields_of_a_form() -> None:
    form = read(FORM)
    assert isinstance(form, ViewSubmission)
    assert form.view.fields == ["name"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({**COMMAND, "user_id": "U1; --"}, "user_id"),
        ({**COMMAND, "type": "no such"}, ""),
        ({**COMMAND, "text": "a\0"}, "a NUL"),
        ({**COMMAND, "text": "\ud800"}, "UnicodeEncodeError"),
        ({**CLICK, "type": ["block_actions"]}, ""),
        ({**CLICK, "actions": []}, "block_actions.actions"),
        ({**FORM, "view": {**VIEW, "private_metadata": 1}}, "view_submission.view.private_metadata"),
        ({}, "command"),
        ([], ""),
        (None, ""),
    ],
)
def test_what_is_wrong_is_named_without_what_it_says(body: Any, wrong: str) -> None:
    with pytest.raises(BadPayloadError) as caught:
        read(body)
    assert wrong in str(caught.value)
    assert "--" not in str(caught.value)


def test_the_model_is_handed_on_and_all_else_is_dropped() -> None:
    check, context = payloads.checker(API), BoltContext()
    after = BoltResponse(status=201)
    assert check(body=COMMAND, context=context, next=lambda: after) is after
    assert context[payloads.KEY] == read(COMMAND)
    for bad in ({**COMMAND, "response_url": "https://10.0.0.1/"}, {**COMMAND, "user_id": 1}):
        context = BoltContext()
        assert check(body=bad, context=context, next=lambda: after).status == 200
        assert payloads.KEY not in context

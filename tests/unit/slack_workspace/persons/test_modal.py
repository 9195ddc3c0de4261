"""Modals, message buttons and external selects, with a real Bolt app."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from harness.workspace_kit import (
    CONFIRM,
    actions,
    button,
    entry,
    modal,
    option,
    options,
    plain,
    section,
    select,
    text_input,
    without,
)
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slack_workspace import ManualClock, NotOnScreenError, Person, Workspace

Json = dict[str, Any]


@pytest.fixture
def received() -> list[Json]:
    """The bodies of the payloads that the bot got."""
    return []


@pytest.fixture
def opened(workspace: Workspace, app: App, join: Any, mina: Person, received: list[Json]) -> Any:
    """`opened(view, ack)`: mina has this modal before her; `ack` answers its submissions."""

    def open_it(view: Json, /, **answer: Any) -> None:
        @app.command("/kws")
        def kws(ack: Any, body: Json, client: WebClient) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=view)

        @app.view("rent")
        def submitted(ack: Any, body: Json) -> None:
            received.append(body)
            ack(**answer)

        @app.view_closed("rent")
        def closed(ack: Any, body: Json) -> None:
            received.append(body)
            ack()

        @app.action("press")
        @app.action("size")
        def pressed(ack: Any, body: Json) -> None:
            received.append(body)
            ack()

        join(app)
        assert mina.command("/kws").acked
        workspace.wait_for(lambda: mina.open_view)

    return open_it


def test_a_filled_form_arrives_as_slack_sends_it(
    workspace: Workspace, opened: Any, mina: Person, received: list[Json]
) -> None:
    opened(
        modal(
            entry(text_input(initial_value="vm1"), "name", label=plain("Name")),
            entry(select(), "size"),
            entry({"type": "datepicker", "action_id": "until"}, "until"),
            entry({"type": "timepicker", "action_id": "at"}, "at", optional=True),
            entry({"type": "number_input", "action_id": "days", "is_decimal_allowed": False}, "days"),
            entry({"type": "checkboxes", "action_id": "x", "options": options(2)}, "extras", optional=True),
            entry({"type": "radio_buttons", "action_id": "x", "options": options(2)}, "kind"),
            entry({"type": "users_select", "action_id": "x"}, "who"),
            entry({"type": "multi_static_select", "action_id": "x", "options": options(3)}, "many"),
            entry({"type": "email_text_input", "action_id": "x"}, "mail", optional=True),
            private_metadata="from here",
        )
    )
    mina.fill_form({"until": date(2026, 12, 1), "days": 7, "kind": "Option 1", "who": "U0JOON0001"})
    mina.fill_form({"size/size": "v2", "many": ["v0", "Option 2"]})
    outcome = mina.submit()
    assert outcome.acked and mina.open_view is None
    view = received[0]["view"]
    assert view["private_metadata"] == "from here" and view["root_view_id"] == view["id"] and view["hash"]
    assert view["state"]["values"] == {
        "name": {"text": {"type": "plain_text_input", "value": "vm1"}},
        "size": {"size": {"type": "static_select", "selected_option": options(3)[2]}},
        "until": {"until": {"type": "datepicker", "selected_date": "2026-12-01"}},
        "at": {"at": {"type": "timepicker", "selected_time": None}},
        "days": {"days": {"type": "number_input", "value": "7"}},
        "extras": {"x": {"type": "checkboxes", "selected_options": []}},
        "kind": {"x": {"type": "radio_buttons", "selected_option": options(2)[1]}},
        "who": {"x": {"type": "users_select", "selected_user": "U0JOON0001"}},
        "many": {"x": {"type": "multi_static_select", "selected_options": [options(3)[0], options(3)[2]]}},
        "mail": {"x": {"type": "email_text_input", "value": None}},
    }
    assert workspace.violations == []


def test_slack_keeps_an_incomplete_form_back(opened: Any, mina: Person, received: list[Json]) -> None:
    number = {"type": "number_input", "action_id": "x", "is_decimal_allowed": False, "max_value": "30"}
    opened(
        modal(
            entry(text_input(min_length=3), "name"),
            entry(number, "days"),
            entry(text_input(), "why", optional=True),
        )
    )
    mina.fill_form({"name": "vm", "days": 31})
    outcome = mina.submit()
    assert not outcome.sent and set(outcome.errors) == {"name", "days"} and received == []
    assert mina.open_view is not None and set(mina.open_view["errors"]) == {"name", "days"}
    mina.fill_form({"name": "vm1", "days": 30})
    assert mina.submit().acked and mina.open_view is None


def test_the_bots_errors_stay_under_their_fields(workspace: Workspace, opened: Any, mina: Person) -> None:
    opened(modal(entry(text_input(), "name")), response_action="errors", errors={"name": "taken"})
    mina.fill("name", "vm1")
    assert mina.submit().errors == {"name": "taken"}
    view = mina.open_view
    assert view is not None and view["errors"] == {"name": "taken"}
    assert view["state"]["values"]["name"]["text"]["value"] == "vm1"
    assert workspace.violations == []


def test_an_error_for_no_field_is_a_violation(workspace: Workspace, opened: Any, mina: Person) -> None:
    opened(
        modal(entry(text_input(initial_value="x"), "name")),
        response_action="errors",
        errors={"nmae": "taken"},
    )
    assert mina.submit().error == "trouble_connecting"
    assert "nmae" in str(workspace.violations)


@pytest.mark.parametrize("action", ["update", "push", "clear"])
def test_what_the_ack_does_to_the_stack(workspace: Workspace, opened: Any, mina: Person, action: str) -> None:
    next_view = without(modal(section(), callback_id="next"), "submit")
    answer: Json = {"response_action": action} | ({} if action == "clear" else {"view": next_view})
    opened(modal(entry(text_input(initial_value="x"), "name")), **answer)
    before = mina.view_stack[0]
    assert mina.submit().acked
    ids = [one["callback_id"] for one in mina.view_stack]
    assert ids == {"update": ["next"], "push": ["rent", "next"], "clear": []}[action]
    if action == "update":
        assert mina.view_stack[0]["id"] == before["id"] and mina.view_stack[0]["hash"] != before["hash"]
    if action == "push":
        assert mina.view_stack[1]["previous_view_id"] == mina.view_stack[1]["root_view_id"] == before["id"]
        mina.close()
        assert [one["callback_id"] for one in mina.view_stack] == ["rent"]


def test_closing_is_told_when_asked_for(opened: Any, mina: Person, received: list[Json]) -> None:
    opened(modal(notify_on_close=True))
    assert mina.close().acked and mina.open_view is None
    assert received[0]["type"] == "view_closed" and received[0]["is_cleared"] is False


def test_a_double_submission_is_two_payloads_of_one_view(
    opened: Any, mina: Person, received: list[Json]
) -> None:
    opened(modal(entry(text_input(initial_value="x"), "name")))
    first, second = mina.submit_twice()
    assert first.acked and second.acked and mina.open_view is None
    one, two = received
    assert (one["view"]["id"], one["view"]["hash"]) == (two["view"]["id"], two["view"]["hash"])
    assert one["trigger_id"] != two["trigger_id"]


def test_a_choice_in_a_modal_is_reported_with_the_view(
    opened: Any, mina: Person, received: list[Json]
) -> None:
    opened(modal(entry(text_input(), "name"), actions(select(), button(confirm=CONFIRM))))
    mina.fill("name", "vm1")
    assert mina.choose("size", "v1").acked
    (body,) = received
    assert body["actions"][0]["selected_option"] == options(2)[1] and "response_url" not in body
    assert body["container"] == {"type": "view", "view_id": body["view"]["id"]}
    assert body["view"]["state"]["values"]["name"]["text"]["value"] == "vm1"
    asked = mina.click("press")
    assert not asked.sent and asked.confirm == CONFIRM and len(received) == 1
    assert not mina.click("press", confirm=False).sent
    assert mina.click("press", confirm=True).acked and received[1]["actions"][0]["value"] == "1"


def test_an_update_keeps_what_was_entered_and_a_stale_hash_is_refused(
    opened: Any, mina: Person, client: WebClient
) -> None:
    opened(modal(entry(text_input(), "name"), external_id="rent-1"))
    mina.fill("name", "vm1")
    view = mina.open_view
    assert view is not None
    client.views_update(
        external_id="rent-1", hash=view["hash"], view=modal(section(), entry(text_input(), "name"))
    )
    after = mina.open_view
    assert after is not None and after["state"]["values"]["name"]["text"]["value"] == "vm1"
    assert (
        _refusal(lambda: client.views_update(view_id=view["id"], hash=view["hash"], view=modal()))
        == "hash_conflict"
    )
    assert _refusal(lambda: client.views_update(view_id="V0", view=modal())) == "not_found"


def test_triggers_are_good_once_and_for_three_seconds(
    app: App, join: Any, mina: Person, client: WebClient, clock: ManualClock
) -> None:
    app.command("/kws")(lambda ack: ack())
    join(app)
    trigger = mina.command("/kws").trigger_id
    stale = mina.command("/kws").trigger_id
    client.views_open(trigger_id=str(trigger), view=modal())
    assert (
        _refusal(lambda: client.views_open(trigger_id=str(trigger), view=modal())) == "exchanged_trigger_id"
    )
    clock.advance(3.1)
    assert _refusal(lambda: client.views_open(trigger_id=str(stale), view=modal())) == "expired_trigger_id"
    assert _refusal(lambda: client.views_open(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"


def test_three_views_at_most(app: App, join: Any, mina: Person, client: WebClient) -> None:
    app.command("/kws")(lambda ack: ack())
    app.action("press")(lambda ack: ack())
    join(app)
    view = modal(actions(button()))
    client.views_open(trigger_id=str(mina.command("/kws").trigger_id), view=view)
    for _ in range(2):
        client.views_push(trigger_id=str(mina.click("press").trigger_id), view=view)
    last = mina.click("press").trigger_id
    assert _refusal(lambda: client.views_push(trigger_id=str(last), view=view)) == "push_limit_reached"
    mina.close(everything=True)
    assert mina.view_stack == []


def test_a_malformed_view_is_refused_and_noted(workspace: Workspace, client: WebClient) -> None:
    with pytest.raises(SlackApiError) as refusal:
        client.views_publish(user_id="U0MINA0001", view={"type": "home", "blocks": [{"type": "sektion"}]})
    assert refusal.value.response["error"] == "invalid_arguments"
    assert "[json-pointer:/view/blocks/0]" in refusal.value.response["response_metadata"]["messages"][0]
    assert workspace.violations[0].source == "views.publish"
    big = modal(*[section(text=plain("x" * 3000)) for _ in range(90)])
    assert _refusal(lambda: client.views_open(trigger_id="1.2.x", view=big)) == "view_too_large"


def test_an_external_select_asks_the_bot(
    workspace: Workspace, app: App, opened: Any, mina: Person, received: list[Json]
) -> None:
    @app.options("image")
    def images(ack: Any, payload: Json) -> None:
        names = [name for name in ("ubuntu-24.04", "ubuntu-26.04", "debian-13") if payload["value"] in name]
        ack(options=[option(name, name) for name in names])

    field = {"type": "external_select", "action_id": "image"}
    opened(modal(entry(field, "image")))
    assert mina.suggestions("image", "ub") == []  # too short to ask
    assert [one["value"] for one in mina.suggestions("image", "ubuntu")] == ["ubuntu-24.04", "ubuntu-26.04"]
    mina.fill("image", "ubuntu-26.04", query="26.")
    with pytest.raises(NotOnScreenError):
        mina.fill("image", "windows")
    mina.submit()
    value = received[0]["view"]["state"]["values"]["image"]["image"]
    assert value == {"type": "external_select", "selected_option": option("ubuntu-26.04", "ubuntu-26.04")}
    assert workspace.violations == []


def test_a_button_in_a_message(
    workspace: Workspace, app: App, join: Any, mina: Person, client: WebClient
) -> None:
    @app.action("press")
    def pressed(ack: Any, body: Json, respond: Any) -> None:
        ack()
        assert body["container"]["message_ts"] == body["message"]["ts"] and body["trigger_id"]
        assert body["state"]["values"]["sizes"]["size"]["selected_option"]["value"] == "v1"
        respond(text="done", replace_original=True)

    app.action("size")(lambda ack: ack())
    join(app)
    blocks = [{**actions(select(), button(value="41"), button(action_id="b")), "block_id": "sizes"}]
    posted = client.chat_postMessage(channel="U0MINA0001", text="Return it?", blocks=blocks)
    mina.choose("size", "v1")
    with pytest.raises(NotOnScreenError):
        mina.click("press", value="42")
    assert mina.click("press", value="41", message=posted["ts"]).acked
    workspace.wait_for(lambda: mina.dm()[-1]["text"] == "done")
    assert "blocks" not in mina.dm()[-1] and workspace.violations == []


def _refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as refusal:
        call()
    return str(refusal.value.response["error"])

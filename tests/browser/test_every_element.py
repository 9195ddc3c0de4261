"""Elements one by one, those too that KWS does not use today: drawn, used, and heard by the bot."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from typing import Any

import pytest
from desk import Desk

Sit = Callable[..., Desk]
Json = dict[str, Any]


def words(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str, **more: Any) -> Json:
    return {"text": words(value.title()), "value": value, **more}


OPTIONS = [option("red"), option("green", description=words("like grass")), option("blue")]
QUESTION = {
    "title": words("Sure?"),
    "text": words("It hurts."),
    "confirm": words("Do it"),
    "deny": words("No"),
}
ELEMENTS: list[Json] = [
    {"type": "external_select", "action_id": "outside", "min_query_length": 1, "placeholder": words("Find")},
    {"type": "static_select", "action_id": "inside", "options": OPTIONS, "placeholder": words("Pick")},
    {"type": "users_select", "action_id": "person", "placeholder": words("Who")},
    {"type": "datepicker", "action_id": "day"},
    {"type": "timepicker", "action_id": "hour"},
    {"type": "radio_buttons", "action_id": "one", "options": OPTIONS},
    {"type": "checkboxes", "action_id": "many", "options": OPTIONS},
    {"type": "overflow", "action_id": "more", "options": OPTIONS[:2]},
    {"type": "button", "action_id": "push", "text": words("Push"), "confirm": QUESTION, "style": "danger"},
]
RICH = {"type": "rich_text", "elements": [
    {"type": "rich_text_section", "elements": [{"type": "text", "text": "rich", "style": {"bold": True}}]},
    {"type": "rich_text_list", "style": "bullet", "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "item"}]}]},
]}  # fmt: skip
SHOWN: list[Json] = [
    {"type": "header", "text": words("Head")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "> quoted *bold* _slanted_ ~gone~ `a*b*c` <https://example.org|a link>"},
     "fields": [words("left"), words("right")]},
    {"type": "image", "image_url": "data:image/gif;base64,R0lGODlhAQABAAAAACw=", "alt_text": "a picture"},
    {"type": "divider"}, RICH, {"type": "context", "elements": [words("small print :wave:")]},
]  # fmt: skip


@pytest.fixture
def heard(demo: Any) -> Queue[Json]:
    """The actions that reach the bot."""
    actions: Queue[Json] = Queue()

    @demo.service.app.options("outside")
    def suggest(ack: Any, payload: Json) -> None:
        ack(options=[option(f"{payload['value']}-{n}") for n in (1, 2)])

    for element in ELEMENTS:

        @demo.service.app.action(element["action_id"])
        def hear(ack: Any, action: Json) -> None:
            ack()
            actions.put(action)

    return actions


def test_in_a_message(sit_down: Sit, heard: Queue[Json]) -> None:
    desk = sit_down("joon")
    client, joon = desk.demo.service.client, desk.demo.workspace.person("joon")
    client.chat_postMessage(
        channel=joon.id, text="all", blocks=[*SHOWN, {"type": "actions", "elements": ELEMENTS}]
    )
    post = desk.messages.last
    for tag, text in (("h3", "Head"), ("blockquote", "quoted"), ("strong", "bold"), ("em", "slanted"), ("s", "gone"),
                      ("code", "a*b*c"), ("strong", "rich"), ("li", "item"), (".context", "👋"), (".fields", "left")):  # fmt: skip
        desk.expect(post.locator(tag, has_text=text).first).to_be_visible()
    desk.expect(post.get_by_role("link", name="a link")).to_have_attribute("rel", "noopener noreferrer")
    desk.expect(post.get_by_alt_text("a picture")).to_have_count(1)

    box = post.get_by_role("combobox", name="Find")
    box.focus()
    desk.expect(desk.page.get_by_role("listbox")).to_contain_text("Type 1 letter or more.")
    box.press_sequentially("x")
    desk.expect(desk.page.get_by_role("option", name="X-2")).to_be_visible()
    box.press("ArrowDown")
    box.press("ArrowDown")
    box.press("Enter")
    assert heard.get(timeout=5)["selected_option"]["value"] == "x-2"
    post.get_by_label("Pick").select_option("blue")
    assert heard.get(timeout=5)["selected_option"]["value"] == "blue"
    post.get_by_label("Who").select_option(label="Kim Mina (@mina)")
    assert heard.get(timeout=5)["selected_user"] == "U0MINA0001"
    post.locator("input[type=date]").fill("2026-12-24")
    post.locator("input[type=date]").press("Enter")
    assert heard.get(timeout=5)["selected_date"] == "2026-12-24"
    post.locator("input[type=time]").fill("09:30")
    post.locator("input[type=time]").press("Enter")
    assert heard.get(timeout=5)["selected_time"] == "09:30"
    post.get_by_role("radio", name="Green").check()
    assert heard.get(timeout=5)["selected_option"]["value"] == "green"
    post.get_by_role("checkbox", name="Red").check()
    assert [one["value"] for one in heard.get(timeout=5)["selected_options"]] == ["red"]
    post.get_by_role("button", name="More actions").click()
    desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    assert heard.get(timeout=5)["selected_option"]["value"] == "green"

    desk.press("Push", post)
    desk.expect(desk.question).to_contain_text("It hurts.")
    desk.page.keyboard.press("Escape")
    desk.expect(desk.question).to_have_count(0)
    desk.press("Push", post)
    desk.press("Do it", desk.question)
    assert heard.get(timeout=5)["action_id"] == "push"
    assert heard.empty(), "nothing was told twice, and not what was refused"


def test_in_a_modal(sit_down: Sit, heard: Queue[Json]) -> None:
    desk = sit_down("joon")
    submitted: Queue[Json] = Queue()

    @desk.demo.service.app.command("/gallery")
    def show(ack: Any, body: Json, client: Any) -> None:
        ack()
        asked = [{**e, "type": e["type"]} for e in ELEMENTS if e["type"] not in ("overflow", "button")]
        asked += [{"type": "plain_text_input", "action_id": "long", "multiline": True}]
        blocks = [
            {"type": "input", "block_id": f"b-{e['action_id']}", "label": words(e["action_id"]), "element": e}
            for e in asked
        ]
        client.views_open(trigger_id=body["trigger_id"], view={
            "type": "modal", "callback_id": "gallery", "title": words("All"), "submit": words("Send"), "blocks": blocks})  # fmt: skip

    @desk.demo.service.app.view("gallery")
    def take(ack: Any, view: Json) -> None:
        submitted.put(view["state"]["values"])
        ack()

    desk.demo.workspace.person("joon").command("/gallery")
    form = desk.modal
    desk.press("Send", form)
    desk.expect(form.locator(".error:visible")).to_have_count(8)
    desk.expect(form.get_by_label("outside")).to_be_focused()
    form.get_by_label("outside").fill("y")
    form.get_by_role("option", name="Y-1").click()
    form.get_by_label("inside").select_option("red")
    form.get_by_label("person").select_option("U0MINA0001")
    form.get_by_label("day").fill("2026-12-24")
    form.get_by_label("hour").fill("07:05")
    form.get_by_role("radiogroup").get_by_label("Blue").check()
    form.get_by_role("group").get_by_label("Red").check()
    form.get_by_role("group").get_by_label("Green").check()
    form.get_by_label("long").fill("two\nlines")
    desk.press("Send", form)
    desk.expect(form).to_have_count(0)
    sent = {key: next(iter(value.values())) for key, value in submitted.get(timeout=5).items()}
    assert sent["b-outside"]["selected_option"]["value"] == "y-1"
    assert sent["b-inside"]["selected_option"]["value"] == "red"
    assert sent["b-person"]["selected_user"] == "U0MINA0001"
    assert (sent["b-day"]["selected_date"], sent["b-hour"]["selected_time"]) == ("2026-12-24", "07:05")
    assert sent["b-one"]["selected_option"]["value"] == "blue"
    assert [one["value"] for one in sent["b-many"]["selected_options"]] == ["red", "green"]
    assert sent["b-long"]["value"] == "two\nlines"


def test_a_click_on_what_is_being_redrawn(sit_down: Sit, heard: Queue[Json]) -> None:
    """The bot edits the message between the drawing and the click, with new block ids as in Slack."""
    desk = sit_down("joon")
    client, joon = desk.demo.service.client, desk.demo.workspace.person("joon")
    push = {"type": "button", "action_id": "push", "text": words("Push"), "value": "me"}
    sent = client.chat_postMessage(
        channel=joon.id, text="all", blocks=[{"type": "actions", "elements": [push]}]
    )
    button = desk.messages.last.get_by_role("button", name="Push")
    desk.expect(button).to_be_visible()

    def edit(route: Any) -> None:
        client.chat_update(
            channel=sent["channel"],
            ts=sent["ts"],
            text="all",
            blocks=[{"type": "actions", "elements": [push]}],
        )
        route.continue_()

    desk.page.route("**/_control/click", edit, times=1)
    with desk.page.expect_response(lambda one: one.url.endswith("/_control/click") and one.status == 200):
        button.click()
    assert heard.get(timeout=5)["value"] == "me"

"""Slash commands, response_url, direct messages and the App Home, with a real Bolt app."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk import WebClient

from slack_workspace import ManualClock, NotOnScreenError, Person, Workspace, visible_text


def test_a_command_is_acknowledged_with_a_message_only_the_person_sees(
    workspace: Workspace, app: App, join: Any, mina: Person
) -> None:
    seen: dict[str, Any] = {}

    @app.command("/kws")
    def kws(ack: Any, body: dict[str, Any]) -> None:
        seen.update(body)
        ack(f"hello {body['text']}")

    join(app)
    outcome = mina.command("/kws rent now", channel="#general")
    assert outcome.acked and outcome.text == "hello rent now" and outcome.seconds < 1
    assert [one["text"] for one in mina.ephemeral()] == ["hello rent now"]
    assert workspace.person("joon").ephemeral() == []
    assert (seen["user_name"], seen["channel_name"], seen["command"]) == ("mina", "general", "/kws")
    assert seen["trigger_id"] == outcome.trigger_id and seen["is_enterprise_install"] == "false"
    assert workspace.violations == []


def test_a_command_nobody_answers_times_out(workspace: Workspace, app: App, join: Any, mina: Person) -> None:
    join(app)
    outcome = mina.command("/nothing")
    assert outcome.timed_out and not outcome.acked


def test_without_a_bot_the_command_fails_at_once(mina: Person) -> None:
    assert mina.command("/kws").error == "dispatch_failed"


def test_a_late_ack_does_not_help(workspace: Workspace, app: App, join: Any, mina: Person) -> None:
    app.command("/kws")(lambda ack: ack("too late"))
    join(app)
    workspace.faults.late_next(1.1)
    assert mina.command("/kws").timed_out
    assert mina.ephemeral() == []
    assert mina.command("/kws").text == "too late"


def test_response_url_adds_replaces_deletes_and_runs_out(
    workspace: Workspace, app: App, join: Any, mina: Person
) -> None:
    statuses: list[int] = []

    @app.command("/kws")
    def kws(ack: Any, respond: Any) -> None:
        ack("working")
        workspace.wait_for(mina.ephemeral)  # the ack travels on another connection
        for message in (
            {"text": "done", "replace_original": True}, {"text": "more"}, {"delete_original": True},
            {"text": "for all", "response_type": "in_channel"}, {"text": "five"}, {"text": "six"},
        ):  # fmt: skip
            statuses.append(respond(**message).status_code)

    join(app)
    mina.command("/kws", channel="#general")
    workspace.wait_for(lambda: len(statuses) == 6)
    assert [one["text"] for one in mina.ephemeral()] == ["more", "five"]
    assert [one["text"] for one in workspace.channel_messages("#general")] == ["for all"]
    assert statuses == [200] * 5 + [404]


def test_response_url_expires(
    workspace: Workspace, app: App, join: Any, mina: Person, clock: ManualClock
) -> None:
    done, statuses = threading.Event(), []

    @app.command("/kws")
    def kws(ack: Any, respond: Any) -> None:
        ack()
        clock.advance(1801)
        statuses.append(respond("late").status_code)
        done.set()

    join(app)
    mina.command("/kws")
    assert done.wait(5) and statuses == [404] and mina.ephemeral() == []


def test_a_malformed_ack_is_a_violation(workspace: Workspace, app: App, join: Any, mina: Person) -> None:
    app.command("/kws")(lambda ack: ack(blocks=[{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]))
    join(app)
    assert mina.command("/kws").error == "invalid_blocks"
    assert workspace.violations[0].source == "slash command ack"


def test_home_is_published_when_it_is_opened(workspace: Workspace, app: App, join: Any, mina: Person) -> None:
    @app.event("app_home_opened")
    def opened(event: dict[str, Any], client: WebClient) -> None:
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": f"Hello <@{event['user']}>"}}]
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    join(app)
    assert mina.home is None
    assert mina.open_home().acked
    home = workspace.wait_for(lambda: mina.home)
    assert "Hello <@U0MINA0001>" in visible_text(home)
    assert workspace.person("joon").home is None


def test_a_message_to_the_bot_reaches_it(workspace: Workspace, app: App, join: Any, mina: Person) -> None:
    @app.message("hi")
    def hi(message: dict[str, Any], say: Any) -> None:
        assert message["channel_type"] == "im"
        say(text="hi yourself", thread_ts=message["ts"])

    join(app)
    mina.say("hi bot")
    workspace.wait_for(lambda: len(mina.dm()) == 2)
    asked, answer = mina.dm()
    assert mina.thread(asked["ts"]) == [asked, answer] and asked["reply_count"] == 1


def test_who_is_not_there_cannot_act(workspace: Workspace, mina: Person) -> None:
    workspace.deactivate("mina")
    with pytest.raises(NotOnScreenError):
        mina.command("/kws")
    with pytest.raises(NotOnScreenError):
        workspace.person("stranger").command("/kws", channel="#general")

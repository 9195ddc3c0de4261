"""A workspace that granted some scopes only; and messages that are ordered ahead."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slack_workspace import ManualClock, Workspace


def refused(client: WebClient, method: str, **arguments: object) -> dict[str, object]:
    with pytest.raises(SlackApiError) as error:
        getattr(client, method)(**arguments)
    answer = error.value.response.data
    assert isinstance(answer, dict)
    return answer


def test_a_call_needs_its_scope_and_the_answer_names_those_that_there_are() -> None:
    with Workspace(scopes=["chat:write", "im:history"]) as workspace:
        client = WebClient(workspace.bot_token, base_url=workspace.api_url)
        headers = {name.lower(): value for name, value in client.auth_test().headers.items()}
        assert headers["x-oauth-scopes"] == "chat:write,im:history"
        client.chat_postMessage(channel="C0LABADMIN", text="hello")
        no = refused(client, "conversations_history", channel="C0LABADMIN")
        assert (no["error"], no["needed"], no["provided"]) == (
            "missing_scope",
            "channels:history",
            "chat:write,im:history",
        )
        assert refused(client, "users_info", user="U0MINA0001")["needed"] == "users:read"


def test_a_message_ordered_ahead_is_posted_in_its_time_unless_it_is_taken_back(
    workspace: Workspace, client: WebClient, clock: ManualClock
) -> None:
    def order(seconds: float) -> str:
        at = int(clock() + seconds)
        return str(
            client.chat_scheduleMessage(channel="C0LABADMIN", post_at=at, text="later")[
                "scheduled_message_id"
            ]
        )

    first, second = order(300), order(600)
    client.chat_deleteScheduledMessage(channel="C0LABADMIN", scheduled_message_id=second)
    assert workspace.channel_messages("C0LABADMIN") == []
    clock.advance(290)
    late = refused(client, "chat_deleteScheduledMessage", channel="C0LABADMIN", scheduled_message_id=first)
    assert late["error"] == "invalid_scheduled_message_id"
    clock.advance(1000)
    client.auth_test()
    assert [message["text"] for message in workspace.channel_messages("C0LABADMIN")] == ["later"]
    past = refused(client, "chat_scheduleMessage", channel="C0LABADMIN", post_at=int(clock()) - 9, text="x")
    assert past["error"] == "time_in_past"

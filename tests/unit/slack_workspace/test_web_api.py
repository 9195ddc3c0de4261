"""The Web API as slack_sdk's client meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.workspace_kit import actions, button, section
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slack_workspace import NotOnScreenError, Person, User, UserGroup, Workspace

MINA = "U0MINA0001"


def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call()
    return str(caught.value.response["error"])


def test_tokens_and_methods(workspace: Workspace, client: WebClient) -> None:
    assert client.auth_test()["user_id"] == "U0KWSBOT01"
    assert client.api_test(foo="bar")["args"]["foo"] == "bar"
    assert refusal(lambda: WebClient("xoxb-wrong", base_url=workspace.api_url).auth_test()) == "invalid_auth"
    assert refusal(lambda: WebClient(base_url=workspace.api_url).auth_test()) == "not_authed"
    assert refusal(lambda: client.apps_connections_open(app_token="xapp-no")) == "invalid_auth"
    assert (
        refusal(lambda: client.apps_connections_open(app_token=workspace.bot_token))
        == "not_allowed_token_type"
    )
    assert refusal(lambda: client.api_call("no.such.method")) == "unknown_method"
    assert workspace.calls_of("auth.test")


def test_people(workspace: Workspace, client: WebClient) -> None:
    user = client.users_info(user=MINA, include_locale=True)["user"]
    assert (user["locale"], user["tz"], user["tz_offset"]) == ("ko-KR", "Asia/Seoul", 32400)
    assert "locale" not in client.users_info(user=MINA)["user"]
    assert client.users_info(user="U0ADMIN001")["user"]["is_admin"]
    assert client.users_info(user="U0GUEST001")["user"]["is_restricted"]
    assert client.users_info(user="U0STRANGE1")["user"]["is_stranger"]
    assert refusal(lambda: client.users_info(user="U0NOBODY01")) == "user_not_found"
    assert MINA in [one["id"] for one in client.users_list()["members"]]
    workspace.add_group(UserGroup("S0ADMINS01", "lab-admins", ["U0ADMIN001"]))
    assert client.usergroups_list(include_users=True)["usergroups"][0]["users"] == ["U0ADMIN001"]
    assert client.usergroups_users_list(usergroup="S0ADMINS01")["users"] == ["U0ADMIN001"]
    assert workspace.add_user(User("U0NEWCOMER", "newcomer")).dm() == []


def test_direct_messages_open_and_fill(client: WebClient, mina: Person, workspace: Workspace) -> None:
    dm = client.conversations_open(users=MINA)["channel"]["id"]
    first = client.chat_postMessage(
        channel=MINA, text="one", metadata={"event_type": "x", "event_payload": {}}
    )
    assert first["channel"] == dm and dm.startswith("D")
    client.chat_postMessage(channel=dm, text="two", blocks=[section(block_id="rental:1"), section()])
    client.chat_postMessage(channel=dm, text="reply", thread_ts=first["ts"])
    history = client.conversations_history(channel=dm, limit=1)
    assert history["messages"][0]["blocks"][0]["block_id"] == "rental:1"
    assert history["messages"][0]["blocks"][1]["block_id"] and history["has_more"]
    cursor = history["response_metadata"]["next_cursor"]
    (older,) = client.conversations_history(channel=dm, cursor=cursor, include_all_metadata=True)["messages"]
    assert older["metadata"]["event_type"] == "x" and older["reply_count"] == 1
    assert [one["text"] for one in client.conversations_replies(channel=dm, ts=first["ts"])["messages"]] == [
        "one",
        "reply",
    ]
    assert [one["text"] for one in mina.dm()] == ["one", "two", "reply"]
    assert workspace.violations == []


def test_who_can_be_written_to(workspace: Workspace, client: WebClient) -> None:
    assert refusal(lambda: client.conversations_open(users=[])) == "users_list_not_supplied"
    assert refusal(lambda: client.conversations_open(users="U0NOBODY01")) == "user_not_found"
    workspace.deactivate("mina")
    assert refusal(lambda: client.conversations_open(users=MINA)) == "user_disabled"
    assert client.chat_postMessage(channel=MINA, text="x")[
        "ok"
    ]  # Slack lets it through, as measured by others


def test_edit_and_delete(client: WebClient, mina: Person) -> None:
    posted = client.chat_postMessage(channel=MINA, text="one", blocks=[section()])
    channel, ts = str(posted["channel"]), str(posted["ts"])
    client.chat_update(channel=channel, ts=ts, text="two")
    assert mina.dm()[0]["text"] == "two" and "blocks" in mina.dm()[0] and "edited" in mina.dm()[0]
    client.chat_update(channel=channel, ts=ts, text="three", blocks=[])
    assert "blocks" not in mina.dm()[0]
    assert refusal(lambda: client.chat_update(channel=channel, ts="1.2", text="x")) == "message_not_found"
    mina.say("mine")
    own = mina.dm()[-1]["ts"]
    assert refusal(lambda: client.chat_update(channel=channel, ts=own, text="x")) == "cant_update_message"
    assert refusal(lambda: client.chat_delete(channel=channel, ts=own)) == "cant_delete_message"
    assert client.chat_getPermalink(channel=channel, message_ts=ts)["permalink"].endswith(ts.replace(".", ""))
    client.chat_delete(channel=channel, ts=ts)
    assert [one["text"] for one in mina.dm()] == ["mine"]


def test_what_cannot_be_posted(workspace: Workspace, client: WebClient) -> None:
    def post(**more: Any) -> str:
        return refusal(lambda: client.api_call("chat.postMessage", json={"channel": MINA, **more}))

    assert post(text="") == "no_text"
    assert post(channel="C0NOWHERE1", text="x") == "channel_not_found"
    assert post(text="x", thread_ts="1.2") == "thread_not_found"
    assert workspace.violations == []
    assert post(text="x", blocks=[actions(button(), button())]) == "invalid_blocks"
    assert post(text="x", blocks="[{") == "invalid_blocks_format"
    assert (
        post(text="x", blocks=[section(text={"type": "mrkdwn", "text": "x" * 2900})] * 5)
        == "msg_blocks_too_long"
    )
    assert len(workspace.violations) == 2


def test_a_message_for_one_person_alone(client: WebClient, mina: Person, workspace: Workspace) -> None:
    client.chat_postEphemeral(channel="C0GENERAL1", user=MINA, text="psst")
    assert [one["text"] for one in mina.ephemeral()] == ["psst"]
    assert workspace.channel_messages("#general") == []
    stranger = "U0STRANGE1"
    assert (
        refusal(lambda: client.chat_postEphemeral(channel="C0GENERAL1", user=stranger, text="x"))
        == "user_not_in_channel"
    )


def test_a_file_reaches_the_thread(client: WebClient, mina: Person, workspace: Workspace) -> None:
    posted = client.chat_postMessage(channel=MINA, text="ready")
    client.files_upload_v2(
        channel=str(posted["channel"]), thread_ts=str(posted["ts"]), content="secret key", filename="vm1.pem",
        title="Key of vm1", initial_comment="your key",
    )  # fmt: skip
    parent, reply = mina.thread(str(posted["ts"]))
    assert parent["text"] == "ready" and reply["text"] == "your key"
    assert reply["files"][0]["title"] == "Key of vm1"
    (file,) = mina.files()
    assert mina.download(file) == b"secret key"
    with pytest.raises(NotOnScreenError):
        workspace.person("joon").download(file)
    assert client.files_info(file=file["id"])["file"]["name"] == "vm1.pem"
    client.files_delete(file=file["id"])
    assert mina.files() == [] and mina.dm()[-1]["files"] == [{"id": file["id"], "mode": "tombstone"}]
    assert refusal(lambda: client.files_info(file=file["id"])) == "file_deleted"


@pytest.mark.parametrize("channel", [MINA, "#general", "general"])
def test_a_file_cannot_be_sent_to_a_user_id_or_a_name(client: WebClient, channel: str) -> None:
    assert (
        refusal(lambda: client.files_upload_v2(channel=channel, content="x", filename="x"))
        == "invalid_arguments"
    )


def test_a_file_without_a_channel_is_seen_by_nobody(client: WebClient, mina: Person) -> None:
    client.files_upload_v2(content="x", filename="x.txt")
    assert mina.files() == [] and mina.dm() == []


def test_json_and_form_arguments_mean_the_same(client: WebClient, mina: Person) -> None:
    client.api_call("chat.postMessage", json={"channel": MINA, "text": "a", "blocks": [section()]})
    client.api_call(
        "chat.postMessage", data={"channel": MINA, "text": "a", "blocks": json.dumps([section()])}
    )
    one, two = mina.dm()
    assert one["blocks"][0]["text"] == two["blocks"][0]["text"]

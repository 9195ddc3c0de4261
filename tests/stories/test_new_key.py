"""A lost key: a click, a new file in the owner's DM, a reboot, and the old key opens nothing any more."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from harness.sampling import every
from harness.storybook import Story

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.rentals import key_rotation
from kws_core.tables.states import Access, Status
from kws_core.values import Kind

PASSWORD = "correct-horse-Battery-7-staple"
LONG = 40


def server(story: Story) -> FakeNode:
    held = story.rentals()[0].placement
    assert held
    return story.nodes[held.node]


def public_half(person: Any, number: int) -> str:
    """Of the private key that is in a file of the person's DM: type and body."""
    key = load_ssh_private_key(person.download(person.files()[number]), None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def opens(story: Story, person: Any, number: int) -> bool:
    """Whether the key in that file opens the server now."""
    rental = story.rentals()[0]
    mark = " kws-web01"
    return server(story).opens(rental.mark, public_half(person, number) + mark)


def click(story: Story, person: Any, answer: str) -> None:
    """New key, confirmed; waits for the answer to it."""
    person.click("rental_new_key", where="message", confirm=True)
    story.workspace.wait_for(lambda: any(answer in str(m) for m in person.ephemeral()))


def card(person: Any) -> str:
    return str(next(m for m in person.dm() if m.get("thread_ts", m["ts"]) == m["ts"]))


def bells(person: Any) -> list[str]:
    return [str(m) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def kinds(story: Story) -> list[str]:
    return [event.kind.value for event in story.service.rental_queries.history(story.rentals()[0].id)]


def test_a_lost_key(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    asked = joon.click("rental_new_key", where="message", confirm=False).confirm
    assert "reboots once" in str(asked) and "disk is kept" in str(asked)
    assert "key_wanted" not in kinds(story)

    node, calls = server(story), []
    complete = story.service.client.files_completeUploadExternal
    story.service.client.files_completeUploadExternal = (  # type: ignore[method-assign]
        lambda **arguments: (calls.append(list(node.calls)), complete(**arguments))[1]
    )
    before = len(node.calls)
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG)
    (at_upload,) = calls
    assert {"put_key", "act"} & set(at_upload[before:]) == set(), "nothing before it is uploaded"
    assert [call for call in node.calls[before:] if call in ("put_key", "act")] == ["put_key", "act"]

    files = [file["name"] for file in joon.files()]
    assert files == ["kws-web01", "kws-web01.ppk", "kws-web01_2", "kws-web01_2.ppk"]
    assert (opens(story, joon, 0), opens(story, joon, 2)) == (False, True)
    assert kinds(story)[-3:] == ["key_wanted", "key_sent", "key_renewed"]
    assert "ssh -i ~/.ssh/kws-web01_2 debian@" in card(joon)
    assert "rental_new_key" in card(joon), "and may be asked for again"
    assert ":key: You can now log in with the new key" in bells(joon)[-1]
    assert node.duplicates() == []


def test_the_key_goes_to_its_owner_whoever_asks(story: Story) -> None:
    mina, admin = story.workspace.person("mina"), story.workspace.person("admin")
    story.rent(mina)
    story.settle()
    key_rotation.ask(story.service.context, Actor(admin.id, admin=True), story.rentals()[0].id)
    story.settle(LONG)
    assert len(mina.files()) == 4
    assert admin.files() == [] and admin.dm() == []
    assert f"<@{admin.id}> 님이 SSH 키를" in card(mina)
    assert "이제 새 키로 접속할 수 있습니다" in bells(mina)[-1]
    assert opens(story, mina, 2)


def test_a_server_with_a_password(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill("access", "password")
    story.workspace.wait_for(lambda: any(b["block_id"] == "password" for b in joon.open_view["blocks"]))
    joon.fill_form({"name": "web01", "image": "debian-12", "password": PASSWORD})
    joon.submit()
    story.settle()
    assert joon.files() == []
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG)
    assert story.rentals()[0].access is Access.GENERATED
    assert [file["name"] for file in joon.files()] == ["kws-web01", "kws-web01.ppk"]
    assert "ssh -i ~/.ssh/kws-web01 debian@" in card(joon)
    assert "also log in with your password" in card(joon)
    assert opens(story, joon, 0)


def test_a_click_while_one_is_on_its_way(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "rental_new_key" in str(joon.ephemeral()))
    listed = joon.ephemeral()[-1]["ts"]
    click(story, joon, "The owner gets the new key by DM")
    story.settle(2)
    assert "rental_new_key" not in card(joon)
    joon.click("rental_new_key", message=listed, confirm=True)
    story.workspace.wait_for(lambda: any("already on its way" in str(m) for m in joon.ephemeral()))
    story.settle(LONG)
    assert len(joon.files()) == 4
    assert kinds(story).count("key_wanted") == 1


METHODS = [
    "chat.update",
    "files.getUploadURLExternal",
    "upload",
    "files.completeUploadExternal",
    "chat.postMessage",
]


FAULTS = [{"status": 503}, {"error": "fatal_error"}, {"drop_after": True}]


@pytest.mark.parametrize(("method", "fault"), every(4, product(METHODS, FAULTS)), ids=str)
def test_slack_in_trouble_brings_one_key_that_fits(story: Story, method: str, fault: dict[str, Any]) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    story.workspace.faults.fail(method, **fault)
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG + 10)
    assert len(joon.files()) == 4
    assert (opens(story, joon, 0), opens(story, joon, 2)) == (False, True)
    assert len([notification for notification in bells(joon) if ":key:" in notification]) == 1
    assert kinds(story).count("key_renewed") == 1


def test_a_person_who_has_left_keeps_the_server(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    before = story.rentals()[0]
    story.workspace.faults.fail("files.completeUploadExternal", error="user_disabled")
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG)
    after = story.rentals()[0]
    assert after.status is Status.READY
    assert (after.public_key, after.key_file) == (before.public_key, before.key_file)
    assert [kind for kind in kinds(story) if kind != "host_keys"][-1] == "key_dropped"
    assert "put_key" not in server(story).calls
    assert len(joon.files()) == 2
    assert opens(story, joon, 0)


def test_a_node_that_refuses_is_told_in_words(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    node = server(story)
    node.fail_next(
        "put_key", NodeRefused(node.name, Refusal.QUOTA, "Maximum number of metadata items exceeded")
    )
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG)
    assert "couldn't install the new key: quota exceeded" in bells(joon)[-1]
    assert "Maximum number" not in str(joon.dm())
    assert "ssh -i ~/.ssh/kws-web01 debian@" in card(joon)
    assert opens(story, joon, 0)


def test_a_server_that_is_off(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    joon.click("rental_stop", where="message", confirm=True)
    story.workspace.wait_for(lambda: any("Stopping" in str(m) for m in joon.ephemeral()))
    story.settle(3)
    asked = joon.click("rental_new_key", where="message", confirm=False).confirm
    assert "The server starts" in str(asked)
    click(story, joon, "The owner gets the new key by DM")
    story.settle(LONG)
    assert opens(story, joon, 2)
    assert "rental_stop" in card(joon)


def test_containers_have_no_key(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    with story.service.store.write() as session:  # a click on a button that this rental has no more
        session.merge(story.rentals()[0]).kind = Kind.CONTAINER
    click(story, joon, "so it has no SSH key")
    with story.service.store.write() as session:
        session.merge(story.rentals()[0]).kind = Kind.SERVER
    assert "key_wanted" not in kinds(story)


def test_the_server_is_born_with_the_way_for_it(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    rental = story.rentals()[0]
    (entry,) = yaml.safe_load(server(story).user_data(rental.mark))["write_files"]
    assert entry["path"].startswith("/var/lib/cloud/scripts/per-boot/")
    assert "'login': 'debian', 'comment': 'kws-web01'" in entry["content"]
    assert rental.public_key and rental.public_key.endswith(" kws-web01")


def test_a_saved_key_is_removed_from_slack(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    said = str(joon.dm())
    assert "*I saved the key*" in said
    assert "removes it after 7 days anyway" in said
    joon.click("rental_key_saved", where="message")
    story.workspace.wait_for(
        lambda: any("Removing the private key file from Slack" in str(m) for m in joon.ephemeral())
    )
    story.service.key_files.remove_due()
    story.settle(3)
    assert joon.files() == []
    assert "removed from Slack" in card(joon)
    assert "rental_key_saved" not in card(joon)
    assert kinds(story)[-1] == "key_file_removed"

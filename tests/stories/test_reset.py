"""Reset to clean: a form that says what is lost, a name that is typed, and a server that is as it was at first."""

from __future__ import annotations

from typing import Any

import pytest
from harness.storybook import Story

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.rentals import reset
from kws_core.tables.states import Power, Status
from slack_workspace import visible_text

LONG = 40


def server(story: Story) -> FakeNode:
    held = story.rentals()[0].placement
    assert held
    return story.nodes[held.node]


def card(person: Any) -> str:
    return str(next(m for m in person.dm() if m.get("thread_ts", m["ts"]) == m["ts"]))


def bells(person: Any) -> list[str]:
    return [visible_text(m) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def kinds(story: Story) -> list[str]:
    return [event.kind.value for event in story.service.rental_queries.history(story.rentals()[0].id)]


def open_form(story: Story, person: Any) -> str:
    """The form behind the card's button, as text."""
    person.click("rental_reset", where="message")
    story.workspace.wait_for(lambda: person.open_view)
    return str(person.open_view)


def test_a_server_is_reset(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle(60)
    node, rental = server(story), story.rentals()[0]
    node.write(rental.mark, "a thesis\n")
    form = open_form(story, joon)
    assert "*web01* gets a new disk from the image debian-12. All its data will be lost." in form
    assert "address, ports, last day, and copies are kept" in form and "Keep a copy…" in form

    joon.fill_form({"name": "web1"})
    assert "Type web01." in str(joon.submit().errors)
    assert "reset_wanted" not in kinds(story)
    joon.fill_form({"name": " Web01 "})
    joon.submit()
    story.workspace.wait_for(lambda: joon.open_view is None)
    story.settle(LONG)
    now = story.rentals()[0]
    assert (now.status, now.power) == (Status.READY, Power.ON)
    assert [kind for kind in kinds(story) if "reset" in kind] == ["reset_wanted", "reset_done"]
    assert len(node.rebuilt) == 1 and node.duplicates() == []
    assert len(joon.files()) == 2, "the key is the old one"
    assert "running again: `ssh -i ~/.ssh/kws-web01 debian@" in bells(joon)[-1]
    assert "ssh-keygen -R" in bells(joon)[-1]
    assert now.host_keys and now.host_keys != rental.host_keys
    assert "SHA256" in card(joon)


def test_a_new_key_comes_first(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.settle()
    form = open_form(story, mina)
    assert "모든 데이터가 삭제되며 되돌릴 수 없습니다" in form
    node, calls = server(story), []
    complete = story.service.client.files_completeUploadExternal
    story.service.client.files_completeUploadExternal = (  # type: ignore[method-assign]
        lambda **arguments: (calls.append(len(node.rebuilt)), complete(**arguments))[1]
    )
    mina.fill_form({"name": "web01", "access": "new"})
    mina.submit()
    story.settle(LONG)
    assert calls == [0], "nothing is lost before it is uploaded"
    assert [file["name"] for file in mina.files()][2:] == ["kws-web01_2", "kws-web01_2.ppk"]
    assert "초기화했습니다" in bells(mina)[-1] and "kws-web01_2" in bells(mina)[-1]
    assert [kind for kind in kinds(story) if kind != "host_keys"][-3:] == [
        "reset_wanted",
        "key_sent",
        "reset_done",
    ]


def test_the_card_says_that_it_is_being_reset(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    server(story).go_down()
    open_form(story, joon)
    joon.fill_form({"name": "web01"})
    joon.submit()
    story.settle(5)
    assert "Resetting. This card will show how to log in." in card(joon)
    assert "rental_stop" not in card(joon) and "rental_reset" not in card(joon)
    assert "rental_return" in card(joon) and "rental_extend" in card(joon)
    server(story).come_back()
    story.settle(120)
    assert "reset_done" in kinds(story) and "rental_stop" in card(joon)


def test_by_command_in_either_language(story: Story) -> None:
    for name, command in (("joon", "/kws reset web01"), ("mina", "/kws 초기화 web02")):
        person = story.workspace.person(name)
        story.rent(person, command.split()[-1])
        story.settle()
        person.command(command)
        story.workspace.wait_for(lambda person=person: person.open_view)
        person.fill_form({"name": command.split()[-1]})
        person.submit()
    story.settle(LONG)
    assert [len(node.rebuilt) for node in story.nodes.values()].count(0) <= 1
    assert sum(len(node.rebuilt) for node in story.nodes.values()) == 2


def test_an_admin_does_it_and_the_owner_hears_who(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    story.rent(joon)
    story.settle()
    rental = story.rentals()[0]
    reset.ask(story.service.context, Actor(admin.id, admin=True), rental.id, 0, "web01", via="form")
    story.settle(LONG)
    assert f"(by <@{admin.id}>)" in card(joon)
    assert any("Resetting it to its image" in bell for bell in bells(joon))
    assert "running again" in bells(joon)[-1]
    assert admin.dm() == []


def test_a_form_that_is_sent_twice_resets_once(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    open_form(story, joon)
    joon.fill_form({"name": "web01"})
    joon.submit_twice()
    story.settle(LONG)
    assert (len(server(story).rebuilt), kinds(story).count("reset_wanted")) == (1, 1)


def test_what_a_node_refuses_is_told_and_nothing_has_changed(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    node = server(story)
    node.fail_next("rebuild", NodeRefused(node.name, Refusal.NO_IMAGE, "gone"))
    open_form(story, joon)
    joon.fill_form({"name": "web01"})
    joon.submit()
    story.settle(LONG)
    assert "couldn't reset it: image not found. Nothing was changed." in bells(joon)[-1]
    assert "ssh -i" in card(joon)


def test_an_image_that_is_gone_is_told_instead_of_a_form(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    node = server(story)
    node.offered = [image for image in node.offered if image.name != "debian-12"]
    story.settle(70)
    joon.click("rental_reset", where="message")
    story.workspace.wait_for(lambda: "no longer has the image debian-12" in str(joon.ephemeral()))
    assert joon.open_view is None


@pytest.mark.parametrize("after", [False, True])
def test_a_node_that_does_not_answer_rebuilds_once(story: Story, after: bool) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    node = server(story)
    node.fail_next("rebuild", NodeDown(node.name, Refusal.DOWN, "cable"), after=after)
    open_form(story, joon)
    joon.fill_form({"name": "web01"})
    joon.submit()
    story.settle(60)
    assert (len(node.rebuilt), kinds(story).count("reset_done")) == (1, 1)


def test_a_container_is_made_again(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent container")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "web01", "image": "nginx:latest"})
    joon.submit()
    story.settle()
    address = story.rentals()[0].placement.floating_ip  # type: ignore[union-attr]
    form = open_form(story, joon)
    assert "will be deleted and created again from nginx:latest" in form
    assert "Keep a copy" not in form and "SSH" not in form
    joon.fill_form({"name": "web01"})
    joon.submit()
    story.settle(LONG)
    assert f"running again: `{address}`" in bells(joon)[-1]
    assert "ssh-keygen" not in bells(joon)[-1]
    assert server(story).duplicates() == []

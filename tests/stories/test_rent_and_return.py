"""Mina rents a server, gets its key, lists it and returns it; Joon reads the same in English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from harness.storybook import Story
from harness.world import make_config

from kws_core.errors import NodeRefused, Refusal
from kws_core.forms import ssh_keys
from kws_core.tables.states import Reason, Status
from slack_workspace import UserGroup, visible_text


def card(person: Any) -> str:
    """All text of the newest card."""
    return str(
        [m for m in person.dm() if m.get("blocks", [{}])[0].get("block_id", "").startswith("card-")][-1]
    )


def assert_one_key(person: Any) -> None:
    assert [file["name"] for file in person.files()] == ["kws-web01", "kws-web01.ppk"]


def wait_for_answer(story: Story, person: Any, text: str) -> None:
    story.workspace.wait_for(lambda: any(text in str(m) for m in person.ephemeral()))


def test_from_the_form_to_nothing_left(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.settle()
    rental = story.rentals()[0]
    assert rental.status is Status.READY
    assert len([m for m in mina.dm() if "thread_ts" not in m or m["ts"] == m["thread_ts"]]) == 1, (
        "one message, edited"
    )
    assert "203.0.113.10" in card(mina)
    assert_one_key(mina)
    file = mina.files()[0]
    key = load_ssh_private_key(mina.download(file), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    data = yaml.safe_load(story.nodes["node1"].user_data(rental.mark))
    assert data["users"][1]["ssh_authorized_keys"][0].startswith(public)

    mina.command("/kws list")
    wait_for_answer(story, mina, "web01")
    mina.command("/kws return web01")
    wait_for_answer(story, mina, "rental_keep")
    mina.click("rental_return", message=mina.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: story.rentals()[0].status is Status.ENDING)
    story.settle()
    assert ":white_circle:" in card(mina)
    assert story.nodes["node1"].resources() == {}
    assert story.rentals() == []


def test_the_key_is_there_before_the_server(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail("files.completeUploadExternal", error="internal_error", times=3)
    story.rent(mina)
    story.service.reconciler.tick()
    story.service.notifier.tick()
    for _ in range(3):
        story.service.reconciler.tick()
    assert "ensure_server" not in story.nodes["node1"].calls
    story.settle(40)
    assert "ensure_server" in story.nodes["node1"].calls
    assert_one_key(mina)


def test_ready_says_all_that_is_needed(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    text = card(joon)
    for needed in (
        "ssh -i ~/.ssh/kws-web01 debian@203.0.113.10", "Host web01", "HostName 203.0.113.10", "SHA256:",
        "chmod 600", "80, 443", "<!date^", "You can use it until",
    ):  # fmt: skip
        assert needed in text, needed
    bells = [m for m in joon.dm() if m.get("subtype") == "thread_broadcast"]
    assert len(bells) == 1, "an edit rings no bell, so one message does"


def test_the_end_is_the_last_minute_of_the_last_day_in_seoul(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon, ends_on="2026-12-05")
    story.settle()
    assert "<!date^1796482740^" in card(joon)  # 2026-12-05T23:59+09:00


def test_ones_own_key(story: Story) -> None:
    joon = story.workspace.person("joon")
    mine = ssh_keys.generate("joon@laptop").public
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill("access", "pasted")
    story.workspace.wait_for(lambda: "public_key" in str(joon.open_view["blocks"]))
    joon.fill_form({"name": "web01", "image": "debian-12", "public_key": mine})
    joon.submit()
    story.settle()
    assert joon.files() == []
    assert mine in story.nodes["node1"].user_data(story.rentals()[0].mark)
    assert "ssh debian@203.0.113.10" in card(joon)


def test_every_field_has_its_error(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill("access", "pasted")
    story.workspace.wait_for(lambda: "public_key" in str(joon.open_view["blocks"]))
    joon.fill_form(
        {
            "name": "<!channel>: {a: b}",
            "image": "debian-12",
            "ends_on": "2026-11-01",
            "public_key": "-----BEGIN OPENSSH PRIVATE KEY-----",
        }
    )
    outcome = joon.submit()
    errors = outcome.errors or outcome.payload["errors"]
    assert set(errors) == {"name", "ends_on", "public_key"}
    assert "lowercase" in errors["name"]
    assert "That date has passed" in errors["ends_on"]
    assert "PRIVATE" in errors["public_key"]
    assert joon.open_view is not None, "nothing typed is lost"
    assert story.rentals() == []


def test_korean_errors_for_mina(story: Story) -> None:
    mina = story.workspace.person("mina")
    mina.command("/kws 대여")
    story.workspace.wait_for(lambda: mina.open_view)
    mina.fill_form({"name": "WEB", "image": "debian-12"})
    outcome = mina.submit()
    assert "소문자" in (outcome.errors or outcome.payload["errors"])["name"]


def test_a_full_lab_says_what_is_free_and_when(make_story: Callable[..., Story]) -> None:
    story = make_story(nodes=1, vcpus=1)
    joon = story.workspace.person("joon")
    story.rent(joon, "first", ends_on="2026-12-05")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "second", "image": "debian-12"})
    joon.submit()
    form = visible_text(joon.open_view)
    assert "No node has room for *small* now." in form
    assert "there's room from Sun, Dec 6, 2026" in str(joon.open_view)
    joon.close()
    joon.command("/kws rent second debian-12")
    wait_for_answer(story, joon, "node1 0 vCPU")
    assert "there's room from Sun, Dec 6, 2026" in str(joon.ephemeral())


def test_a_refusal_is_told(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.nodes["node1"].fail_next(
        "ensure_server", NodeRefused("node1", Refusal.NO_HOST, "No valid host was found")
    )
    story.rent(joon)
    story.settle(20)
    assert "node1: no capacity. Moved to node2" in card(joon)
    assert "No valid host" not in str(joon.dm()), "never OpenStack's words"
    assert_one_key(joon)  # the same one serves on the next node


def test_when_nothing_could_build_it_the_person_is_told(make_story: Callable[..., Story]) -> None:
    story = make_story(nodes=1)
    joon = story.workspace.person("joon")
    story.nodes["node1"].fail_next("ensure_server", NodeRefused("node1", Refusal.QUOTA, "quota"))
    story.rent(joon)
    story.settle(20)
    assert "No node could create it" in card(joon)
    assert len([m for m in joon.dm() if m.get("subtype") == "thread_broadcast"]) == 1


def test_a_double_submit_makes_one_rental(story: Story) -> None:
    mina = story.workspace.person("mina")
    mina.command("/kws rent")
    story.workspace.wait_for(lambda: mina.open_view)
    mina.fill_form({"name": "web01", "image": "debian-12"})
    mina.submit_twice()
    story.settle()
    assert len(story.rentals()) == 1
    assert_one_key(mina)


def test_a_command_delivered_twice_is_served_once(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.duplicate_next("slash_commands")
    mina.command("/kws list")
    wait_for_answer(story, mina, "/kws rent")
    mina.command("/kws help")
    wait_for_answer(story, mina, "/kws return NAME")
    assert sum("대여가 없습니다" in str(m) for m in mina.ephemeral()) == 1


def test_a_closed_form_is_no_error(story: Story) -> None:
    mina = story.workspace.person("mina")
    mina.command("/kws rent")
    story.workspace.wait_for(lambda: mina.open_view)
    mina.close()
    story.settle(2)
    assert story.rentals() == []
    assert mina.ephemeral() == []


@pytest.mark.parametrize(
    "fault", [{"error": "expired_trigger_id"}, {"status": 429, "retry_after": 20}], ids=str
)
def test_a_stale_trigger_is_told_in_words(story: Story, fault: dict[str, Any]) -> None:
    joon = story.workspace.person("joon")
    story.workspace.faults.fail("views.open", **fault)
    joon.command("/kws rent")
    wait_for_answer(story, joon, "Slack timed out")


@pytest.mark.parametrize("who", ["guest", "stranger"])
@pytest.mark.parametrize("command", ["/kws rent", "/kws list", "/kws"])
def test_guests_and_strangers_are_refused_in_words(story: Story, who: str, command: str) -> None:
    person = story.workspace.person(who)
    person.command(command)
    story.workspace.wait_for(person.ephemeral)
    assert "KWS" in person.ephemeral()[-1]["text"]
    assert person.open_view is None


def test_nobody_returns_what_is_not_theirs(story: Story) -> None:
    mina, joon = story.workspace.person("mina"), story.workspace.person("joon")
    story.rent(mina)
    story.settle()
    joon.command("/kws return web01")
    wait_for_answer(story, joon, "You don't have a rental called web01")
    assert story.rentals()[0].status is Status.READY


def test_keeping_it_keeps_it(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.settle()
    mina.command("/kws 반납 web01")
    wait_for_answer(story, mina, "rental_keep")
    mina.click("rental_keep", message=mina.ephemeral()[-1]["ts"])
    wait_for_answer(story, mina, "그대로입니다")
    assert story.rentals()[0].status is Status.READY


def test_the_cards_button_asks_first(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.settle()
    asked = mina.click("rental_return", where="message", confirm=False)
    assert asked.confirm is not None
    assert story.rentals()[0].status is Status.READY
    mina.click("rental_return", where="message", confirm=True)
    story.workspace.wait_for(lambda: story.rentals()[0].status is Status.ENDING)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/kws", "What would you like to do?"),
        ("/kws help", "/kws return NAME"),
        ("/kws status", "node1"),
        ("/kws retrun web01", "Did you mean return?"),
        ("/kws return nothing-there", "You don't have any rentals."),
        ("/kws <!channel>", "Unknown command"),
    ],
)
def test_every_command_answers(story: Story, text: str, answer: str) -> None:
    joon = story.workspace.person("joon")
    joon.command(text)
    wait_for_answer(story, joon, answer)


def test_the_hubs_button_opens_the_form(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws")
    wait_for_answer(story, joon, "open_rent")
    joon.click("open_rent")
    story.workspace.wait_for(lambda: joon.open_view)


def test_an_admin_by_group(make_story: Callable[..., Story]) -> None:
    config = make_config()
    groups = config.kws.model_copy(update={"admins": ("S0ADMINS01",)})
    story = make_story(config=config.model_copy(update={"kws": groups}))
    story.workspace.add_group(UserGroup("S0ADMINS01", "admins", ["U0ADMIN001"]))
    mina, admin = story.workspace.person("mina"), story.workspace.person("admin")
    story.rent(mina)
    story.settle()
    directory = story.service.directory
    assert directory.authorize(admin.id, None)[0].admin
    assert not directory.authorize(mina.id, None)[0].admin
    assert len(story.workspace.calls_of("usergroups.users.list")) == 1, "asked once, then remembered"


def test_a_person_who_cannot_be_reached_gets_no_server(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.workspace.faults.fail("conversations.open", error="user_disabled", times=5)
    story.settle()
    rental = story.service.rental_queries.rental(_owner(mina), _only_id(story))
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.NO_KEY)
    assert "ensure_server" not in story.nodes["node1"].calls
    assert story.nodes["node1"].resources() == {}


def _owner(person: Any) -> Any:
    from kws_core.people import Actor

    return Actor(person.id)


def _only_id(story: Story) -> str:
    from sqlalchemy import text

    with story.service.store.read() as session:
        return str(session.execute(text("SELECT id FROM rentals")).scalar_one())

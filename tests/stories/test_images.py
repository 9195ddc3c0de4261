"""Images in Slack: the list, copies with their progress, hide, describe, delete; for admins only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from harness.image_kit import add, copies, offered_by, qcow2
from harness.storybook import Story
from sqlalchemy import update

from bot.text.i18n import Texts
from bot.views.images import Progress
from kws_core.errors import NodeDown, Refusal
from kws_core.images.image_audit import By
from kws_core.nodes.image_store import CHUNK
from kws_core.nodes.values import Image
from kws_core.reports.audit import Audit
from kws_core.tables.image_sync import ImageSync

DOWN = NodeDown("node2", Refusal.DOWN, "gone")
WAIT = 10.0  # seconds at most, for what a test itself lets go on


@pytest.fixture
def admin(story: Story) -> Any:
    story.service.image_jobs.every = 0.01
    return english(story)


def english(story: Story) -> Any:
    """The admin, who reads English here."""
    person = story.workspace.person("admin")
    person.user.locale = "en-US"
    return person


def ask(story: Story, person: Any, words: str, answer: str) -> dict[str, Any]:
    """The newest answer that only the person sees, once it has these words."""
    before = len(person.ephemeral())
    person.command(f"/kws {words}")
    return wait(story, person, answer, before)


def wait(story: Story, person: Any, answer: str, before: int = 0) -> dict[str, Any]:
    story.workspace.wait_for(lambda: [m for m in person.ephemeral()[before:] if answer in str(m)])
    return person.ephemeral()[-1]  # type: ignore[no-any-return]


def plant(story: Story, node: str, name: str, **fields: Any) -> None:
    story.nodes[node].offered.append(Image(id=f"{node}-{name}", name=name, **fields))


def told(person: Any, words: str) -> list[dict[str, Any]]:
    return [message for message in person.dm() if words in str(message.get("blocks"))]


def test_others_get_a_plain_refusal(story: Story) -> None:
    mina = story.workspace.person("mina")
    ask(story, mina, "admin images", "관리자만")
    ask(story, mina, "admin images delete debian-12", "관리자만")
    assert all("image_list" not in node.calls for node in story.nodes.values())


def test_the_list_says_what_is_where_and_what_differs(story: Story, admin: Any) -> None:
    plant(story, "node1", "alpine", title="Alpine <!here>", hidden=True)
    shown = str(ask(story, admin, "admin images", "*Images on all nodes* (3)"))
    for words in (
        "*Alpine &lt;!here&gt;* `alpine` · hidden",
        "node1: OK · ",
        "node2: missing",
        ":warning: Differences: missing on some nodes",
        "Copy to all nodes",
        "Show in the form",
    ):
        assert words in shown, words
    story.nodes["node2"].go_down()
    assert ":red_circle: *node2* isn't responding" in str(ask(story, admin, "admin images", "(3)"))


def test_a_long_list_has_pages(story: Story, admin: Any) -> None:
    for number in range(45):
        for node in story.nodes:
            plant(story, node, f"image-{number:02}")
    listed = ask(story, admin, "관리 이미지", "(47)")
    admin.click("images:1", message=listed["ts"])
    story.workspace.wait_for(lambda: "`image-20`" in str(admin.ephemeral()[-1]))
    admin.click("images:2", message=listed["ts"])
    story.workspace.wait_for(lambda: "`ubuntu-24.04`" in str(admin.ephemeral()[-1]))
    assert len(admin.ephemeral()) == 1, "one message, turned over"


def test_a_copy_is_one_message_that_is_edited(story: Story, admin: Any, tmp_path: Path) -> None:
    story.nodes["node2"].fail_next("image_create", DOWN)
    path = tmp_path / "rocky.qcow2"
    path.write_bytes(qcow2(4 * CHUNK))
    add(story.service.image_jobs.images, path)
    shelf, seen = story.nodes["node2"].shelf, list[str]()
    fill = shelf.fill

    def slow(image_id: str, body: Any) -> None:
        """Waits after half of it until the message says so."""

        class Half:
            def __len__(self) -> int:
                return len(body)

            def __iter__(self) -> Any:
                for number, chunk in enumerate(body):
                    if number == 2:
                        story.workspace.wait_for(lambda: told(admin, "▓▓▓▓▓░░░░░ to node2 · 2 MB / 4 MB"))
                        seen.extend(message["ts"] for message in told(admin, "rocky-9"))
                    yield chunk

        fill(image_id, Half())

    shelf.fill = slow  # type: ignore[method-assign]
    listed = ask(story, admin, "admin images", "missing on some nodes")
    admin.click("image_sync", "rocky-9", message=listed["ts"])
    story.workspace.wait_for(lambda: told(admin, "All nodes have it, with the same checksum."))
    (message,) = told(admin, "Copying `rocky-9` to all nodes")
    assert seen == [message["ts"]]
    assert ":white_check_mark: `rocky-9` – node1: already there · node2: done" in str(message)
    assert copies(story, "rocky-9") == {"node1": ["active"], "node2": ["active"]}
    acts = [line for line in Audit(story.service.context).trail() if line.what == "image.sync"]
    assert [(line.actor, line.where) for line in acts] == [(admin.id, "message")]


def test_what_failed_is_named(story: Story, admin: Any) -> None:
    for name in ("alpine", "arch"):
        plant(story, "node1", name)
    story.nodes["node2"].fail_next("image_fill", DOWN)
    ask(story, admin, "admin images sync", "Copying started")
    story.workspace.wait_for(lambda: told(admin, "Try again"))
    (message,) = told(admin, "Copying images to all nodes")
    for words in (
        ":warning: `alpine` – node1: already there · node2: not responding",
        ":white_check_mark: `arch` – node1: already there · node2: done",
        "2 images were already on all nodes",
    ):
        assert words in str(message), words


def test_the_button_works_as_soon_as_it_is_shown(story: Story, admin: Any) -> None:
    plant(story, "node1", "alpine")
    story.nodes["node2"].fail_next("image_fill", DOWN)
    syncs = story.service.image_jobs.syncs
    note_told, again = syncs.told, Event()

    def late(sync: int) -> None:
        again.wait(WAIT)
        note_told(sync)

    syncs.told = late  # type: ignore[method-assign]
    ask(story, admin, "admin images sync", "Copying started")
    story.workspace.wait_for(lambda: told(admin, "Try again"))
    (message,) = told(admin, "Copying images to all nodes")
    admin.click("image_sync", "*", message=message["ts"])
    story.workspace.wait_for(lambda: told(admin, "All nodes have it"))
    again.set()
    assert copies(story, "alpine")["node2"] == ["active"]


def test_hide_and_show_from_the_list(story: Story, admin: Any) -> None:
    listed = ask(story, admin, "admin images", "Debian 12")
    admin.click("image_hide", "debian-12", message=listed["ts"])
    wait(story, admin, ":white_check_mark: `debian-12` – node1: done · node2: done")
    assert len(admin.ephemeral()) == 1
    assert "debian-12" not in offered_by(story.service.context)
    ask(story, admin, "admin images show debian-12", "`debian-12` – node1: done")
    assert "debian-12" in offered_by(story.service.context)


def test_describe_and_the_form_honours_it(story: Story, admin: Any) -> None:
    admin.command("/kws admin images describe debian-12")
    story.workspace.wait_for(lambda: admin.open_view)
    admin.fill_form({"login": "Root User", "min_disk_gb": "9"})
    assert "a-z" in str(admin.submit().errors["login"])
    admin.fill_form({"title": "Debian of the lab", "login": "lab"})
    admin.submit()
    wait(story, admin, "`debian-12` – node1: done · node2: done")
    mina = story.workspace.person("mina")
    mina.command("/kws rent")
    story.workspace.wait_for(lambda: mina.open_view)
    assert "Debian of the lab" in str(mina.open_view)
    mina.fill_form({"name": "web01", "image": "debian-12", "size": "small"})
    assert "9" in mina.submit().errors["size"], "small has 5 GB"
    mina.fill_form({"size": "medium"})
    mina.submit()
    (rental,) = story.rentals()
    assert rental.login == "lab"
    (act,) = [line for line in Audit(story.service.context).trail() if line.what == "image.describe"]
    assert act.where == "form"
    assert act.data and act.data["min_disk"] == 9 and "min_ram" not in act.data


def test_delete_asks_says_who_uses_it_and_is_told(story: Story, admin: Any) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    listed = ask(story, admin, "admin images delete debian-12", "Used by 1 rental")
    asked = admin.click("image_delete", message=listed["ts"])
    assert "node1, node2" in str(asked.confirm)
    admin.click("image_delete", message=listed["ts"], confirm=True)
    wait(story, admin, f"debian-12 is in use: web01 (<@{mina.id}>)")
    listed = ask(story, admin, "admin images delete ubuntu-24.04", "ubuntu-24.04")
    admin.click("image_delete", message=listed["ts"], confirm=True)
    wait(story, admin, "`ubuntu-24.04` – node1: done · node2: done")
    assert offered_by(story.service.context) == ["debian-12"]


@pytest.mark.parametrize("words", ["images frobnicate x", "images hide", "images describe nothing-such"])
def test_words_that_mean_nothing(story: Story, admin: Any, words: str) -> None:
    ask(story, admin, f"admin {words}", "None of" if "nothing-such" in words else "followed by a command")


def test_a_stop_in_the_middle_is_told(make_story: Callable[..., Story]) -> None:
    story = make_story(edit_every=0.01)
    admin = english(story)
    plant(story, "node1", "alpine")
    entered = False

    def hang(image_id: str, body: Any) -> None:
        nonlocal entered
        entered = True
        story.workspace.wait_for(lambda: told(admin, "KWS stopped"), timeout=5)

    story.nodes["node2"].shelf.fill = hang  # type: ignore[method-assign]
    admin.command("/kws admin images sync alpine")
    story.workspace.wait_for(lambda: entered)
    story.service.image_jobs.stop()
    story.workspace.wait_for(lambda: told(admin, "KWS stopped during the copy. Try again."))
    assert told(admin, "Try again")


def dead_sync(story: Story, admin: Any, *, posted: bool) -> ImageSync:
    """What a process leaves that was killed while it copied ``alpine``: its row, and its message."""
    jobs = story.service.image_jobs
    channel = story.service.client.conversations_open(users=[admin.id])["channel"]["id"]
    sync = jobs.syncs.begin(By(admin.id, "command"), "alpine", channel)
    message = Progress("alpine", Texts("en"), block_id=f"image-sync-{sync}").message()
    ts = jobs.post.send(channel, message)
    if posted:
        jobs.syncs.posted(sync, ts)
    with story.service.store.write() as session:
        session.execute(update(ImageSync).values(who="another-process"))
    return jobs.syncs.broken_off()[0]


@pytest.mark.parametrize("posted", [True, False], ids=["its message is known", "its message may be there"])
def test_a_copy_whose_process_was_killed_says_so(story: Story, admin: Any, posted: bool) -> None:
    plant(story, "node1", "alpine")
    ask(story, admin, "admin images", "alpine")
    dead_sync(story, admin, posted=posted)
    jobs = story.service.image_jobs
    story.workspace.faults.fail("chat.update", status=503, times=9)
    jobs.close_broken()
    assert len(jobs.syncs.broken_off()) == 1, "Slack did not take it"
    story.workspace.faults.clear()
    jobs.close_broken()
    (message,) = told(admin, "KWS stopped during the copy. Try again.")
    assert jobs.syncs.broken_off() == []
    (act,) = [line for line in Audit(story.service.context).trail() if line.what == "image.sync"]
    assert act.data == {"name": "alpine", "broken_off": True}
    admin.click("image_sync", "alpine", message=message["ts"])
    story.workspace.wait_for(lambda: told(admin, "All nodes have it"))
    assert copies(story, "alpine")["node2"] == ["active"]
    jobs.close_broken()
    assert len(told(admin, "All nodes have it")) == 1, "what came to its end is left alone"


def test_a_message_that_never_came_is_not_looked_for_for_ever(story: Story, admin: Any) -> None:
    jobs = story.service.image_jobs
    sync = dead_sync(story, admin, posted=False)
    story.service.client.chat_delete(channel=sync.channel, ts=told(admin, "alpine")[0]["ts"])
    jobs.close_broken()
    assert jobs.syncs.broken_off() == [] and not told(admin, "alpine")

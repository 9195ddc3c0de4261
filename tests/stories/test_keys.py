"""Keys: saved ones are listed, added and removed; a generated one comes for OpenSSH and for PuTTY."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from harness.storybook import Story

from bot.delivery import keys
from kws_core.forms import ssh_keys
from kws_core.forms.putty_key import to_ppk
from kws_core.people import Actor
from kws_core.rentals.saved_keys import KeyRing
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import Status


def new(comment: str = "joon@laptop") -> str:
    return ssh_keys.generate(comment).public


def saved(story: Story, person: Any) -> list[SavedKey]:
    return list(KeyRing(story.service.context).list(Actor(person.id)))


def ask(story: Story, person: Any, command: str, answer: str) -> dict[str, Any]:
    """The newest answer that only the person sees, once it has these words."""
    before = len(person.ephemeral())
    person.command(command)
    return wait(story, person, answer, before)


def wait(story: Story, person: Any, answer: str, before: int = 0) -> dict[str, Any]:
    story.workspace.wait_for(lambda: [m for m in person.ephemeral()[before:] if answer in str(m)])
    return person.ephemeral()[-1]  # type: ignore[no-any-return]


def open_form(story: Story, person: Any, command: str = "/kws keys add") -> None:
    person.command(command)
    story.workspace.wait_for(lambda: person.open_view)


def errors_of(outcome: Any) -> dict[str, str]:
    return dict(outcome.errors or outcome.payload["errors"])


def test_without_a_key_the_list_says_what_they_are_for(story: Story) -> None:
    joon = story.workspace.person("joon")
    shown = ask(story, joon, "/kws keys", "You don't have any saved keys")
    assert "key_add" in str(shown)
    assert "key_remove" not in str(shown)


def test_from_the_list_through_the_form_to_the_list(story: Story) -> None:
    joon = story.workspace.person("joon")
    listed = ask(story, joon, "/kws keys", "any saved keys")
    joon.click("key_add", message=listed["ts"])
    story.workspace.wait_for(lambda: joon.open_view)
    text = new()
    joon.fill_form({"public_key": f"  {text}\n", "name": "my laptop"})
    joon.submit()
    assert joon.open_view is None
    after = wait(story, joon, "Saved the key my laptop.")
    assert after["ts"] == listed["ts"], "the list that was there is now the new one"
    assert len(joon.ephemeral()) == 1
    for shown in ("Your saved keys (1)", "`my laptop`", "ssh-ed25519", ssh_keys.fingerprint(text), "<!date^"):
        assert shown in str(after), shown
    assert text not in str(after), "the fingerprint is what people compare"
    assert [key.public_key for key in saved(story, joon)] == [text]


def test_removing_asks_and_shows_what_is_left(story: Story) -> None:
    joon = story.workspace.person("joon")
    for name in ("home", "work"):
        ask(story, joon, f"/kws keys add {new(name)}", f"Saved the key {name}.")
    home, work = saved(story, joon)
    listed = ask(story, joon, "/kws keys", "Your saved keys (2)")
    asked = joon.click("key_remove", str(home.id), message=listed["ts"])
    assert asked.confirm is not None
    assert "Remove home?" in str(asked.confirm)
    assert len(saved(story, joon)) == 2
    joon.click("key_remove", str(home.id), message=listed["ts"], confirm=True)
    left = wait(story, joon, "Removed the key home.")
    assert left["ts"] == listed["ts"]
    assert "Your saved keys (1)" in str(left)
    assert [key.id for key in saved(story, joon)] == [work.id]


def test_all_in_one_line(story: Story) -> None:
    joon = story.workspace.person("joon")
    text = new("joon's laptop")
    ask(story, joon, f"/kws keys add {text}", "Saved the key joon's laptop.")
    ask(story, joon, "/kws keys remove joon's laptop", "Removed the key joon's laptop.")
    ask(story, joon, f"/kws keys {text}", "Saved the key joon's laptop.")
    assert [key.public_key for key in saved(story, joon)] == [text]


@pytest.mark.parametrize(
    ("comment", "name"),
    [("<mailto:joon@lab.example|joon@lab.example>", "joon@lab.example"), ("R&amp;D &lt;1&gt;", "R&D <1>")],
)
def test_what_slack_makes_of_a_comment_is_undone(story: Story, comment: str, name: str) -> None:
    joon = story.workspace.person("joon")
    ask(story, joon, f"/kws keys add {new('')} {comment}", "Saved the key")
    assert [key.name for key in saved(story, joon)] == [name]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("add rubbish", "isn't an OpenSSH public key"),
        ("ssh-dss AAAA old", "isn't an OpenSSH public key"),
        ("add -----BEGIN OPENSSH PRIVATE KEY-----", "This is a PRIVATE key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "This is a PRIVATE key"),
        ("remove <!channel>", "You don't have a key called &lt;!channel&gt;. You don't have any saved keys."),
        ("remove", "Enter /kws keys"),
        ("shred", "Enter /kws keys"),
    ],
)
def test_every_word_is_answered(story: Story, words: str, answer: str) -> None:
    joon = story.workspace.person("joon")
    ask(story, joon, f"/kws keys {words}", answer)
    assert saved(story, joon) == []


def test_duplicates_are_told(story: Story) -> None:
    joon = story.workspace.person("joon")
    text = new()
    ask(story, joon, f"/kws keys add {text}", "Saved the key")
    ask(story, joon, f"/kws keys add {text}", "already saved this key as joon@laptop")
    ask(story, joon, f"/kws keys add {new()}", "already have a key called joon@laptop")
    ask(story, joon, "/kws keys remove desk", "Your keys: joon@laptop.")


def test_every_field_has_its_error(story: Story) -> None:
    joon = story.workspace.person("joon")
    ask(story, joon, f"/kws keys add {new('laptop')}", "Saved the key")
    open_form(story, joon)
    joon.fill_form({"name": "laptop", "public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"})
    errors = errors_of(joon.submit())
    assert set(errors) == {"name", "public_key"}
    assert "another name" in errors["name"]
    assert "PRIVATE" in errors["public_key"]
    joon.fill_form({"name": "", "public_key": new("desk")})
    joon.submit()
    assert joon.open_view is None
    wait(story, joon, "Saved the key desk.")


def test_an_impatient_double_click_saves_once(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon)
    joon.fill_form({"public_key": new()})
    joon.submit_twice()
    wait(story, joon, "Saved the key")
    assert len(saved(story, joon)) == 1
    assert joon.open_view is None


def test_in_korean(story: Story) -> None:
    mina = story.workspace.person("mina")
    ask(story, mina, "/kws 키", "저장한 키가 없습니다")
    ask(story, mina, f"/kws 키 추가 {new('노트북')}", "노트북 키를 저장했습니다.")
    ask(story, mina, "/kws 키", "저장한 키 (1)")
    ask(story, mina, "/kws 키 삭제 노트북", "노트북 키를 삭제했습니다.")


def test_a_bug_in_the_form_is_told_at_the_form(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the reactor leaks")

    monkeypatch.setattr(KeyRing, "add", broken)
    joon = story.workspace.person("joon")
    open_form(story, joon)
    joon.fill_form({"public_key": new()})
    assert "went wrong" in errors_of(joon.submit())["public_key"]


def test_a_stale_trigger_is_told_in_words(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.workspace.faults.fail("views.open", error="expired_trigger_id")
    ask(story, joon, "/kws keys add", "Slack timed out")


@pytest.mark.parametrize("who", ["guest", "stranger"])
def test_guests_and_strangers_save_nothing(story: Story, who: str) -> None:
    person = story.workspace.person(who)
    person.command(f"/kws keys add {new()}")
    story.workspace.wait_for(person.ephemeral)
    assert saved(story, person) == []


def test_nobody_removes_what_is_not_theirs(story: Story) -> None:
    joon, mina = story.workspace.person("joon"), story.workspace.person("mina")
    ask(story, joon, f"/kws keys add {new()}", "Saved the key")
    ask(story, mina, f"/kws keys add {new('mina')}", "키를 저장했습니다")
    mine = saved(story, mina)[0]
    KeyRing(story.service.context).remove(Actor(mina.id), mine.id)
    mina.click("key_remove", str(mine.id), where="message", confirm=True)
    wait(story, mina, "내 것이 아닌 키입니다")
    ask(story, mina, "/kws keys remove joon@laptop", "joon@laptop: 저장한 키가 없습니다")
    assert len(saved(story, joon)) == 1


# -- generated keys


def test_one_key_in_two_files_in_one_message(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    openssh, putty = joon.files()
    assert (openssh["name"], putty["name"]) == ("kws-web01", "kws-web01.ppk")
    assert to_ppk(joon.download(openssh), "kws-web01") == joon.download(putty)
    messages = [m for m in joon.dm() if m.get("files")]
    assert len(messages) == 1
    assert "`kws-web01.ppk`" in messages[0]["text"]
    assert len(story.workspace.calls_of("files.completeUploadExternal")) == 1


@pytest.mark.parametrize("what", ["files.getUploadURLExternal", "upload"])
def test_half_an_upload_shows_nothing(story: Story, what: str) -> None:
    """The first file is taken and the second is not: neither is seen until both are there."""
    joon = story.workspace.person("joon")
    story.workspace.faults.fail(what)  # no trouble for the first
    story.workspace.faults.fail(what, status=500)
    story.rent(joon)
    story.settle(30)
    assert [file["name"] for file in joon.files()] == ["kws-web01", "kws-web01.ppk"]
    assert len([m for m in joon.dm() if m.get("files")]) == 1
    assert story.rentals()[0].status is Status.READY


def test_what_came_after_we_looked_is_withdrawn_in_both_forms(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    arrived = keys._arrived

    def too_early(*given: Any) -> bool:
        looks.append(True)
        return len(looks) > 1 and arrived(*given)

    monkeypatch.setattr(keys, "_arrived", too_early)
    joon = story.workspace.person("joon")
    story.workspace.faults.fail("files.completeUploadExternal", drop_after=True)
    story.rent(joon)
    story.settle(30)
    assert looks
    modes = [[file["mode"] for file in m["files"]] for m in joon.dm() if m.get("files")]
    assert modes == [["tombstone", "tombstone"], ["hosted", "hosted"]]
    key = load_ssh_private_key(joon.download(joon.files()[0]), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert (story.rentals()[0].public_key or "").startswith(public)

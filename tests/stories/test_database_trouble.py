"""The database is away: who asks for something is told so, in their language, with a reference."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from harness.storybook import Story
from sqlalchemy.exc import OperationalError

from kws_core.database.store import Store


def away(*_: Any) -> NoReturn:
    raise OperationalError("SELECT", {}, Exception("connection is bad"))


def go_away(patch: pytest.MonkeyPatch) -> None:
    """As when PostgreSQL is stopped: every transaction fails at once."""
    patch.setattr(Store, "read", away)
    patch.setattr(Store, "write", away)


@pytest.mark.parametrize(
    ("name", "words"), [("mina", "문제가 발생했습니다"), ("joon", "Something went wrong")]
)
def test_a_command_is_answered(story: Story, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    person = story.workspace.person(name)
    person.command("/kws help")
    story.workspace.wait_for(person.ephemeral)
    with monkeypatch.context() as patch:
        go_away(patch)
        assert person.command("/kws list").acked
        story.workspace.wait_for(lambda: words in str(person.ephemeral()[-1]))
    assert "connection is bad" not in str(person.ephemeral())


def test_a_form_is_answered_and_can_be_sent_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "web01", "image": "debian-12"})
    with monkeypatch.context() as patch:
        go_away(patch)
        assert "went wrong" in joon.submit().errors["name"]
    assert joon.submit().acked and joon.open_view is None
    assert [rental.name for rental in story.rentals()] == ["web01"]

"""Files of private keys are removed from Slack with PuTTY's, and a Slack that refuses delays no other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from harness.world import World
from slack_sdk.errors import SlackApiError

from bot.delivery.key_files import KeyFileRemover
from kws_core.tables.saved_key import KeyFile

LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


class Client:
    """A Slack with one message in the thread; ``refuse`` says what its methods answer, by file or by name."""

    def __init__(self, **refuse: str) -> None:
        self.refuse = refuse
        self.deleted: list[str] = []

    def conversations_replies(self, **_: Any) -> dict[str, Any]:
        self._maybe("replies")
        return {"messages": [{"files": [{"id": "F1"}, {"id": "F1PPK"}, {"id": "F0", "mode": "tombstone"}]}]}

    def files_delete(self, *, file: str) -> None:
        self._maybe(file)
        self.deleted.append(file)

    def _maybe(self, name: str) -> None:
        if name in self.refuse:
            raise SlackApiError("no", {"ok": False, "error": self.refuse[name]})


def remove(world: World, client: Client, *files: str) -> set[str]:
    """What is left after one turn."""
    rental = world.rent()
    with world.store.write() as session:
        for file in files:
            where = {"owner": rental.owner, "channel": "D1", "thread": "1.0"}
            session.add(KeyFile(id=file, rental_id=rental.id, sent_at=LONG_AGO, tries=0, **where))
    remover = KeyFileRemover(world.context, client)  # type: ignore[arg-type]
    remover.remove_due()
    world.clock.advance(hours=7)
    return {file.id for file in remover.book.due()}


def test_puttys_file_goes_first(world: World) -> None:
    client = Client()
    assert remove(world, client, "F1") == set()
    assert client.deleted == ["F1PPK", "F1"]


@pytest.mark.parametrize(
    ("refuse", "left"),
    [
        ({"F1": "file_not_found", "F1PPK": "file_deleted"}, set()),
        ({"replies": "channel_not_found"}, set()),
        ({"replies": "internal_error"}, {"F1", "F2"}),
        ({"F1PPK": "ratelimited"}, {"F1"}),
        ({"F1": "missing_scope"}, {"F1"}),
    ],
)
def test_what_slack_refuses(world: World, refuse: dict[str, str], left: set[str]) -> None:
    assert remove(world, Client(**refuse), "F1", "F2") == left


def test_nothing_is_asked_when_nothing_is_due(world: World) -> None:
    client = Client(replies="internal_error")
    assert remove(world, client) == set()

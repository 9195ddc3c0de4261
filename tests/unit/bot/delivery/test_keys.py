"""The private key: one key that works, in one place, and in no log."""

from __future__ import annotations

import http.client
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from harness.world import World
from slack_sdk.errors import SlackApiError

from bot.delivery import keys, owners
from bot.ops import logs
from bot.slack import files as bot_uploads
from bot.text.i18n import Texts
from kws_core.forms import ssh_keys


class Client:
    """A Slack in which the file of an earlier try never arrived; ``refuse`` names methods that fail."""

    def __init__(self, **refuse: str) -> None:
        self.refuse = refuse
        self.calls: list[str] = []

    def __getattr__(self, method: str) -> Any:
        def call(**_: Any) -> dict[str, Any]:
            self.calls.append(method)
            if method in self.refuse:
                raise SlackApiError("no", {"ok": False, "error": self.refuse[method]})
            return {"messages": [], "file_id": f"F{len(self.calls)}", "upload_url": "http://slack/upload"}

        return call


@pytest.fixture
def uploads() -> list[bytes]:
    """What was uploaded."""
    return []


def deliver(world: World, rental_id: str, client: Client, uploads: list[bytes]) -> None:
    """One try."""
    mail = world.outbox.mail(rental_id)
    assert mail is not None
    mail.rental.dm_channel, mail.rental.card_ts = "D1", "1.0"
    upload = lambda url, data: uploads.append(data)  # noqa: E731
    keys.deliver(mail, client, world.outbox, Texts("en"), upload)  # type: ignore[arg-type]


def test_the_key_that_was_uploaded_is_the_one_that_is_kept(world: World, uploads: list[bytes]) -> None:
    rental = world.rent()
    deliver(world, rental.id, Client(), uploads)
    kept = world.look(rental)
    assert kept.key_sent_at is not None
    assert kept.public_key is not None
    assert b"PRIVATE KEY" in uploads[0]
    assert ssh_keys.check_public_key(kept.public_key) == kept.public_key


def test_a_key_of_a_try_that_did_not_arrive_is_withdrawn_and_another_one_made(
    world: World, uploads: list[bytes]
) -> None:
    rental = world.rent()
    with pytest.raises(SlackApiError):
        deliver(world, rental.id, Client(files_completeUploadExternal="internal_error"), uploads)
    first = set(uploads)
    second = Client(files_delete="file_not_found")
    deliver(world, rental.id, second, uploads)
    assert second.calls[:2] == ["conversations_replies", "files_delete"]
    assert set(uploads) - first
    assert world.look(rental).key_sent_at is not None


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "ratelimited", "service_unavailable"])
def test_no_second_key_is_sent_while_the_first_may_still_appear(
    world: World, uploads: list[bytes], error: str
) -> None:
    rental = world.rent()
    with pytest.raises(SlackApiError):
        deliver(world, rental.id, Client(files_completeUploadExternal="internal_error"), uploads)
    first = list(uploads)
    with pytest.raises(SlackApiError):
        deliver(world, rental.id, Client(files_delete=error), uploads)
    assert uploads == first


@pytest.fixture
def quiet_again() -> Iterator[None]:
    """Logging as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], _ = before
    root.setLevel(before[1])


@pytest.mark.parametrize("log_format", ["json", "pretty"])
@pytest.mark.usefixtures("quiet_again")
def test_a_traceback_in_the_log_has_no_private_key(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    logs.set_up(log_format)

    def broken(*_: Any, **__: Any) -> None:
        raise http.client.BadStatusLine("no HTTP at all")  # no OSError, so it is logged with its traceback

    monkeypatch.setattr(bot_uploads.urllib.request, "urlopen", broken)
    try:
        bot_uploads.send("http://slack/upload", ssh_keys.generate("x").private)
    except http.client.HTTPException:
        logging.getLogger("bot.delivery.owners").exception("delivery failed")
    assert "BadStatusLine" in said.getvalue()
    assert "PRIVATE" not in said.getvalue()


def test_a_token_that_slack_does_not_take_says_nothing_of_a_person() -> None:
    assert "account_inactive" not in owners.UNREACHABLE

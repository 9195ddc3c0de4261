"""What the commands print, with secrets in the environment, in clouds.yaml's place and in what was rented."""

from __future__ import annotations

import pytest
from harness.typed_kit import Typed
from harness.world import World
from security import planted
from security.planted import CLOUD_INIT, PASSWORD, TYPED, found

from kws_core.forms.passwords import Secret
from kws_core.tables.states import Access
from kws_core.values import Kind

TOKENS = (
    "xoxb-planted-bot-token-1",
    "xapp-planted-app-token-2",
    planted.SIGNING_SECRET,
    "planted-database-word",
)
COMMANDS = (
    ("rentals",), ("rentals", "--json"), ("nodes",), ("nodes", "--json"), ("audit",), ("audit", "--json"),
    ("reconcile", "--dry-run"), ("reconcile",), ("nightly",), ("db", "backup", "copy.db"), ("rentals", "--month", "2026-12"),
    ("doctor", "--limit", "2"), ("doctor", "--json", "--limit", "2"), ("run", "--metrics", "no-port"), ("nothing",),
)  # fmt: skip


@pytest.mark.thorough
def test_nothing_that_is_printed(world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    world.rent("key", cloud_init=CLOUD_INIT)
    world.rent("pass", access=Access.PASSWORD, password=Secret(PASSWORD), cloud_init=CLOUD_INIT)
    world.rent("box", kind=Kind.CONTAINER, image="nginx:latest", environment=f"TOKEN={planted.ENV_SECRET}")
    world.settle()
    names = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET")
    for name, value in zip(names, TOKENS, strict=False):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:9/api/")
    said = {command: typed(*command) for command in COMMANDS}
    for command, result in said.items():
        assert found([*TYPED, *TOKENS, "$6$"], result.out + result.err) == [], command
        assert "Traceback" not in result.err
    assert said["reconcile", "--dry-run"].code == 0 and "web" not in said["nothing",].out
    monkeypatch.setenv("KWS_DATABASE_URL", f"postgresql+psycopg://kws:{TOKENS[3]}@127.0.0.1:9/kws")
    for command in (("rentals",), ("db", "upgrade"), ("doctor", "--limit", "2")):
        result = typed(*command)
        assert result.code != 0
        assert found(TOKENS, result.out + result.err) == [], command

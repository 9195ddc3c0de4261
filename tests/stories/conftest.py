"""Stories: the real Bolt app on Socket Mode, the local workspace, fake nodes, and a clock that is moved."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.by_hand import PICTURE, begin, parts_by_hand
from harness.caddy_kit import FakeCaddy
from harness.sockets import hang_up
from harness.storybook import SIGNING_SECRET, Story
from harness.world import Clock, make_config

from bot.service import Service
from bot.slack.manifest import BOT_SCOPES
from kws_core.config import Config, Environment
from kws_core.nodes.fake.node import FakeNode
from slack_workspace import Workspace


@pytest.fixture
def drawn() -> list[dict[str, Any]]:
    """No picture is drawn in a story: what it would show is kept."""
    return []


@pytest.fixture
def make_story(
    tmp_path: Path, clock: Clock, empty_database: Path, drawn: list[dict[str, Any]]
) -> Iterator[Callable[..., Story]]:
    """Makes a Story; keyword arguments go to ``make_config``."""
    stories: list[Story] = []

    def draw(data: dict[str, Any]) -> bytes:
        drawn.append(data)
        return PICTURE

    def make(nodes: int = 2, config: Config | None = None, edit_every: float = 3.0, **settings: Any) -> Story:
        workspace = Workspace(scopes=BOT_SCOPES, trigger_seconds=30.0).start()  # a busy machine is no fault
        config = config or make_config(nodes, **settings)
        fakes = {node.name: FakeNode(node.name, clock, vcpus=64, ram_mb=65536) for node in config.nodes}
        environment = Environment(
            bot_token=workspace.bot_token,
            app_token=workspace.app_token,
            signing_secret=SIGNING_SECRET,
            slack_api_url=workspace.api_url,
            database_url=f"sqlite:///{tmp_path / 'kws.db'}",
        )
        shutil.copy(empty_database, tmp_path / "kws.db")
        caddy = FakeCaddy()
        parts = parts_by_hand(draw=draw, edit_every=edit_every, caddy=lambda _: caddy)
        service = Service(config, environment, fakes, clock, parts)
        begin(service)
        service.connect()
        workspace.wait_connected(2)
        story = Story(workspace, service, fakes, clock, tmp_path, caddy)
        stories.append(story)
        return story

    yield make
    for story in stories:
        hang_up([socket.client for socket in story.service.sockets], story.workspace)
        story.service.stop()
        story.workspace.stop()
        assert story.workspace.violations == []


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    """A bot with two nodes."""
    return make_story()

"""A student whose server comes from the system before: what they see, and what they can do with it."""

from __future__ import annotations

from pathlib import Path

from harness.legacy_kit import fill, server
from harness.storybook import Story

from kws_core.legacy import source
from kws_core.legacy.importer import ImportOptions, LegacyImporter
from kws_core.nodes.fake.importer import FakeImporter
from kws_core.people import Actor
from kws_core.rentals.service import RentalService
from kws_core.values import Kind


def test_a_server_from_before_is_shown_extended_and_returned(story: Story, tmp_path: Path) -> None:
    mina, context = story.workspace.person("mina"), story.service.context
    adopter = FakeImporter(story.nodes["node1"])
    planted = adopter.plant("Web01", "192.168.0.201")
    url = f"sqlite:///{tmp_path / 'old.db'}"
    fill(url, [server("Web01", context.today().replace(day=1, month=11))])
    LegacyImporter(context, {"node1": adopter}, ImportOptions({"김민아": mina.id})).run(
        source.read(url), dry_run=False
    )
    story.settle(4)
    said = str(mina.dm())
    assert "기존 시스템에서 가져왔습니다" in said and "11월 1일" in said and "12월 8일" in said
    assert "ssh Web01@192.168.0.201" in said
    card = mina.dm()[0]
    assert "return" in str(card) and "new_key" not in str(card)
    assert len(mina.dm()) == 2  # the card, and one message that rings
    mina.command("/kws extend web01 7d")
    story.workspace.wait_for(lambda: story.rentals()[0].ends_on.day == 15)
    story.settle(2)
    assert "12월 15일" in str(mina.dm()) + str(mina.ephemeral())
    rental = story.rentals()[0]
    assert rental.ends_on.day == 15
    RentalService(context).return_rental(Actor(rental.owner), rental.id)
    story.settle(8)
    assert story.rentals() == []
    assert planted.id not in str(story.nodes["node1"].resources())
    assert adopter.strays(Kind.SERVER) == []

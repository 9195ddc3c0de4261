"""Mina rents a server, gets its key, lists it and returns it."""

from __future__ import annotations

from storybook import Story


def test_mina_rents_and_returns(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.settle()
    print(mina.dm())
    print(mina.files())

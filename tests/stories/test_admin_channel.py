"""Notices to a channel that the bot may not read: it has no channels:history (docs/reference/slack-scopes.md)."""

from __future__ import annotations

from collections.abc import Callable

from harness.storybook import Story
from harness.world import make_config

from kws_core.database.alerts import alert_admins
from kws_core.tables.details.alerts import DepartedAlert

CHANNEL = "C0LABADMIN"


def test_a_notice_whose_fate_is_unknown_is_posted_again_where_nobody_may_look(
    make_story: Callable[..., Story],
) -> None:
    config = make_config(1)
    story = make_story(
        config=config.model_copy(update={"kws": config.kws.model_copy(update={"admin_channel": CHANNEL})})
    )
    with story.service.store.write() as session:
        alert_admins(session, DepartedAlert("U0JOON0001"), "joon", story.clock())
    story.workspace.faults.fail("chat.postMessage", drop_before=True)
    story.service.admin_notices.deliver_due()
    assert story.workspace.channel_messages(CHANNEL) == []
    story.clock.advance(minutes=5)
    story.service.admin_notices.deliver_due()
    assert len(story.workspace.channel_messages(CHANNEL)) == 1
    assert story.workspace.calls_of("conversations.history"), "it tried to look"
    assert story.service.admin_notices.box.due() == []

"""A Slack workspace on this machine, for stories, the demo and anyone who wants to try the bot.

It knows nothing of the bot: whatever speaks the Web API and Socket Mode can be driven by it.
"""

from slack_workspace.block_kit.validate import check_blocks, check_view
from slack_workspace.clock import ManualClock
from slack_workspace.errors import NotOnScreenError, SlackError
from slack_workspace.page_server.stage import EmptyStage, SiteReply, Stage
from slack_workspace.people import Channel, User, UserGroup
from slack_workspace.persons.outcome import Outcome
from slack_workspace.persons.person import Person
from slack_workspace.persons.screen import visible_text
from slack_workspace.state import Call, Violation
from slack_workspace.workspace import Workspace

__all__ = [
    "Call",
    "Channel",
    "EmptyStage",
    "ManualClock",
    "NotOnScreenError",
    "Outcome",
    "Person",
    "SiteReply",
    "SlackError",
    "Stage",
    "User",
    "UserGroup",
    "Violation",
    "Workspace",
    "check_blocks",
    "check_view",
    "visible_text",
]

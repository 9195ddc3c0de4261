"""A Slack workspace on this machine, for stories, the demo and anyone who wants to try the bot.

It knows nothing of the bot: whatever speaks the Web API and Socket Mode can be driven by it.
"""

from .clock import ManualClock
from .errors import NotOnScreenError, SlackError
from .outcome import Outcome
from .people import Channel, User, UserGroup
from .person import Person
from .screen import visible_text
from .stage import EmptyStage, Stage
from .state import Call, Violation
from .validate import check_blocks, check_view
from .workspace import Workspace

__all__ = [
    "Call",
    "Channel",
    "EmptyStage",
    "ManualClock",
    "NotOnScreenError",
    "Outcome",
    "Person",
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

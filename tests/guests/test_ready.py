"""Ten boots, two at a time, each beside a loop that tries to log in every second: how long after it "ready" is told."""

from __future__ import annotations

import pytest
from bot_process import BotProcess, rent
from guests.conftest import Arrivals
from guests.person import Desk, key_file
from lab_checks import return_rental

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

PAIRS = 5


def test_ready_is_told_soon_after_the_first_login(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals
) -> None:
    mina = workspace.person("mina")
    for pair in range(1, PAIRS + 1):
        images = {f"quick{pair}": "debian-12-quick", f"stock{pair}": "debian-12-stock"}
        for name, image in images.items():
            rent(workspace, mina, name, image=image)
            arrivals.expect(name, image, key=key_file(workspace, mina, desk, f"kws-{name}"))
        for name in images:
            arrivals.ready(mina, name)
        for name in images:
            return_rental(workspace, mina, name)

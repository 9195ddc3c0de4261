"""What is free now."""

from __future__ import annotations

from bot.desk import Desk, Visit, paragraph
from bot.handlers.commands import Commands
from bot.views.text import room_line, used_line


def register(desk: Desk, commands: Commands) -> None:
    """Listens for ``/kws status``."""

    def show(visit: Visit, _rest: str) -> None:
        offer = desk.core.offer(visit.who)
        head = used_line(offer, desk.core.config.policy, visit.texts)
        lines = "\n".join(room_line(room, visit.texts) for room in offer.rooms)
        visit.say(head, [paragraph(head), paragraph(lines)])

    commands.add("status", show)

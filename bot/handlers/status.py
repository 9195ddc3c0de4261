"""What is free now."""

from __future__ import annotations

from bot.delivery.pictures import Gallery
from bot.handlers.commands import Commands
from bot.slack.dispatcher import Desk, Visit, paragraph
from bot.text.units import room_line, used_line


def register(desk: Desk, commands: Commands, gallery: Gallery) -> None:
    """Listens for ``/kws status``: the words at once, the picture as soon as it is drawn."""

    def show(visit: Visit, _rest: str) -> None:
        offer = desk.core.offer(visit.who)
        head = used_line(offer, desk.core.config.policy, visit.texts)
        lines = "\n".join(room_line(room, visit.texts) for room in offer.rooms)
        visit.say(head, [paragraph(head), paragraph(lines)])
        gallery.send_soon(visit.client, visit.who.id, visit.texts)

    commands.add("status", show)

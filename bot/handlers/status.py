"""What is free now."""

from __future__ import annotations

from bot.delivery.pictures import ChartSender
from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph
from bot.text.units import room_line, used_line


def register(dispatcher: Dispatcher, commands: Commands, gallery: ChartSender) -> None:
    """Listen for ``/kws status``: the words at once, the picture as soon as it is drawn."""

    def show(request: RequestContext, _rest: str) -> None:
        offer = dispatcher.rental_service.offer(request.who)
        head = used_line(offer, dispatcher.context.config.policy, request.texts)
        lines = "\n".join(room_line(room, request.texts) for room in offer.rooms)
        request.say(head, [paragraph(head), paragraph(lines)])
        gallery.send_soon(request.client, request.who.id, request.texts)

    commands.add("status", show)

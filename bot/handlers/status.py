"""What is free now, and in the next weeks."""

from __future__ import annotations

from bot.delivery.day_pictures import DayChartSender
from bot.delivery.pictures import ChartSender
from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph
from bot.text.units import room_line, used_line
from bot.views.waiting import calendar_lines
from kws_core.rentals.lab_calendar import LabCalendar


def register(
    dispatcher: Dispatcher, commands: Commands, gallery: ChartSender, day_charts: DayChartSender
) -> None:
    """Listen for ``/kws status``: the words at once, the pictures as soon as they are drawn."""
    calendar = LabCalendar(dispatcher.context)

    def show(request: RequestContext, _rest: str) -> None:
        offer = dispatcher.rental_service.offer(request.who)
        head = used_line(offer, dispatcher.context.config.policy, request.texts)
        lines = "\n".join(room_line(room, request.texts) for room in offer.rooms)
        later = calendar_lines.said(calendar.days(request.who), request.texts)
        request.say(head, [paragraph(head), paragraph(lines), *map(paragraph, later)])
        gallery.send_soon(request.client, request.who.id, request.texts)
        day_charts.send_soon(request.client, request.who, request.texts)

    commands.add("status", show)

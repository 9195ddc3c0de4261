"""What is free now."""

from __future__ import annotations

from bot.desk import Desk, Visit, paragraph
from bot.handlers.commands import Commands
from bot.i18n import N_, Texts
from bot.picture import Gallery
from bot.views.text import used_line
from kws_core.placement import Room


def register(desk: Desk, commands: Commands, gallery: Gallery) -> None:
    """Listens for ``/kws status``: the words at once, the picture as soon as it is drawn."""

    def show(visit: Visit, _rest: str) -> None:
        offer = desk.core.offer(visit.who)
        head = used_line(offer, desk.core.config.policy, visit.texts)
        lines = "\n".join(_line(room, visit.texts) for room in offer.rooms)
        visit.say(head, [paragraph(head), paragraph(lines)])
        gallery.send_soon(visit.client, visit.who.id, visit.texts)

    commands.add("status", show)


def _line(room: Room, texts: Texts) -> str:
    if not room.up:
        return texts(N_(":red_circle: *{node}* does not answer"), node=room.node)
    if room.drained:
        return texts(N_(":large_yellow_circle: *{node}* takes no new rentals"), node=room.node)
    return texts(
        N_(
            ":large_green_circle: *{node}*: {vcpus} of {all_vcpus} vCPUs, {ram} of {all_ram} MB, {disk} of {all_disk} GB free"
        ),
        node=room.node,
        vcpus=room.free_vcpus,
        all_vcpus=room.vcpus,
        ram=room.free_ram_mb,
        all_ram=room.ram_mb,
        disk=room.free_disk_gb,
        all_disk=room.disk_gb,
    )

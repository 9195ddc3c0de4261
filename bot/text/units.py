"""Small pieces of text that several views share."""

from __future__ import annotations

from bot.text.i18n import N_, Mrkdwn, Texts
from kws_core.config import Policy
from kws_core.rentals.service import FormOptions
from kws_core.scheduling.placement import NodeCapacity
from kws_core.values import Size


def clip(text: str, most: int) -> str:
    """``text`` within Slack's limit, with an ellipsis where it was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def size_line(size: Size) -> str:
    """``1 vCPU · 512 MB · 5 GB``."""
    return f"{size.vcpus} vCPU · {size.ram_mb} MB · {size.disk_gb} GB"


def used_line(offer: FormOptions, policy: Policy, texts: Texts) -> Mrkdwn:
    """How much of what is allowed the person uses, and what is free."""
    mine = [rental for rental in offer.mine if rental.live]
    used = texts(
        N_(
            "You use {rentals} of {max_rentals} rentals, {vcpus} of {max_vcpus} vCPUs, {ram} of {max_ram} MB."
        ),
        rentals=len(mine),
        max_rentals=policy.max_rentals_per_user,
        vcpus=sum(rental.vcpus for rental in mine),
        max_vcpus=policy.max_vcpus_per_user,
        ram=sum(rental.ram_mb for rental in mine),
        max_ram=policy.max_ram_mb_per_user,
    )
    return Mrkdwn(f"{used}\n{free_line(offer, texts)}")


def free_line(offer: FormOptions, texts: Texts) -> Mrkdwn:
    """What all nodes that answer have left together."""
    up = [room for room in offer.rooms if room.up and not room.drained]
    return texts(
        N_("Free now: {vcpus} vCPUs, {ram} MB of memory on {up} of {nodes} nodes."),
        vcpus=sum(room.free_vcpus for room in up),
        ram=sum(room.free_ram_mb for room in up),
        up=len(up),
        nodes=len(offer.rooms),
    )


def room_line(room: NodeCapacity, texts: Texts) -> str:
    """A node, and what it has left."""
    if not room.up:
        return texts(N_(":red_circle: *{node}* does not answer"), node=room.node)
    if room.drained:
        return texts(N_(":large_yellow_circle: *{node}* takes no new rentals"), node=room.node)
    line = texts(
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
    waiting = room.builds - room.max_builds
    return line + (texts(N_(" · {count} wait for their turn"), count=waiting) if waiting > 0 else "")

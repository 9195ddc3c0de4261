"""Small pieces of text that several views share."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache

from babel.numbers import format_decimal

from bot.text.i18n import N_, P_, Locale, Mrkdwn, Plural, Texts
from kws_core.config import Policy
from kws_core.rentals.form_options import FormOptions
from kws_core.scheduling.placement import NodeCapacity
from kws_core.values import Size

PARTIAL_ENTITY = re.compile(r"&[a-z]*$")
MOST_SPOKEN = 75  # Slack's limit for an accessibility_label
BYTES = ("B", "KB", "MB", "GB", "TB")
SECONDS = P_("{n} second", "{n} seconds")
MINUTES = P_("{n} minute", "{n} minutes")
HOURS = P_("{n} hour", "{n} hours")
DAYS = P_("{n} day", "{n} days")


def clip(text: str, most: int) -> str:
    """``text`` within Slack's limit, with an ellipsis where it was cut, never in the middle of an ``&amp;``."""
    return text if len(text) <= most else PARTIAL_ENTITY.sub("", text[: most - 1]) + "…"


def spoken(label: str, about: str) -> str:
    """What a screen reader says of a button that a view has several times: its label, and which rental it is for."""
    return clip(f"{label}: {about}", MOST_SPOKEN)


def memory(mb: float, texts: Texts, *, up: bool = False) -> str:
    """``512 MB``, ``16 GB``. Rounded down, as what is free must be; ``up`` is for what is needed."""
    return _amount(mb, "MB", texts.locale, up=up)


def disk(gb: float, texts: Texts) -> str:
    """``20 GB``, ``1.5 TB``."""
    return _amount(gb, "GB", texts.locale)


def file_size(size: float, texts: Texts) -> str:
    """``238 MB``, ``2.45 GB``."""
    return _amount(size, "B", texts.locale)


@lru_cache(1024)  # a form has the same sizes every time
def _amount(number: float, unit: str, locale: Locale, *, up: bool = False) -> str:
    """In the largest unit that it fills, with three figures at most."""
    whole, units = Decimal(number), BYTES[BYTES.index(unit) :]
    while whole >= 1024 and len(units) > 1:
        whole, units = whole / 1024, units[1:]
    finest = Decimal(1) if whole >= 100 else Decimal("0.1") if whole >= 10 else Decimal("0.01")
    shown = whole.quantize(finest, ROUND_CEILING if up else ROUND_FLOOR)
    return f"{format_decimal(shown, locale=locale)} {units[0]}"


def duration(number: int, unit: Plural, texts: Texts) -> str:
    """``1 minute``, ``30 seconds``, ``7일``: ``unit`` is one of those above."""
    return str(texts.n(unit, number))


def size_line(size: Size, texts: Texts) -> str:
    """``1 vCPU · 512 MB RAM · 5 GB disk``."""
    return texts.plain(
        N_("{vcpus} vCPU · {ram} RAM · {disk} disk"),
        vcpus=size.vcpus,
        ram=memory(size.ram_mb, texts),
        disk=disk(size.disk_gb, texts),
    )


def used_line(offer: FormOptions, policy: Policy, texts: Texts) -> Mrkdwn:
    """How much of what is allowed the person uses, and what is free."""
    mine = [rental for rental in offer.mine if rental.live]
    used = texts(
        N_(
            "You're using {rentals} of {max_rentals} rentals, {vcpus} of {max_vcpus} vCPUs, and {ram} of {max_ram} of memory."
        ),
        rentals=len(mine),
        max_rentals=policy.max_rentals_per_user,
        vcpus=sum(rental.largest_size.vcpus for rental in mine),
        max_vcpus=policy.max_vcpus_per_user,
        ram=memory(sum(rental.largest_size.ram_mb for rental in mine), texts, up=True),
        max_ram=memory(policy.max_ram_mb_per_user, texts),
    )
    return Mrkdwn(f"{used}\n{free_line(offer, texts)}")


def free_line(offer: FormOptions, texts: Texts) -> Mrkdwn:
    """What all nodes that answer have left together."""
    up = [room for room in offer.rooms if room.up and not room.drained]
    return texts(
        P_(
            "Available now: {vcpus} vCPU and {ram} of memory on {up} of {nodes} nodes.",
            "Available now: {vcpus} vCPUs and {ram} of memory on {up} of {nodes} nodes.",
            "vcpus",
        ),
        vcpus=sum(room.free_vcpus for room in up),
        ram=memory(sum(room.free_ram_mb for room in up), texts),
        up=len(up),
        nodes=len(offer.rooms),
    )


def room_line(room: NodeCapacity, texts: Texts) -> str:
    """A node, and what it has left."""
    if not room.up:
        return texts(N_(":red_circle: *{node}* isn't responding"), node=room.node)
    if room.drained:
        return texts(N_(":large_yellow_circle: *{node}* is in maintenance"), node=room.node)
    line = texts(
        N_(
            ":large_green_circle: *{node}* has {vcpus} of {all_vcpus} vCPUs, {ram} of {all_ram} of memory, and {disk} of {all_disk} of disk available"
        ),
        node=room.node,
        vcpus=room.free_vcpus,
        all_vcpus=room.vcpus,
        ram=memory(room.free_ram_mb, texts),
        all_ram=memory(room.ram_mb, texts),
        disk=disk(room.free_disk_gb, texts),
        all_disk=disk(room.disk_gb, texts),
    )
    waiting = room.builds - room.max_builds
    return line + (texts(N_(" · {count} in the queue"), count=waiting) if waiting > 0 else "")

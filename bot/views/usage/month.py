"""What a person used in a month, and what they still have: a message of its own, with a button for each rental."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from babel.numbers import format_decimal
from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock

from bot.text.i18n import N_, Mrkdwn, Texts, code
from bot.views import ids, rental_card
from bot.views.rental_card import Message
from kws_core.tables.details.outage_events import MonthUsed
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental

MOST = 20  # rentals in it
USED = N_(":calendar: Your usage in {month}: rental days {days}, vCPU hours {hours}, new rentals {rentals}.")
HELD = N_("Your rentals now. Return what you no longer need:")
NOTHING_HELD = N_("You have no rentals now.")
MORE = N_("{n} more: {command}")


def rings(rental: Rental, event: Event) -> bool:
    """Whether it concerns the rental's owner."""
    return isinstance(event.details, MonthUsed) and event.details.person == rental.owner


def message(
    event: Event, rentals: Sequence[Rental], last_day: Callable[[date], date], texts: Texts
) -> Message:
    """The message about such an event, with the rentals that the person has now."""
    used = event.details
    assert isinstance(used, MonthUsed)
    month = texts.month(used.month) if used.month else "?"
    days, hours = (
        format_decimal(figure, locale=texts.locale) for figure in (used.rental_days, used.vcpu_hours)
    )
    said = texts(USED, month=month, days=days, hours=hours, rentals=used.rentals)
    held = [rental for rental in rentals if rental.live]
    said = Mrkdwn(f"{said}\n{texts(HELD if held else NOTHING_HELD)}")
    blocks: list[Block] = [
        SectionBlock(block_id=f"{ids.MONTH}{event.id}", text=MarkdownTextObject(text=said))
    ]
    blocks += [_entry(rental, last_day(rental.ends_on), texts) for rental in held[:MOST]]
    if len(held) > MOST:
        more = texts(MORE, n=len(held) - MOST, command=code("/kws list"))
        blocks.append(SectionBlock(text=MarkdownTextObject(text=more)))
    return Message(said, blocks)


def _entry(rental: Rental, last_day: date, texts: Texts) -> SectionBlock:
    until = texts(N_("until {day}"), day=texts.date(last_day))
    text = f"{rental_card.headline(rental, texts)} · {texts('{size}', size=rental.size)} · {until}"
    return SectionBlock(
        text=MarkdownTextObject(text=text), accessory=rental_card.return_button(rental, texts)
    )

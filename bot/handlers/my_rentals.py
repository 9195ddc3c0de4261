"""What a person has: list and return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slack_bolt import App
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, DividerBlock, PlainTextObject

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Desk, Visit, paragraph
from bot.text.i18n import N_
from bot.views import event_lines, history, ids, rental_card
from kws_core.tables.rental import Rental

MOST_LISTED = 15  # Slack takes 50 blocks in a message


def register(app: App, desk: Desk, commands: Commands) -> None:
    """Listens for ``/kws list``, ``/kws return`` and their buttons."""
    mine = MyRentals(desk)
    commands.add("list", mine.show)
    commands.add("return", mine.ask_return)
    app.action(ids.Action.RETURN)(desk.listener(mine.give_back))
    app.action(ids.Action.KEEP)(desk.listener(mine.keep))
    app.action(ids.Action.HISTORY)(desk.listener(mine.history))


class MyRentals:
    """List and return."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.core = desk.core

    def show(self, visit: Visit, _rest: str) -> None:
        """Everything that is the person's and not over, the next to end first."""
        rentals = self.core.my_rentals(visit.who)
        if not rentals:
            visit.say(visit.texts(N_("You have no rentals. {command} gets you one."), command="/kws rent"))
            return
        title = visit.texts(N_("Your rentals ({count})"), count=len(rentals))
        visit.say(title, [paragraph(f"*{title}*"), *self._entries(visit, rentals)])

    def ask_return(self, visit: Visit, name: str) -> None:
        """Asks before it deletes; without a name it shows the list with its buttons."""
        if not name:
            self.show(visit, "")
            return
        rental = self.core.rental_named(visit.who, name.lower())
        if not rental.live:
            visit.say(visit.texts(N_("{name} is already being deleted."), name=rental.name))
            return
        text = visit.texts(
            N_("Return {name}? The server and everything on it are deleted at once. There is no undo."),
            name=rental.name,
        )
        visit.say(text, [paragraph(text), ActionsBlock(elements=self._question(visit, rental))])

    def _question(self, visit: Visit, rental: Rental) -> list[ButtonElement]:
        keep = ButtonElement(
            action_id=ids.Action.KEEP,
            value=rental.id,
            text=PlainTextObject(text=visit.texts.plain(N_("Keep it"))),
        )
        return [rental_card.return_button(rental, visit.texts, confirmed=True), keep]

    def give_back(self, visit: Visit) -> None:
        """The return was confirmed."""
        rental = self.core.give_back(visit.who, visit.value, via=visit.via)
        text = visit.texts(N_("{name} is being deleted. You get word in your DM."), name=rental.name)
        if _on_card(visit.body):
            return  # the card itself is edited
        visit.say(text, replace=True)

    def keep(self, visit: Visit) -> None:
        """The person thought better of it."""
        rental = self.core.rental(visit.who, visit.value)
        visit.say(visit.texts(N_("{name} stays as it is."), name=rental.name), replace=True)

    def history(self, visit: Visit) -> None:
        """Everything that happened to it: who, what, when, from where."""
        rental = self.core.rental(visit.who, visit.value)
        events = self.core.history(rental.id)
        sentences = [event_lines.line(event, rental, visit.texts) for event in events]
        text = history.of_rental(events, sentences, visit.texts)
        visit.say(text, [paragraph(text)])

    def _entries(self, visit: Visit, rentals: Sequence[Rental]) -> list[Block]:
        blocks: list[Block] = []
        turns = self.core.turns(rentals)
        for rental in rentals[:MOST_LISTED]:
            ends_at, turn = self.core.ends_at(rental), turns.get(rental.id)
            blocks += [DividerBlock(), *rental_card.list_entry(rental, ends_at, visit.texts, turn)]
        return blocks


def _on_card(body: dict[str, Any]) -> bool:
    """Whether the click was on a message that KWS edits itself, not on an answer that only the person sees."""
    blocks = (body.get("message") or {}).get("blocks") or []
    return any(str(block.get("block_id", "")).startswith((ids.CARD, ids.NOTICE)) for block in blocks)

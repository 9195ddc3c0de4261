"""What a person has: list and return."""

from __future__ import annotations

from collections.abc import Sequence

from slack_bolt import App
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, DividerBlock, PlainTextObject

from bot.handlers.commands import Commands
from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph, whole
from bot.slack.messages import MessageClient
from bot.text.i18n import N_
from bot.views import event_lines, history, ids, rental_card
from bot.views.usage import month
from bot.views.waiting import queue_words
from kws_core.scheduling.idle import StillNeeded
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import UNPLACED

MOST_LISTED = 15  # Slack takes 50 blocks in a message


def register(app: App, dispatcher: Dispatcher, commands: Commands) -> None:
    """Listen for ``/kws list``, ``/kws return`` and their buttons."""
    mine = MyRentals(dispatcher)
    commands.add("list", mine.show)
    commands.add("return", mine.ask_return)
    app.action(ids.Action.RETURN)(dispatcher.listener(mine.return_rental))
    app.action(ids.Action.KEEP)(dispatcher.listener(mine.keep))
    app.action(ids.Action.STILL_NEEDED)(dispatcher.listener(mine.still_needed))
    app.action(ids.Action.HISTORY)(dispatcher.listener(mine.history))


class MyRentals:
    """List and return."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_service = dispatcher.rental_service
        self.rental_queries = dispatcher.rental_queries
        self.still = StillNeeded(dispatcher.context)

    def show(self, request: RequestContext, _rest: str) -> None:
        """Everything that is the person's and not over, the next to end first."""
        rentals = self.rental_queries.my_rentals(request.who)
        if not rentals:
            request.say(
                request.texts(N_("You don't have any rentals. Rent one: {command}"), command="/kws rent")
            )
            return
        title = request.texts(N_("Your rentals ({count})"), count=len(rentals))
        request.say(title, [paragraph(f"*{title}*"), *self._entries(request, rentals)])

    def ask_return(self, request: RequestContext, name: str) -> None:
        """Ask before it deletes; without a name it shows the list with its buttons."""
        if not name:
            self.show(request, "")
            return
        rental = self.rental_queries.rental_named(request.who, name.lower())
        if not rental.live:
            request.say(request.texts(N_("{name} is already being deleted."), name=rental.name))
            return
        question = N_("Return {name}? It will be deleted now, along with all its data. You can't undo this.")
        if rental.status in UNPLACED:
            question = queue_words.question(rental)
        if rental.copy_at_end:
            question = N_(
                "Return {name}? It will be deleted now, along with all its data, and the copy you planned won't be made. "
                "You can't undo this."
            )
        text = request.texts(question, name=rental.name)
        request.say(text, [paragraph(text), ActionsBlock(elements=self._question(request, rental))])

    def _question(self, request: RequestContext, rental: Rental) -> list[ButtonElement]:
        keep = ButtonElement(
            action_id=ids.Action.KEEP,
            value=rental.id,
            text=PlainTextObject(text=request.texts.plain(N_("Cancel"))),
        )
        return [rental_card.return_button(rental, request.texts, confirmed=True), keep]

    def return_rental(self, request: RequestContext) -> None:
        """The return was confirmed."""
        told = self._month(request)
        rental = self.rental_service.return_rental(request.who, request.value, via=request.via)
        done = N_("Deleting {name}. You'll get a DM when it's done.")
        if queue_words.never_placed(rental):
            done = N_("{name} no longer waits. Nothing was created.")
        text = request.texts(done, name=rental.name)
        if _on_card(request):
            return  # the card itself is edited
        if told is not None:
            self._redraw_month(request, told)
        request.say(text, replace=told is None)

    def _month(self, request: RequestContext) -> Event | None:
        """The event of the message that was clicked, if that is about a month."""
        block = request.message.block_id(ids.MONTH) if request.message else None
        if block is None:
            return None
        return self.rental_queries.month_used(request.who, whole(block.removeprefix(ids.MONTH)))

    def _redraw_month(self, request: RequestContext, told: Event) -> None:
        """The message then shows what is left."""
        rentals = self.rental_queries.my_rentals(request.who)
        drawn = month.message(told, rentals, self.context.expiry.last_day, request.texts)
        if request.channel and request.message:
            MessageClient(request.client).edit(request.channel, request.message.ts, drawn)

    def keep(self, request: RequestContext) -> None:
        """The person thought better of it."""
        rental = self.rental_queries.rental(request.who, request.value)
        request.say(request.texts(N_("Canceled. {name} wasn't changed."), name=rental.name), replace=True)

    def still_needed(self, request: RequestContext) -> None:
        """The answer to a question about a server that looks unused; the message itself is edited."""
        self.still.keep(request.who, request.value, via=request.via)

    def history(self, request: RequestContext) -> None:
        """Everything that happened to it: who, what, when, from where."""
        rental = self.rental_queries.rental(request.who, request.value)
        events = self.rental_queries.history(rental.id)
        sentences = [event_lines.line(event, rental, request.texts) for event in events]
        text = history.of_rental(events, sentences, request.texts)
        request.say(text, [paragraph(text)])

    def _entries(self, request: RequestContext, rentals: Sequence[Rental]) -> list[Block]:
        blocks: list[Block] = []
        turns = self.rental_queries.turns(rentals)
        for rental in rentals[:MOST_LISTED]:
            ends_at, turn = self.context.expiry.ends_at(rental), turns.get(rental.id)
            entry = rental_card.list_entry(rental, ends_at, request.texts, turn, self.context.config.web)
            blocks += [DividerBlock(), *entry]
        return blocks


def _on_card(request: RequestContext) -> bool:
    """Whether the click was on a message that KWS edits itself, not on an answer that only the person sees."""
    return request.message is not None and request.message.block_id(ids.CARD, ids.NOTICE) is not None

"""What is timed in a lab of any size: what people ask for, down to Slack's blocks, and what the loops do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import update

from benchmarks.filled_lab import ADMIN, ASKER, NOW, FilledLab
from bot.delivery.homes import Homes
from bot.handlers import status
from bot.handlers.my_rentals import MyRentals
from bot.handlers.rent import Rent
from bot.slack.directory import Directory
from bot.slack.dispatcher import Dispatcher, RequestContext
from bot.slack.payloads import SlashCommand
from bot.text.i18n import texts_for
from kws_core.nightly.cleanup import Nightly
from kws_core.outbox.admin_queries import Search
from kws_core.outbox.home_state import HomeStates
from kws_core.outbox.pending_messages import Outbox
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService
from kws_core.reports.metrics import figures
from kws_core.reports.past import Past
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import PlacementRequest, choose
from kws_core.tables.rental import Placement
from kws_core.values import Kind, Size

TEXTS = texts_for("ko-KR", "ko")
COMMAND = SlashCommand(
    command="/kws", user_id=ASKER.id, team_id="T1", trigger_id="t", response_url="https://hooks.slack.com/x"
)
WISH = PlacementRequest(Kind.SERVER, "debian-12", Size("small", 1, 512, 5))


class Slack:
    """Takes what a handler says or opens."""

    response_url = "taken"

    def __call__(self, **said: Any) -> None:
        self.said = said

    def views_open(self, **opened: Any) -> None:
        self.opened = opened

    def views_publish(self, **published: Any) -> None:
        self.published = published


class Pictures:
    """The gallery without its drawing, which is another process's."""

    def send_soon(self, *_: Any) -> None:
        """Nothing."""


class Acts:
    """Each method is one operation, done once."""

    def __init__(self, lab: FilledLab) -> None:
        self.lab = lab
        self.context = lab.context
        self.rental_service = RentalService(self.context)
        slack = cast(Any, Slack())
        directory = Directory(self.context, slack)
        dispatcher = Dispatcher(self.context, directory, cast(Any, None))
        self.visit = RequestContext(ASKER, TEXTS, COMMAND, slack, slack)
        self.mine, self.rent, self.homes = (
            MyRentals(dispatcher),
            Rent(dispatcher),
            Homes(self.context, directory, slack),
        )
        self.outbox, self.book, self.nightly = (
            Outbox(self.context),
            HomeStates(self.context),
            Nightly(self.context),
        )
        self.past = Past()
        self._words: dict[str, Any] = {}
        status.register(dispatcher, cast(Any, self), cast(Any, Pictures()), cast(Any, Pictures()))
        self._forms = itertools.count()
        self.nightly.tick()  # today's pass has ended: what is timed is every minute's tick
        self.book.opened(ASKER.id)
        self.homes.show(ASKER.id)

    def add(self, word: str, serve: Any) -> None:
        """As Commands has it."""
        self._words[word] = serve

    def list_mine(self) -> None:
        """The handler, down to the answer."""
        self.mine.show(self.visit, "")

    def status(self) -> None:
        """The words; the picture is drawn elsewhere."""
        self._words["status"](self.visit, "")

    def form(self) -> None:
        """From the last known catalog to the view."""
        self.rent.asked(self.visit, "")

    def placement(self) -> None:
        """What each node could lend, and which is chosen."""
        with self.lab.store.read() as session:
            assert choose(capacity.rooms(session, self.lab.config), WISH).node

    def submit(self) -> None:
        """The form is accepted, and the rental returned at once."""
        number = next(self._forms)
        ends_on = self.context.today() + timedelta(days=14)
        form = RentForm(name=f"new-{number}", image="debian-12", size="small", ends_on=ends_on)
        rental = self.rental_service.request(ASKER, form, f"bench-form:{number}")
        self.rental_service.return_rental(ASKER, rental.id)
        for rental_id in self.outbox.due():
            self.outbox.delivered(rental_id, 2**31 - 1)

    def home(self) -> None:
        """Drawn again."""
        self._draw(ASKER)

    def dispatcher(self) -> None:
        """Drawn again, with everybody's rentals."""
        self._draw(ADMIN)

    def _draw(self, who: Actor) -> None:
        self.homes.draw(who, TEXTS, Search()).to_dict()

    def tick(self) -> None:
        """Reconciler, notifier, homes."""
        self.lab.reconciler.tick()
        assert not self.outbox.due()
        self.book.due()

    def look(self) -> None:
        """Its node is asked for its list."""
        with self.lab.store.write() as session:
            one = update(Placement).where(Placement.rental_id == f"l{0:09d}")
            session.execute(one.values(next_check_at=NOW - timedelta(seconds=1)))
        self.lab.reconciler.tick()

    def minute(self) -> None:
        """Warnings, the pass if it is due, the summary."""
        self.nightly.tick()

    def night(self) -> None:
        """What a pass would end."""
        assert not self.nightly.would_end(NOW)

    def figures(self) -> None:
        """All of them."""
        figures(self.context, self.past)


@dataclass(frozen=True)
class Act:
    """An operation, and what it must not depend on."""

    name: str
    do: Callable[[Acts], None]
    flat: frozenset[str]


HISTORY = frozenset({"history"})
OTHERS = frozenset({"history", "live"})
ACTS = [
    Act("/kws list", Acts.list_mine, frozenset({"history", "live", "nodes"})),
    Act("/kws rent: the form", Acts.form, HISTORY),
    Act("the form submitted (and returned)", Acts.submit, HISTORY),
    Act("placement: which node", Acts.placement, HISTORY),
    Act("App Home of an owner", Acts.home, HISTORY),
    Act("App Home of an admin", Acts.dispatcher, HISTORY),
    Act("/kws status", Acts.status, HISTORY),
    Act("a second of the loops, nothing due", Acts.tick, OTHERS),
    Act("a tick with one rental to look at", Acts.look, HISTORY),
    Act("the minute's tick of the night", Acts.minute, HISTORY),
    Act("query of the night", Acts.night, OTHERS),
    Act("a scrape of the metrics", Acts.figures, HISTORY),
]

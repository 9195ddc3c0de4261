"""A form is opened before its delivery is noted: still one form opens, and one thing is said, however often it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from harness.world import JOON, MINA, Inline, World
from slack_sdk.errors import SlackApiError
from sqlalchemy import event

from bot.handlers.commands import Commands
from bot.handlers.rent import Rent
from bot.handlers.rent import register as register_rent
from bot.slack import payloads
from bot.slack.directory import Directory
from bot.slack.dispatcher import Dispatcher
from bot.slack.payloads import SlashCommand
from kws_core.context import Context

KEY = "trigger:123.456"


def nothing() -> None:
    """Happens."""


@dataclass
class SharedSlack:
    """Opens one form for a trigger, whichever replica asks."""

    opened: list[str] = field(default_factory=list)
    views: list[Any] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refuse: str | None = None
    meanwhile: Callable[[], None] = nothing  # while a form is being opened
    base_url = "https://slack.com/api/"

    def views_open(self, *, trigger_id: str, view: Any) -> None:
        if self.refuse or trigger_id in self.opened:
            raise SlackApiError("no", cast(Any, {"error": self.refuse or "exchanged_trigger_id"}))
        self.opened.append(trigger_id)
        self.views.append(view)
        self.meanwhile()

    def respond(self, *, text: str, **_: Any) -> None:
        self.said.append(text)

    response_url = "https://hooks.slack.com/x"
    __call__ = respond


class App:
    """Takes the listeners that a handler registers."""

    def __init__(self) -> None:
        self.listeners: dict[Any, Callable[..., None]] = {}

    def _take(self, name: Any) -> Callable[[Callable[..., None]], None]:
        return lambda listener: self.listeners.__setitem__(str(name), listener)

    command = action = view = _take


class Replica:
    """One bot, as far as `/kws rent` goes."""

    def __init__(self, world: World, slack: SharedSlack) -> None:
        self.context = Context(world.config, world.store, world.clock)
        self.slack, app = slack, App()
        directory = Directory(self.context, cast(Any, slack))
        dispatcher = Dispatcher(self.context, directory, Inline())
        self.deliveries = dispatcher.deliveries
        commands = Commands(dispatcher)
        register_rent(cast(Any, app), dispatcher, commands)
        commands.register(cast(Any, app))
        self.listen = app.listeners["/kws"]

    def type(self, words: str, trigger: str = "123.456") -> None:
        """Slack delivers what Mina typed."""
        payload = SlashCommand(
            command="/kws",
            text=words,
            user_id=MINA.id,
            team_id="T1",
            trigger_id=trigger,
            response_url="https://hooks.slack.com/x",
        )
        self.listen(ack=nothing, context={payloads.KEY: payload, "respond": self.slack})


@pytest.fixture
def slack(world: World) -> SharedSlack:
    world.members.remember_person(MINA.id, locale="en-US", guest=False, stranger=False)
    return SharedSlack()


@pytest.fixture
def first(world: World, slack: SharedSlack) -> Replica:
    return Replica(world, slack)


@pytest.fixture
def second(world: World, slack: SharedSlack) -> Replica:
    return Replica(world, slack)


def test_nothing_is_written_before_the_form_is_open(world: World, slack: SharedSlack, first: Replica) -> None:
    first.type("rent", trigger="100.1")
    seen: list[str] = []
    event.listen(world.store.engine, "before_cursor_execute", lambda _c, _u, said, *_: seen.append(said))
    slack.meanwhile = lambda: seen.append("the form")
    first.type("rent")
    before = seen[: seen.index("the form")]
    assert len(before) == 2  # who it is, and whether anything has changed since the last form
    assert all(statement.startswith("SELECT") for statement in before)
    assert not first.deliveries.first_time(KEY)


def test_forms_are_noted_together(world: World, slack: SharedSlack, first: Replica, second: Replica) -> None:
    written: list[str] = []
    event.listen(
        world.store.engine, "before_cursor_execute", lambda _c, _u, said, *_: written.append(said.split()[0])
    )
    for number in range(3):
        first.type("rent", f"1.{number}")
    assert "INSERT" not in written
    first.deliveries.write()
    first.deliveries.write()
    assert written.count("INSERT") == 1
    assert not any(second.deliveries.first_time(f"trigger:1.{number}") for number in range(3))


def test_what_cannot_be_noted_is_noted_with_the_next(
    slack: SharedSlack, first: Replica, second: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    first.type("rent")
    with monkeypatch.context() as broken:
        broken.setattr(first.context.store, "note", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            first.deliveries.write()
    first.type("rent", "100.1")
    assert second.deliveries.first_time(
        "trigger:100.1"
    )  # and writes it: that is no reason not to write the others
    first.deliveries.write()
    assert not second.deliveries.first_time(KEY)


def test_a_form_is_drawn_once_while_it_is_the_same(world: World, slack: SharedSlack, first: Replica) -> None:
    def change_language() -> None:
        world.members.remember_person(MINA.id, locale="ko-KR", guest=False, stranger=False)

    def rent_of_another() -> None:
        world.rent("web01", JOON)

    for number, change in enumerate((nothing, nothing, change_language, rent_of_another)):
        change()
        first.type("rent", f"1.{number}")
    first.type("rent container", "1.9")
    drawn = [id(view) for view in slack.views]
    assert drawn[0] == drawn[1]
    assert len({*drawn}) == 4
    assert len({str(view) for view in slack.views}) == 4


@pytest.mark.parametrize("words", ["rent", "대여 서버", "rent container"])
def test_repeated_before_it_is_noted_to_the_same_replica(
    slack: SharedSlack, first: Replica, words: str
) -> None:
    slack.meanwhile = lambda: first.type(words)
    first.type(words)
    first.type(words)
    assert (len(slack.opened), slack.said) == (1, [])


def test_repeated_before_it_is_noted_to_another_replica(
    slack: SharedSlack, first: Replica, second: Replica
) -> None:
    slack.meanwhile = lambda: second.type("rent")
    first.type("rent")
    assert (len(slack.opened), slack.said) == (1, [])


def test_repeated_when_its_trigger_is_old(slack: SharedSlack, first: Replica, second: Replica) -> None:
    first.type("rent")
    slack.refuse = "expired_trigger_id"
    first.type("rent")
    first.deliveries.write()
    second.type("rent")
    assert (len(slack.opened), slack.said) == (1, [])


def test_repeated_after_a_crash_before_it_was_noted(slack: SharedSlack, first: Replica, world: World) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    slack.meanwhile = crash
    with pytest.raises(KeyboardInterrupt):
        first.type("rent")
    slack.meanwhile = nothing
    Replica(world, slack).type("rent")
    assert (len(slack.opened), slack.said) == (1, [])


def test_what_came_too_late_is_said_once(slack: SharedSlack, first: Replica, second: Replica) -> None:
    slack.refuse = "expired_trigger_id"
    first.type("rent")
    second.type("rent")
    assert (slack.opened, len(slack.said)) == ([], 1)


def test_an_error_is_said_once(
    slack: SharedSlack, first: Replica, second: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rent, "_open", lambda *_: 1 / 0)
    first.type("rent")
    second.type("rent")
    assert len(slack.said) == 1


def test_words_are_noted_before_they_are_acted_on(
    world: World, slack: SharedSlack, first: Replica, second: Replica
) -> None:
    first.type("rent web01 debian-12 small")
    second.type("rent web01 debian-12 small")
    first.type("rent web01 debian-12 small")
    assert [rental.name for rental in world.rental_queries.all_rentals()] == ["web01"]
    assert (slack.opened, len(slack.said)) == ([], 1)

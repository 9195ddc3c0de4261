"""What the stories of the App Home are told with."""

from __future__ import annotations

from datetime import timedelta

from harness.stock import made
from harness.storybook import Story

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from slack_workspace import Person, visible_text


def home(person: Person) -> str:
    """All that the person reads there."""
    return visible_text(person.home)


def opens(story: Story, person: Person) -> Person:
    """The person looks at the App Home."""
    before = len(story.workspace.calls_of("views.publish"))
    person.open_home()
    story.workspace.wait_for(lambda: len(story.workspace.calls_of("views.publish")) > before)
    story.workspace.wait_for(lambda: person.home)
    return person


def later(story: Story, seconds: int = 5) -> None:
    """The homes' loop has its turns."""
    for _ in range(seconds):
        story.clock.advance(seconds=1)
        story.service.homes.tick()


def rented(story: Story, who: str, name: str) -> Rental:
    person = story.workspace.person(who)
    story.rent(person, name)
    story.settle()
    return next(r for r in story.rentals() if r.name == name)


def stock(story: Story, count: int) -> None:
    """So many rentals of two people, in several states."""
    people = [story.workspace.person(name).id for name in ("mina", "joon")]
    with story.service.store.write() as session:
        for n in range(count):
            ends_on = story.service.context.today() + timedelta(days=n)
            session.add(made(n, story.clock(), ends_on, owner=people[n % 2], name=f"{'n' * 50}-{n:03}"))


def events(story: Story, rental: Rental, kind: EventKind) -> list[Event]:
    return [event for event in story.service.rental_queries.history(rental.id) if event.kind is kind]


def told(story: Story, admin: Person, text: str) -> None:
    story.workspace.wait_for(lambda: admin.open_view and text in visible_text(admin.open_view))

"""People who use the bot while it is being killed: what did not work they try again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from kws_core.database.store import Store
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace import Workspace
from slack_workspace.errors import NotOnScreenError, SlackError

LOOK = 0.1  # seconds
SEES = 3.0  # seconds that a person waits before trying again


class Gone(AssertionError):
    """It does not work, however often it is tried."""


class Student:
    """A person who rents by threes: one is returned, one extended, and one left to the night."""

    def __init__(self, workspace: Workspace, store: Store, name: str, patience: float) -> None:
        self.person: Any = workspace.person(name)
        self.workspace = workspace
        self.store = store
        self.name = name
        self.patience = patience
        self.threes = 0

    def day(self, today: date, on: Callable[[], bool]) -> None:
        """Goes on for as long as ``on`` says, and ends when all is as the person wants it."""
        self.three(today)
        while on():
            self.three(today)

    def three(self, today: date) -> None:
        """Three rentals from the form to where they are to be."""
        self.threes += 1
        self.person.open_home()
        soon, later, last = (f"{self.name}n{self.threes}{letter}" for letter in "abc")
        self.rent(soon, "server", today + timedelta(days=1))
        self.rent(later, "container", today + timedelta(days=14))
        self.rent(last, "server", today + timedelta(days=4))
        self.return_rental(later)
        self.extend(last, today + timedelta(days=40))
        for name in (soon, last):
            self._until(lambda name=name: self.status(name) is Status.READY, self.patience)

    def rent(self, name: str, kind: str, until: date) -> None:
        """Fills in the form until it closes and there is a rental."""
        image = "debian-12" if kind == "server" else "nginx:latest"
        fields = {"name": name, "image": image, "ends_on": until.isoformat()}
        self._form(f"/kws rent {kind}", fields, lambda: self.rental(name) is not None)

    def extend(self, name: str, until: date) -> None:
        """The same for the form of an extension."""
        self._until(lambda: self.status(name) is Status.READY, self.patience)
        fields = {"ends_on": until.isoformat()}
        self._form(f"/kws extend {name}", fields, lambda: self.seen(name).ends_on == until)

    def return_rental(self, name: str) -> None:
        """Types the command, and clicks until it is on its way."""
        self._until(lambda: self.status(name) is Status.READY, self.patience)
        rental_id = self.seen(name).id

        def deed() -> None:
            asked = [m for m in self.person.ephemeral() if "rental_return" in str(m) and rental_id in str(m)]
            if asked:
                self.person.click("rental_return", message=asked[-1]["ts"], confirm=True)
            else:
                self.person.command(f"/kws return {name}")

        self._do(deed, lambda: self.status(name) in (Status.ENDING, Status.ENDED))

    def rental(self, name: str) -> Rental | None:
        """The rental of that name, whatever became of it."""
        with self.store.read() as session:
            return session.scalar(select(Rental).where(Rental.name == name))

    def seen(self, name: str) -> Rental:
        """The same, for one that there is."""
        found = self.rental(name)
        assert found
        return found

    def status(self, name: str) -> Status:
        """Where it is."""
        return self.seen(name).status

    def _form(self, command: str, fields: dict[str, str], done: Callable[[], bool]) -> None:
        def deed() -> None:
            if self.person.open_view is None:
                self.person.command(command)
                self._until(lambda: self.person.open_view is not None, SEES, needed=False)
            view = self.person.open_view
            if view is not None and not view.get("submit"):
                self.person.close()  # "not now": no node has said yet what it has
            elif view is not None:
                self.person.fill_form(fields)
                self.person.submit()

        self._do(deed, lambda: self.person.open_view is None and done())

    def _do(self, deed: Callable[[], None], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.patience
        while not done():
            if time.monotonic() > deadline:
                raise Gone(f"{self.name} can't do it; open: {self.person.open_view}")
            try:
                deed()
            except (NotOnScreenError, SlackError):
                time.sleep(LOOK)
            self._until(done, SEES, needed=False)

    def _until(self, what: Callable[[], bool], seconds: float, *, needed: bool = True) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            if time.monotonic() > deadline:
                if needed:
                    raise Gone(f"{self.name} waits in vain")
                return
            time.sleep(LOOK)

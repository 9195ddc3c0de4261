"""What people and the clock do with one rental on the real nodes, and what must have come of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot_process import card_of
from harness import aftermath
from lab_checks import assert_key_matches
from mortal_bot import UNTOLD, MortalBot

ZONE = ZoneInfo("Asia/Seoul")
LAST_DAY = 3  # days from the day of the request: long enough for the policy's warning of the day before
TELLS = {
    "rent": "ready",
    "extend": "extended",
    "return": "ended",
    "expiry reminder": "warned",
    "nightly cleanup": "expired",
}
WHOLE = ["group", "ip", "port", "server"]


class Acts:
    """One rental's. Each act goes on until all has come of it, and says what is wrong then."""

    def __init__(self, bot: MortalBot, clouds: dict[str, Any], marked: Callable[[str], list[str]]) -> None:
        self.bot, self.clouds, self.marked = bot, clouds, marked
        self.joon = bot.workspace.person("joon")
        self.shift = timedelta(0)  # by which the bot's clock is ahead
        self.name = ""
        self.rented_on = self.today()

    def today(self) -> date:
        """The bot's."""
        return (datetime.now(UTC) + self.shift).astimezone(ZONE).date()

    def _goes_to(self, day: date, hour: int) -> None:
        """Stops the bot; when it is started again it is five past that hour."""
        then = datetime(day.year, day.month, day.day, hour, 5, tzinfo=ZONE)
        self.shift = then - datetime.now(UTC)
        self.bot.restart(hours=self.shift / timedelta(hours=1))

    def knows_images(self) -> None:
        """The bot has just been started: until its form can be sent."""

        def ready() -> bool:
            self.joon.command("/kws rent")
            self.bot.workspace.wait_for(lambda: self.joon.open_view, timeout=5)
            view = self.joon.open_view
            self.joon.close()
            return bool(view and view.get("submit"))

        self.bot.until(ready, "the images are known")

    # -- acts

    def rent(self) -> None:
        """By the form."""
        self.rented_on = self.today()
        fields = {
            "name": self.name,
            "image": "debian-12",
            "ends_on": (self.rented_on + timedelta(days=LAST_DAY)).isoformat(),
        }
        self.bot.does(
            lambda: self._form("/kws rent", fields),
            lambda: self.joon.open_view is None and self.bot.rental(self.name),
            "rent",
        )
        self._until(lambda: ":large_green_circle:" in card_of(self.joon, self.name), "it is ready")

    def extend(self) -> None:
        """By the form."""
        until = (self.rented_on + timedelta(days=20)).isoformat()
        self.bot.does(
            lambda: self._form(f"/kws extend {self.name}", {"ends_on": until}),
            lambda: self.joon.open_view is None and self._row()["ends_on"] == until,
            "extend",
        )
        self._until(lambda: True, "it is told")

    def return_rental(self) -> None:
        """By the command and its button."""

        def deed() -> None:
            asked = self._ephemeral()
            if not asked:
                self.joon.command(f"/kws return {self.name}")
                self._soon(self._ephemeral)
                asked = self._ephemeral()
            if asked:
                self.joon.click("rental_return", message=asked[-1]["ts"])

        self.bot.does(deed, lambda: self._row()["status"] in ("ending", "ended"), "return")
        self._until(lambda: ":white_circle:" in card_of(self.joon, self.name), "it is gone")

    def warn(self) -> None:
        """The morning of the day before the last one: all that happens is the bot's own doing."""
        self.bot.start()
        self._until(lambda: "warned" in self.bot.history(self.name), "it is warned of")

    def night(self) -> None:
        """The midnight after the last day."""
        self.bot.start()
        self._until(lambda: self._row()["status"] == "ended", "it is gone")

    def prepare(self, act: str) -> None:
        """What goes before it."""
        if act == "expiry reminder":
            self._goes_to(self.rented_on + timedelta(days=LAST_DAY - 1), 9)
        elif act == "nightly cleanup":
            self._goes_to(self.rented_on + timedelta(days=LAST_DAY + 1), 0)

    def deed(self, act: str) -> Callable[[], None]:
        """The act of that name."""
        deeds = {
            "rent": self.rent,
            "extend": self.extend,
            "return": self.return_rental,
            "expiry reminder": self.warn,
        }
        return deeds.get(act, self.night)

    def last_summary(self, nights: int) -> None:
        """The summary of the last night waits for the minute's tick; a start is one as well."""
        self.bot.restart()
        self.bot.start()
        admin = self.bot.workspace.person("admin")

        def summaries() -> int:
            return sum(aftermath.first_block(m).startswith("admin-notice-") for m in admin.dm())

        self.bot.until(lambda: summaries() >= nights, f"{nights} summaries")
        assert summaries() == nights

    # -- what must hold afterwards

    def problems(self, act: str) -> list[str]:
        """Everything that is not as it must be after that act."""
        history, found = self.bot.history(self.name), []
        once = [kind for kind in set(history) if kind not in ("queued",) and history.count(kind) != 1]
        found += [f"{history.count(kind)} times {kind}" for kind in once]
        found += self._told(TELLS[act])
        found += aftermath.shown_twice(aftermath.messages(self.bot.workspace))
        there = sorted(entry.split(":")[1] for entry in self.marked(self._row()["id"]))
        over = act in ("return", "nightly cleanup")
        if there != ([] if over else WHOLE):
            found.append(f"on the nodes: {there}")
        if not over:
            try:
                assert_key_matches(self.joon, self.clouds, self.bot.bot, self.name)
            except AssertionError as error:
                found.append(f"keys: {error}")
        return found + [f"Slack: {violation}" for violation in self.bot.workspace.violations]

    def _told(self, kind: str) -> list[str]:
        """Its message, shown once."""
        query = "SELECT events.id AS id FROM events JOIN rentals ON rentals.id = rental_id WHERE name = ?"
        wanted = {
            f"notice-{row['id']}" for row in self.bot.rows(f"{query} AND events.kind = ?", self.name, kind)
        }
        shown = [m for m in self.joon.dm() if aftermath.first_block(m) in wanted]
        return [] if len(shown) == 1 else [f"{kind} is shown {len(shown)} times"]

    # -- by hand

    def _row(self) -> Any:
        row = self.bot.rental(self.name)
        assert row, f"{self.name} is lost"
        return row

    def _form(self, command: str, fields: dict[str, str]) -> None:
        """Opens it, unless it is still open, fills it in and submits it."""
        if self.joon.open_view is None:
            self.joon.command(command)
            self._soon(lambda: self.joon.open_view)
        view = self.joon.open_view
        if view is None:
            return
        if not view.get("submit"):
            self.joon.close()
            return
        self.joon.fill_form(fields)
        self.joon.submit()

    def _soon(self, what: Callable[[], object]) -> None:
        """Waits as people do, who see nothing come."""
        end = time.monotonic() + 4
        process = self.bot.bot.process
        while not what() and time.monotonic() < end and process and process.poll() is None:
            time.sleep(0.05)

    def _ephemeral(self) -> list[Any]:
        return [m for m in self.joon.ephemeral() if self.name in str(m) and "rental_return" in str(m)]

    def _until(self, done: Callable[[], object], what: str) -> None:
        """Until it is so, and everybody has been told."""
        self.bot.until(lambda: done() and not self.bot.rows(UNTOLD), what)

"""The demo's clock: it runs like a real one and can be moved forward, past warnings and nightly cleanups."""

from __future__ import annotations

import logging
import threading
import time as real_time
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.service import Service
from kws_core.rentals.queries import RentalQueries
from kws_core.tables.states import Status

log = logging.getLogger(__name__)

STOPS = (time(0, 0), time(9, 0))  # of each day, in the lab's zone: nightly cleanup, reminders
JUST_AFTER = timedelta(seconds=2)
LOOK = 0.05  # seconds between looks whether the bot has caught up
PATIENCE = 3.0  # seconds that it gets at each stop ...
WHOLE_PATIENCE = 15.0  # ... and altogether: a dead node keeps its rentals waiting
SETTLED = {Status.READY, Status.STOPPED}


class DemoClock:
    """Real time plus what was skipped. Any thread may ask."""

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._skipped = start - datetime.now(UTC) if start else timedelta(0)

    def now(self) -> datetime:
        """The demo's time, in UTC."""
        with self._lock:
            return datetime.now(UTC) + self._skipped

    def seconds(self) -> float:
        """The same as a UNIX time, for the workspace."""
        return self.now().timestamp()

    @property
    def skipped(self) -> float:
        """Seconds that the demo is ahead of the real clock."""
        with self._lock:
            return self._skipped.total_seconds()

    def move_to(self, moment: datetime) -> None:
        """Forward only."""
        with self._lock:
            self._skipped = max(self._skipped, moment - datetime.now(UTC))


class TimeTravel:
    """Moves the clock to each midnight and each 9 o'clock on the way, and lets the bot work there."""

    def __init__(self, clock: DemoClock, service: Service) -> None:
        self._clock = clock
        self._service = service
        self._zone = service.context.config.kws.zone
        self._busy = threading.Lock()
        self._stop = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether time is being skipped now."""
        return self._busy.locked()

    def start(self, step: str) -> None:
        """Skip an "hour", a "day", a "week" or to the next "midnight", on a thread; nothing while busy."""
        target = self._target(step)
        if self._busy.acquire(blocking=False):
            threading.Thread(target=self._travel, args=(target,), name="time", daemon=True).start()

    def close(self) -> None:
        """Stop at the next stop."""
        self._stop.set()

    def _target(self, step: str) -> datetime:
        now = self._clock.now()
        if step == "midnight":
            return next(stops(now, now + timedelta(days=2), self._zone, STOPS[:1])) + JUST_AFTER
        return now + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[step]

    def _travel(self, target: datetime) -> None:
        patience = real_time.monotonic() + WHOLE_PATIENCE
        try:
            self._settle(patience)  # a leap in time would look like a node that doesn't respond
            for stop in stops(self._clock.now(), target, self._zone):
                if self._stop.is_set():
                    return
                self._arrive(stop + JUST_AFTER, patience)
            self._arrive(target, patience)
        except Exception:
            log.exception("can't advance the clock")
        finally:
            self._busy.release()

    def _arrive(self, moment: datetime, patience: float) -> None:
        self._clock.move_to(moment)
        self._service.nightly.tick()
        self._service.monthly.tick()
        self._settle(patience)
        self._service.nightly.tick()  # what the pass has to say once everything is gone
        self._service.admin_notices.deliver_due()

    def _settle(self, patience: float) -> None:
        """Until nothing is being created, deleted or told, or patience has ended."""
        context, outbox = self._service.context, self._service.notifier.outbox
        until = min(patience, real_time.monotonic() + PATIENCE)

        def settled() -> bool:
            return not outbox.due() and all(
                one.status in SETTLED for one in RentalQueries(context).all_rentals()
            )

        context.work.set()
        context.mail.set()
        while not settled() and real_time.monotonic() < until and not self._stop.wait(LOOK):
            pass


def stops(
    since: datetime, until: datetime, zone: ZoneInfo, times: tuple[time, ...] = STOPS
) -> Iterator[datetime]:
    """The moments between the two at which the lab's clock shows one of the times, in order."""
    day = since.astimezone(zone).date()
    while day <= until.astimezone(zone).date():
        for at in times:
            moment = datetime.combine(day, at, zone).astimezone(UTC)
            if since < moment < until:
                yield moment
        day += timedelta(days=1)

"""Trouble on request: failing calls, lost answers, late and doubled deliveries, rate limits."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

TIERS = {  # calls a minute that Slack promises a bot, in one workspace
    "chat.update": 50, "conversations.history": 50, "conversations.open": 50, "conversations.replies": 50,
    "chat.postMessage": 300, "files.completeUploadExternal": 100, "files.getUploadURLExternal": 100,
    "users.info": 100, "usergroups.users.list": 20, "views.open": 100, "views.publish": 100,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One planned misfortune of a call; see `Faults.fail`."""

    status: int | None = None
    error: str | None = None
    retry_after: int | None = None
    before: float = 0.0
    drop_after: bool = False
    drop_before: bool = False


class Faults:
    """`fail("chat.postMessage", status=429, retry_after=1, times=2)` and friends.

    Names that can fail: any Web API method, `upload` (the POST of the bytes), `response_url`, and `*`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._planned: dict[str, deque[Fault]] = defaultdict(deque)
        self._duplicates: dict[str, int] = defaultdict(int)
        self._delays: deque[float] = deque()
        self._per_channel: float | None = None
        self._last_post: dict[str, float] = {}
        self._tiers = False
        self._allowance: dict[str, tuple[float, float]] = {}  # by method: calls left, as of when
        self.limited: Counter[str] = Counter()  # 429s of these two limits, by method

    def fail(
        self,
        method: str,
        *,
        status: int | None = None,
        error: str | None = None,
        retry_after: int | None = None,
        before: float = 0.0,
        drop_after: bool = False,
        drop_before: bool = False,
        times: int = 1,
    ) -> None:
        """Plan trouble for the next `times` calls.

        `status` answers with that HTTP status, `error` with `{"ok": false, "error": …}`; `before` waits
        this number of seconds first; `drop_after` performs the call and closes the connection without an
        answer; `drop_before` closes it without performing.
        """
        fault = Fault(status, error, retry_after, before, drop_after, drop_before)
        with self._lock:
            self._planned[method].extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """The trouble planned for this call, now used up."""
        with self._lock:
            for name in (method, "*"):
                if self._planned[name]:
                    return self._planned[name].popleft()
        return None

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
            self._duplicates.clear()
            self._delays.clear()
            self._per_channel = None
            self._tiers = False

    def duplicate_next(self, kind: str, times: int = 1) -> None:
        """Deliver the next payload of that kind twice (view_submission, slash_commands, events_api…)."""
        with self._lock:
            self._duplicates[kind] += times

    def take_duplicate(self, *kinds: str) -> bool:
        with self._lock:
            for kind in kinds:
                if self._duplicates[kind]:
                    self._duplicates[kind] -= 1
                    return True
        return False

    def late_next(self, seconds: float) -> None:
        """Hold the next payload back on its way to the bot; the person's 3 seconds run already."""
        with self._lock:
            self._delays.append(seconds)

    def take_delay(self) -> float:
        """Return the seconds to wait before the next answer."""
        with self._lock:
            return self._delays.popleft() if self._delays else 0.0

    def limit_rate(self, seconds_per_message: float | None = 1.0) -> None:
        """Answer 429 to a chat.postMessage that follows the previous one in its channel too soon."""
        with self._lock:
            self._per_channel = seconds_per_message

    def too_soon(self, channel: str) -> int | None:
        """Seconds to wait (the Retry-After), or None when the message may go."""
        with self._lock:
            now = self._clock()
            if self._per_channel is None:
                return None
            wait = self._last_post.get(channel, float("-inf")) + self._per_channel - now
            if wait > 0:
                self.limited["chat.postMessage"] += 1
                return max(1, int(wait + 0.999))
            self._last_post[channel] = now
            return None

    def limit_tiers(self) -> None:
        """Answer 429 to what exceeds `TIERS`: a minute's calls may come in one burst, then they must be spread."""
        with self._lock:
            self._tiers = True

    def over_tier(self, method: str) -> int | None:
        """Seconds to wait (the Retry-After), or None when the call may go."""
        with self._lock:
            if not self._tiers or method not in TIERS:
                return None
            now, most = self._clock(), TIERS[method]
            left, at = self._allowance.get(method, (float(most), now))
            left = min(most, left + (now - at) * most / 60)
            if left < 1:
                self._allowance[method] = (left, now)
                self.limited[method] += 1
                return max(1, round((1 - left) * 60 / most))
            self._allowance[method] = (left - 1, now)
            return None

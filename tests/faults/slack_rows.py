"""Faults of Slack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from faults.bench import Bench
from faults.node_rows import over, ready
from faults.rows import Row
from kws_core.tables.states import Status

METHODS = (
    "files.completeUploadExternal", "chat.postMessage", "chat.update", "conversations.open",
    "files.getUploadURLExternal", "upload",
)  # fmt: skip
AT_METHODS = "each call that notifies the owner"
STEPS = (
    ("files.completeUploadExternal", {"drop_after": True}),
    ("files.getUploadURLExternal", {"status": 503}),
    ("files.getUploadURLExternal", {"drop_after": True}),
    ("upload", {"status": 500}),
    ("upload", {"drop_after": True}),
    ("files.completeUploadExternal", {"status": 503}),
)
DELETED = 60  # seconds


def failing(times: int = 1, **fault: Any) -> Callable[[Bench, Any], None]:
    """That method fails so often."""

    def play(bench: Bench, method: str) -> None:
        bench.workspace.faults.fail(method, times=times, **fault)
        bench.strike()
        bench.rent()
        ready(bench)
        assert bench.workspace.faults.take(method) is None, "it never struck"

    return play


def unheard(bench: Bench, strike: tuple[str, str]) -> None:
    method, how = strike
    failing(**{how: True})(bench, method)


def upload(bench: Bench, strike: tuple[str, dict[str, Any]]) -> None:
    method, fault = strike
    failing(**fault)(bench, method)


def closed_dm(bench: Bench, strike: tuple[str, str]) -> None:
    method, error = strike
    bench.workspace.faults.fail(method, error=error)
    bench.strike()
    bench.rent()
    over(bench)
    bench.workspace.faults.clear()


def no_channel(bench: Bench, _: str) -> None:
    """A DM that is no more, though the person is there: it is opened anew."""
    failing(error="channel_not_found")(bench, "chat.postMessage")


def left(bench: Bench, _: str) -> None:
    """The account is closed between the wish and the first message."""
    bench.rent()
    bench.workspace.deactivate("joon")
    bench.strike()
    over(bench)


def away(bench: Bench, seconds: int) -> None:
    """Nothing of Slack answers, after this number of seconds of creating."""
    bench.rent()
    bench.pass_time(seconds)
    bench.loses_slack(DELETED)
    ready(bench)
    bench.workspace.wait_connected(2, timeout=60)


def cut_off(bench: Bench, which: str) -> None:
    """Joon types until the form opens."""
    bench.strike()
    bench.workspace.disconnect(which, abrupt=True)
    bench.recovers(lambda: typed(bench, "/kws rent"), 60)
    bench.submit()
    bench.until(lambda: bench.told(Status.READY), 60)


def typed(bench: Bench, words: str) -> bool:
    outcome = bench.joon.command(words)
    bench.sights.form(outcome)
    if not outcome.acked:
        return False
    try:
        bench.workspace.wait_for(lambda: bench.joon.open_view, 2)
    except TimeoutError:
        return False
    return True


def late(bench: Bench, seconds: float) -> None:
    """Both the command and the form come late; Joon does everything again that seems not to have worked."""
    faults = bench.workspace.faults
    bench.strike()
    faults.late_next(seconds)
    bench.until(lambda: typed(bench, "/kws rent"), 60)
    faults.late_next(seconds)
    bench.until(lambda: sent(bench), 60)
    ready(bench)


def sent(bench: Bench) -> bool:
    outcome = bench.submit() if bench.joon.open_view else None
    return bench.joon.open_view is None or (outcome is not None and outcome.acked)


def doubled(bench: Bench, _: str) -> None:
    for kind in ("slash_commands", "view_submission", "block_actions", "events_api"):
        bench.workspace.faults.duplicate_next(kind)
    bench.strike()
    bench.rent()
    ready(bench)


ROWS = (
    Row("Slack responds 429 (Retry-After 10)", AT_METHODS, failing(2, status=429, retry_after=10), METHODS),
    Row("Slack responds 429 (Retry-After 120)", AT_METHODS, failing(status=429, retry_after=120), METHODS),
    Row("Slack responds 500", AT_METHODS, failing(2, status=500), METHODS),
    Row("Slack responds 503", AT_METHODS, failing(2, status=503), METHODS),
    Row("Slack drops a connection", AT_METHODS + ": not executed, or executed without a response", unheard,
        [(method, how) for how in ("drop_after", "drop_before") for method in METHODS]),
    Row("Slack is away for a minute", "after 1, 2, or 3 s of creating", away, (1, 2, 3)),
    Row("Slack's sockets are cut", "one of two, or both, when a command is sent", cut_off, ("all", "one"), real=True),
    Row("Slack delivers twice", "command, form, clicks, events", doubled),
    Row("Slack delivers 2 s late", "command and form", late, (2.0,), real=True),
    Row("Slack delivers 4 s late", "command and form", late, (4.0,), real=True),
    Row("DM is unavailable", "cannot_dm_bot or user_disabled, at the first message", closed_dm,
        [("conversations.open", "cannot_dm_bot"), ("conversations.open", "user_disabled"), ("chat.postMessage", "cannot_dm_bot")]),
    Row("DM is unavailable", "channel_not_found, but the person is still a member", no_channel),
    Row("DM is unavailable", "the account is closed before the first message", left),
    Row("upload of the key fails", "before, during, and after each of its three steps", upload, STEPS),
)  # fmt: skip

"""Faults of Slack and of nodes while somebody asks an admin for more days, and while the admin decides."""

from __future__ import annotations

from typing import Any

from harness import aftermath

from bot.views import ids
from faults.bench import Bench
from faults.node_rows import one_ready
from faults.rows import Row, approve, ask, requests_shown
from slack_workspace import visible_text

AWAY = 60  # seconds
HEARD = ("drop_after", "drop_before")
STRIKES = [(method, how, when) for when in ("asked", "decided") for method in ("chat.postMessage", "chat.update")
           for how in HEARD]  # fmt: skip


def granted(bench: Bench) -> bool:
    """The rental lasts longer, and everybody knows."""
    open_ones = bench.service.nightly.asks.open()
    lasts = all(rental.ends_on > bench.service.context.expiry.choices.latest(bench.service.context.today())
                for rental in bench.rentals())  # fmt: skip
    told = not bench.undelivered() and not bench.service.admin_notices.box.due()
    return not open_ones and lasts and told


def once(bench: Bench) -> None:
    """One message to the admins, without buttons; one answer to its owner."""
    shown = requests_shown(bench)
    assert len(shown) == 1, f"{len(shown)} messages to the admins"
    assert ids.Action.ASK_APPROVE not in str(shown), "a button is left"
    notices = [m for m in bench.joon.dm() if aftermath.first_block(m).startswith(ids.NOTICE)]
    answers = [m for m in notices if "approved your request" in visible_text(m)]
    assert len(answers) == 1, f"{len(answers)} answers"


def unheard(bench: Bench, strike: tuple[str, str, str]) -> None:
    """Slack drops the connection of a call: of the request, or of the answer."""
    method, how, when = strike
    fault: dict[str, Any] = {how: True}
    one_ready(bench)
    if when == "asked":
        bench.workspace.faults.fail(method, **fault)
        bench.strike()
    ask(bench)
    bench.until(lambda: requests_shown(bench), 120)
    if when == "decided":
        bench.workspace.faults.fail(method, **fault)
        bench.strike()
    approve(bench)
    bench.recovers(lambda: granted(bench), 180)
    once(bench)


def away(bench: Bench, when: str) -> None:
    """Nothing of Slack answers for a minute, as soon as it was asked, or decided."""
    one_ready(bench)
    ask(bench)
    if when == "decided":
        bench.until(lambda: requests_shown(bench), 60)
        approve(bench)
    bench.loses_slack(AWAY)
    if when == "asked":
        bench.workspace.wait_connected(2, timeout=60)
        bench.until(lambda: requests_shown(bench), 120)
        approve(bench)
    bench.recovers(lambda: granted(bench), 180)
    once(bench)
    bench.workspace.wait_connected(2, timeout=60)


def no_node(bench: Bench, seconds: int) -> None:
    """More days are asked for and approved while no node answers: no node is needed for that."""
    one_ready(bench)
    for cloud in bench.clouds.values():
        cloud.refuse()
    bench.strike()
    ask(bench)
    bench.until(lambda: requests_shown(bench), 120)
    approve(bench)
    bench.pass_time(seconds)
    for cloud in bench.clouds.values():
        cloud.listen()
    bench.over()
    bench.recovers(lambda: granted(bench), 180)
    once(bench)


ROWS = (
    Row("Slack drops a connection", "while an admin is asked, and while one decides: not executed, or executed without a response",
        unheard, STRIKES),
    Row("Slack is away for a minute", "after an admin was asked, or has decided", away, ("asked", "decided")),
    Row("no node responds", "while an admin is asked and decides, and a minute more", no_node, (60,), noisy=True),
)  # fmt: skip

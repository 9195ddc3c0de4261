"""Faults of a node, or of Slack, while somebody has a server that runs: power, new keys, key files."""

from __future__ import annotations

import itertools
from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.node_rows import BUSY, HALF, LATE, LIST, OOPS, PAGE, at_rest_and_ready, one_ready
from faults.rows import Row

ACTION = ("POST", "/action$")
METADATA = ("POST", "/metadata$")
OUTAGE = 60  # seconds
ANSWERS = (OOPS, LATE, BUSY, HALF, PAGE, LIST)
KEY_CALLS = [(*METADATA, False), (*ACTION, False), (*METADATA, True), (*ACTION, True)]
REMOVAL = (
    {"status": 429, "retry_after": 10}, {"status": 503}, {"drop_after": True}, {"drop_before": True},
    {"error": "internal_error"},
)  # fmt: skip


def press(bench: Bench, button: str) -> Any:
    """Joon clicks a button of his card, and says yes where he is asked."""
    outcome = bench.joon.click(button, where="message", confirm=True)
    bench.sights.form(outcome)
    return outcome


def server(bench: Bench) -> Any:
    """The one server of node1."""
    (only,) = bench.clouds["node1"].stock.servers.values()
    return only


def shows(bench: Bench, button: str) -> bool:
    """Whether his card has that button."""
    return any(f"'action_id': '{button}'" in str(message) for message in bench.joon.dm())


def power_cut(bench: Bench, seconds: int) -> None:
    """The PC is off for so long, and comes back with its server stopped."""
    one_ready(bench)
    bench.clouds["node1"].refuse()
    bench.strike()
    bench.pass_time(seconds)
    server(bench).off = True
    bench.clouds["node1"].listen()
    bench.over()
    bench.recovers(
        lambda: not server(bench).off and shows(bench, "rental_stop") and at_rest_and_ready(bench), 300
    )


def start_fails(bench: Bench, answer: Answer) -> None:
    """The PC is back, and refuses to start anything for a while."""
    one_ready(bench)
    cloud = bench.clouds["node1"]
    cloud.refuse()
    bench.pass_time(OUTAGE)
    server(bench).off = True
    cloud.trouble(answer, *ACTION)
    cloud.listen()
    bench.strike()
    bench.pass_time(OUTAGE)
    assert cloud.faced, "it never struck"
    cloud.well()
    bench.over()
    bench.recovers(lambda: not server(bench).off and at_rest_and_ready(bench), 300)


def stopped_behind_our_back(bench: Bench, _: str) -> None:
    """Somebody powers it off inside; Joon starts it from the card."""
    one_ready(bench)
    server(bench).off = True
    bench.strike()
    bench.until(lambda: shows(bench, "rental_start") and not bench.undelivered(), 75)
    press(bench, "rental_start")
    bench.recovers(lambda: not server(bench).off and shows(bench, "rental_stop"), 300)


def pressed(bench: Bench, strike: tuple[Answer, bool]) -> None:
    """The node fails at the click on Stop; Joon clicks until it is off."""
    answer, after = strike
    one_ready(bench)
    cloud = bench.clouds["node1"]
    cloud.trouble(answer, *ACTION, after=after, times=1)
    bench.strike()
    press(bench, "rental_stop")
    bench.workspace.wait_for(lambda: cloud.faced, 10)
    bench.pass_time(20)
    if not server(bench).off:
        press(bench, "rental_stop")
    bench.recovers(lambda: server(bench).off and shows(bench, "rental_start"), 120)


def rekeyed(bench: Bench, strike: tuple[Answer, tuple[str, str, bool]]) -> None:
    """The node fails at one call of a key reset, for a while."""
    answer, (method, path, after) = strike
    one_ready(bench)
    cloud = bench.clouds["node1"]
    cloud.trouble(answer, method, path, after=after, times=2)
    bench.strike()
    press(bench, "rental_new_key")
    bench.until(lambda: cloud.faced, 120)
    bench.recovers(lambda: at_rest_and_ready(bench) and all(r.rekey is None for r in bench.rentals()), 900)
    bench.old_keys = 1


def key_files(bench: Bench) -> list[str]:
    """The private keys in his direct messages."""
    return [file["name"] for file in bench.joon.files()]


def kept_file(bench: Bench, fault: dict[str, Any]) -> None:
    """Slack does not remove the file of the key that Joon has saved."""
    one_ready(bench)
    assert key_files(bench)
    bench.workspace.faults.fail("files.delete", times=2, **fault)
    bench.strike()
    press(bench, "rental_key_saved")
    bench.recovers(lambda: not key_files(bench) and at_rest_and_ready(bench), 600)
    assert bench.workspace.faults.take("files.delete") is None, "it never struck"
    bench.keys_saved = True


ROWS = (
    Row("node loses power", "for 1 or 10 minutes, while a server is running", power_cut, (60, 600)),
    Row("node loses power", "and then refuses to start the server for a minute", start_fails, ANSWERS, noisy=True),
    Row("server is shut down from inside", "while it is running", stopped_behind_our_back),
    Row("node fails at a click", "Stop: not executed, or executed without a response", pressed,
        [*((answer, False) for answer in ANSWERS), (HALF, True)]),
    Row("node fails at a key reset", "each call: not executed, or executed without a response", rekeyed,
        list(zip(itertools.cycle(ANSWERS[:3]), KEY_CALLS))),
    Row("Slack fails to remove a key file", "at the request, twice", kept_file, REMOVAL),
)  # fmt: skip

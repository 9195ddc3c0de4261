"""Faults of a node. Where it is not said otherwise, node1 was chosen and node2 is well."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.rows import Row
from kws_core.tables.states import Status

LOOKS = [
    ("GET", path, False) for path in ("/security-groups$", "/servers/detail$", "/servers$", "/servers/[^/]+$")
]
MAKES = [
    ("POST", f"/{path}$")
    for path in ("servers", "floatingips", "ports", "security-groups", "security-group-rules")
]
NOT_DONE = [(method, path, False) for method, path in MAKES]
UNSAID = [(method, path, True) for method, path in MAKES]
EVERY_CALL = [UNSAID[0], *NOT_DONE, *UNSAID[1:], *LOOKS]  # the most dangerous first: the samples take that
AT_CALLS = "each call while creating: not executed, or executed without a response"
AT_SECONDS = "each second while creating"
SECONDS = (0, 1, 2, 3)  # asked for, address, key, server
READY = (Status.READY,)
LATER = 30  # seconds until it is over
MOST_ASKED = 12  # requests to a node that fails, in that time: what its breaker lets through


def nova(status: int, key: str, message: str, **more: Any) -> Answer:
    return Answer(status, {key: {"code": status, "message": message}}, **more)


def neutron(status: int, kind: str) -> Answer:
    return Answer(status, {"NeutronError": {"type": kind, "message": "no", "detail": ""}})


BUSY = nova(429, "overLimit", "slower", headers=(("Retry-After", "20"),))
OOPS = nova(500, "computeFault", "Unexpected API Error")
LATE = nova(503, "serviceUnavailable", "later")
CLASH = nova(409, "conflictingRequest", "busy")
HALF = Answer(cut=True)
PAGE = Answer(200, "<html>It works!</html>")
LIST = Answer(200, ["not", "an", "object"])
WHO = nova(401, "error", "The request you have made requires authentication.")


def ready(bench: Bench, within: float = 300) -> None:
    bench.recovers(lambda: bench.told(*READY), within)


def over(bench: Bench, within: float = 300) -> None:
    bench.recovers(lambda: bench.told(Status.ENDED), within)


def struck(bench: Bench) -> None:
    """A fault that never struck proves nothing."""
    assert bench.clouds["node1"].faced, "it never struck"
    bench.clouds["node1"].well()


def answers(answer: Answer) -> Callable[[Bench, Any], None]:
    """node1 answers so to one sort of call, until after recovery."""

    def play(bench: Bench, strike: tuple[str, str, bool]) -> None:
        method, path, after = strike
        spoilt = Answer(answer.status, '{"half": ', cut=True) if answer.cut and not after else answer
        bench.clouds["node1"].trouble(spoilt, method, path, after=after)
        bench.strike()
        bench.rent()
        ready(bench)
        struck(bench)

    return play


def unsaid(bench: Bench, strike: tuple[str, str, bool]) -> None:
    """The only node does it once, and cuts its answer off."""
    method, path, after = strike
    bench.clouds["node1"].trouble(HALF, method, path, after=after, times=1)
    bench.strike()
    bench.rent()
    ready(bench)
    struck(bench)


def no_other_node(bench: Bench, answer: Answer | None) -> None:
    """The only node fails for a while at everything; None: nothing listens."""
    cloud = bench.clouds["node1"]
    bench.strike()
    bench.rent()
    bench.beat()
    fail(bench, answer)
    before = len(cloud.requests)
    bench.pass_time(LATER)
    asked = len(cloud.requests) - before
    assert asked or answer is None, "it never struck"
    assert asked <= MOST_ASKED, f"a sick node was asked {asked} times in {LATER} s"
    heal(bench)
    ready(bench)


def fail(bench: Bench, answer: Answer | None) -> None:
    cloud = bench.clouds["node1"]
    if answer is None:
        cloud.refuse()
    else:
        cloud.trouble(Answer(200, '{"half": ', cut=True) if answer.cut else answer)


def heal(bench: Bench) -> None:
    cloud = bench.clouds["node1"]
    cloud.listen()
    cloud.well()
    bench.over()


def while_deleted(bench: Bench, answer: Answer | None) -> None:
    """The node fails for a while from the moment on at which the rental is returned."""
    one_ready(bench)
    fail(bench, answer)
    bench.strike()
    bench.return_rental()
    bench.pass_time(LATER)
    heal(bench)
    over(bench)


def one_ready(bench: Bench) -> None:
    bench.rent()
    bench.until(lambda: at_rest_and_ready(bench), 60)


def at_rest_and_ready(bench: Bench) -> bool:
    return bench.told(*READY)


def at_second(begin: Callable[[Bench], None], end: Callable[[Bench], None]) -> Callable[[Bench, Any], None]:
    """``begin`` so many seconds after the wish, ``end`` after recovery."""

    def play(bench: Bench, strike: int) -> None:
        bench.rent()
        for _ in range(strike):
            bench.beat()
        bench.strike()
        begin(bench)
        ready(bench)
        end(bench)

    return play


def refused(bench: Bench) -> None:
    bench.clouds["node1"].refuse()


def listening(bench: Bench) -> None:
    bench.clouds["node1"].listen()


def silent(bench: Bench) -> None:
    bench.clouds["node1"].trouble(Answer(silent=True))


def hung(bench: Bench, strike: float) -> None:
    bench.rent()
    if strike:
        bench.until(lambda: bench.clouds["node1"].stock.servers, 30)
    bench.strike()
    silent(bench)
    ready(bench, 120)
    struck(bench)


def forgotten(bench: Bench) -> None:
    bench.clouds["node1"].forget_tokens()


def locked_out(bench: Bench) -> None:
    bench.clouds["node1"].trouble(WHO)


def quota(bench: Bench, strike: str) -> None:
    cloud = bench.clouds["node1"]
    if strike == "servers":
        cloud.stock.instances = 0
    else:
        cloud.trouble(neutron(409, "OverQuota"), "POST", f"/{strike}$")
    bench.strike()
    bench.rent()
    (ready if len(bench.clouds) > 1 else over)(bench)
    cloud.well()
    cloud.stock.instances = 50


def breaks(bench: Bench, fault: str) -> None:
    bench.clouds["node1"].stock.next_faults = [fault]
    bench.strike()
    bench.rent()
    (ready if len(bench.clouds) > 1 else over)(bench)


def exhausted(bench: Bench, _: str) -> None:
    bench.clouds["node1"].stock.pool = []
    bench.strike()
    bench.rent()
    (ready if len(bench.clouds) > 1 else over)(bench)


def skewed(bench: Bench, hours: float) -> None:
    for cloud in bench.clouds.values():
        cloud.skew = hours * 3600
        cloud.forget_tokens()
    bench.strike()
    bench.rent()
    ready(bench)


def stuck(bench: Bench, _: str) -> None:
    one_ready(bench)
    bench.clouds["node1"].stock.stuck = True
    bench.strike()
    bench.return_rental()
    bench.pass_time(600)
    bench.clouds["node1"].stock.stuck = False
    bench.over()
    over(bench)


NO_HOST, ABORTED = "No valid host was found. ", "Build of instance aborted: Failed to allocate the network(s)"
SILENCES = (None, OOPS, LATE, BUSY, HALF, PAGE, LIST)
QUOTAS = ("servers", "ports", "floatingips", "security-groups")
ROWS = (
    Row("node refuses connections", AT_SECONDS, at_second(refused, listening), SECONDS),
    Row("node hangs", "at the request, or while creating", hung, (0, 1), real=True),
    Row("node loses its tokens: 401", AT_SECONDS, at_second(forgotten, lambda bench: None), SECONDS),
    Row("node rejects the password of KWS: 401", AT_SECONDS, at_second(locked_out, struck), SECONDS),
    Row("node responds 403: quota", "each create call", quota, QUOTAS),
    Row("node responds 403: quota", "the same, without another node", quota, QUOTAS, nodes=1),
    Row("node responds 409", "each create call", answers(CLASH), NOT_DONE),
    Row("node responds 409", "for 30 s during deletion", while_deleted, (CLASH,)),
    Row("node responds 429", AT_CALLS, answers(BUSY), EVERY_CALL),
    Row("node responds 500", AT_CALLS, answers(OOPS), EVERY_CALL),
    Row("node responds 503", AT_CALLS, answers(LATE), EVERY_CALL),
    Row("truncated response", AT_CALLS, answers(HALF), EVERY_CALL),
    Row("unexpected JSON, or none", AT_CALLS, lambda bench, strike: answers(strike[0])(bench, strike[1]),
        list(zip(itertools.cycle((PAGE, LIST)), EVERY_CALL))),
    Row("truncated response", "each create call, executed without a response; no other node", unsaid, UNSAID, nodes=1),
    Row("refused, 429, 5xx, truncated, or wrong JSON", "for 30 s while creating; no other node", no_other_node, SILENCES, nodes=1),
    Row("refused, 429, 5xx, truncated, or wrong JSON", "for 30 s during deletion", while_deleted, SILENCES),
    Row("nodes' clocks are wrong", "2 hours or 2 days, ahead or behind", skewed, (-2, 2, -48, 48)),
    Row("server goes to ERROR", "when the node has created it", breaks, (NO_HOST, ABORTED)),
    Row("server goes to ERROR", "the same, without another node", breaks, (NO_HOST, ABORTED), nodes=1),
    Row("server is stuck deleting", "for 10 minutes after the return", stuck),
    Row("floating IPs are exhausted", "after the node's capacity was read", exhausted),
    Row("floating IPs are exhausted", "the same, without another node", exhausted, nodes=1),
)  # fmt: skip

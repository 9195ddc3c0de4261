"""Every payload that Slack can send, with hostile values and in broken shapes, through the real Bolt app.

Nothing may be logged as a failure of ours, nobody may be shown a traceback, nothing that was typed may ping or be
markup, Slack must not be sent what it would refuse, and no rental may get stuck.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest
from harness.sampling import THOROUGH, every
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security import hostile
from security.bench import Bench, Json, form
from security.test_who_may import Stage
from security.test_who_may import stage as stage  # noqa: PLC0414 - the same stage
from security.who_may import AS, TABLE

from bot.slack.payloads import BadPayloadError, BlockSuggestion, answers_to_slack, read
from bot.views import ids

OURS = re.compile(r"<(?:@[UW]\w+|!date\^\d+\^[^|>]*\|[^>]*|https?://[^|>]*(?:\|[^>]*)?|mailto:[^>]*)>")
ROOT = Path(__file__).parents[2]
FINE = {200, 404}
IN_TURN = 10  # the fast tests try each tenth row
CASES = int(os.environ.get("KWS_CASES") or (15 if THOROUGH else 1))
CONTENT = {"text", "value", "selected_user", "selected_date", "private_metadata", "block_id", "tab"}
SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=CASES)


class Failures(logging.Handler):
    """What is logged as our own failure."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(logging.Formatter().format(record))


def survives(bench: Bench, payload: Any, typed: str = "") -> None:
    """Sends it, and looks at everything that could be wrong then."""
    failures = Failures()
    calls, answers = len(bench.workspace.calls), len(bench.answers)
    logging.getLogger().addHandler(failures)
    try:
        bench.send(payload)
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        failures.seen += _ours(error)  # only Bolt may fail, before anything of ours
    finally:
        logging.getLogger().removeHandler(failures)
    assert failures.seen == []
    assert all(answer.status in FINE for answer in bench.answers[answers:])
    assert bench.workspace.violations == []
    shown = [call.args for call in bench.workspace.calls[calls:]]
    shown += [answer.body for answer in bench.answers[answers:]]
    for line in filter(None, map(str, _mrkdwn(shown))):
        assert "Traceback" not in line and "sqlalchemy" not in line and "Error:" not in line
        assert "<" not in OURS.sub("", line), line


def _ours(error: BaseException) -> list[str]:
    """The files of ours that it came through."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return [name for name in files if name.startswith((f"{ROOT}/bot/", f"{ROOT}/kws_core/"))]


def _mrkdwn(tree: Any) -> list[str]:
    """Every text that Slack would read as markup: not plain_text, not what is a value."""
    if isinstance(tree, dict):
        if tree.get("type") == "plain_text":
            return []
        own = [tree["text"]] if isinstance(tree.get("text"), str) else []
        return own + [line for value in tree.values() for line in _mrkdwn(value)]
    if isinstance(tree, list):
        return [line for value in tree for line in _mrkdwn(value)]
    return []


@pytest.mark.parametrize("row", every(IN_TURN, [(row,) for row in TABLE]), ids=str)
@SETTINGS
@given(data=st.data())
def test_hostile_values(stage: Stage, row: Any, data: st.DataObject) -> None:
    stage.restore(row.needs)
    payload = sent(stage, row, data)
    there = [
        path for path in hostile.places(payload) if path and path[-1] in CONTENT and _is_text(payload, path)
    ]
    for path in data.draw(st.lists(st.sampled_from(there), min_size=1, max_size=3)):
        payload = hostile.put(payload, path, data.draw(hostile.text))
    survives(stage.bench, payload)


@pytest.mark.parametrize("row", every(IN_TURN, [(row,) for row in TABLE]), ids=str)
@SETTINGS
@given(data=st.data())
def test_broken_shapes(stage: Stage, row: Any, data: st.DataObject) -> None:
    stage.restore(row.needs)
    payload = sent(stage, row, data)
    path = data.draw(st.sampled_from([path for path in hostile.places(payload) if path]))
    broken = st.builds(hostile.put, st.just(payload), st.just(path), hostile.odd)
    gone = st.builds(hostile.without, st.just(payload), st.just(path))
    survives(stage.bench, data.draw(st.one_of(gone, broken)))


@settings(SETTINGS, max_examples=CASES * 5)
@given(
    payload=st.one_of(
        hostile.odd.filter(lambda one: not isinstance(one, str)),
        st.dictionaries(
            st.sampled_from(["type", "user", "event", "view", "actions", "command", "team"]), hostile.odd
        ),
    )
)
def test_what_is_no_payload_at_all(stage: Stage, payload: Any) -> None:
    survives(stage.bench, payload)


def sent(stage: Stage, row: Any, data: st.DataObject) -> Json:
    """What somebody sends who may, or, less often, who may not."""
    role = data.draw(st.sampled_from([*sorted(row.may), *AS]))
    payload: Json = row.sends(stage.bench, stage.bench.person(AS[role]))
    return payload


def _is_text(payload: Json, path: hostile.Path) -> bool:
    return isinstance(hostile.at(payload, path), str)


def test_answers_go_to_slack_and_nowhere_else(stage: Stage) -> None:
    """A response_url is an address that the bot sends to: one of somebody's choice would let it ask inside the lab."""
    api = "https://slack.com/api/"
    assert answers_to_slack("https://hooks.slack.com/commands/T1/2/x", api) and answers_to_slack(None, api)
    for url in ("http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", "https://hooks.slack.com@evil.example/",
                "http://169.254.169.254/", "file:///etc/passwd", "https://[", "", "//hooks.slack.com/x"):  # fmt: skip
        assert not answers_to_slack(url, api), url
    stage.restore("ready")
    bench, admin = stage.bench, stage.bench.person("admin")
    bench.service.client.close()  # what is open already is not connected again
    with _LoggedSockets() as asked:
        bench.send(bench.command(admin, "help") | {"response_url": "http://169.254.169.254/latest"})
        origin = '["node2", "http://169.254.169.254/latest", false]'
        bench.send(bench.submit(admin, form(ids.View.DRAIN, origin, reason="dust")))
    assert asked and all("127.0.0.1" in host for host in asked), asked


def test_a_search_in_a_select_is_as_slacks() -> None:
    """None of our forms asks for options yet; the first that does must be heard."""
    search = {
        "type": "block_suggestion", "user": {"id": "U0MINA0001", "team_id": "T0LAB00001"}, "team": {"id": "T0LAB00001"},
        "action_id": "image", "block_id": "image", "value": "ubu",
    }  # fmt: skip
    assert isinstance(read(search), BlockSuggestion)
    with pytest.raises(BadPayloadError, match="value"):
        read(search | {"value": ["ubu"]})


class _LoggedSockets(pytest.MonkeyPatch):
    """The hosts that anybody in this process connects to."""

    def __enter__(self) -> set[str]:
        hosts: set[str] = set()
        real = socket.create_connection
        self.setattr(
            socket, "create_connection", lambda to, *a, **m: hosts.add(str(to[0])) or real(to, *a, **m)
        )
        return hosts

    def __exit__(self, *_: object) -> None:
        self.undo()


def test_all_is_well_afterwards(stage: Stage) -> None:
    """Whatever was sent above, what was accepted comes to its end."""
    bench = stage.bench
    stage.restore("ready")
    bench.settle(30)
    assert all(
        r.status in ("ready", "stopped", "ending", "ended")
        for r in bench.service.rental_queries.all_rentals()
    )

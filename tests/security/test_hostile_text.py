"""Every text that a person can type, at the parser that reads it; ``make fuzz`` goes on where this ends."""

from __future__ import annotations

import time

import pytest
from harness.sampling import THOROUGH
from hypothesis import given, settings
from hypothesis import strategies as st
from security.hostile import TEXTS, text
from security.judges import JUDGES, KEY, judge

SEEDS = {
    "cloud-init": ("packages: [nginx]\nusers: [default, {name: bob, groups: a}]\nruncmd: [id]\n", "write_files:\n- path: /x\n  content: |\n    a\n"),
    "public key": (KEY, f'command="id" {KEY}', f"{KEY}\n{KEY}"),
    "ports": ("80, 443, 8000-8010 53/udp",),
    "payload": ('{"type": "block_actions", "actions": [{"action_id": "a", "block_id": "b"}], "user": {"id": "U1"}, "trigger_id": "1"}',),
    "rent words": ("web01 debian-12 small 14d",),
    "logged": ("password: ", "-----BEGIN RSA PRIVATE KEY-----", "://a:", "secret=\\\"", "$6$"),
}  # fmt: skip
PIECES = (
    "a", "-", "a-", " ", "\n", "(", "[", "{a: ", "- ", "&a ", "9", "%", "://", ":a@", "pass", "'", "\\", "=", "$6$",
    "xoxb-", "-----BEGIN A",
)  # fmt: skip
SLOW = 0.5  # seconds for one text


@pytest.mark.parametrize("name", JUDGES)
def test_the_list(name: str) -> None:
    for one in (*TEXTS, *SEEDS.get(name, ())):
        judge(name, one)


@pytest.mark.parametrize("name", JUDGES)
@settings(max_examples=150 if THOROUGH else 5)
@given(data=st.data())
def test_what_is_drawn(name: str, data: st.DataObject) -> None:
    seeds = st.sampled_from(SEEDS.get(name, ("",)))
    pieces = data.draw(st.lists(st.one_of(text, seeds), min_size=1, max_size=4))
    judge(name, data.draw(st.sampled_from(["", " ", "\n", ": "])).join(pieces))


@pytest.mark.thorough
@pytest.mark.parametrize("name", JUDGES)
def test_no_text_takes_long(name: str) -> None:
    """As long as a field of Slack's may be, and built to make a pattern search again and again."""
    for piece in PIECES:
        started = time.process_time()
        judge(name, piece * (3000 // len(piece)))
        assert time.process_time() - started < SLOW, piece

"""Ports as a person writes them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.errors import UserError
from kws_core.forms.ports import format_ports, parse_ports
from kws_core.values import PortRange


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        (" ,\n, ", ""),
        ("80, 443, 8000-8010/tcp 53/udp", "53/udp, 80, 443, 8000-8010"),
        ("443\n80", "80, 443"),
        ("80,81,82-90,85", "80-90"),
        ("80/tcp 80/UDP", "80, 80/udp"),
        ("8000 - 8010 / udp", "8000-8010/udp"),
        ("8000~8010", "8000-8010"),
        ("８０，４４３", "80, 443"),
        ("8000–8010", "8000-8010"),
        ("0080", "80"),
        ("22", ""),
        ("22, 80", "80"),
        ("22/udp", "22/udp"),
        ("20-24", "20-24"),
        ("1-24 26-65535", "1-24, 26-65535"),
    ],
)
def test_reading(text: str, formatted: str) -> None:
    assert format_ports(parse_ports(text)) == formatted


def test_the_ranges() -> None:
    assert parse_ports("443 80/udp 79/udp") == (PortRange(79, 80, "udp"), PortRange(443, 443))


@pytest.mark.parametrize(
    ("text", "code", "data"),
    [
        ("80, http", "ports_invalid", {"piece": "http"}),
        ("80-", "ports_invalid", {"piece": "80-"}),
        ("-80", "ports_invalid", {"piece": "-80"}),
        ("80-81-82", "ports_invalid", {"piece": "80-81-82"}),
        ("80/", "ports_invalid", {"piece": "80/"}),
        ("8.0", "ports_invalid", {"piece": "8.0"}),
        ("x" * 100, "ports_invalid", {"piece": "x" * 40}),
        ("80/icmp", "ports_protocol", {"piece": "80/icmp", "protocols": "tcp, udp"}),
        ("0", "ports_number", {"piece": "0", "least": 1, "most": 65535}),
        ("65536", "ports_number", {"piece": "65536"}),
        ("1-99999", "ports_number", {"piece": "1-99999"}),
        ("9" * 9000, "ports_number", {}),
        ("90-80", "ports_backwards", {"piece": "90-80", "right": "80-90"}),
        ("25", "ports_forbidden", {"piece": "25", "port": 25}),
        ("20-30/udp", "ports_forbidden", {"piece": "20-30/udp", "port": 25}),
        (" ".join(str(port) for port in range(100, 142, 2)), "ports_many", {"count": 21, "most": 20}),
    ],
)
def test_refusals(text: str, code: str, data: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        parse_ports(text)
    assert caught.value.code == code
    assert caught.value.data | data == caught.value.data


def test_the_policy_forbids() -> None:
    assert parse_ports("25", frozenset()) == (PortRange(25, 25),)
    with pytest.raises(UserError, match="ports_forbidden"):
        parse_ports("80", frozenset({80}))


_piece = st.builds(
    lambda first, last, protocol: f"{min(first, last)}-{max(first, last)}{protocol}",
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.sampled_from(["", "/tcp", "/udp"]),
)
_near = st.builds(lambda port, more: f"{port}-{port + more}", st.integers(15, 60), st.integers(0, 5))


@given(st.lists(_piece | _near, max_size=12), st.sampled_from([", ", " ", "\n", ",,"]))
def test_format_is_the_inverse(pieces: list[str], gap: str) -> None:
    text = gap.join(pieces)
    ranges = parse_ports(text, frozenset())
    assert parse_ports(format_ports(ranges), frozenset()) == ranges
    open_ports = {(port, r.protocol) for r in ranges for port in (r.first, r.last)}
    for piece in pieces:
        span, _, protocol = piece.partition("/")
        ends = [int(end) for end in span.split("-")]
        if ends != [22, 22]:
            assert any(
                r.protocol == (protocol or "tcp") and r.first <= ends[0] and ends[1] <= r.last for r in ranges
            )
    for before, after in pairwise(ranges):
        assert (before.first, before.protocol) < (after.first, after.protocol)
    assert all(1 <= port <= 65535 for port, _ in open_ports)


@given(st.text() | st.text("0123456789-/, tcpud~\n２", max_size=30))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    code = ""
    try:
        ranges = parse_ports(text)
    except UserError as error:
        ranges, code = (), error.code
    assert code == "" or code.startswith("ports_")
    assert parse_ports(format_ports(ranges)) == ranges


@pytest.mark.parametrize(
    "text", ["19000 19999", "8000  8100", "30000 32767", "\uff11\uff19\uff10\uff10\uff10 19999", "1024 2048"]
)
def test_two_numbers_that_may_be_a_range_are_asked_about(text: str) -> None:
    with pytest.raises(UserError, match="ports_range") as refused:
        parse_ports(text)
    assert len(parse_ports(refused.value.data["dash"])) == 1
    assert len(parse_ports(refused.value.data["comma"])) == 2


@pytest.mark.parametrize(
    "text", ["80 19000 19999", "19000 19999 80", "443, 8000 8099", "53/udp 8000 8999, 9", "30000\t30999 80"]
)
def test_round_ends_are_asked_about_among_others_too(text: str) -> None:
    with pytest.raises(UserError, match="ports_range"):
        parse_ports(text)


@pytest.mark.parametrize(
    "text",
    [
        "80 443",
        "19000, 19999",
        "80 19000, 19999",
        "8000 8080 80",
        "19000 20000 80",
        "80/udp 19000\n19999",
        "8000 8001",
        "3000 8080 9090",
        "19000\n19999",
        "53/udp 80",
    ],
)
def test_numbers_that_are_no_range(text: str) -> None:
    assert parse_ports(text)

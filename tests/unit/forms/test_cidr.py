"""Networks that people ask for."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.errors import UserError
from kws_core.forms.cidr import PRIVATE, check_cidr, check_network_name


def outcome(call: Any, *values: Any) -> tuple[Any, str]:
    """What is taken, or the code of the refusal."""
    try:
        return call(*values), ""
    except UserError as error:
        return None, error.code


def refused(text: str, taken: tuple[str, ...] = ()) -> tuple[str, dict[str, Any]]:
    with pytest.raises(UserError) as caught:
        check_cidr(text, taken)
    return caught.value.code, caught.value.data


@pytest.mark.parametrize(
    "text", ["10.20.0.0/24", " 192.168.8.0/29\n", "172.16.0.0/16", "10.0.0.0/255.255.255.0"]
)
def test_good_ranges(text: str) -> None:
    assert check_cidr(text, ["203.0.113.0/24", "fd00::/64"]) == IPv4Network(text.strip())


@pytest.mark.parametrize(
    ("text", "code", "data"),
    [
        ("", "cidr_missing", {}),
        ("ten", "cidr_invalid", {"cidr": "ten"}),
        ("10.0.0.0", "cidr_invalid", {}),
        ("10.0.0.0/33", "cidr_invalid", {}),
        ("10.0.0/24", "cidr_invalid", {}),
        ("10.0.0.256/24", "cidr_invalid", {}),
        ("010.0.0.0/24", "cidr_invalid", {}),
        ("fd00::/64", "cidr_ipv6", {"cidr": "fd00::/64"}),
        ("10.1.2.3/24", "cidr_host_bits", {"cidr": "10.1.2.3/24", "right": "10.1.2.0/24"}),
        ("10.0.0.0/8", "cidr_prefix", {"cidr": "10.0.0.0/8", "widest": 16, "narrowest": 29}),
        ("10.0.0.0/30", "cidr_prefix", {}),
        ("10.1.2.3/32", "cidr_prefix", {}),
        ("0.0.0.0/0", "cidr_prefix", {}),
        ("8.8.8.0/24", "cidr_public", {"cidr": "8.8.8.0/24"}),
        ("172.32.0.0/16", "cidr_public", {}),
        ("100.64.0.0/24", "cidr_public", {}),
        ("224.0.0.0/24", "cidr_special", {"sort": "multicast"}),
        ("127.0.0.0/24", "cidr_special", {"sort": "loopback"}),
        ("169.254.0.0/24", "cidr_special", {"sort": "link-local"}),
    ],
)
def test_bad_ranges(text: str, code: str, data: dict[str, Any]) -> None:
    found = refused(text)
    assert found[0] == code
    assert found[1] | data == found[1]


@pytest.mark.parametrize("other", ["10.20.0.0/24", "10.20.0.128/25", "10.0.0.0/8", "10.20.0.77/24"])
def test_overlaps_are_named(other: str) -> None:
    named = str(IPv4Network(other, strict=False))
    assert refused("10.20.0.0/24", ("fd00::/64", "rubbish", "10.21.0.0/24", other)) == (
        "cidr_overlap",
        {"cidr": "10.20.0.0/24", "other": named},
    )


@given(
    st.text() | st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}", fullmatch=True), st.lists(st.text())
)
def test_any_text_is_a_private_range_or_refused(text: str, taken: list[str]) -> None:
    network, code = outcome(check_cidr, text, taken)
    if network is None:
        assert code.startswith("cidr_")
    else:
        assert any(network.subnet_of(block) for block in PRIVATE)
        assert 16 <= network.prefixlen <= 29


@given(st.ip_addresses(v=4), st.integers(16, 29))
def test_the_network_named_as_right_is_taken(address: Any, prefix: int) -> None:
    text = f"{address}/{prefix}"
    if outcome(check_cidr, text)[1] == "cidr_host_bits":
        right = str(refused(text)[1]["right"])
        assert outcome(check_cidr, right)[1] in ("", "cidr_public")


@pytest.mark.parametrize("name", ["lab-net", "a", "0", " net1 ", "a" * 63])
def test_good_names(name: str) -> None:
    assert check_network_name(name) == name.strip()


@pytest.mark.parametrize("name", ["Net", "-a", "a-", "a_b", "a.b", "네트", "a" * 64, "a b", "a\nb"])
def test_bad_names(name: str) -> None:
    with pytest.raises(UserError, match="network_name_invalid"):
        check_network_name(name)


def test_no_name() -> None:
    with pytest.raises(UserError, match="network_name_missing"):
        check_network_name("  ")


@given(st.text())
def test_any_name_is_a_label_or_refused(text: str) -> None:
    name, code = outcome(check_network_name, text)
    if name is None:
        assert code.startswith("network_name_")
    else:
        assert name.isascii() and len(name) <= 63

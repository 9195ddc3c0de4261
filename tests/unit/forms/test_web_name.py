"""Names under the lab's domain."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.config import RESERVED_NAMES
from kws_core.errors import UserError
from kws_core.forms.web_name import check_web_name


def refused(text: str) -> str:
    with pytest.raises(UserError) as caught:
        check_web_name(text, RESERVED_NAMES)
    return caught.value.code


@pytest.mark.parametrize("text", ["web01", "a", "my-site", "3d", "x" * 63, " Wiki ", "www1", "mail-list"])
def test_a_label_is_taken_in_lower_case(text: str) -> None:
    assert check_web_name(text, RESERVED_NAMES) == text.strip().lower()


@pytest.mark.parametrize(
    "text",
    ["", "-a", "a-", "a_b", "a.b", "x" * 64, "웹", "wеb", "ｗｅｂ", "a b", "*", "a\n", "a\u200b", "\u0130x",
     "{http.request.host}", "a/b", "a:80", "a@b", '"'],
)  # fmt: skip
def test_what_is_no_label_is_refused(text: str) -> None:
    assert text == "a\n" or refused(text) == "web_name_invalid"


@pytest.mark.parametrize("text", ["xn--9d0b", "XN--80AK6AA92E", "ab--c"])
def test_punycode_is_refused(text: str) -> None:
    assert refused(text) == "web_name_punycode"


@pytest.mark.parametrize(
    "text",
    ["www", "WWW", "vvww", "w-w-w", "mai1", "rnail", "l0gin", "log1n", "adrnin", "k-w-s", "5so", "c1oud"],
)
def test_what_looks_like_a_name_of_the_lab_is_refused(text: str) -> None:
    assert refused(text) == "web_name_reserved"


@given(st.text())
def test_whatever_is_taken_is_a_host_name(text: str) -> None:
    try:
        name = check_web_name(text, RESERVED_NAMES)
    except UserError:
        return
    assert re.fullmatch(r"[a-z0-9-]{1,63}", name)
    assert name == name.encode("idna").decode()

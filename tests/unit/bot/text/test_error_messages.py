"""Each error code has one sentence, and a sentence belongs to a code."""

from __future__ import annotations

import re

import pytest

from bot.text import error_messages
from bot.text.error_messages import SENTENCES, sentence
from bot.text.i18n import Texts
from kws_core.errors import ErrorCode, UserError
from kws_core.forms.cloud_init import parse_cloud_init
from kws_core.forms.container import check_image_name


def test_every_code_has_its_sentence() -> None:
    assert set(ErrorCode) - set(SENTENCES) == {ErrorCode.FORM}


def test_a_code_can_not_have_two_sentences() -> None:
    with pytest.raises(ValueError, match="key_missing"):
        error_messages._one_table({ErrorCode.KEY_MISSING: "a"}, {ErrorCode.KEY_MISSING: "b"})


def test_a_malformed_container_image_is_not_told_the_rules_of_glance() -> None:
    with pytest.raises(UserError) as caught:
        check_image_name("nginx:")
    said = str(sentence(caught.value, Texts("en")))
    assert "nginx:latest" in said and "letters" not in said


TYPED = (
    "packages: nginx",
    "packages: {a: b}",
    "runcmd: true",
    "package_update: [1]",
    "timezone: 9",
    "apt: nothing",
    "users: 3",
    "ntp: yes",
    "groups: 1.5",
    "- one\n- two",
    "packages: [nginx",
    "packages: nginx: x",
    "a: 'open",
    "a:\n\tb: 1",
    "a: 1\n b: 2\n  - c",
    'a: "\\q"',
    "a: @b",
    "a: %b",
    "a: {b: 1",
    "a\nb: 1",
    "package_updat: true",
    "write_files: [{content: x}]",
    "power_state: {mode: halt}",
)
NAMES = {
    "yaml",
    "kws",
    "cloud",
    "init",
    "config",
    "true",
    "false",
    "reboot",
    "defer",
    "ssh",
    "path",
    "packages",
    "nginx",
}


@pytest.mark.parametrize("text", TYPED)
def test_a_korean_sentence_has_no_english_but_what_was_typed(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_cloud_init(text)
    said = error_messages.plain_sentence(caught.value, Texts("ko"))
    assert re.search("[가-힣]", said)
    words = {word.lower() for word in re.findall("[A-Za-z]{2,}", said)}
    assert words - NAMES <= {word.lower() for word in re.findall("[A-Za-z]+", text)} | {
        "package",
        "update",
    }, said

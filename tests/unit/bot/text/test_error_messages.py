"""Each error code has one sentence, and a sentence belongs to a code."""

from __future__ import annotations

import pytest

from bot.text import error_messages
from bot.text.error_messages import SENTENCES, sentence
from bot.text.i18n import Texts
from kws_core.errors import ErrorCode, UserError
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

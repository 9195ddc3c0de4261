"""Passwords: weak ones refused for a reason, good ones hashed as every Linux reads it, none ever shown."""

from __future__ import annotations

import copy
import logging
import pickle
import secrets
import shutil
import subprocess
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
import zxcvbn
from passlib.hash import sha512_crypt

from kws_core.errors import UserError
from kws_core.forms import passwords
from kws_core.forms.passwords import LONGEST, Secret, check_password, hash_password


def code_of(text: str, login: str = "debian", name: str = "web01") -> str | None:
    try:
        check_password(text, login, name)
    except UserError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "text",
    ["correct horse battery", "kT7#mQ9xLp2v", "0.9471839!!kQz", "~ three blind mice ~", "k T7#mQ9xLp2v" * 5],
)
def test_good_passwords(text: str) -> None:
    assert code_of(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "password_short"),
        ("kT7#mQ9xLp2vWz ", "password_blank_end"),
        (" kT7#mQ9xLp2vWz", "password_blank_end"),
        ("kT7#mQ9xLp2", "password_short"),
        ("kT7#mQ9xLp2v" * 11, "password_long"),
        ("비밀번호비밀번호비밀번호", "password_characters"),
        ("kT7#mQ9x\nLp2v", "password_characters"),
        ("kT7#mQ9x\x00Lp2v", "password_characters"),
        ("kT7#mQ9x\x7fLp2v", "password_characters"),
        ("kT7#mQ9xLp2vé", "password_characters"),
        ("kT7#Debian9xLp2v", "password_has_name"),
        ("WEB01kT7#mQ9xLp2v", "password_has_name"),
        ("password1234", "password_simple"),
        ("qwertyuiop12", "password_simple"),
        ("aaaaaaaaaaaaaaaa", "password_simple"),
        ("1q2w3e4r5t6y", "password_simple"),
        ("abcdefghijklmnop", "password_simple"),
        ("student123456", "password_simple"),
        ("openstackserver", "password_simple"),
    ],
)
def test_bad_passwords(text: str, code: str) -> None:
    assert code_of(text) == code


def test_the_longest_is_judged_at_once() -> None:
    assert code_of("a" * LONGEST) == "password_simple"
    assert code_of("kT7#mQ9x" * (LONGEST // 8)) in (None, "password_simple")


def test_one_persons_host_name_does_not_judge_another() -> None:
    """zxcvbn's table of the call's own words is shared by all threads."""
    names = [f"zq{number}xkvw" for number in range(8)]
    expected = [code_of(f"{names[0]}-7p!", name=name) for name in names]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(lambda name: code_of(f"{names[0]}-7p!", name=name), names)) == expected


def test_two_hashes_of_one_password_differ() -> None:
    first, second = hash_password("correct horse battery"), hash_password("correct horse battery")
    assert first != second
    assert first.startswith("$6$") and "rounds" not in first
    assert len(first) < 255


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
@pytest.mark.parametrize("text", ["correct horse battery", "kT7#mQ9xLp2v$6$'\"\\`", "x" * LONGEST])
def test_it_is_the_hash_that_openssl_makes(text: str) -> None:
    mine = hash_password(Secret(text))
    salt = mine.split("$")[2]
    command = ["openssl", "passwd", "-6", "-salt", salt, "-stdin"]
    made = subprocess.run(command, input=text, text=True, check=True, capture_output=True)
    assert made.stdout.strip() == mine


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("planted-in-memory")
    for shown in (repr(secret), str(secret), f"{secret}", repr({"a": [secret]})):
        assert "planted" not in shown
    assert not hasattr(secret, "__dict__")
    assert secret and not Secret("")
    for written in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            written(secret)


def everything_said_of(error: BaseException) -> str:
    """Plain traceback, one with all local variables, and the message."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return repr(error) + "".join(traceback.format_exception(error)) + "".join(told.format())


@pytest.mark.parametrize("use", ["check", "hash"])
def test_a_bug_shows_no_password(
    use: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = Secret(secrets.token_hex(16))

    def broken(*arguments: object, **_: object) -> None:
        raise ValueError(f"can't take {arguments}")

    monkeypatch.setattr(zxcvbn, "zxcvbn", broken)
    monkeypatch.setattr(sha512_crypt, "using", broken)
    monkeypatch.setattr(sha512_crypt, "hash", broken)
    with pytest.raises(RuntimeError) as caught:
        check_password(secret, "debian", "web01") if use == "check" else hash_password(secret)
    try:
        raise caught.value
    except RuntimeError:
        logging.getLogger("test").exception("a bug")
    said = everything_said_of(caught.value)
    assert "forms/passwords.py" in said, "the traceback is there"
    assert secret.reveal() not in said
    assert secret.reveal() not in caplog.text


@pytest.mark.parametrize("part", ["", "\n", "é", "debian"])
def test_a_refusal_shows_no_password(part: str) -> None:
    secret = Secret(secrets.token_hex(4) + part)
    with pytest.raises(UserError) as caught:
        check_password(secret, "debian", "web01")
    said = everything_said_of(caught.value) + repr(caught.value.data)
    assert "forms/passwords.py" in said
    assert secret.reveal() not in said


def test_a_plain_text_is_wrapped_before_anything_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's text is in no frame of ours, even with all local variables shown."""
    given = [secrets.token_hex(16)]
    monkeypatch.setattr(passwords, "_score", lambda secret, words: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        check_password(given.pop(), "debian", "web01")
    assert caught.traceback[-2].locals["text"].__class__ is Secret

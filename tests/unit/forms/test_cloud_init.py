"""The cloud-config: whatever a person typed is a value in it, and never YAML of its own."""

from __future__ import annotations

import base64

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kws_core.forms import cloud_init, ssh_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKXf9Hs1tT8dS4mEfhlKjy2b8v0r2W9cM4yv3v6aN0xQ me"
EVIL = [
    "", "~", "null", "yes", "on", "1", "0x1f", "1e3", "2026-12-01", "12:30:45", ".inf", "=", "<<", "- a", "a: b",
    "{a: b}", "[a]", "&a", "*a", "!!python/object/apply:os.system ['id']", "|", ">", "'", '"', "#", "a #b", "%TAG",
    "---", "...", "\n---\n", "a\nruncmd:\n  - id", "a\r\nb", "\t", " a ", "{{ 7*7 }}",
    "{% raw %}", "## template: jinja", "${x}", "\\n", "a" * 5000, "키", "\U0001f600", "\x1b[2J", "\x00", "\ufeff",
]  # fmt: skip
anything = st.sampled_from(EVIL) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=60
)


def parsed(hostname: str, login: str, key: str) -> object:
    """The user data as cloud-init reads it."""
    return yaml.safe_load(cloud_init.user_data("abcdefghjk", hostname, login, key))


@given(anything, anything, anything)
@example("web01", "debian", KEY)
def test_the_values_come_out_as_they_went_in(hostname: str, login: str, key: str) -> None:
    assert parsed(hostname, login, key) == cloud_init.cloud_config(hostname, login, key)


@pytest.mark.parametrize("odd", ["\x85"])
def test_the_odd_line_breaks_of_unicode_come_out_too(odd: str) -> None:
    login = f"a{odd}b"
    assert parsed("web01", login, KEY) == cloud_init.cloud_config("web01", login, KEY)


@given(anything, anything, anything)
def test_nothing_escapes_into_the_structure(hostname: str, login: str, key: str) -> None:
    data = parsed(hostname, login, key)
    plain = parsed("web01", "debian", KEY)
    assert isinstance(data, dict)
    assert isinstance(plain, dict)
    assert list(data) == list(plain)
    assert len(data["users"]) == len(plain["users"])
    assert (data["hostname"], data["users"][1]["name"]) == (hostname, login)
    assert data["users"][1]["ssh_authorized_keys"] == [key]
    assert list(data["users"][1]) == list(plain["users"][1])


@given(anything, anything, anything)
def test_it_is_one_document_that_cloud_init_knows_by_its_first_line(
    hostname: str, login: str, key: str
) -> None:
    text = cloud_init.user_data("abcdefghjk", hostname, login, key)
    assert text.splitlines()[0] == "#cloud-config"
    assert len(list(yaml.safe_load_all(text))) == 1


def test_root_and_passwords_are_shut() -> None:
    data = cloud_init.cloud_config("web01", "debian", KEY)
    assert (data["ssh_pwauth"], data["disable_root"]) == (False, True)
    assert data["users"][1]["lock_passwd"] is True


@pytest.mark.parametrize("name", ["a" * 63, "0" * 63])
def test_the_largest_that_a_form_allows_fits_nova(name: str) -> None:
    key = "ssh-rsa " + "A" * 2900 + " " + "키" * 100
    data = cloud_init.user_data("abcdefghjk", name, "u" * 64, key).encode()
    assert len(data) <= cloud_init.MAX_USER_DATA
    assert len(base64.b64encode(data)) <= 65_535


def test_no_private_key_is_in_it() -> None:
    pair = ssh_keys.generate("x")
    assert "PRIVATE" not in cloud_init.user_data("abcdefghjk", "web01", "debian", pair.public)

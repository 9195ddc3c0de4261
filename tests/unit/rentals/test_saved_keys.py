"""The key ring: whose keys, which keys, how many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness.world import ADMIN, JOON, MINA, START, World
from sqlalchemy.exc import IntegrityError

from kws_core.database import queries
from kws_core.database.queries import keys_of, saved_key
from kws_core.errors import FormError, UserError
from kws_core.forms import ssh_keys
from kws_core.rentals.saved_keys import MOST, KeyRing


@pytest.fixture
def ring(world: World) -> KeyRing:
    return KeyRing(world.context)


def public(comment: str = "mina@laptop") -> str:
    return ssh_keys.generate(comment).public


def refused(ring: KeyRing, name: str | None, text: str) -> dict[str, str]:
    with pytest.raises(FormError) as caught:
        ring.add(MINA, name, text)
    return {field: error.code for field, error in caught.value.fields.items()}


def test_a_key_is_saved_with_all_that_is_shown(ring: KeyRing) -> None:
    text = public()
    key = ring.add(MINA, "laptop", f"  {text}\n")
    assert (key.owner, key.name, key.public_key, key.type) == (MINA.id, "laptop", text, "ssh-ed25519")
    assert key.fingerprint == ssh_keys.fingerprint(text)
    assert key.added_at == START
    assert [each.id for each in ring.list(MINA)] == [key.id]
    assert ring.get(MINA, key.id).public_key == text
    assert ring.named(MINA, " laptop ").id == key.id


@pytest.mark.parametrize(
    ("name", "comment", "called"),
    [
        (None, "mina@laptop", "mina@laptop"),
        ("", "my  own   laptop", "my own laptop"),
        ("  work\tdesk ", "mina@laptop", "work desk"),
        (None, "c" * 90, "c" * 60),
    ],
)
def test_the_name(ring: KeyRing, name: str | None, comment: str, called: str) -> None:
    assert ring.add(MINA, name, public(comment)).name == called


def test_a_key_without_comment_is_called_by_its_fingerprint(ring: KeyRing) -> None:
    first, second = (ring.add(MINA, None, public("")).name for _ in range(2))
    assert first != second
    assert first.startswith("key-") and len(first) == 12


def test_the_list_is_by_name(ring: KeyRing) -> None:
    for name in ("work", "home", "phone"):
        ring.add(MINA, name, public())
    assert [key.name for key in ring.list(MINA)] == ["home", "phone", "work"]


def test_duplicates_are_told(ring: KeyRing) -> None:
    text = public()
    ring.add(MINA, "laptop", text)
    assert refused(ring, "other", text) == {"public_key": "key_saved_already"}
    assert refused(ring, None, text.rsplit(" ", 1)[0]) == {"public_key": "key_saved_already"}
    assert refused(ring, "laptop", public()) == {"name": "key_name_taken"}
    assert refused(ring, "laptop", text) == {"public_key": "key_saved_already", "name": "key_name_taken"}
    assert ring.add(JOON, "laptop", text).owner == JOON.id, "another person may have the same"


def test_what_is_no_good_key(ring: KeyRing) -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key()
    line = weak.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert refused(ring, None, "") == {"public_key": "key_invalid"}
    assert refused(ring, None, f'command="rm -rf /" {public()}') == {"public_key": "key_invalid"}
    assert refused(ring, None, f"{public()}\n{public()}") == {"public_key": "key_invalid"}
    assert refused(ring, None, "-----BEGIN OPENSSH PRIVATE KEY-----") == {"public_key": "key_is_private"}
    assert refused(ring, "n" * 61, line) == {"public_key": "key_too_short", "name": "key_name_long"}
    assert ring.list(MINA) == []


def test_at_most_ten(ring: KeyRing) -> None:
    keys = [ring.add(MINA, f"key {number}", public()) for number in range(MOST)]
    assert refused(ring, "one more", public()) == {"public_key": "keys_full"}
    ring.add(JOON, "his first", public())
    ring.remove(MINA, keys[0].id)
    ring.add(MINA, "one more", public())


def test_only_the_owner(ring: KeyRing, world: World) -> None:
    key = ring.add(MINA, "laptop", public())
    for who in (JOON, ADMIN):
        for act in (ring.get, ring.remove):
            with pytest.raises(UserError, match="saved_key_gone"):
                act(who, key.id)
        with pytest.raises(UserError, match="saved_key_unknown"):
            ring.named(who, "laptop")
        with world.store.read() as session, pytest.raises(UserError, match="saved_key_gone"):
            saved_key(session, who.id, key.id)
        assert ring.list(who) == []
    with world.store.read() as session:
        assert [each.id for each in keys_of(session, MINA.id)] == [key.id]


def test_a_removed_key_is_gone_and_can_be_added_again(ring: KeyRing) -> None:
    text = public()
    key = ring.add(MINA, "laptop", text)
    assert ring.remove(MINA, key.id).name == "laptop"
    with pytest.raises(UserError, match="saved_key_gone"):
        ring.remove(MINA, key.id)
    ring.add(MINA, "laptop", text)


def test_the_same_key_twice_at_once_is_saved_once(ring: KeyRing) -> None:
    text = public()

    def add(_: int) -> bool:
        try:
            ring.add(MINA, None, text)
        except FormError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1
    assert len(ring.list(MINA)) == 1


def test_who_comes_second_on_postgresql_is_told_in_words(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There two transactions may both see no such key; the index stops the second."""
    ring.add(MINA, "laptop", text := public())
    answers = iter([[], ring.list(MINA)])
    monkeypatch.setattr(queries, "keys_of", lambda session, owner: next(answers))
    assert refused(ring, "laptop", text) == {"public_key": "key_saved_already", "name": "key_name_taken"}


def test_the_database_itself_forbids_duplicates(world: World, ring: KeyRing) -> None:
    key = ring.add(MINA, "laptop", public())
    with pytest.raises(IntegrityError), world.store.write() as session:
        session.add(type(key)(owner=MINA.id, name="laptop", public_key="x", fingerprint="x", added_at=START))

"""A server that is born again with another key."""

from __future__ import annotations

import pytest
import yaml

from kws_core.forms import cloud_init, ssh_keys
from kws_core.nodes.user_data import with_key

HASH = "$6$salt$" + "x" * 86


def test_the_key_is_another_one_everywhere_and_all_else_stays() -> None:
    old, new = (ssh_keys.generate("kws-web").public for _ in range(2))
    theirs = ssh_keys.generate("kws-web-2").public
    extra = {"packages": ["htop"], "ssh_authorized_keys": [theirs], "runcmd": ["echo kws-web"]}

    def born(key: str) -> str:
        return cloud_init.user_data("r1", "web", "debian", key, extra=extra)

    assert with_key(born(old), new) == born(new)
    assert old.split()[1] not in with_key(born(old), new)
    assert theirs in with_key(born(old), new)


@pytest.mark.parametrize("old", [None, ssh_keys.generate("mina@laptop").public], ids=["password", "own key"])
def test_a_server_that_was_born_with_no_key_of_kws_keeps_what_it_has(old: str | None) -> None:
    text = cloud_init.user_data("r1", "web", "debian", old, password_hash=None if old else HASH)
    assert with_key(text, ssh_keys.generate("kws-web").public) == text
    assert yaml.safe_load(text)["users"]

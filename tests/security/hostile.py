"""What nobody should send or type, and how to get it into a payload."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

TEXTS = (
    "", " ", "\t\n", "\x00", "\ud800", "\udfff x", "\x1b[31mred", "\x07", "\u202eevil\u202c", "\u200b\u200d\ufeff",
    "é" * 300, "A" * 4000, "9" * 400, "-1", "1e309", "NaN", "²", "١٢", "0x10", "\U0001f600" * 40, "한국어",
    "<!channel>", "<!here> <!everyone>", "<@U0ADMIN001>", "<#C0GENERAL1>", "<!subteam^S0LABADMIN>",
    "<http://evil.example|click>", "`code` *bold* _it_ ~no~ > quote", "&lt;!channel&gt;", "&amp;lt;", "@channel",
    "'; DROP TABLE rentals; --", '" OR 1=1 --', "%", "_", "\\", "a\\'b",
    "$(reboot)", "`id`", "; rm -rf /", "| cat /etc/passwd", "&& true", "\nnewline: injected", "\r\nX-Header: 1",
    "{{ 7*7 }}", "{% for x in y %}", "{name}", "{0}", "%(x)s", "{", "}", "{0.__class__}", "#{1}",
    "../../etc/passwd", "/etc/shadow", "..\\..\\x", "file:///etc/passwd", "http://169.254.169.254/",
    "#cloud-config\nusers: []", "- a\n- b", "a: b: c", "!!python/object/apply:os.system [id]", "&a [*a]", "---\n...\n---",
    "null", "true", "[]", "{}", "[null]", '["node1", "http://evil.example/", true]', '["a"]', "[[[[", '{"a": 1}',
    "end|", "|", "a|2026-13-45", "extend|x", "restore|" + "x" * 100, "saved:", "saved:999999999999999999999",
    "saved:1", "new", "custom", "default", "2026-02-30", "0000-00-00", "9999-12-31", "ssh-ed25519 AAAA", "ssh-rsa " + "A" * 3000,
    "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----", "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "rent", "admin nodes", "rent web {x} <!channel>", "images sync *", "debian-12", "small", "server more", "container",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1.5, float("inf"), [], {}, [None], {"a": None}, [[[]]], "x", {"value": {}}, ["x"] * 50,
)  # fmt: skip

text = st.one_of(
    st.sampled_from(TEXTS),
    st.text(max_size=60),
    st.text(st.characters(codec=None), max_size=20),  # halves of characters too
)
odd = st.one_of(st.sampled_from(ODD), text)


def places(tree: Any, here: Path = ()) -> Iterator[Path]:
    """Every place in a payload."""
    yield here
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield from places(value, (*here, key))


def at(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def put(tree: Any, path: Path, value: Any) -> Any:
    """The payload with something else there."""
    if not path:
        return value
    tree = copy.deepcopy(tree)
    at(tree, path[:-1])[path[-1]] = value
    return tree


def without(tree: Any, path: Path) -> Any:
    """The payload without that key."""
    tree = copy.deepcopy(tree)
    del at(tree, path[:-1])[path[-1]]
    return tree

"""The user data that a server was born with, when it is born again with another key."""

from __future__ import annotations

import re

_KEY = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) AAAA[A-Za-z0-9+/]+=*"


def with_key(user_data: str, public_key: str) -> str:
    """The same with ``public_key`` in the place of each key that has its comment.

    All else stays as it is: it has what its owner asked for, and KWS itself no longer knows that.
    """
    _, _, comment = public_key.split(" ", 2)
    return re.sub(rf"{_KEY} {re.escape(comment)}(?![\w-])", lambda _: public_key, user_data)

"""Names under the lab's domain: a pure check of what people type."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kws_core.errors import ErrorCode, UserError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, lower case
_ENCODED = re.compile(r"..--")  # RFC 5891: reserved for letters of other scripts, as xn--… is
_SAME = str.maketrans("0123456789i", "olzeasbtbgl", "-")  # each sign that reads as another one; hyphens go
_TOGETHER = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def check_web_name(text: str, reserved: Iterable[str] = ()) -> str:
    """Return the name in lower case, if it is one label that nobody takes for one of ``reserved``.

    Raises:
        UserError: If it isn't a label, is written in Punycode, or looks like a reserved name.
    """
    name = text.strip().lower()
    if not name.isascii() or not _LABEL.fullmatch(name):
        raise UserError(ErrorCode.WEB_NAME_INVALID, name=text.strip()[:80])
    if _ENCODED.match(name):
        raise UserError(ErrorCode.WEB_NAME_PUNYCODE, name=name)
    for own in reserved:
        if _looks(name) == _looks(own):
            raise UserError(ErrorCode.WEB_NAME_RESERVED, name=name, own=own)
    return name


def _looks(name: str) -> str:
    """What is left of a name for somebody who reads it in a hurry."""
    looks = name.translate(_SAME)
    for two, one in _TOGETHER:
        looks = looks.replace(two, one)
    return looks

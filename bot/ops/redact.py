"""The second line: what looks like a secret is taken out of every line of the log, no matter who wrote it.

The first line is that nothing secret is given to a logger at all; tests look at both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SHORTEST = 6  # characters of a known secret: "p" would blank half of every line
PATTERNS = (
    r"xox[a-z](?:\.[a-z]+)?-[\w.-]+|xapp-[\w.-]+",  # tokens of Slack
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"PuTTY-User-Key-File-\d.*?Private-MAC: \w+",
    r"\$6\$[\w./=$-]+",  # SHA-512 crypt
    r"gAAAAA[\w=-]{20,}",  # Keystone's Fernet tokens
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",  # name and password in a URL
    r"(?<=hooks\.slack\.com/)[\w/-]+",  # anyone with a response_url may answer
    r"(?<=ticket=)[\w-]+",  # and anyone with this may listen
    r"(?i:(?<=bearer ))[\w.~+/=-]+",
)
NAMED = re.compile(  # "X-Auth-Token: …", 'password': '…', application_credential_secret="…"
    r"""(?ix) (?P<name> x-(?:auth|subject|service|storage)-token | authorization | x-slack-signature
    | (?:admin_?)?pass(?:word)? | plain_text_passwd | (?:application_credential_)?secret | signing_secret )
    (?P<between> \\?["']? \s* [:=] \s* \\?["']? ) (?P<value> [^\s"'\\,;}]+ )"""
)
FOUND = re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS), re.DOTALL)


class Redactor:
    """Knows this process's own secrets, and what secrets look like."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        words = sorted({word for word in known if len(word) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, text: str) -> str:
        """``text`` without them."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        text = FOUND.sub(HIDDEN, text)
        return NAMED.sub(rf"\g<name>\g<between>{HIDDEN}", text)

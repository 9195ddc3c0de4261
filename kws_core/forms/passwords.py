"""Passwords: strong enough or refused, and kept only as a hash that the machine itself understands.

What was typed travels in a :class:`Secret`, so that no log, message or traceback can show it.
"""

from __future__ import annotations

import threading
from typing import NoReturn

from kws_core.errors import ErrorCode, UserError

SHORTEST = 12  # characters
LONGEST = 128
JUDGED = 72  # characters that zxcvbn looks at: its work grows with the square of the length
ENOUGH = 3  # zxcvbn's score of 0 to 4: more than 10**8 guesses, hopeless through SSH
ROUNDS = 5000  # SHA-512 crypt's own default: what every login program takes; 3 ms here
KNOWN_WORDS = ("kws", "openstack", "slack", "server", "student")  # what a guesser here tries first

_judge = threading.Lock()  # zxcvbn keeps the words of the call in a table that all threads share


class Secret:
    """A text that shows itself to nobody but who asks for it by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def of(cls, text: str | Secret) -> Secret:
        """``text`` wrapped, or as it is when it is already."""
        return text if isinstance(text, Secret) else cls(text)

    def reveal(self) -> str:
        """The text itself: for the hash, never for a variable that lives on."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def check_password(text: str | Secret, login: str, name: str) -> None:
    """Check that the password may open ``login`` on the machine ``name``.

    Raises:
        UserError: If it is too short, too long, too simple, has other than printable ASCII characters, or
            begins or ends with a space.
    """
    text = Secret.of(text)  # from here on no frame of ours has the text itself
    if not all(" " <= character <= "~" for character in text.reveal()):
        raise UserError(ErrorCode.PASSWORD_CHARACTERS)
    if text.reveal() != text.reveal().strip():  # more often a keyboard's doing than meant
        raise UserError(ErrorCode.PASSWORD_BLANK_END)
    if len(text.reveal()) < SHORTEST:
        raise UserError(ErrorCode.PASSWORD_SHORT, minimum=SHORTEST)
    if len(text.reveal()) > LONGEST:
        raise UserError(ErrorCode.PASSWORD_LONG, maximum=LONGEST)
    for word in (login, name):
        if len(word) > 2 and word.lower() in text.reveal().lower():
            raise UserError(ErrorCode.PASSWORD_HAS_NAME, word=word)
    if _score(text, (login, name, *KNOWN_WORDS)) < ENOUGH:
        raise UserError(ErrorCode.PASSWORD_SIMPLE)


def hash_password(text: str | Secret) -> str:
    """``$6$…``: SHA-512 crypt with a random salt, as ``openssl passwd -6`` makes it and /etc/shadow keeps it.

    Raises:
        RuntimeError: If the password can't be hashed; the message doesn't have it.
    """
    text = Secret.of(text)
    try:
        from passlib.hash import sha512_crypt

        return str(sha512_crypt.using(rounds=ROUNDS).hash(text.reveal()))
    except Exception as error:
        problem = type(error).__name__
    raise RuntimeError(f"the password could not be hashed: {problem}")


def _score(secret: Secret, words: tuple[str, ...]) -> int:
    from zxcvbn import zxcvbn

    try:
        with _judge:
            return int(zxcvbn(secret.reveal()[:JUDGED], user_inputs=words)["score"])
    except Exception as error:
        problem = type(error).__name__
    # Raised out here, so that the frames that hold the password are in no traceback.
    raise RuntimeError(f"the password could not be judged: {problem}")

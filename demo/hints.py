"""What the page's box offers while somebody types `/kws`: each subcommand with its Korean name."""

from __future__ import annotations

from typing import Any

from bot.handlers.commands import ALIASES
from bot.text.i18n import N_, Locale, Texts
from bot.views import ids

Json = dict[str, Any]
HINTS = (
    ("", "", N_("what would you like to do? – all of it as buttons")),
    ("rent", "[server|container]", N_("rent a server or a container")),
    ("list", "", N_("your rentals, with what can be done")),
    ("extend", "NAME", N_("keep a rental longer")),
    ("return", "NAME", N_("give a rental back")),
    ("status", "", N_("what is free now")),
    ("keys", "", N_("your public keys")),
    ("help", "", N_("everything that can be typed")),
    ("admin", "…", N_("for admins")),
)
NAME = N_("NAME")  # what stands for a rental's name in a hint


def hints(locale: Locale) -> list[Json]:
    """For `Stage.hints`."""
    texts = Texts(locale)
    korean = {english: alias for alias, english in ALIASES.items() if not alias.isascii()}
    return [
        {
            "command": f"{ids.COMMAND} {word}".rstrip(),
            "alias": f"{ids.COMMAND} {korean[word]}" if word in korean else "",
            "arguments": texts.plain(NAME) if arguments == "NAME" else arguments,
            "text": texts.plain(text),
        }
        for word, arguments, text in HINTS
    ]

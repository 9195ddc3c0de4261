"""What the page's box offers while somebody types `/kws`: each subcommand with its Korean name."""

from __future__ import annotations

from typing import Any

from bot.handlers.commands import ALIASES
from bot.text.i18n import N_, Locale, Texts
from bot.views import ids

Json = dict[str, Any]
HINTS = (
    ("", "", N_("show all commands as buttons")),
    ("rent", "[server|container]", N_("rent a server or container")),
    ("list", "", N_("list and manage your rentals")),
    ("extend", "NAME", N_("extend a rental")),
    ("return", "NAME", N_("return a rental")),
    ("copy", "NAME", N_("keep a copy of a server")),
    ("move", "NAME", N_("move a server to another node")),
    ("resize", "NAME", N_("change the size of a server")),
    ("reset", "NAME", N_("reset a rental to its image")),
    ("copies", "", N_("manage your copies of servers")),
    ("web", "NAME", N_("choose who can open a rental's web address")),
    ("status", "", N_("check available resources, now and in the next weeks")),
    ("keys", "", N_("manage your public keys")),
    ("help", "", N_("show all commands")),
    ("admin", "…", N_("commands for admins")),
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

"""``/kws admin …``: for admins only; everybody else gets a plain refusal and nothing more."""

from __future__ import annotations

import difflib

from bot.handlers.commands import Commands, Subcommand
from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph
from bot.text import prose
from bot.text.i18n import N_
from bot.views import ids
from kws_core.errors import ErrorCode, UserError

ALIASES = {
    "노드": "nodes",
    "이미지": "images",
    "대여": "rentals",
    "기록": "audit",
    "사용량": "usage",
    "웹": "web",
    "도움말": "help",
}


class AdminCommands:
    """The table of what admins can type; handlers add theirs."""

    def __init__(self, dispatcher: Dispatcher, commands: Commands) -> None:
        self.dispatcher = dispatcher
        self._table: dict[str, Subcommand] = {"help": _help}
        commands.add("admin", self._serve)

    def add(self, name: str, serve: Subcommand) -> None:
        """Serves ``/kws admin NAME …``."""
        self._table[name] = serve

    def _serve(self, request: RequestContext, rest: str) -> None:
        admins_only(request)
        word, _, words = rest.partition(" ")
        name = ALIASES.get(word.lower(), word.lower()) or "help"
        serve = self._table.get(name)
        if serve is not None:
            serve(request, words.strip())
            return
        near = difflib.get_close_matches(name, [*self._table, *ALIASES], n=1)
        if near:
            raise UserError(ErrorCode.WORD_NEAR, word=word, near=near[0])
        raise UserError(ErrorCode.WORD_UNKNOWN, word=word, known=sorted(self._table))


def admins_only(request: RequestContext) -> None:
    """Check that the person is an admin; call it at each click.

    Raises:
        UserError: If they aren't.
    """
    if not request.who.admin:
        raise UserError(ErrorCode.ADMINS_ONLY)


def _help(request: RequestContext, _rest: str) -> None:
    text = prose.admin_help(ids.COMMAND, request.texts)
    request.say(text, [paragraph(request.texts(N_("For admins:"))), paragraph(text)])

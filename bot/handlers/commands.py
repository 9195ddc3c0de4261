"""``/kws``: which subcommand is meant, in either language; and the hub and help."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from slack_bolt import App
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, PlainTextObject

from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph
from bot.slack.payloads import Payload, SlashCommand
from bot.text import prose
from bot.text.i18n import N_, Texts
from bot.views import ids

Subcommand = Callable[[RequestContext, str], None]  # the visit, and the words behind the subcommand
OpensForm = Callable[[str], bool]  # whether it does nothing but open a form, by the words behind it

ALIASES = {
    "대여": "rent",
    "목록": "list",
    "연장": "extend",
    "관리": "admin",
    "반납": "return",
    "상태": "status",
    "키": "keys",
    "사본": "copies",
    "복사": "copy",
    "초기화": "reset",
    "이동": "move",
    "사양": "resize",
    "웹": "web",
    "도움말": "help",
    "ls": "list",
    "delete": "return",
}


class Commands:
    """The table of subcommands; handlers add theirs."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._table: dict[str, Subcommand] = {"": _hub, "help": _help}
        self._opens: dict[str, OpensForm] = {}

    def add(self, name: str, serve: Subcommand, opens: OpensForm | None = None) -> None:
        """Serves ``/kws NAME …``."""
        self._table[name] = serve
        if opens:
            self._opens[name] = opens

    def register(self, app: App) -> None:
        """Listen for ``/kws`` and for the hub's buttons."""
        app.command(ids.COMMAND)(self.dispatcher.listener(self._serve, self._opens_form))
        for action, name in (
            (ids.Action.OPEN_RENT, "rent"),
            (ids.Action.OPEN_CONTAINER, "rent container"),
            (ids.Action.SHOW_LIST, "list"),
            (ids.Action.SHOW_STATUS, "status"),
            (ids.Action.SHOW_HELP, "help"),
        ):
            app.action(action)(self._button(*_split(name)))

    def _button(self, name: str, rest: str) -> Callable[..., None]:
        return self.dispatcher.listener(
            lambda request: self._table[name](request, rest), opens=lambda _: self._opens_with(name, rest)
        )

    def _serve(self, request: RequestContext) -> None:
        word, rest = _split(request.words)
        serve = self._table.get(ALIASES.get(word, word))
        if serve is None:
            self._unknown(request, word)
        else:
            serve(request, rest)

    def _opens_form(self, payload: Payload) -> bool:
        return isinstance(payload, SlashCommand) and self._opens_with(*_split(payload.text))

    def _opens_with(self, word: str, rest: str) -> bool:
        opens = self._opens.get(ALIASES.get(word, word))
        return opens is not None and opens(rest)

    def _unknown(self, request: RequestContext, word: str) -> None:
        near = difflib.get_close_matches(word, [*self._table, *ALIASES], n=1)
        text = request.texts(N_("Unknown command: {word}"), word=word)
        if near:
            text = request.texts(N_("Unknown command: {word}. Did you mean {near}?"), word=word, near=near[0])
        help_text = prose.help_text(ids.COMMAND, request.texts)
        request.say(text, [paragraph(text), paragraph(help_text)])


def _split(words: str) -> tuple[str, str]:
    """The subcommand, and what is behind it."""
    word, _, rest = words.strip().partition(" ")
    return word.lower(), rest.strip()


def _hub(request: RequestContext, _rest: str) -> None:
    text = request.texts(N_("What would you like to do?"))
    request.say(text, [paragraph(text), hub_buttons(request.texts)])


def hub_buttons(texts: Texts) -> ActionsBlock:
    """What ``/kws`` alone offers."""
    buttons = (
        (ids.Action.OPEN_RENT, N_("Rent a server"), "primary"),
        (ids.Action.OPEN_CONTAINER, N_("Rent a container"), None),
        (ids.Action.SHOW_LIST, N_("View rentals"), None),
        (ids.Action.SHOW_STATUS, N_("Check availability"), None),
        (ids.Action.SHOW_HELP, N_("Help"), None),
    )
    elements = [
        ButtonElement(action_id=action, text=PlainTextObject(text=texts.plain(label)), style=style)
        for action, label, style in buttons
    ]
    return ActionsBlock(elements=elements)


def _help(request: RequestContext, _rest: str) -> None:
    request.say(prose.help_text(ids.COMMAND, request.texts))

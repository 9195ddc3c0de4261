"""One person's Slack in a terminal: prints what they see, and runs what they enter."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from slack_workspace import Workspace
from slack_workspace.errors import NotOnScreenError

Json = dict[str, Any]

HELP = """Enter /kws commands as in Slack. More commands:
  fill FIELD VALUE    fill in a field of the open form
  submit              submit the open form
  close               close the open form
  click N             click button N of the last message with buttons
  as mina|joon|admin  switch to another person
  quit                stop the demo"""
MENTION = re.compile(r"<!date\^\d+\^[^|]*\|([^>]*)>")


class Terminal:
    """One person at a time. Everything new on their screen is printed once."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.person = workspace.person(name)
        self.name = name
        self._shown: dict[str, str] = {}
        self._buttons: list[tuple[str, str, str]] = []  # (action id, value, ts)

    # -- acting

    def command(self, text: str) -> None:
        """Enter a slash command."""
        print(f"\n{self.name}> {text}")
        outcome = self.person.command(text)
        if outcome.error:
            self.note(f"Slack rejected it: {outcome.error}")

    def fill(self, values: dict[str, str]) -> None:
        """Fill in the open form, and show it."""
        self.person.fill_form(values)
        self.show_view()
        for field, value in values.items():
            print(f"   {field} = {value}")

    def submit(self) -> None:
        """Send the open form; errors are shown at their fields."""
        outcome = self.person.submit()
        errors = outcome.errors or (outcome.payload or {}).get("errors") or {}
        for field, error in errors.items():
            print(f"   ✗ {field}: {error}")

    def click(self, action: str, value: str | None = None, message: str | None = None) -> None:
        """Click a button, and confirm its dialog."""
        print(f"\n{self.name}> [{action}]")
        self.person.click(action, value, message=message, confirm=True)

    # -- seeing

    def wait(self, what: str, seen: Callable[[], bool], timeout: float) -> None:
        """Print what comes until ``seen``, for at most ``timeout`` seconds.

        Raises:
            TimeoutError: With what didn't come.
        """
        last = -1

        def look() -> bool:
            nonlocal last
            if self.workspace.revision != last:
                last = self.workspace.revision
                self.show_new()
            return seen()

        try:
            self.workspace.wait_for(look, timeout=timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{what} didn't appear: {error}") from error
        self.show_new()

    def sees_card(self, text: str) -> bool:
        """Whether the newest card in the DM has that text."""
        cards = [m for m in self.person.dm() if str(_first_block(m).get("block_id", "")).startswith("card-")]
        return bool(cards) and text in str(cards[-1]["blocks"])

    def sees_ephemeral(self, text: str) -> bool:
        """Whether a message that only this person sees has that text."""
        return any(text in str(message) for message in self.person.ephemeral())

    def offers(self, action: str) -> bool:
        """Whether a message that only this person sees has that button."""
        return self.sees_ephemeral(f"'action_id': '{action}'")

    def show_new(self) -> None:
        """Print every message that is new or was edited."""
        for message in [*self.person.dm(), *self.person.ephemeral()]:
            text = render(message)
            if self._shown.get(message["ts"]) != text:
                edited = message["ts"] in self._shown
                self._shown[message["ts"]] = text
                self._show(message, text, edited)

    def _show(self, message: Json, text: str, edited: bool) -> None:
        place = (
            "only visible to you"
            if message.get("is_ephemeral") or message in self.person.ephemeral()
            else "DM"
        )
        print(f"\n── KWS ({place}{', edited' if edited else ''})")
        print("\n".join(f"   {line}" for line in text.splitlines()))
        buttons = [(e["action_id"], e.get("value", ""), message["ts"]) for e in _buttons(message)]
        if buttons:
            self._buttons = buttons

    def show_view(self) -> None:
        """Print the open form."""
        view = self.person.open_view
        if view is None:
            print("   (no form is open)")
            return
        print(f"\n┌─ {view['title']['text']}")
        for block in view["blocks"]:
            if block["type"] == "input":
                print(f"│  {block['block_id']}: {block['label']['text']}{_options(block['element'])}")
            else:
                print("\n".join(f"│  {line}" for line in _block_text(block).splitlines()))
        print("└─")

    def note(self, text: str) -> None:
        """Print a note that isn't from Slack."""
        print(f"\n* {text}", flush=True)

    # -- a prompt for people

    def prompt(self) -> None:
        """Read commands until ``quit``."""
        self.note(HELP)
        while True:
            self.show_new()
            try:
                line = input(f"\n{self.name}> ").strip()
            except (EOFError, KeyboardInterrupt):
                return
            if line in ("quit", "exit"):
                return
            try:
                self._obey(line)
            except (NotOnScreenError, KeyError, ValueError, IndexError) as error:
                self.note(f"That didn't work: {error}")

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if line.startswith("/"):
            self._run(line)
        elif word == "fill":
            field, _, value = rest.partition(" ")
            self.person.fill(field, value)
            self.show_view()
        elif word == "submit":
            self.submit()
        elif word == "close":
            self.person.close()
        elif word == "click":
            action, value, ts = self._buttons[int(rest) - 1]
            self.click(action, value or None, ts)
            self._settle()
        elif word == "as":
            self.person, self.name = self.workspace.person(rest), rest
        elif line:
            self.note(HELP)

    def _run(self, line: str) -> None:
        before = self.person.open_view
        self.person.command(line)
        self._settle()
        if self.person.open_view is not None and self.person.open_view != before:
            self.show_view()

    def _settle(self) -> None:
        """Give the bot a moment to respond."""
        revision = self.workspace.revision
        try:
            self.workspace.wait_for(lambda: self.workspace.revision > revision, timeout=2)
        except TimeoutError:
            self.note("(no response yet)")


def render(message: Json) -> str:
    """A message as plain text."""
    parts = [_block_text(block) for block in message.get("blocks") or ()] or [str(message.get("text", ""))]
    parts += [f"[file {file['name']}, {file['size']} bytes]" for file in message.get("files") or ()]
    return MENTION.sub(r"\1", "\n".join(part for part in parts if part))


def _block_text(block: Json) -> str:
    if block["type"] == "section":
        return str(block["text"]["text"])
    if block["type"] == "context":
        return "\n".join(str(element["text"]) for element in block["elements"])
    if block["type"] == "actions":
        return "  ".join(f"[{i}: {e['text']['text']}]" for i, e in enumerate(block["elements"], 1))
    return "─" * 20 if block["type"] == "divider" else ""


def _buttons(message: Json) -> list[Json]:
    blocks = [block for block in message.get("blocks") or () if block["type"] == "actions"]
    return [element for block in blocks for element in block["elements"] if element["type"] == "button"]


def _options(element: Json) -> str:
    options = [option["text"]["text"] for option in element.get("options") or ()]
    if options:
        return f"  ({' | '.join(options)})"
    initial = element.get("initial_date") or element.get("initial_value")
    return f"  ({initial})" if initial else ""


def _first_block(message: Json) -> Json:
    blocks: list[Json] = message.get("blocks") or [{}]
    return blocks[0]

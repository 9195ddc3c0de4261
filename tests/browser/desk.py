"""A person in front of the page; what the browser tests are told with. Everything waits, nothing sleeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.play import Demo

PATIENCE = 15_000  # milliseconds


@dataclass
class Desk:
    """`page` is Playwright's."""

    page: Any
    demo: Demo
    complaints: list[str]

    def __post_init__(self) -> None:
        self.page.wait_for_selector("body[data-ready]", timeout=PATIENCE)

    @property
    def box(self) -> Any:
        """Where one types."""
        return self.page.locator("#composer")

    @property
    def modal(self) -> Any:
        """The form on top."""
        return self.page.locator("#modals dialog")

    @property
    def question(self) -> Any:
        """The confirmation dialog."""
        return self.page.locator("dialog.confirm")

    @property
    def messages(self) -> Any:
        """What is in the channel, threads apart."""
        return self.page.locator("#messages .message")

    @property
    def thread(self) -> Any:
        """The pane beside it."""
        return self.page.locator("#thread")

    def message(self, text: str) -> Any:
        """The newest message with that text."""
        return self.messages.filter(has_text=text).last

    def type(self, text: str) -> None:
        """Into the box, and Enter."""
        self.box.fill(text)
        self.box.press("Enter")

    def press(self, name: str, inside: Any = None) -> None:
        """A button by its words; one of several says behind them what it is about."""
        named = re.compile(rf"^{re.escape(name)}(: .*)?$")
        (inside or self.page).get_by_role("button", name=named).click()

    def expect(self, target: Any) -> Any:
        """Playwright's expect, with our patience."""
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE)
        return expect(target)

    def rent(self, name: str = "web01") -> Any:
        """Rents a server by the form, in English; its card, once it is ready."""
        self.type("/kws rent")
        self.modal.get_by_label("Name", exact=True).fill(name)
        self.modal.get_by_label("Image", exact=True).select_option("debian-12")
        self.press("Rent", self.modal)
        self.expect(self.modal).to_have_count(0)
        card = self.messages.filter(has_text=name).first
        self.expect(card).to_contain_text("Running on")
        return card

    def shot(self, path: Path) -> None:
        """A picture of the page."""
        self.page.screenshot(path=path)

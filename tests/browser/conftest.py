"""The demo's page in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from demo.clock import DemoClock
from demo.play import Demo, Pace, simulated

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOON = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)  # in Seoul
WIDE, PHONE = {"width": 1380, "height": 860}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


def is_trouble(line: Any) -> bool:
    """409 is what a click on something that is just being redrawn gets first; the page sees to it."""
    return line.type == "error" and "409 (Conflict)" not in line.text


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One chromium for all tests."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: make test-browser installs it"
    )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def demo(browser: Any) -> Iterator[Demo]:
    """The demo as `kws demo` runs it, its nodes quick, its clock at noon in Seoul."""
    with simulated(clock=DemoClock(NOON), pace=Pace(0.1, 0.1, 0.1)) as running:
        yield running
        assert running.workspace.violations == []


@pytest.fixture
def sit_down(browser: Any, demo: Demo, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens the page as somebody; whatever the page complains of in its console fails the test."""
    complaints: list[str] = []
    contexts = []

    def sit(name: str = "joon", place: str = "messages", *, phone: bool = False, dark: bool = False) -> Desk:
        context = browser.new_context(
            viewport=PHONE if phone else WIDE, has_touch=phone, accept_downloads=True,
            color_scheme="dark" if dark else "light", reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if is_trouble(line) else None)
        page.goto(f"{demo.workspace.page_url}#{name}/{place}")
        return Desk(page, demo, complaints)

    yield sit
    for context in contexts:
        context.close()
    assert complaints == []

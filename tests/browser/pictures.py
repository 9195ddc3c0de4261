"""Take the pictures of the documents: the demo with its simulated nodes, in Debian's chromium. ``make pictures``.

Nothing is drawn by hand, so whoever changes the page or a message takes them again. Fields are found by their block ids,
not by their labels, so that the same script serves every language.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - comes with matplotlib
from playwright.sync_api import sync_playwright  # noqa: E402

from demo.clock import DemoClock  # noqa: E402
from demo.page import PORT  # noqa: E402
from demo.play import Demo, Pace, simulated  # noqa: E402
from kws_core.copies.service import Copies  # noqa: E402
from kws_core.people import Actor  # noqa: E402
from kws_core.rentals.admission import RentForm  # noqa: E402
from kws_core.tables.states import CopyState, Status  # noqa: E402

FOLDER = ROOT / "docs/pictures"
MORNING = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)  # 10:30 in Seoul
SIZE = {"width": 1240, "height": 760}
PERSON, ADMIN = "mina", "admin"  # their time zone is the lab's
MINA, JOON, ADMIN_ID = "U0MINA0001", "U0JOON0001", "U0ADMIN001"  # who rents
LANGUAGES = ("en", "ko")
LOCALES = {"en": "en-US", "ko": "ko-KR"}  # of the browser
PATIENCE = 90  # seconds


@dataclass
class Scene:
    """One language's page, in front of one demo."""

    page: Any
    demo: Demo
    language: str

    def type(self, text: str) -> None:
        """Type into the message box and press Enter."""
        box = self.page.locator("#composer")
        box.fill(text)
        box.press("Enter")

    def fill_form(self, name: str) -> Any:
        """Open the rent form and fill in name and image; return the field of the name."""
        self.type("/kws rent")
        field = self.page.locator("#modals dialog [data-block=name] input")
        field.fill(name)
        self.page.locator("#modals dialog [data-block=image] select").select_option("debian-12")
        return field

    def fill_form_again(self, name: str) -> Any:
        """Write another name into the form that is open; return its field."""
        field = self.page.locator("#modals dialog [data-block=name] input")
        field.fill(name)
        return field

    def leave_form(self) -> None:
        """Close the form without sending it."""
        self.page.keyboard.press("Escape")
        if self.page.locator("dialog.confirm").count():
            self.page.locator("dialog.confirm button").last.click()
        self.page.locator("#modals dialog").wait_for(state="detached")

    def to_the_end(self) -> None:
        """Scroll to the newest message, once the page has drawn it."""
        self.page.wait_for_timeout(1500)
        self.page.evaluate("document.querySelector('#messages').scrollTop = 1e9")

    def shoot(self, name: str) -> None:
        """Save a picture once the page has settled."""
        self.page.wait_for_timeout(600)
        path = FOLDER / f"{name}{'' if self.language == 'en' else '-' + self.language}.png"
        self.page.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a third of the size
        print(path.relative_to(ROOT))


def until(happened: Callable[[], bool]) -> None:
    """Wait for the bot.

    Raises:
        TimeoutError: If it takes longer than ``PATIENCE`` seconds.
    """
    last = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > last:
            raise TimeoutError("the demo didn't get there")
        time.sleep(0.1)


def running(demo: Demo, count: int) -> bool:
    """Tell whether this number of servers is running."""
    return sum(rental.status is Status.READY for rental in demo.service.rental_queries.all_rentals()) == count


def first_rental(scene: Scene) -> None:
    """Play a first rental up to its reminder, and take the pictures on the way."""
    page, demo = scene.page, scene.demo
    scene.fill_form("web01").press("Enter")
    until(lambda: running(demo, 1))
    scene.page.locator("#messages .message").filter(has_text="web01").first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-card")
    scene.fill_form("train-gpu")
    scene.shoot("demo-form")
    scene.fill_form_again("Train GPU!").press("Enter")
    page.locator("#modals dialog .error").first.wait_for()
    scene.shoot("demo-error")
    scene.leave_form()
    copies(scene)
    demo.stage.act("clock", {"step": "week"})
    until(lambda: demo.clock.skipped > 0 and not demo.stage.panel()["travelling"])
    scene.to_the_end()
    scene.shoot("demo-warning")
    for person, name in ((PERSON, "demo-home"), (ADMIN, "demo-admin")):
        page.goto(f"{demo.workspace.page_url}#{person}/home")
        page.wait_for_timeout(1500)
        scene.shoot(name)
    web(scene)


def web(scene: Scene) -> None:
    """The form of a web address, what a visitor sees, and the admins' list."""
    page, demo = scene.page, scene.demo
    page.goto(f"{demo.workspace.page_url}#{PERSON}/messages")
    page.wait_for_selector(f"body[data-ready={demo.workspace.person(PERSON).id}]")
    scene.type("/kws web web01")
    page.locator("#modals dialog [data-block=port] input").wait_for()
    scene.shoot("demo-web")
    scene.leave_form()
    site = page.locator("#panel a.site").first.get_attribute("href")
    page.goto(f"{demo.workspace.page_url}#{ADMIN}/messages")
    page.wait_for_selector(f"body[data-ready={demo.workspace.person(ADMIN).id}]")
    scene.type("/kws admin web")
    page.locator('button[data-focus$="/web_take_off"]').first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-web-admin")
    page.goto(site)
    scene.shoot("demo-site")


def copies(scene: Scene) -> None:
    """Keep a copy of the server, and look at the list."""
    scene.type("/kws copy web01")
    scene.page.locator('button[data-focus$="/rental_copy"]').first.click()
    until(
        lambda: any(copy.state is CopyState.KEPT for copy in Copies(scene.demo.service.context).everybodys())
    )
    scene.type("/kws copies")
    scene.page.locator('button[data-focus$="/copy_bring_back"]').first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-copies")


def waiting(scene: Scene) -> None:
    """Others have almost all of the nodes, and one of them reserves a week: what the form asks, and what fits when."""
    service = scene.demo.service
    today = service.context.today()
    forms = [(JOON, f"train{n}", "large", 2 + 3 * n) for n in range(3)]
    forms += [(ADMIN_ID, f"lab{n}", "large", 4 + 5 * n) for n in range(2)] + [(MINA, "thesis", "medium", 20)]
    for owner, name, size, days in forms:
        form = RentForm(name=name, image="debian-12", size=size, ends_on=today + timedelta(days=days))
        service.rental_service.request(Actor(owner), form, name)
    first, last = today + timedelta(days=14), today + timedelta(days=18)
    exam = RentForm(name="exam", image="debian-12", size="large", starts_on=first, ends_on=last)
    service.rental_service.request(Actor(ADMIN_ID), exam, "exam")
    scene.fill_form("train-gpu")
    scene.page.locator("#modals dialog [data-block=size] select").select_option("large")
    scene.page.wait_for_timeout(800)
    scene.page.locator("#modals dialog [data-block=name] input").press("Enter")
    scene.page.locator("#modals dialog [data-block=room_1]").wait_for()
    scene.shoot("demo-choice")
    scene.page.locator("#modals dialog [data-block=room_1] input").first.check()
    scene.page.locator("#modals dialog [data-block=name] input").press("Enter")
    scene.page.locator("#modals dialog").wait_for(state="detached")
    scene.page.locator("#messages .message").filter(has_text="train-gpu").first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-waiting")
    for person, name in ((PERSON, "demo-calendar"), (ADMIN, "demo-calendar-admin")):
        scene.page.goto(f"{scene.demo.workspace.page_url}#{person}/messages")
        scene.type("/kws status")
        scene.page.locator("#messages img[alt*=small]").first.wait_for()
        scene.to_the_end()
        scene.shoot(name)


def asking(scene: Scene) -> None:
    """A last day beyond the policy: what the form asks, what the admins read, and what became of it."""
    page, demo = scene.page, scene.demo
    reason = {"en": "My thesis experiment runs until March.", "ko": "졸업 논문 실험이 3월까지 이어집니다."}
    far = demo.service.context.today() + timedelta(days=110)
    scene.fill_form("thesis")
    page.locator("#modals dialog [data-block=ends_on] input").fill(far.isoformat())
    page.locator("#modals dialog [data-block=name] input").press("Enter")
    ask = page.locator("#modals dialog [data-block=ask] textarea, #modals dialog [data-block=ask] input")
    ask.first.wait_for()
    ask.first.fill(reason[scene.language])
    scene.shoot("demo-ask")
    page.locator("#modals dialog [data-block=name] input").press("Enter")
    page.locator("#modals dialog").wait_for(state="detached")
    page.goto(f"{demo.workspace.page_url}#{ADMIN}/messages")
    page.get_by_text("lab-admin").click()
    approve = page.locator('button[data-focus$="/ask_approve"]')
    approve.first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-ask-admin")
    approve.first.click()
    approve.first.wait_for(state="detached")
    scene.to_the_end()
    scene.shoot("demo-decision-admin")
    until(lambda: running(demo, 1))
    page.goto(f"{demo.workspace.page_url}#{PERSON}/messages")
    page.locator("#messages .message").filter(has_text="thesis").first.wait_for()
    scene.to_the_end()
    scene.shoot("demo-decision")


def play(browser: Any, language: str, act: Callable[[Scene], None]) -> None:
    """Play one act on a fresh demo."""
    with simulated(port=PORT, clock=DemoClock(MORNING), pace=Pace(0.1, 0.1, 0.1)) as demo:
        for person in (PERSON, ADMIN):
            demo.stage.act("language", {"user": person, "locale": language})
        context = browser.new_context(
            viewport=SIZE, color_scheme="light", reduced_motion="reduce", locale=LOCALES[language]
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{demo.workspace.page_url}#{PERSON}/messages")
        page.wait_for_selector("body[data-ready]")
        act(Scene(page, demo, language))
        context.close()


def main() -> int:
    """Take every picture in every language; or only those of the acts that are named."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    wanted = [
        act for act in (first_rental, waiting, asking) if act.__name__ in (sys.argv[1:] or act.__name__)
    ]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        for language in LANGUAGES:
            for act in wanted:
                play(browser, language, act)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

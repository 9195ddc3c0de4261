"""The demo's sites: what KWS loads into its Caddy is what a browser gets at the page's port."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from bot.text.web_pages import pages
from demo.play import Demo, Pace, simulated
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.tables.states import Audience, Status
from kws_core.web.routes import Page
from kws_core.web.service import SiteForm, Sites
from slack_workspace import Person

PAGES = pages("ko")
HOST = "web01.lab.localhost"


@pytest.fixture
def demo() -> Iterator[Demo]:
    """As ``kws demo`` runs it, its nodes quick."""
    with simulated(pace=Pace(0.05, 0.05, 0.05)) as running:
        yield running


def visit(demo: Demo, host: str = HOST, language: str = "en") -> requests.Response:
    """As a browser does, which finds this machine by itself."""
    session = requests.Session()
    session.trust_env = False
    headers = {"Host": f"{host}:{demo.workspace.port}", "Accept-Language": language}
    return session.get(demo.workspace.page_url, headers=headers, timeout=10)


def becomes(demo: Demo, wanted: object, language: str = "en") -> None:
    """Within a few seconds a visitor gets that page, or a text with that in it."""

    def there() -> bool:
        text = visit(demo, language=language).text
        return text == PAGES[wanted, language] if isinstance(wanted, Page) else str(wanted) in text  # type: ignore[index]

    until = time.monotonic() + 15
    while not there():
        assert time.monotonic() < until, visit(demo, language=language).text
        time.sleep(0.1)


def rented(demo: Demo) -> tuple[Person, str]:
    joon = demo.workspace.person("joon")
    joon.command("/kws rent")
    demo.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "web01", "image": "debian-12"})
    joon.submit()
    queries = demo.service.rental_queries
    demo.workspace.wait_for(lambda: [r for r in queries.all_rentals() if r.status is Status.READY])
    return joon, queries.all_rentals()[0].id


def ignored(*_: object) -> None:
    """What became of it."""


def test_from_the_link_to_the_page_that_it_has_ended(demo: Demo) -> None:
    joon, rental_id = rented(demo)
    link = f"http://{HOST}:{demo.workspace.port}"
    demo.workspace.wait_for(lambda: link in str(joon.dm()))
    becomes(demo, "web01 says hello")
    becomes(demo, "안녕하세요", "ko")
    (machine,) = [one for node in demo.stage.panel()["nodes"] for one in node["rentals"]]
    assert machine["sites"] == [link]

    who, sites = Actor(joon.id), Sites(demo.service.context)
    sites.change(who, rental_id, SiteForm(Audience.LAB, 8080))
    becomes(demo, Page.SILENT)
    becomes(demo, Page.SILENT, "ko")
    demo.service.operations.act(who, rental_id, MachineAction.STOP, ignored)
    becomes(demo, Page.STOPPED)
    demo.service.rental_service.return_rental(who, rental_id)
    becomes(demo, Page.ENDED, "ko")


def test_other_names_are_nobodys(demo: Demo) -> None:
    rented(demo)
    becomes(demo, "web01 says hello")
    unknown = visit(demo, "db01.lab.localhost")
    assert (unknown.status_code, unknown.text) == (404, PAGES[Page.UNKNOWN, "en"])
    assert visit(demo, "web01.lab.localhost.evil.example").status_code == 403
    assert visit(demo, "127.0.0.1").text.startswith("<!doctype html>")


def test_a_dead_node_answers_no_visitor(demo: Demo) -> None:
    rented(demo)
    becomes(demo, "web01 says hello")
    demo.stage.act("node", {"name": "node1", "mood": "dead"})
    becomes(demo, Page.SILENT)

"""A web server on a server that really boots is read at its https name, through a real Caddy with its own CA."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, ask_to_return, rent, wait_until
from guests.conftest import NODE, Arrivals, Notes
from guests.person import Desk, address_of, card_text, card_ts, key_file
from harness.caddy_kit import PAGES, Answer, RealCaddy, real_caddy
from lab_checks import marks, rental_row, take_away

from kws_core.web.caddy import ProxyDown
from kws_core.web.routes import Page
from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(2400)]

NAME, IMAGE, PORT = "site", "debian-12-quick", 8080
ENGLISH = ("-H", "Accept-Language: en")
FOLLOWS = 5.0  # seconds within which a name follows its rental
SERVE = (  # in a shell of its own, or ssh waits for what holds its output
    "mkdir -p www && hostname > www/index.html && cd www && "
    f"(setsid python3 -m http.server {PORT} </dev/null >/dev/null 2>&1 &)"
)


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[RealCaddy]:
    """A Caddy that serves nothing yet."""
    folder = tmp_path / "caddy"
    folder.mkdir()
    with real_caddy(folder) as caddy:
        yield caddy


def own_addresses() -> list[str]:
    """Every IPv4 address from which this machine may reach a guest."""
    said = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout
    return [one for one in said.split() if ":" not in one]


@pytest.fixture
def bot(
    tmp_path: Path, workspace: Workspace, clouds: dict[str, Any], caddy: RealCaddy
) -> Iterator[BotProcess]:
    """The bot on the node, with that Caddy as its proxy."""
    web = f"""
domain = "lab.example"
admin = "{caddy.url}"
proxy = {json.dumps(own_addresses())}
open_to = ["127.0.0.0/8"]
http_port = {caddy.http_port}
https_port = {caddy.https_port}
"""
    process = BotProcess(
        tmp_path, workspace, {NODE: NODE}, vcpus=4, containers=False, ready_check="ssh", max_builds=1, web=web
    )
    process.start()
    yield process
    process.stop()
    take_away(clouds, marks(clouds))
    print(f"the end of {process.log.name}:", *process.last_words(), sep="\n")  # shown when the test failed


def visit(caddy: RealCaddy) -> Answer | None:
    """What a visitor gets; None while there is no certificate yet."""
    try:
        answer = caddy.get(NAME, "/", *ENGLISH)
    except ProxyDown:
        return None
    return answer if answer.code == 0 else None


def becomes(caddy: RealCaddy, status: int, body: str, seconds: float) -> float:
    """Waits until a visitor gets that; how long it took."""
    begun, last = time.monotonic(), None
    while time.monotonic() - begun < seconds:
        last = visit(caddy)
        if last and (last.status, last.text) == (status, body):
            return time.monotonic() - begun
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s: {last}")


def test_a_page_of_a_guest_is_read_at_its_name(
    bot: BotProcess, workspace: Workspace, desk: Desk, caddy: RealCaddy, notes: Notes
) -> None:
    joon, arrivals = workspace.person("joon"), Arrivals(bot, workspace, desk, notes)
    rent(workspace, joon, NAME, image=IMAGE)
    key = key_file(workspace, joon, desk, f"kws-{NAME}")
    arrivals.expect(NAME, IMAGE, key=key)
    arrivals.ready(joon, NAME)
    link = f"https://{NAME}.lab.example:{caddy.https_port}"
    workspace.wait_for(lambda: link in card_text(joon, NAME), timeout=30)
    becomes(caddy, 503, PAGES[Page.SILENT, "en"], 30)

    login = f"debian@{address_of(bot, NAME)}"
    assert desk.ssh(login, SERVE, key=key).returncode == 0
    notes.begin()
    joon.click("rental_web", message=card_ts(joon, NAME))
    workspace.wait_for(lambda: joon.open_view, timeout=10)
    joon.fill_form({"port": str(PORT)})
    assert joon.submit().errors == {}
    becomes(caddy, 200, f"{NAME}\n", 120)
    notes.row(
        f"chose port {PORT}, which is open to the proxy alone",
        "the link",
        "the guest's page at its https name",
    )
    assert visit_plainly(caddy) == (308, f"{link}/")

    ask_to_return(workspace, joon, NAME)
    wait_until(lambda: rental_row(bot, NAME)["status"] in ("ending", "ended"), 60)
    notes.begin()
    took = becomes(caddy, 410, PAGES[Page.ENDED, "en"], FOLLOWS + 1)
    assert took <= FOLLOWS
    notes.row(f"returned {NAME}", "deleting", "the name says that the site has ended")
    wait_until(lambda: rental_row(bot, NAME)["status"] == "ended", 300)
    becomes(caddy, 410, PAGES[Page.ENDED, "en"], 1)


def visit_plainly(caddy: RealCaddy) -> tuple[int, str]:
    """What plain HTTP says, and where it leads."""
    answer = caddy.curl(f"http://{NAME}.lab.example:{caddy.http_port}/")
    return answer.status, answer.headers["location"]

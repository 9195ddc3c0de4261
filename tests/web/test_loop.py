"""The rows, the loop, and a real Caddy."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from harness.caddy_kit import PAGES, RealCaddy, free_ports, own_address, self_signed
from harness.world import MINA, WEB, World
from web.front import Front, Upstream, says

from bot.ops.ask_server import AskPage, serve
from kws_core.context import Context
from kws_core.findings import Result
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience
from kws_core.web import caddy as config
from kws_core.web import checks
from kws_core.web.caddy import Caddy, ProxyRefused
from kws_core.web.proxy import Proxy
from kws_core.web.routes import Page, Route
from kws_core.web.service import SiteForm, Sites

pytestmark = pytest.mark.caddy


@dataclass
class Lab:
    """A lab whose rentals all have the address of this machine."""

    world: World
    front: Front
    proxy: Proxy

    def tick(self, seconds: int = 6) -> None:
        """So many seconds."""
        for _ in range(seconds):
            self.world.tick()
            self.proxy.tick()
            self.world.clock.advance(seconds=1)

    def serve(self, name: str, server: Upstream) -> Rental:
        """A rental on which that web server runs."""
        rental = self.world.ready(name)
        form = SiteForm(Audience.LAB, server.target.port)
        Sites(self.world.context).change(MINA, rental.id, form)
        self.move(rental, server.target.address)
        self.tick()
        return rental

    def move(self, rental: Rental, address: str) -> None:
        """Its node gives it another address."""
        with self.world.store.write() as session:
            row = session.get_one(Rental, rental.id)
            assert row.placement
            row.placement.floating_ip, row.placement.let_in = address, f"127.0.0.1:{row.site.port}"  # type: ignore[union-attr]


@pytest.fixture
def lab(make_world: Callable[..., World], front: Front) -> Lab:
    """A lab with a real proxy."""
    world = make_world(web=WEB)
    world.config = world.config.model_copy(update={"web": front.web})
    world.context = Context(world.config, world.store, world.clock)
    world.restart()
    front.caddy.kill()
    front.caddy.start()
    return Lab(world, front, Proxy(world.context, PAGES))


def test_from_the_rental_to_the_page_that_it_has_ended(lab: Lab) -> None:
    server = lab.front.upstream("unused", says(b"hello"))
    rental = lab.serve("web01", server)
    assert lab.front.caddy.get("web01").body == b"hello"
    lab.world.rental_service.return_rental(MINA, rental.id)
    lab.tick(5)
    ended = lab.front.caddy.get("web01")
    assert (ended.status, ended.text) == (410, PAGES[Page.ENDED, "ko"])


def test_it_follows_the_address(lab: Lab) -> None:
    first = lab.front.upstream("unused", says(b"first"))
    rental = lab.serve("web01", first)
    second = Upstream("127.0.0.1", says(b"never"))
    lab.move(rental, "127.0.0.1")
    lab.tick(5)
    assert lab.front.caddy.get("web01").status == 503, "loopback is no rental"
    assert second.seen == []
    lab.move(rental, first.target.address)
    lab.tick(5)
    assert lab.front.caddy.get("web01").body == b"first"
    second.shutdown()
    second.server_close()


def test_a_restart_and_a_change_by_hand_are_made_good(lab: Lab) -> None:
    lab.serve("web01", lab.front.upstream("unused", says(b"hello")))
    api = Caddy(lab.front.caddy.url)
    before = api.config()
    (lab.front.caddy.folder / "config/caddy/autosave.json").unlink()
    lab.front.caddy.kill()
    lab.tick(6)
    assert lab.proxy.trouble == "Caddy isn't responding"
    lab.front.caddy.start()  # remembers nothing
    assert "apps" not in api.config()
    lab.tick(4)
    assert api.config() == before
    assert lab.front.caddy.get("web01").body == b"hello"
    requests.delete(f"{lab.front.caddy.url}/config/apps/http/servers/kws/routes/0", timeout=5)
    requests.post(f"{lab.front.caddy.url}/config/apps/http/grace_period", json="1s", timeout=5)
    assert api.config() != before
    lab.tick(9)
    assert api.config() == before


def test_what_is_equal_is_not_loaded_again(lab: Lab) -> None:
    lab.serve("web01", lab.front.upstream("unused", says(b"hello")))
    lab.tick(10)
    before = lab.front.caddy.log().count("/load")
    lab.tick(30)
    Proxy(lab.world.context, PAGES).tick()  # another bot, or this one started again
    assert lab.front.caddy.log().count("/load") == before


def test_a_configuration_that_is_refused_changes_nothing_for_visitors(lab: Lab) -> None:
    lab.serve("web01", lab.front.upstream("unused", says(b"hello")))
    api = Caddy(lab.front.caddy.url)
    broken = lab.front.web.model_copy(update={"tls": "files", "certificate": "/none.pem", "key": "/none.pem"})
    with pytest.raises(ProxyRefused):
        api.load({**api.config(), "apps": config.apps(broken, [], PAGES)})
    assert lab.front.caddy.get("web01").body == b"hello"


def test_two_hundred_names(lab: Lab) -> None:
    server = lab.front.upstream("unused", says(b"hello"))
    lab.front.routes = [Route(f"r{n}", (f"web{n}",), server.target) for n in range(200)]
    lab.front.load()
    for number in (0, 99, 199):
        assert lab.front.caddy.get(f"web{number}").body == b"hello"


# -- what Caddy counts


def test_requests_by_status_and_by_name_are_caddys_own(front: Front) -> None:
    """Its metrics tell the status of all sites together, its access log that of each name."""
    front.upstream("web01", says(b"hello"))
    front.upstream("web02", says(b"gone", 410))
    front.caddy.get("web01")
    assert "http.log.access" not in front.caddy.log(), "nobody asked for it"
    front.web = front.web.model_copy(update={"access_log": True})
    front.load()
    for name in ("web01", "web01", "web02"):
        front.caddy.get(name, "/", "-H", "Cookie: secret=1")
    lines = [json.loads(line) for line in front.caddy.log().splitlines() if '"http.log.access' in line]
    assert [(one["request"]["host"].split(":")[0], one["status"]) for one in lines] == [
        ("web01.lab.example", 200), ("web01.lab.example", 200), ("web02.lab.example", 410),
    ]  # fmt: skip
    assert "secret" not in str(lines)
    told = requests.get(f"{front.caddy.url}/metrics", timeout=5).text
    count = r'caddy_http_request_duration_seconds_count\{code="(\d+)",handler="reverse_proxy",method="GET",server="kws"\} (\d+)'
    assert dict(re.findall(count, told)) == {"200": "3", "410": "1"}


# -- certificates


def test_a_certificate_from_files(front: Front, tmp_path: Path) -> None:
    file = self_signed(tmp_path, "*.lab.example")
    front.upstream("web01", says(b"hello"))
    front.web = front.web.model_copy(update={"tls": "files", "certificate": str(file), "key": str(file)})
    front.load()
    url = f"https://web01.lab.example:{front.web.https_port}/"
    assert front.caddy.curl(url, "--cacert", str(file)).body == b"hello"


def test_no_certificate_for_a_name_that_is_no_site(caddy: RealCaddy) -> None:
    """Caddy asks KWS first. Its own CA takes the place of one in the internet, which nobody has in a test."""
    asked: list[str] = []

    def may_have(host: str) -> bool:
        asked.append(host)
        return host == "web01.lab.example"

    server = serve(AskPage(may_have), 0)
    front = Front(caddy, caddy.section(tls="acme", ask=f"127.0.0.1:{server.port}"), own_address())
    front.upstream("web01", says(b"hello"))
    apps = config.apps(front.web, front.routes, PAGES)
    apps["tls"]["automation"]["policies"][0]["issuers"] = [{"module": "internal"}]
    apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    Caddy(front.caddy.url).load({"admin": {"listen": front.caddy.url.removeprefix("http://")}, "apps": apps})
    try:
        assert front.caddy.get("web01").body == b"hello"
        assert front.caddy.get("web01").body == b"hello"
        assert asked == ["web01.lab.example"], "once in the life of a certificate"
        assert front.caddy.get("made-up").code == 35
        assert "made-up.lab.example" in asked
        server.close()
        assert front.caddy.get("web01").body == b"hello", "KWS is down"
        assert front.caddy.get("web02").code == 35
    finally:
        front.close()


# -- what the doctor says


@pytest.fixture
def names_lead_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS knows the names of the lab."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *args: object, **more: object) -> object:
        return real("127.0.0.1" if host.endswith(".lab.example") else host, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def found(front: Front, **more: object) -> dict[str, Result]:
    web = front.web.model_copy(update=more)
    return {one.code: one.result for one in checks.findings(web, lambda: datetime.now(UTC))}


@pytest.mark.usefixtures("names_lead_here")
def test_a_good_proxy(front: Front) -> None:
    assert found(front) == {"web_caddy": Result.OK, "web_dns": Result.OK, "web_certificate": Result.OK}
    assert found(front, tls="acme")["web_port"] is Result.OK


@pytest.mark.usefixtures("names_lead_here")
def test_what_is_wrong_with_a_proxy(front: Front, tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    assert found(front, admin=f"http://127.0.0.1:{nobody}")["web_caddy_down"] is Result.FAIL
    assert found(front, http_port=nobody)["web_http_port"] is Result.FAIL
    assert found(front, https_port=nobody)["web_https_port"] is Result.FAIL
    assert found(front, http_port=front.caddy.admin_port)["web_elsewhere"] is Result.FAIL
    file = self_signed(tmp_path, "other.example")
    front.web = front.web.model_copy(update={"tls": "files", "certificate": str(file), "key": str(file)})
    front.load()
    assert found(front)["web_certificate_bad"] is Result.FAIL
    api = Caddy(front.caddy.url)
    api.load({"admin": api.config()["admin"]})
    assert found(front)["web_not_loaded"] is Result.NOTE


def test_a_domain_that_does_not_resolve(front: Front) -> None:
    assert found(front, domain="lab.invalid")["web_dns_missing"] is Result.FAIL

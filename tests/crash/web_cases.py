"""Web addresses: the calls of the loop to Caddy are swept as those to nodes and Slack. ``cases.py`` has the rest."""

from __future__ import annotations

from crash.cases import Case, found_as, person, rent_server, return_rental, told_of
from crash.lab import CrashLab
from harness.world import WEB

from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Status
from kws_core.web.routes import Page

HOST = "web01.lab.example"


def behind(lab: CrashLab, wanted: object, host: str = HOST) -> list[str]:
    """What a visitor gets must be that."""
    found = lab.caddy.behind(host)
    return [] if found == wanted else [f"{host} leads to {found}, not {wanted}"]


def address_of(lab: CrashLab, port: int) -> str:
    placement = lab.rental().placement
    return f"{placement.floating_ip}:{port}" if placement else "nowhere"


def served(lab: CrashLab) -> list[str]:
    """The site is there, and its owner was told of it once."""
    site = lab.rental().site
    wrong = [] if site and site.served_at else ["it isn't known to be served"]
    return wrong + behind(lab, address_of(lab, 80)) + told_of(lab, EventKind.WEB_SERVED, 1)


def served_and_ready(lab: CrashLab) -> list[str]:
    return served(lab) + found_as(lab, Status.READY)


def change(lab: CrashLab) -> None:
    """Another port, and a second name."""
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws web web01")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({"port": "8080", "second": "shop"})
            joon.submit()

    def done() -> bool:
        site = lab.rental().site
        return site is not None and site.second == "shop"

    lab.do(deed, done)
    lab.settle()


def changed(lab: CrashLab) -> list[str]:
    target = address_of(lab, 8080)
    wrong = behind(lab, target) + behind(lab, target, "shop.lab.example") + let_in(lab)
    return wrong + told_of(lab, EventKind.WEB_CHANGED, 1) + told_of(lab, EventKind.WEB_SERVED, 2)


def let_in(lab: CrashLab) -> list[str]:
    """The security group lets the proxy in at the port."""
    rental = lab.rental()
    things = [thing for node in lab.nodes.values() for thing in node.network if thing.mark == rental.mark]
    ports = {one.port for thing in things for one in thing.let_in}
    return [] if ports == {8080} else [f"the proxy is let in at {ports}"]


def ended(lab: CrashLab) -> list[str]:
    return behind(lab, Page.ENDED) + found_as(lab, Status.ENDED) + told_of(lab, EventKind.ENDED, 1)


CASES = (
    Case("rent with a web address", rent_server, served_and_ready, web=WEB),
    Case("change a web address", change, changed, rent_server, web=WEB),
    Case("end a web address", return_rental, ended, rent_server, web=WEB),
)

"""Web addresses: the calls of the loop to Caddy are swept as those to nodes and Slack. ``cases.py`` has the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from crash import move_cases
from crash.cases import Case, found_as, person, rent_server, reset, reset_once, return_rental, told_of
from crash.lab import CrashLab
from harness.names import NameWatch, served
from harness.world import WEB

from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
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


def there(lab: CrashLab) -> list[str]:
    """The site is there, and its owner was told of it once."""
    site = lab.rental().site
    wrong = [] if site and site.served_at else ["it isn't known to be served"]
    return wrong + behind(lab, address_of(lab, 80)) + told_of(lab, EventKind.WEB_SERVED, 1)


def there_and_ready(lab: CrashLab) -> list[str]:
    return there(lab) + found_as(lab, Status.READY)


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
    return lets_in(lab, lab.rental(), 8080)


def lets_in(lab: CrashLab, rental: Rental, port: int) -> list[str]:
    things = [thing for node in lab.nodes.values() for thing in node.network if thing.mark == rental.mark]
    ports = {one.port for thing in things for one in thing.let_in}
    return [] if ports == {port} else [f"the proxy is let in at {ports}"]


def ended(lab: CrashLab) -> list[str]:
    return behind(lab, Page.ENDED) + found_as(lab, Status.ENDED) + told_of(lab, EventKind.ENDED, 1)


# -- a server that moves, or is reset; from now on names are watched every second


def watched(before: Callable[[CrashLab], None]) -> Callable[[CrashLab], None]:
    """The same, with a port that isn't open to everyone, and a second name."""

    def begin(lab: CrashLab) -> None:
        before(lab)
        change(lab)
        others, names = lab.watch, NameWatch()

        def look() -> list[str]:
            store, now = lab.service.store, lab.clock()
            return [*others(), *names.look(store, now), *names.follow(store, lab.caddy, now)]

        lab.watch = look

    return begin


def followed(lab: CrashLab) -> list[str]:
    """The site and both names are the new one's, whose node lets the proxy in; its owner was told of the link again."""
    wrong = move_cases.elsewhere(lab)
    old, new = move_cases.first(lab), next(r for r in lab.rentals() if r.replaced_by is None)
    wrong += ["the old one has a site"] if old.site else []
    wrong += both_lead_to(lab, new) + lets_in(lab, new, 8080) + told_of(lab, EventKind.WEB_SERVED, 3)
    return wrong + served(lab.service.store, lab.caddy, lab.clock())


def kept(lab: CrashLab) -> list[str]:
    """The move failed: site and names are as they were."""
    wrong = move_cases.stays(lab) + both_lead_to(lab, move_cases.first(lab))
    wrong += told_of(lab, EventKind.WEB_SERVED, 2)
    return wrong + served(lab.service.store, lab.caddy, lab.clock())


def both_lead_to(lab: CrashLab, rental: Rental) -> list[str]:
    target = f"{rental.placement.floating_ip}:8080" if rental.placement else "nowhere"
    return behind(lab, target) + behind(lab, target, "shop.lab.example")


def slow_to_boot(lab: CrashLab) -> None:
    """A server whose node takes a while to boot it from now on."""
    rent_server(lab)
    for node in lab.nodes.values():
        node.times = replace(node.times, boot=timedelta(seconds=10))


def same_again(lab: CrashLab) -> list[str]:
    """Reset: the same address, and the same names."""
    wrong = reset_once(lab) + both_lead_to(lab, lab.rental()) + let_in(lab)
    return wrong + told_of(lab, EventKind.WEB_SERVED, 2) + served(lab.service.store, lab.caddy, lab.clock())


CASES = (
    Case("rent with a web address", rent_server, there_and_ready, web=WEB),
    Case("change a web address", change, changed, rent_server, web=WEB),
    Case("end a web address", return_rental, ended, rent_server, web=WEB),
    Case("web address: move the server", move_cases.move, followed, watched(move_cases.slowly), web=WEB),
    Case("web address: a move that fails", move_cases.move, kept, watched(move_cases.refused), web=WEB),
    Case("web address: reset the server", reset, same_again, watched(slow_to_boot), web=WEB),
)

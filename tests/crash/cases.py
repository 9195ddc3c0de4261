"""What people and the clock do, each with what must have come of it: the use cases that are swept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crash.lab import CrashLab

from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status

UNTIL = "2026-12-31"  # what the person extends to


@dataclass(frozen=True)
class Case:
    """``before`` is not swept; ``act`` is; ``expected`` says what is wrong afterwards."""

    name: str
    act: Callable[[CrashLab], None]
    expected: Callable[[CrashLab], list[str]]
    before: Callable[[CrashLab], None] = lambda lab: None
    policy: str = ""  # lines of [policy]
    web: str = ""  # lines of [web]


def person(lab: CrashLab) -> Any:
    return lab.workspace.person("joon")


def _rent(lab: CrashLab, kind: str, fields: dict[str, str]) -> None:
    joon = person(lab)
    if joon.open_view is None:
        joon.command(f"/kws rent {kind}")
    if joon.open_view is not None and not lab.line.killed:
        joon.fill_form(fields)
        joon.submit()


def rent_server(lab: CrashLab) -> None:
    fields = {"name": "web01", "image": "debian-12"}
    lab.do(lambda: _rent(lab, "server", fields), lambda: accepted(lab))
    lab.settle()


def rent_container(lab: CrashLab) -> None:
    fields = {"name": "web01", "image": "nginx:latest"}
    lab.do(lambda: _rent(lab, "container", fields), lambda: accepted(lab))
    lab.settle()


def accepted(lab: CrashLab) -> bool:
    """The person sees the form close."""
    return person(lab).open_view is None and bool(lab.rentals())


def one_ready(lab: CrashLab) -> list[str]:
    return found_as(lab, Status.READY) + told_of(lab, EventKind.READY, 1)


def found_as(lab: CrashLab, *wanted: Status) -> list[str]:
    found = [r.status for r in lab.rentals()]
    return [] if found == list(wanted) else [f"rentals are {found}, not {list(wanted)}"]


def told_of(lab: CrashLab, kind: EventKind, times: int) -> list[str]:
    found = 0
    for rental in lab.rentals():
        found += sum(event.kind is kind for event in lab.service.rental_queries.history(rental.id))
    return [] if found == times else [f"{found} events {kind.value}, not {times}"]


def extend(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.command("/kws extend web01")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({"ends_on": UNTIL})
            joon.submit()

    lab.do(deed, lambda: joon.open_view is None and lab.rental().ends_on.isoformat() == UNTIL)
    lab.settle()


def extended(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().ends_on.isoformat() == UNTIL else [f"it ends on {lab.rental().ends_on}"]
    return wrong + one_ready(lab) + told_of(lab, EventKind.EXTENDED, 1)


def return_rental(lab: CrashLab) -> None:
    joon = person(lab)

    def deed() -> None:
        if not any("rental_return" in str(m) for m in joon.ephemeral()):
            joon.command("/kws return web01")
        if not lab.line.killed and any("rental_return" in str(m) for m in joon.ephemeral()):
            joon.click("rental_return", message=joon.ephemeral()[-1]["ts"], confirm=True)

    lab.do(deed, lambda: lab.rental().status in (Status.ENDING, Status.ENDED))
    lab.settle()


def one_ended(lab: CrashLab) -> list[str]:
    return (
        found_as(lab, Status.ENDED) + told_of(lab, EventKind.RETURNED, 1) + told_of(lab, EventKind.ENDED, 1)
    )


def warn(lab: CrashLab) -> None:
    lab.noon(7, hour=9)
    lab.night()


def warned(lab: CrashLab) -> list[str]:
    return found_as(lab, Status.READY) + told_of(lab, EventKind.WARNED, 1)


def two_overdue(lab: CrashLab) -> None:
    rent_server(lab)
    lab.do(
        lambda: _rent(lab, "server", {"name": "web02", "image": "debian-12"}), lambda: len(lab.rentals()) == 2
    )
    lab.settle()
    for days in (7, 4, 2):
        lab.noon(days)
        lab.night()
    lab.noon(2, hour=0)


def night(lab: CrashLab) -> None:
    lab.night()
    lab.night()  # a later minute: the summary waits for the deletions


def all_ended(lab: CrashLab) -> list[str]:
    summaries = [m for m in lab.messages() if "admin-notice-" in str(m.get("blocks"))]
    wrong = [] if len(summaries) == 1 else [f"{len(summaries)} summaries for the admins"]
    return wrong + found_as(lab, Status.ENDED, Status.ENDED) + told_of(lab, EventKind.ENDED, 2)


def new_key(lab: CrashLab) -> None:
    joon, before = person(lab), lab.rental().key_fingerprint
    lab.old_keys = 1

    def deed() -> None:
        joon.click("rental_new_key", confirm=True)

    lab.do(deed, lambda: lab.rental().rekey is not None or lab.rental().key_fingerprint != before)
    lab.settle(45)


def rekeyed(lab: CrashLab) -> list[str]:
    rental: Rental = lab.rental()
    return one_ready(lab) + ([] if rental.rekey is None else ["the new key is not there"])


def reset(lab: CrashLab, **fields: str) -> None:
    """From the card's button through the form."""
    joon = person(lab)

    def deed() -> None:
        if joon.open_view is None:
            joon.click("rental_reset")
        if joon.open_view is not None and not lab.line.killed:
            joon.fill_form({"name": "web01", **fields})
            joon.submit()

    lab.do(deed, lambda: joon.open_view is None and told_of(lab, EventKind.RESET_WANTED, 1) == [])
    lab.settle(60)


def reset_with_a_key(lab: CrashLab) -> None:
    lab.old_keys = 1
    reset(lab, access="new")


def reset_once(lab: CrashLab) -> list[str]:
    rebuilt = [number for node in lab.nodes.values() for _, number in node.rebuilt]
    wrong = [] if rebuilt in ([1], []) else [f"rebuilt: {rebuilt}"]
    wrong += [] if lab.rental().power is Power.ON else [f"its power is {lab.rental().power}"]
    wrong += told_of(lab, EventKind.RESET_WANTED, 1) + told_of(lab, EventKind.RESET_DONE, 1)
    return wrong + one_ready(lab)


def stop(lab: CrashLab) -> None:
    """The button is there for as long as the node shows that it runs."""
    lab.do(lambda: person(lab).click("rental_stop", confirm=True), lambda: asked_to_stop(lab))
    lab.settle()


def asked_to_stop(lab: CrashLab) -> bool:
    return told_of(lab, EventKind.SWITCHED_OFF, 1) == []


def powered_off(lab: CrashLab) -> list[str]:
    wrong = [] if lab.rental().power is Power.OFF else [f"its power is {lab.rental().power}"]
    asked = [
        e.data["asked"]
        for e in lab.service.rental_queries.history(lab.rental().id)
        if e.kind is EventKind.POWERED_OFF
    ]
    return wrong + found_as(lab, Status.READY) + ([] if asked == [True] else [f"powered off: {asked}"])


def key_saved(lab: CrashLab) -> None:
    def removed() -> bool:
        return told_of(lab, EventKind.KEY_FILE_REMOVED, 1) == []

    def deed() -> None:
        person(lab).click("rental_key_saved")
        lab.service.key_files.remove_due()

    lab.do(deed, removed)
    lab.settle()


def no_key_in_slack(lab: CrashLab) -> list[str]:
    lab.keys_stay = False
    left = [str(file["name"]) for file in person(lab).files()]
    return one_ready(lab) + told_of(lab, EventKind.KEY_FILE_REMOVED, 1) + [f"left: {name}" for name in left]


CASES = (
    Case("rent a server", rent_server, one_ready),
    Case("rent a container", rent_container, one_ready),
    Case("extend", extend, extended, rent_server),
    Case("return", return_rental, one_ended, rent_server),
    Case("expiry reminder", warn, warned, rent_server),
    Case("nightly cleanup", night, all_ended, two_overdue),
    Case("reset the SSH key", new_key, rekeyed, rent_server),
    Case("reset a server", reset, reset_once, rent_server),
    Case("reset a server with a new key", reset_with_a_key, reset_once, rent_server),
    Case("reset a container", reset, reset_once, rent_container),
    Case("confirm that a key is saved", key_saved, no_key_in_slack, rent_server),
    Case("stop", stop, powered_off, rent_server),
)

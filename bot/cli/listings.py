"""The rows of the commands' listings: what is found and done, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot.text.i18n import Texts
from bot.text.units import MINUTES, duration
from kws_core.errors import ConfigError
from kws_core.reconcile.orphans import MOST_LEAKS, SEEN_AGAIN, NodeReport, Orphan
from kws_core.tables.rental import Rental

if TYPE_CHECKING:
    from kws_core.nightly.cleanup import Nightly, Pass
    from kws_core.reconcile.orphan_sweep import Swept

Row = dict[str, Any]
Deeds = Mapping[str, str]  # mark or flavor -> what becomes, or became, of it
YEARS = range(1970, 3000)


def moment(text: str, zone: ZoneInfo, option: str = "--at") -> datetime:
    """Parse a moment that was typed; without an offset it is in the lab's zone.

    Raises:
        ConfigError: If it isn't a moment.
        ValueError: Never leaves: it is caught here.
    """
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.year not in YEARS:
            raise ValueError
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except ValueError as error:
        raise ConfigError([f"{option}: {text!r} isn't a date and time. Try 2026-12-01T00:00."]) from error


# -- reconcile


def would(report: NodeReport) -> tuple[NodeReport, Deeds]:
    """What a sweep would do about it."""
    deeds = dict.fromkeys(report.flavors, "delete: no server uses it")
    return report, deeds | {leak.mark: _would(leak, report) for leak in report.leaks}


def did(swept: Swept) -> tuple[NodeReport, Deeds]:
    """What the sweep did about it."""
    report = swept.report
    deeds = dict.fromkeys(report.flavors, "deleted: no server used it")
    for leak in report.leaks:
        deeds[leak.mark] = _would(leak, report)
        if leak.mark in swept.deleted:
            left = ", ".join(swept.deleted[leak.mark].kinds())
            deeds[leak.mark] = f"deleting, still there: {left}" if left else "deleted"
        elif leak.due(report.at) and not report.too_many:
            deeds[leak.mark] = "not deleted: it failed, or it's no longer orphaned"
    return report, deeds


def _would(leak: Orphan, report: NodeReport) -> str:
    if report.too_many:
        return f"keep: more than {MOST_LEAKS} at once; check that this is the right database"
    if leak.first_seen_at is None:
        return "first seen now; will delete when seen again"
    if not leak.due(report.at):
        seconds = (leak.first_seen_at + SEEN_AGAIN - report.at).total_seconds()
        return (
            f"will delete when seen again, in {duration(ceil(seconds / 60), MINUTES, Texts('en'))} or later"
        )
    return "delete: seen twice"


def reconciliation(found: Iterable[tuple[NodeReport, Deeds]], zone: ZoneInfo) -> list[Row]:
    """All nodes' rows: machines that nobody knows, rentals without machine, nodes without an answer."""
    rows: list[Row] = []
    for report, deeds in found:
        if report.error:
            rows.append(_row(report, "no answer", then=report.error))
        for leak in report.leaks:
            rows.append(_leak(report, "leak", leak, deeds[leak.mark], zone))
        for leak in report.elsewhere:
            rows.append(_leak(report, "elsewhere", leak, "keep: its rental is on another node", zone))
        for one in report.lost:
            rows.append(
                _row(
                    report, "no machine", one.mark, one.name, one.owner, then="will end: deleted outside KWS"
                )
            )
        for flavor in report.flavors:
            rows.append(_row(report, "flavor", flavor, kinds="flavor", then=deeds[flavor]))
    return rows


def _leak(report: NodeReport, found: str, leak: Orphan, then: str, zone: ZoneInfo) -> Row:
    since = leak.first_seen_at.astimezone(zone).isoformat(" ", "minutes") if leak.first_seen_at else None
    return _row(report, found, leak.mark, leak.name, leak.owner, ", ".join(leak.kinds), since, then)


def _row(
    report: NodeReport,
    found: str,
    mark: str | None = None,
    rental: str | None = None,
    owner: str | None = None,
    kinds: str | None = None,
    since: str | None = None,
    then: str = "",
) -> Row:
    return {
        "node": report.node,
        "found": found,
        "mark": mark,
        "rental": rental or None,
        "owner": owner or None,
        "kinds": kinds,
        "first_seen": since,
        "then": then,
    }


# -- nightly


def night(nightly: Nightly, warned: Sequence[str], done: Pass) -> list[Row]:
    """What the pass did: warned, ended, left for a later one, failed."""
    known = nightly.rentals([*warned, *done.marked, *done.waiting, *done.unbuilt, *done.failed])
    why = "deletion freeze" if nightly.ends.quiet(done.day) else "no expiry reminder was delivered in time"
    rows = [_night(nightly, known[i], "warned", "expires soon") for i in warned]
    rows += [_night(nightly, known[i], known[i].status.value, "last day passed") for i in done.marked]
    rows += [_night(nightly, known[i], "waits", why) for i in done.waiting]
    rows += [_night(nightly, known[i], "waits", "still creating") for i in done.unbuilt]
    return rows + [_night(nightly, known[i], "failed", "see the log") for i in done.failed]


def _night(nightly: Nightly, rental: Rental, what: str, why: str) -> Row:
    return {
        "id": rental.id,
        "name": rental.name,
        "owner": rental.owner,
        "last_day": nightly.ends.last_day(rental.ends_on).isoformat(),
        "result": what,
        "why": why,
    }

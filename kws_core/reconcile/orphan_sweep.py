"""The sweep: what carries our mark on a node, and no rental explains, is deleted when it is seen again.

The node is asked first and the database read after it: rows are committed before a node is called, so that
nothing new can be taken for an orphaned resource. Two processes may sweep the same node; each check is true by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies.queries import wanted_on
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.errors import NodeDown, NodeError
from kws_core.nodes import Node
from kws_core.nodes.offered_images import copy_mark
from kws_core.nodes.values import RemainingResources
from kws_core.reconcile import orphans
from kws_core.reconcile.orphans import SEEN_AGAIN, NodeReport, Orphan
from kws_core.tables.details.alerts import LeaksAlert
from kws_core.tables.orphan import OrphanCandidate
from kws_core.values import TAG_PREFIX

log = logging.getLogger(__name__)

FIRST = timedelta(minutes=5)  # after the start
EVERY = timedelta(hours=1)
SILENT_AGAIN = timedelta(minutes=5)
IMAGE = "image"
NEXT_PASS = timedelta(seconds=10)  # of a deletion that is not finished; doubled each time


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep of a node found and did."""

    report: NodeReport
    again: timedelta  # when to look at this node again
    deleted: Mapping[str, RemainingResources] = field(default_factory=dict)  # by mark: what is left of it


class Sweep:
    """``survey`` compares and writes nothing; ``sweep`` also remembers, and deletes what was seen before."""

    def __init__(self, context: Context, nodes: Mapping[str, Node]) -> None:
        self.context = context
        self.nodes = nodes
        self._passes: dict[str, int] = {}  # sweeps in a row that left something of an orphaned resource

    def survey(self, name: str) -> NodeReport:
        """Node and database compared, both ways."""
        node, now = self.nodes[name], self.context.now()
        try:
            marked, machines, flavors = node.marked(), node.machines(), node.tidy(dry_run=True)
        except NodeError as error:
            return NodeReport(name, now, error=str(error))
        with self.context.store.read() as session:
            found, elsewhere = orphans.unexplained(session, name, marked)
            lost = orphans.lost(session, name, machines, now)
        return NodeReport(name, now, found, elsewhere, lost, flavors)

    def sweep(self, name: str) -> Swept:
        """Check once, and delete each orphaned resource that was seen long enough before."""
        report = self.survey(name)
        if report.error:
            return Swept(report, SILENT_AGAIN)
        with self.context.store.write() as session:
            _remember(session, report)
            if report.too_many:
                self._warn(session, report)
        deleted = {} if report.too_many else self._delete_due(report)
        self._drop_carried(report)
        self._tidy(report)
        with self.context.store.write() as session:
            self._tell(session, name)
        return Swept(report, self._again(report, deleted), deleted)

    # -- deleting

    def _delete_due(self, report: NodeReport) -> dict[str, RemainingResources]:
        deleted = {}
        for leak in report.leaks:
            if leak.due(report.at):
                try:
                    remains = self._delete(report.node, leak)
                except NodeDown as error:
                    log.warning("orphan sweep: %s", error)
                    break
                except NodeError as error:
                    log.warning("orphan sweep: %s: %s", leak.mark, error)
                    continue
                if remains is not None:
                    deleted[leak.mark] = remains
        return deleted

    def _delete(self, name: str, leak: Orphan) -> RemainingResources | None:
        """One pass; None when it turned out to be explained, or another process was faster."""
        with self.context.store.write() as session:
            if not orphans.begin(session, name, leak, self.context.now()):
                return None
        remains = self.nodes[name].release(leak.mark)
        if IMAGE in leak.kinds:
            _delete_copies(self.nodes[name], leak.mark)
        if not remains:
            with self.context.store.write() as session:
                row = session.get(OrphanCandidate, (name, leak.mark), with_for_update=True)
                if row is not None:
                    row.gone_at = self.context.now()
        return remains

    def _drop_carried(self, report: NodeReport) -> None:
        """A copy of a server that was brought here, and from which no rental is being created here any longer."""
        for one in report.elsewhere:
            if one.kinds == (IMAGE,):
                with self.context.store.read() as session:
                    wanted = report.node in wanted_on(session, one.mark.removeprefix(TAG_PREFIX))
                try:
                    if not wanted:
                        _delete_copies(self.nodes[report.node], one.mark)
                except NodeError as error:
                    log.warning("orphan sweep: %s: %s", one.mark, error)

    def _tidy(self, report: NodeReport) -> None:
        """Flavors are made again when they are wanted again, so these need no second sight."""
        if not report.flavors:
            return
        try:
            log.info("node %s: deleted unused flavors: %s", report.node, self.nodes[report.node].tidy())
        except NodeError as error:
            log.warning("orphan sweep: %s", error)

    def _again(self, report: NodeReport, deleted: Mapping[str, RemainingResources]) -> timedelta:
        if report.too_many:
            return EVERY
        left = [
            leak
            for leak in report.leaks
            if leak.due(report.at) and deleted.get(leak.mark) != RemainingResources()
        ]
        self._passes[report.node] = self._passes.get(report.node, 0) + 1 if left else 0
        if left:
            return min(EVERY, NEXT_PASS * (1 << min(self._passes[report.node] - 1, 10)))
        waiting = [leak.first_seen_at or report.at for leak in report.leaks if not leak.due(report.at)]
        return min(waiting) + SEEN_AGAIN - report.at if waiting else EVERY

    # -- telling

    def _warn(self, session: Session, report: NodeReport) -> None:
        log.warning("node %s: %d orphaned resources, too many to delete", report.node, len(report.leaks))
        shown = tuple(_words(leak.mark, ", ".join(leak.kinds)) for leak in report.leaks)
        key = f"{report.node}:{self._today()}:many"
        alert_admins(session, LeaksAlert(report.node, shown, deleted=False), key, report.at)

    def _tell(self, session: Session, name: str) -> None:
        """Once a date and node, when all is gone; what goes later that date is told with the next."""
        now = self.context.now()
        rows = [row for row in orphans.sightings(session, name, lock=True) if row.kinds is not None]
        gone = [row for row in rows if row.gone_at is not None]
        since = min((row.gone_at for row in gone if row.gone_at), default=now)
        if not gone or (len(rows) > len(gone) and now - since < SEEN_AGAIN):
            return
        shown = tuple(_words(row.mark, row.kinds or "") for row in gone)
        key = f"{name}:{self._today()}"
        if alert_admins(session, LeaksAlert(name, shown, deleted=True), key, now):
            for row in gone:
                session.delete(row)

    def _today(self) -> str:
        return self.context.today().isoformat()


def _delete_copies(node: Node, mark: str) -> None:
    """A copy of a server is an image, which no pass of deletion takes; so is an upload of one that broke off."""
    for image in node.shelf.list():
        if copy_mark(image, uploads=True) == mark:
            node.shelf.delete(image.id)


def _remember(session: Session, report: NodeReport) -> None:
    """The rows follow what the node shows."""
    seen = {leak.mark for leak in report.leaks}
    for row in orphans.sightings(session, report.node, lock=True):
        if row.mark not in seen:
            _unseen(session, row, report.at)
        elif row.gone_at is not None:  # it came back: the first of two sights
            row.first_seen_at, row.gone_at = report.at, None
        seen.discard(row.mark)
    for mark in sorted(seen):
        values = {"node": report.node, "mark": mark, "first_seen_at": report.at}
        queries.insert_once(session, OrphanCandidate, values)


def _unseen(session: Session, row: OrphanCandidate, now: datetime) -> None:
    """Gone by our doing: to be told. Gone or explained by itself: forgotten."""
    if row.kinds is None:
        session.delete(row)
    else:
        row.gone_at = row.gone_at or now


def _words(mark: str, kinds: str) -> str:
    return f"{mark} ({kinds})"

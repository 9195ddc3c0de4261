"""Images over all nodes as one: the use cases.

Every node is asked on a thread of its own, so that a dead one delays nobody; what it did not do is in the
report. Each act may be repeated: nodes where it is done already are left alone, so repeating goes on where
an earlier try ended.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, NodeDown, NodeError, NodeRefused, Refusal, UserError
from kws_core.images import upload
from kws_core.images.files import Content, Count, spooled
from kws_core.images.image_audit import By, note
from kws_core.images.reports import (
    DIFFERS,
    NO_SOURCE,
    UNSAFE,
    Description,
    ImageOutcome,
    ImageReport,
    NodeImageState,
    Watch,
    check_name,
)
from kws_core.images.table import Row, Table, same, tabulate
from kws_core.images.upload import About
from kws_core.nodes import Node
from kws_core.nodes.concurrency import Locks
from kws_core.nodes.image_store import HIDDEN, LOGIN, TITLE
from kws_core.nodes.values import Image, StoredImage
from kws_core.scheduling import capacity
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import Kind

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE = 10.0  # seconds that a node may take to list its images

Source = Callable[[Count], AbstractContextManager[Content]]  # brings the bytes to this machine's disk
Change = tuple[Mapping[str, Any], Iterable[str]]  # fields to set, properties to drop


def _unwatched(name: str, node: str, done: int, total: int) -> None:
    pass


class Images:
    """``nodes`` are those of the configuration; images matter on those that lend servers. ``by``: who asks.

    A node is silent that does not list its images within ``patience`` seconds; ``pause`` waits between two looks
    at a node that fetches an image by itself.
    """

    def __init__(
        self,
        context: Context,
        nodes: Mapping[str, Node],
        *,
        patience: float = PATIENCE,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.context = context
        self._patience, self._pause = patience, pause
        servers = [node.name for node in context.config.nodes if Kind.SERVER in node.kinds]
        self.nodes = {name: nodes[name] for name in servers if name in nodes}
        self._locks = Locks()
        self._stopped: Future[None] = Future()

    def stop(self) -> None:
        """Nothing is waited for any more: what is under way ends with the UserError ``images_stopped``."""
        with suppress(InvalidStateError):  # stopped before
            self._stopped.set_result(None)

    def table(self) -> Table:
        """Every image of every node that answers soon."""
        listed = self._each(self.nodes, lambda node: list(node.shelf.list()), self._patience)
        found = {node: result for node, result in listed.items() if not isinstance(result, NodeError)}
        silent = {n: result.reason for n, result in listed.items() if isinstance(result, NodeError)}
        with self.context.store.read() as session:
            rentals = [one for one in queries.all_rentals(session) if one.kind is Kind.SERVER]
        return tabulate(found, silent, rentals)

    def row(self, name: str, table: Table | None = None) -> tuple[Table, Row]:
        """One image and the table that it is in; UserError when no node that answers has it."""
        table = table or self.table()
        row = table.row(name)
        if row is None:
            raise UserError(ErrorCode.IMAGE_NOT_THERE, name=name, silent=sorted(table.silent))
        return table, row

    def known(self, name: str) -> Image | None:
        """One image as the nodes told it last. Asks no node: for forms that must open at once."""
        with self.context.store.read() as session:
            images = capacity.all_images(session, self.context.config)
        return next((image for image in images if image.name == name), None)

    def hosts(self) -> set[str]:
        """Hosts of the nodes' own interfaces, which no download may reach. Ask for the table before."""
        return {host for node in self.nodes.values() for host in node.shelf.hosts()}

    def add(
        self, by: By, name: str, source: Source, about: About | None = None, watch: Watch = _unwatched
    ) -> ImageReport:
        """Brings a new image to every node. UserError before anything is touched if it can't be."""
        about = about or About()
        check_name(name)
        Description(about.title, about.login, about.min_disk_gb, about.min_ram_mb).check()
        with self._locks.of(name):
            before = self.table().row(name)
            with source(self._counting(watch, name)) as content:
                self._check_free(name, before, content)
                return self._bring(by, "image.add", name, content, about, list(self.nodes), watch)

    def sync(self, by: By, name: str | None = None, watch: Watch = _unwatched) -> list[ImageReport]:
        """See syncing()."""
        return list(self.syncing(by, name, watch))

    def syncing(self, by: By, name: str | None = None, watch: Watch = _unwatched) -> Iterator[ImageReport]:
        """Copies one image, or all of them, from a node that has it to those that lack it, one by one."""
        table = self.table()
        rows = [row for row in table.rows if row.active and not row.snapshot]
        if name is not None:
            rows = [self.row(name, table)[1]]
        for row in rows:
            yield self._sync(by, row, table, watch)

    def rename(self, by: By, old: str, new: str) -> ImageReport:
        """Gives it another name on every node; refused where another image has that name."""
        check_name(new)
        table, row = self.row(old)
        other = table.row(new)
        taken = other.active if other else {}
        mine = next(iter(row.active.values()), None)
        clash = [n for n, one in taken.items() if n in row.active or not mine or not same(one, mine)]
        if clash or old == new:
            raise UserError(ErrorCode.IMAGE_NAME_TAKEN, name=new, nodes=sorted(clash or row.active))
        building = [r for r in row.users if r.status in (Status.REQUESTED, Status.BUILDING)]
        if building:
            raise UserError(ErrorCode.IMAGE_IN_USE, name=old, users=_whose(building))
        report = self._change_all("image.rename", by, row, table, lambda _: ({"name": new}, ()), to=new)
        done = {node: ImageOutcome(NodeImageState.ALREADY) for node in taken if node not in row.active}
        return ImageReport(new, {**report.outcomes, **done})

    def describe(self, by: By, name: str, wanted: Description) -> ImageReport:
        """Changes title, default user and least size on every node."""
        wanted.check()
        texts = {TITLE: wanted.title, LOGIN: wanted.login}
        numbers = {"min_disk": wanted.min_disk_gb, "min_ram": wanted.min_ram_mb}
        fields: dict[str, Any] = {key: text for key, text in texts.items() if text}
        fields |= {key: number for key, number in numbers.items() if number is not None}
        drop = [key for key, text in texts.items() if text == ""]
        table, row = self.row(name)
        return self._change_all("image.describe", by, row, table, lambda _: (fields, drop), **fields)

    def hide(self, by: By, name: str, hidden: bool = True) -> ImageReport:
        """Takes it out of the form, or back into it."""
        table, row = self.row(name)
        change: tuple[dict[str, Any], list[str]] = ({HIDDEN: "true"}, []) if hidden else ({}, [HIDDEN])
        what = "image.hide" if hidden else "image.show"
        return self._change_all(what, by, row, table, lambda _: change)

    def protect(self, by: By, name: str, protected: bool = True) -> ImageReport:
        """Lets nobody delete it, or lets it be deleted again."""
        table, row = self.row(name)
        what = "image.protect" if protected else "image.unprotect"
        return self._change_all(what, by, row, table, lambda _: ({"protected": protected}, ()))

    def delete(self, by: By, name: str) -> ImageReport:
        """Deletes it on every node, unless it is protected or somebody's server was made from it."""
        table, row = self.row(name)
        if row.users:
            raise UserError(ErrorCode.IMAGE_IN_USE, name=name, users=_whose(row.users))
        protected = sorted(n for n, here in row.copies.items() if any(one.protected for one in here))
        if protected:
            raise UserError(ErrorCode.IMAGE_PROTECTED, name=name, nodes=protected)

        def act(node: Node) -> ImageOutcome:
            here = row.copies[node.name]
            gone = [node.shelf.delete(one.id) for one in here]
            return ImageOutcome(NodeImageState.DONE if any(gone) else NodeImageState.LACKS)

        return self._report("image.delete", by, name, self._each(row.copies, act), table)

    # -- bringing bytes to nodes

    def _check_free(self, name: str, before: Row | None, content: Content) -> None:
        taken = [n for n, one in before.active.items() if not content.digests.fits(one)] if before else []
        if taken:
            raise UserError(ErrorCode.IMAGE_NAME_TAKEN, name=name, nodes=sorted(taken))

    def _sync(self, by: By, row: Row, table: Table, watch: Watch) -> ImageReport:
        holders = list(row.active.items())
        outcomes = {node: ImageOutcome(NodeImageState.ALREADY) for node, _ in holders}
        outcomes |= {
            node: ImageOutcome(NodeImageState.FAILED, reason) for node, reason in table.silent.items()
        }
        if any(same(holders[0][1], other) is False for _, other in holders[1:]):
            outcomes |= dict.fromkeys(row.copies, ImageOutcome(NodeImageState.FAILED, DIFFERS))
            return self._report("image.sync", by, row.name, outcomes, None)
        if not row.lacking:
            return ImageReport(row.name, outcomes)
        with self._locks.of(row.name):
            for name, stored in holders:
                try:
                    with self._fetched(self.nodes[name], stored, watch) as content:
                        about = About.of(stored)
                        done = self._bring(by, "image.sync", row.name, content, about, row.lacking, watch)
                        return ImageReport(row.name, {**outcomes, **done.outcomes})
                except NodeError as error:
                    log.warning("image %s can't be read from %s: %s", row.name, name, error)
                except UserError as error:
                    if error.code is not ErrorCode.IMAGE_UNSAFE:
                        raise
                    outcomes |= dict.fromkeys(row.lacking, ImageOutcome(NodeImageState.FAILED, UNSAFE))
                    return self._report("image.sync", by, row.name, outcomes, None)
        outcomes |= dict.fromkeys(row.lacking, ImageOutcome(NodeImageState.FAILED, NO_SOURCE))
        return self._report("image.sync", by, row.name, outcomes, None)

    @contextmanager
    def _fetched(self, node: Node, stored: StoredImage, watch: Watch) -> Iterator[Content]:
        """A node's image on this machine's disk, its checksum compared."""
        count = self._counting(watch, stored.name, total=stored.size_bytes)
        with node.shelf.read(stored.id) as chunks, spooled(chunks, count, stored.disk_format) as content:
            if content.digests.fits(stored) is False or content.size != stored.size_bytes:
                raise NodeRefused(node.name, upload.SPOILED, "other bytes came than it says it has")
            yield content

    def _bring(
        self,
        by: By,
        what: str,
        name: str,
        content: Content,
        about: About,
        nodes: Iterable[str],
        watch: Watch,
    ) -> ImageReport:
        def act(node: Node) -> ImageOutcome:
            count = self._counting(watch, name, node.name, content.size)
            new = upload.put(node, name, content, about, count, self._pause)
            return ImageOutcome(NodeImageState.DONE if new else NodeImageState.ALREADY)

        return self._report(what, by, name, self._each(nodes, act), None, sha512=content.digests.sha512)

    def _counting(self, watch: Watch, name: str, node: str = "", total: int = 0) -> Count:
        def count(done: int) -> None:
            if self._stopped.done():
                raise UserError(ErrorCode.IMAGES_STOPPED)
            watch(name, node, done, total)

        return count

    # -- all nodes at once

    def _change_all(
        self,
        what: str,
        by: By,
        row: Row,
        table: Table,
        change: Callable[[StoredImage], Change],
        **data: object,
    ) -> ImageReport:
        def act(node: Node) -> ImageOutcome:
            stored = row.active.get(node.name)
            if stored is None:
                return ImageOutcome(NodeImageState.LACKS)
            fields, drop = change(stored)
            node.shelf.change(stored.id, fields, list(drop))
            return ImageOutcome(NodeImageState.DONE)

        return self._report(what, by, row.name, self._each(row.copies, act), table, **data)

    def _report(
        self,
        what: str,
        by: By,
        name: str,
        results: Mapping[str, ImageOutcome | NodeError],
        table: Table | None,
        **data: object,
    ) -> ImageReport:
        """Notes the act, and what the forms are to show now."""
        outcomes = {node: _outcome(result) for node, result in results.items()}
        if table is not None:
            outcomes |= {
                node: ImageOutcome(NodeImageState.FAILED, reason) for node, reason in table.silent.items()
            }
        report = ImageReport(name, outcomes)
        shown = {node: outcome.why or outcome.state.value for node, outcome in outcomes.items()}
        note(self.context, by, what, name=name, nodes=shown, **data)
        self._refresh([node for node, outcome in outcomes.items() if outcome.state is NodeImageState.DONE])
        return report

    def _refresh(self, nodes: Iterable[str]) -> None:
        for name, images in self._each(nodes, lambda node: node.images(), self._patience).items():
            if isinstance(images, NodeError):
                log.warning("node %s: its images can't be read anew: %s", name, images)
                continue
            with self.context.store.write() as session:
                capacity.note_images(session, name, images)

    def _each(
        self, names: Iterable[str], ask: Callable[[Node], T], patience: float | None = None
    ) -> dict[str, T | NodeError]:
        """Every node's answer, or why there is none. After ``patience`` seconds it counts as silent."""
        asked: dict[str, Future[T]] = {name: Future() for name in names if name in self.nodes}
        for name, future in asked.items():
            self.context.spawn(partial(_ask, future, ask, self.nodes[name]), f"{name}-images")
        self._wait(asked.values(), patience)
        return {name: _answer(name, future) for name, future in asked.items()}

    def _wait(self, asked: Iterable[Future[T]], patience: float | None) -> None:
        until = math.inf if patience is None else time.monotonic() + patience
        pending: set[Future[Any]] = {*asked}
        while pending and (left := until - time.monotonic()) > 0:
            timeout = None if patience is None else left
            done, _ = wait({*pending, self._stopped}, timeout, FIRST_COMPLETED)
            if self._stopped in done:
                raise UserError(ErrorCode.IMAGES_STOPPED)
            pending -= done


def _ask(future: Future[T], ask: Callable[[Node], T], node: Node) -> None:
    try:
        future.set_result(ask(node))
    except BaseException as error:
        future.set_exception(error)


def _answer(name: str, future: Future[Any]) -> Any:
    if not future.done():
        return NodeDown(name, Refusal.DOWN, "no answer yet")
    error = future.exception()
    return error if isinstance(error, NodeError) else future.result()


def _outcome(result: ImageOutcome | NodeError) -> ImageOutcome:
    if isinstance(result, ImageOutcome):
        return result
    log.warning("%s", result)
    return ImageOutcome(NodeImageState.FAILED, result.reason, result.detail)


def _whose(rentals: Iterable[Rental]) -> list[tuple[str, str]]:
    return [(rental.name, rental.owner) for rental in rentals]

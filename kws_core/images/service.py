"""Images over all nodes as one: the use cases.

Every node is asked on a thread of its own, so that a dead one delays nobody; what it did not do is in the
report. Each act may be repeated: nodes where it is done already are left alone, so repeating goes on where
an earlier try ended.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, NodeDown, NodeError, NodeRefused, Refusal, UserError
from kws_core.images import upload
from kws_core.images.boot import TAGS, BootSettings, joined, same
from kws_core.images.files import Content, Count, spooled
from kws_core.images.image_audit import By, note
from kws_core.images.reports import (
    BOOT_DIFFERS,
    DIFFERS,
    NO_SOURCE,
    PART_LACKS,
    UNSAFE,
    Description,
    ImageOutcome,
    ImageReport,
    NodeImageState,
    Watch,
    check_name,
)
from kws_core.images.table import Row, Table, tabulate, usable
from kws_core.images.upload import About
from kws_core.nodes import Node
from kws_core.nodes.concurrency import Locks
from kws_core.nodes.image_store import HIDDEN, LOGIN, TITLE
from kws_core.nodes.offered_images import NotOffered, copy_mark, login_of, offered_image
from kws_core.nodes.values import Image, StoredImage
from kws_core.scheduling import capacity
from kws_core.tables.base import SYSTEM
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

    A node is unresponsive that does not list its images within ``patience`` seconds; ``pause`` waits between two checks
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
        """Nothing is waited for any longer: what is under way ends with the UserError ``images_stopped``."""
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
        """Return one image and the table that it is in.

        Raises:
            UserError: If no responding node has it.
        """
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
        """Bring a new image to every node. UserError before anything is touched if it can't be.

        Its login has to be known: said, or by its name, or as a node that has it says.
        """
        about = about or About()
        check_name(name)
        Description(about.title, about.login, about.min_disk_gb, about.min_ram_mb).check()
        with self._locks.of(name):
            before = self.table().row(name)
            about = replace(about, login=about.login or _login(name, before))
            with source(self._counting(watch, name)) as content:
                self._check_free(name, before, content)
                return self._bring(by, "image.add", name, content, about, list(self.nodes), watch)

    def sync(
        self, by: By, name: str | None = None, watch: Watch = _unwatched, *, source: str | None = None
    ) -> list[ImageReport]:
        """See syncing(). ``source``: the node by which the others are made the same in how servers boot."""
        return list(self.syncing(by, name, watch, source=source))

    def syncing(
        self, by: By, name: str | None = None, watch: Watch = _unwatched, *, source: str | None = None
    ) -> Iterator[ImageReport]:
        """Copy one image, or all of them, from a node that has it to those without it, one by one.

        Where servers boot otherwise from it the properties are made the same, and no bytes are sent.

        Raises:
            UserError: If the node named as the source doesn't have it.
        """
        table = self.table()
        rows = [row for row in table.rows if row.active and not row.snapshot]
        rows.sort(key=lambda row: row.not_offered is not NotOffered.PART)  # what others boot with comes first
        if name is not None:
            rows = [self.row(name, table)[1]]
        for row in rows:
            if source is not None and source not in row.active:
                raise UserError(ErrorCode.IMAGE_NOT_ON_NODE, name=row.name, node=source)
            yield self._sync(by, row, table, source, watch)

    def carry(self, copy: str, source: str, target: str) -> None:
        """Bring a copy of a server, by its mark, from its node to another one. It stays where it was.

        Raises:
            NodeRefused: If the copy is gone, or what it boots with can't be brought there.
        """
        index = {one.id: one for one in self.nodes[source].shelf.list()}
        stored = next((one for one in index.values() if copy_mark(one) == copy and usable(one)), None)
        if stored is None:
            raise NodeRefused(source, Refusal.NO_IMAGE, f"no active image {copy!r}")
        by, wanted = By(SYSTEM, "copy"), joined({source: stored}, {source: index})
        with self._locks.of(copy):
            parts = self._parts(by, wanted, source, [target], _unwatched)
            if parts[target].keys() != wanted.parts.keys():
                raise NodeRefused(target, Refusal.NO_IMAGE, "what the copy boots with can't be brought there")
            texts = {key: text for key, text in wanted.properties.items() if isinstance(text, str)}
            about = replace(About.of(stored), properties=texts, tags=wanted.tags, parts=parts)
            with self._fetched(self.nodes[source], stored, _unwatched) as content:
                count = self._counting(_unwatched, copy, target, content.size)
                upload.put(self.nodes[target], copy, content, about, count, self._pause)

    def rename(self, by: By, old: str, new: str) -> ImageReport:
        """Give the image another name on every node.

        Raises:
            UserError: If another image has that name, or a server is being created from it.
        """
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
        report = self._change_all(
            "image.rename", by, row, table, lambda one: (_renamed(one, new), ()), to=new
        )
        done = {node: ImageOutcome(NodeImageState.ALREADY) for node in taken if node not in row.active}
        return ImageReport(new, {**report.outcomes, **done})

    def describe(self, by: By, name: str, wanted: Description) -> ImageReport:
        """Change title, default user and least size on every node."""
        wanted.check()
        texts = {TITLE: wanted.title, LOGIN: wanted.login}
        numbers = {"min_disk": wanted.min_disk_gb, "min_ram": wanted.min_ram_mb}
        fields: dict[str, Any] = {key: text for key, text in texts.items() if text}
        fields |= {key: number for key, number in numbers.items() if number is not None}
        drop = [key for key, text in texts.items() if text == ""]
        table, row = self.row(name)
        return self._change_all("image.describe", by, row, table, lambda _: (fields, drop), **fields)

    def hide(self, by: By, name: str, hidden: bool = True) -> ImageReport:
        """Take it out of the form, or back into it."""
        table, row = self.row(name)
        what = "image.hide" if hidden else "image.show"

        def change(stored: StoredImage) -> Change:
            if hidden:
                return {HIDDEN: "true"}, []
            return {"os_hidden": False} if stored.os_hidden else {}, [HIDDEN]

        return self._change_all(what, by, row, table, change)

    def protect(self, by: By, name: str, protected: bool = True) -> ImageReport:
        """Lets nobody delete it, or lets it be deleted again."""
        table, row = self.row(name)
        what = "image.protect" if protected else "image.unprotect"
        return self._change_all(what, by, row, table, lambda _: ({"protected": protected}, ()))

    def delete(self, by: By, name: str) -> ImageReport:
        """Delete the image on every node.

        Raises:
            UserError: If it is protected, a part of another image, or a rental was created from it.
        """
        table, row = self.row(name)
        if row.users:
            raise UserError(ErrorCode.IMAGE_IN_USE, name=name, users=_whose(row.users))
        if row.part_of:
            raise UserError(ErrorCode.IMAGE_IS_PART, name=name, images=list(row.part_of))
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

    def _sync(self, by: By, row: Row, table: Table, source: str | None, watch: Watch) -> ImageReport:
        holders = dict(sorted(row.active.items(), key=lambda held: held[0] != source))
        outcomes = {node: ImageOutcome(NodeImageState.ALREADY) for node in holders}
        outcomes |= {
            node: ImageOutcome(NodeImageState.FAILED, reason) for node, reason in table.silent.items()
        }
        copies = list(holders.values())
        wanted = joined({source: holders[source]} if source else holders, table.indexes)
        exact = source is not None
        lacks = {node: wanted.lacks(one, table.indexes[node], exact) for node, one in holders.items()}
        repairs = {node: keys for node, keys in lacks.items() if keys}
        trouble = _trouble(wanted, any(same(copies[0], other) is False for other in copies[1:]))
        if trouble and (row.lacking or repairs or trouble == DIFFERS):
            outcomes |= dict.fromkeys(row.copies, ImageOutcome(NodeImageState.FAILED, trouble))
            return self._report("image.sync", by, row.name, outcomes, None)
        if not row.lacking and not repairs:
            return ImageReport(row.name, outcomes)
        with self._locks.of(row.name):
            parts = self._parts(by, wanted, source, [*row.lacking, *repairs], watch)
            lost = [node for node, ids in parts.items() if ids.keys() != wanted.parts.keys()]
            outcomes |= dict.fromkeys(lost, ImageOutcome(NodeImageState.FAILED, PART_LACKS))
            repairs = {node: keys for node, keys in repairs.items() if node not in lost}
            outcomes |= self._repaired(by, row, wanted, repairs, parts)
            lacking = [node for node in row.lacking if node not in lost]
            if lacking:
                outcomes |= self._copied(by, row.name, holders, lacking, wanted, parts, watch)
        return ImageReport(row.name, outcomes)

    def _copied(
        self,
        by: By,
        name: str,
        holders: Mapping[str, StoredImage],
        lacking: Sequence[str],
        wanted: BootSettings,
        parts: Mapping[str, Mapping[str, str]],
        watch: Watch,
    ) -> Mapping[str, ImageOutcome]:
        """Bring the bytes from the first node that can be read to those without the image."""
        texts = {key: text for key, text in wanted.properties.items() if isinstance(text, str)}
        for node, stored in holders.items():
            try:
                with self._fetched(self.nodes[node], stored, watch) as content:
                    about = replace(About.of(stored), properties=texts, tags=wanted.tags, parts=parts)
                    return self._bring(by, "image.sync", name, content, about, lacking, watch).outcomes
            except NodeError as error:
                log.warning("image %s can't be read from %s: %s", name, node, error)
            except UserError as error:
                if error.code is not ErrorCode.IMAGE_UNSAFE:
                    raise
                unsafe = dict.fromkeys(lacking, ImageOutcome(NodeImageState.FAILED, UNSAFE))
                return self._report("image.sync", by, name, unsafe, None).outcomes
        failed = dict.fromkeys(lacking, ImageOutcome(NodeImageState.FAILED, NO_SOURCE))
        return self._report("image.sync", by, name, failed, None).outcomes

    def _repaired(
        self,
        by: By,
        row: Row,
        wanted: BootSettings,
        repairs: Mapping[str, Sequence[str]],
        parts: Mapping[str, Mapping[str, str]],
    ) -> Mapping[str, ImageOutcome]:
        """Set the properties that a node's image has otherwise; its bytes stay as they are."""

        def act(node: Node) -> ImageOutcome:
            values: dict[str, Any] = {**wanted.properties, **parts[node.name], TAGS: list(wanted.tags)}
            stored, keys = row.active[node.name], repairs[node.name]
            fields = {key: values[key] for key in keys if key in values}
            node.shelf.change(stored.id, fields, [key for key in keys if key not in values])
            return ImageOutcome(NodeImageState.DONE)

        if not repairs:
            return {}
        changed = {node: list(keys) for node, keys in repairs.items()}
        results = self._each(repairs, act)
        return self._report("image.sync", by, row.name, results, None, changed=changed).outcomes

    def _parts(
        self, by: By, wanted: BootSettings, source: str | None, nodes: Sequence[str], watch: Watch
    ) -> dict[str, dict[str, str]]:
        """Node → property → id there of what the image boots with; copied first where it is not there yet."""
        found: dict[str, dict[str, str]] = {node: {} for node in nodes}
        for key, part in wanted.parts.items():
            here = self._ids_of(part, nodes)
            lacking = [node for node in nodes if node not in here]
            if lacking:
                origin = {source or wanted.origin[key]: part}
                with self._locks.of(part.name):
                    settings = BootSettings({}, part.tags)
                    self._copied(by, part.name, origin, lacking, settings, {}, watch)
                here |= self._ids_of(part, lacking)
            for node, image_id in here.items():
                found[node][key] = image_id
        return found

    def _ids_of(self, part: StoredImage, nodes: Iterable[str]) -> dict[str, str]:
        """Where those bytes are already, under whatever name."""

        def find(node: Node) -> str:
            there = (one for one in node.shelf.list() if usable(one) and same(one, part))
            return next((one.id for one in there), "")

        found = self._each(nodes, find)
        return {node: image_id for node, image_id in found.items() if image_id and isinstance(image_id, str)}

    @contextmanager
    def _fetched(self, node: Node, stored: StoredImage, watch: Watch) -> Iterator[Content]:
        """A node's image on this machine's disk, its checksum compared."""
        count = self._counting(watch, stored.name, total=stored.size_bytes)
        with node.shelf.read(stored.id) as chunks, spooled(chunks, count, stored.disk_format) as content:
            if content.digests.fits(stored) is False or content.size != stored.size_bytes:
                raise NodeRefused(node.name, upload.SPOILED, "the image doesn't match its own checksum")
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
            """Count bytes that went by.

            Raises:
                UserError: If KWS is stopping.
            """
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
        """Note the act, and what the forms are to show now."""
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
                log.warning("node %s: can't refresh its images: %s", name, images)
                continue
            with self.context.store.write() as session:
                capacity.note_images(session, name, images)

    def _each(
        self, names: Iterable[str], ask: Callable[[Node], T], patience: float | None = None
    ) -> dict[str, T | NodeError]:
        """Every node's answer, or why there is none. After ``patience`` seconds it counts as unresponsive."""
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
        return NodeDown(name, Refusal.DOWN, "didn't finish in time")
    error = future.exception()
    return error if isinstance(error, NodeError) else future.result()


def _outcome(result: ImageOutcome | NodeError) -> ImageOutcome:
    if isinstance(result, ImageOutcome):
        return result
    log.warning("%s", result)
    return ImageOutcome(NodeImageState.FAILED, result.reason, result.detail)


def _login(name: str, before: Row | None) -> str:
    """The user that the image's cloud-init makes; UserError when nobody knows."""
    known = before.shown if before else None
    login = (offered_image(known).login if known else "") or login_of(name)
    if not login:
        raise UserError(ErrorCode.IMAGE_LOGIN_UNKNOWN, name=name)
    return login


def _renamed(stored: StoredImage, new: str) -> dict[str, str]:
    """Its new name; and its login, where only the old name told it."""
    before, after = offered_image(stored).login, offered_image(replace(stored, name=new)).login
    return {"name": new, LOGIN: before} if before and after != before else {"name": new}


def _trouble(wanted: BootSettings, other_bytes: bool) -> str:
    """Why nothing can be copied; "" when it can."""
    if other_bytes:
        return DIFFERS
    if wanted.conflicts:
        return BOOT_DIFFERS
    return PART_LACKS if wanted.dangling else ""


def _whose(rentals: Iterable[Rental]) -> list[tuple[str, str]]:
    return [(rental.name, rental.owner) for rental in rentals]

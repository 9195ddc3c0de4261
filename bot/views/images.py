"""The images of all nodes as admins see them in Slack: a message with buttons, a form, and how far a copy is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    InputBlock,
    MarkdownTextObject,
    NumberInputElement,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, P_, Mrkdwn, Texts, code, escape
from bot.text.image_lines import short_checksum
from bot.text.image_messages import DIFFERENCES, NOT_OFFERED, outcome_text
from bot.text.units import clip, file_size, spoken
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView, ViewState
from bot.views.rental_card import Message
from kws_core.images.boot import TAGS
from kws_core.images.reports import LONGEST_TITLE, MOST_GB, MOST_MB, Description, ImageReport
from kws_core.images.table import Difference, Row, Table, usable
from kws_core.nodes.image_store import LOGIN, TITLE, UPLOAD
from kws_core.nodes.values import Image, StoredImage
from kws_core.rentals.admission import DEFAULT_LOGIN

PAGE = 20  # images in a message: two blocks each, and Slack takes 50
MOST_COPIES = 12  # lines of one image; more nodes are counted
BAR = 10
LONGEST_LOGIN = 32
UNFINISHED = frozenset({"queued", "saving", "uploading", "importing"})


def listing(table: Table, texts: Texts, page: int = 0, news: str | None = None) -> list[Block]:
    """A page of the table; ``news`` is said first."""
    pages = max(1, -(-len(table.rows) // PAGE))
    page = min(max(0, page), pages - 1)
    head = texts(N_("*Images on all nodes* ({count})"), count=len(table.rows))
    lines = [news, head, *(silent(node, texts) for node in table.silent)]
    blocks: list[Block] = [_section("\n".join(line for line in lines if line))]
    for row in table.rows[page * PAGE : (page + 1) * PAGE]:
        blocks += entry(row, texts)
    return [*blocks, *_foot(table, page, pages, texts)]


def entry(row: Row, texts: Texts) -> list[Block]:
    """One image with its buttons."""
    stored = row.shown
    title = stored.properties.get(TITLE, "") if stored else ""
    name = Mrkdwn(f"*{escape(title or row.name)}* {code(row.name)}")
    marks = [name]
    if row.hidden:
        marks.append(texts(N_("hidden")))
    if any(one.protected for one in row.active.values()):
        marks.append(texts(N_("protected")))
    if row.not_offered:
        names = ", ".join(row.part_of) or texts.plain(N_("other images"))
        marks.append(texts(NOT_OFFERED[row.not_offered], images=names))
    lines = [" · ".join(marks)]
    lines += [copies(node, here, texts) for node, here in list(row.copies.items())[:MOST_COPIES]]
    if len(row.copies) > MOST_COPIES:
        lines.append(
            texts(
                P_("… and {count} more node", "… and {count} more nodes", "count"),
                count=len(row.copies) - MOST_COPIES,
            )
        )
    if row.differences:
        found = ", ".join(_difference(difference, row, texts) for difference in row.differences)
        lines.append(texts(N_(":warning: Differences: {found}"), found=Mrkdwn(found)))
    if row.users:
        lines.append(
            texts(P_("Used by {count} rental", "Used by {count} rentals", "count"), count=len(row.users))
        )
    return [_section("\n".join(lines)), ActionsBlock(elements=_buttons(row, texts))]


def _difference(difference: Difference, row: Row, texts: Texts) -> Mrkdwn:
    told = texts(DIFFERENCES[difference])
    if difference is not Difference.BOOT:
        return told
    keys = ", ".join(code(key) for key in row.boot_keys if key != TAGS)
    return Mrkdwn(f"{told} ({keys})")


def copies(node: str, here: Sequence[StoredImage], texts: Texts) -> Mrkdwn:
    """What one node has of an image."""
    if not here:
        return texts(N_("{node}: missing"), node=node)
    one = here[0]
    parts = [_state(one, texts), file_size(one.size_bytes, texts), code(short_checksum(one))]
    return texts("{node}: {what}", node=node, what=Mrkdwn(" · ".join(parts)))


def _state(stored: StoredImage, texts: Texts) -> Mrkdwn:
    if usable(stored):
        return texts(N_("OK"))
    if stored.status in UNFINISHED or UPLOAD in stored.properties:
        return texts(N_("unfinished"))
    return code(stored.status)


def silent(node: str, texts: Texts) -> Mrkdwn:
    """A node that did not say what it has."""
    return texts(N_(":red_circle: *{node}* isn't responding"), node=node)


def report_line(report: ImageReport, texts: Texts) -> Mrkdwn:
    """What became of an act on every node."""
    parts = [f"{node}: {outcome_text(outcome, texts)}" for node, outcome in sorted(report.outcomes.items())]
    icon = ":white_check_mark:" if report.ok else ":warning:"
    return texts("{icon} {name} – {what}", icon=icon, name=code(report.name), what=" · ".join(parts))


def _buttons(row: Row, texts: Texts) -> list[ButtonElement]:
    sync = row.to_repair
    in_form = row.active and not row.not_offered
    wanted = [
        (ids.Action.IMAGE_SYNC, N_("Copy to all nodes"), None) if sync else None,
        (ids.Action.IMAGE_DESCRIBE, N_("Describe…"), None) if in_form else None,
        (ids.Action.IMAGE_SHOW, N_("Show in the form"), None) if in_form and row.hidden else None,
        (ids.Action.IMAGE_HIDE, N_("Hide from the form"), None) if in_form and not row.hidden else None,
        (ids.Action.IMAGE_DELETE, N_("Delete image"), _sure(row, texts)),
    ]
    return [
        _button(action, label, row.name, texts, sure, row.name)
        for action, label, sure in filter(None, wanted)
    ]


def _button(
    action: str,
    label: str,
    value: str,
    texts: Texts,
    confirm: ConfirmObject | None = None,
    about: str | None = None,
) -> ButtonElement:
    return ButtonElement(
        action_id=action,
        value=value,
        text=PlainTextObject(text=clip(texts.plain(label), 75)),
        confirm=confirm,
        accessibility_label=spoken(texts.plain(label), about) if about else None,
        style="danger" if confirm else None,
    )


def _sure(row: Row, texts: Texts) -> ConfirmObject:
    nodes = ", ".join(node for node, here in row.copies.items() if here)
    text = texts.plain(N_("This deletes it on {nodes}. You can't undo this."), nodes=nodes)
    return ConfirmObject(
        title=PlainTextObject(text=clip(texts.plain(N_("Delete {name}?"), name=row.name), 100)),
        text=PlainTextObject(text=clip(text, 300)),
        confirm=PlainTextObject(text=texts.plain(N_("Delete image"))),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
    )


def _foot(table: Table, page: int, pages: int, texts: Texts) -> list[Block]:
    buttons = []
    if page > 0:
        buttons.append(_page_button(page - 1, N_("Previous page"), texts))
    if page < pages - 1:
        buttons.append(_page_button(page + 1, N_("Next page"), texts))
    if any(row.to_repair and not row.snapshot for row in table.rows):
        buttons.append(_button(ids.Action.IMAGE_SYNC, N_("Copy all missing images"), ids.ALL, texts))
    return [ActionsBlock(elements=buttons)] if buttons else []


def _page_button(page: int, label: str, texts: Texts) -> ButtonElement:
    # Two of them in one block need two ids.
    return _button(f"{ids.Action.IMAGES}:{page}", label, str(page), texts)


def _section(text: str, block_id: str | None = None) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)), block_id=block_id)


# -- the form


class ImageBefore(NamedTuple):
    """What was said of the image when the form was opened."""

    title: str
    login: str
    min_disk_gb: int
    min_ram_mb: int


class ImageOrigin(NamedTuple):
    """What the form was opened for, and where the answer goes."""

    image: str
    response_url: str | None
    before: ImageBefore


IMAGE_ORIGIN = TypeAdapter(ImageOrigin)


class Asked(NamedTuple):
    """What the form says; ``wanted`` has only what was changed in it."""

    name: str
    response_url: str | None
    wanted: Description


def describe_form(image: Image, response_url: str | None, texts: Texts) -> View:
    """The form that describes an image, with what is said of it now."""
    now = ImageBefore(image.title, image.properties.get(LOGIN, ""), image.min_disk_gb, image.min_ram_mb)
    return View(
        type="modal",
        callback_id=ids.View.IMAGE,
        title=PlainTextObject(text=texts.plain(N_("Describe image"))),
        submit=PlainTextObject(text=texts.plain(N_("Save"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=json.dumps(ImageOrigin(image.name, response_url, now)),
        blocks=[
            SectionBlock(text=MarkdownTextObject(text=code(image.name))),
            _title_field(image, texts),
            _login_field(image, texts),
            _number_field(
                ids.Field.MIN_DISK_GB, texts.plain(N_("Minimum disk (GB)")), image.min_disk_gb, MOST_GB
            ),
            _number_field(
                ids.Field.MIN_RAM_MB, texts.plain(N_("Minimum memory (MB)")), image.min_ram_mb, MOST_MB
            ),
        ],
    )


def parse_description(view: SentView) -> Asked:
    """What the admin changed, unchecked."""
    name, response_url, was = view.kept(IMAGE_ORIGIN)
    title, login = (view.state.text(field) or "" for field in (ids.Field.TITLE, ids.Field.LOGIN))
    disk, ram = (_whole(view.state, field) for field in (ids.Field.MIN_DISK_GB, ids.Field.MIN_RAM_MB))
    return Asked(
        name,
        response_url,
        Description(
            title=None if title == was.title else title,
            login=None if login == was.login else login,
            min_disk_gb=None if disk == was.min_disk_gb else disk,
            min_ram_mb=None if ram == was.min_ram_mb else ram,
        ),
    )


def _title_field(image: Image, texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE, initial_value=image.title or None, max_length=LONGEST_TITLE
    )
    hint = texts.plain(N_("Shown in the form. If empty, the form shows the image's name."))
    return fields.block(ids.Field.TITLE, texts.plain(N_("Title")), element, hint, optional=True)


def _login_field(image: Image, texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE,
        initial_value=image.properties.get(LOGIN) or None,
        max_length=LONGEST_LOGIN,
        placeholder=PlainTextObject(text=image.login or DEFAULT_LOGIN),
    )
    hint = texts.plain(
        N_("The user people log in as on new servers. If empty, KWS uses the distribution's default.")
    )
    return fields.block(ids.Field.LOGIN, texts.plain(N_("Username")), element, hint, optional=True)


def _number_field(field: ids.Field, label: str, initial: int, most: int) -> InputBlock:
    element = NumberInputElement(
        action_id=ids.Action.VALUE,
        is_decimal_allowed=False,
        initial_value=str(initial),
        min_value="0",
        max_value=str(most),
    )
    return fields.block(field, label, element, optional=True)


def _whole(state: ViewState, field: ids.Field) -> int:
    """0 when it is empty; what is no whole number is refused by its range."""
    if state.text(field) is None:
        return 0
    number = state.number(field)
    return -1 if number is None else number


# -- a copy under way


@dataclass
class Progress:
    """How far copies are, as one message that is edited. ``watch`` is called from many threads."""

    wanted: str  # the image, or ALL
    texts: Texts
    block_id: str  # by which the message is found again
    reports: list[ImageReport] = field(default_factory=list)
    _now: str = ""
    _steps: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def watch(self, name: str, node: str, done: int, total: int) -> None:
        """See kws_core.images.reports.Watch."""
        with self._lock:
            if name != self._now:
                self._now, self._steps = name, {}
            self._steps[node] = (done, total)

    def add(self, report: ImageReport) -> None:
        """One image is through."""
        with self._lock:
            self.reports.append(report)
            self._now, self._steps = "", {}

    def message(self) -> Message:
        """As it is now."""
        with self._lock:
            lines = [self._title(), *self._through()]
            if self._now:
                lines.append(code(self._now))
            lines += [_step(node, *step, self.texts) for node, step in sorted(self._steps.items())]
        return self._message(lines)

    def end(self, problem: str | None = None) -> Message:
        """What became of it; with a button to repeat it where something failed."""
        lines = [self._title(), *self._through(), problem]
        if not self.reports and not problem:
            lines.append(self.texts(N_("Nothing to show.")))
        elif all(report.ok for report in self.reports) and not problem:
            lines.append(self.texts(N_("All nodes have it, with the same checksum.")))
            return self._message(lines)
        else:
            lines.append(self.texts(N_("Finished copies are kept. To continue, try again.")))
        again = _button(ids.Action.IMAGE_SYNC, N_("Try again"), self.wanted, self.texts)
        return self._message(lines, [ActionsBlock(elements=[again])])

    def _title(self) -> str:
        if self.wanted == ids.ALL:
            return self.texts(N_("*Copying images to all nodes*"))
        return self.texts(N_("*Copying {name} to all nodes*"), name=code(self.wanted))

    def _through(self) -> list[str]:
        changed = [report for report in self.reports if not _unchanged(report)]
        lines: list[str] = [report_line(report, self.texts) for report in changed[-PAGE:]]
        same = len(self.reports) - len(changed)
        if same:
            lines.append(
                self.texts(
                    P_(
                        "{count} image was already on all nodes",
                        "{count} images were already on all nodes",
                        "count",
                    ),
                    count=same,
                )
            )
        return lines

    def _message(self, lines: Sequence[str | None], more: Sequence[Block] = ()) -> Message:
        text = "\n".join(line for line in lines if line)
        return Message(clip(text, 3000), [_section(text, self.block_id), *more])


def _unchanged(report: ImageReport) -> bool:
    return all(outcome.state.value == "already" for outcome in report.outcomes.values())


def _step(node: str, done: int, total: int, texts: Texts) -> str:
    where = texts(N_("to {node}"), node=node) if node else texts(N_("reading"))
    full = min(BAR, done * BAR // total) if total else 0
    size = f"{file_size(done, texts)} / {file_size(total, texts)}" if total else file_size(done, texts)
    return f"{'▓' * full}{'░' * (BAR - full)} {where} · {size}"

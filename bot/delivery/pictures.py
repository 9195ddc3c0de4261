"""The picture of what is lent: what is to be drawn, by whom, and how it comes into a DM."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from bot.slack import files
from bot.slack.files import Upload
from bot.text.i18n import N_, Texts
from bot.text.units import clip
from kws_core.scheduling.capacity import NodeStatus

log = logging.getLogger(__name__)

PAUSE = 30.0  # seconds after a failure
PATIENCE = 20.0  # seconds that drawing may take
MOST_NODES = 20  # that are drawn; the total counts all
LONGEST_ALT = 1000  # characters; Slack's limit
PLOT = Path(__file__).with_name("plot.py")
RESOURCES = (("vCPU", "vcpus", 1.0), ("RAM (GB)", "ram_mb", 1024.0), ("Disk (GB)", "disk_gb", 1.0))
LEGEND = {"lent": "lent", "others": "used by others", "free": "free", "away": "out of service"}  # Latin only
Draw = Callable[[dict[str, Any]], bytes]
HANDED_ON = ("HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR", "PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Bar:
    """One node, or all: of what may be lent, how much is lent, taken by somebody else, free, and
    free where nobody gets it: on a node that is drained or unresponsive."""

    label: str
    lent: float
    others: float
    free: float
    away: float

    @property
    def total(self) -> float:
        """What may be allocated, in vCPUs or GB."""
        return self.lent + self.others + self.free + self.away


def bars(statuses: Sequence[NodeStatus], what: str, unit: float) -> list[Bar]:
    """All nodes together, then each; a figure is a number of ``unit`` (MB in GB)."""
    each = []
    for status in statuses:
        whole, free = getattr(status.room, what), getattr(status.room, f"free_{what}")
        lent = min(getattr(status.lent, what), whole - free)
        others, open_ = whole - lent - free, status.room.up and not status.room.drained
        parts = (lent, others, free if open_ else 0, 0 if open_ else free)
        each.append(Bar(_label(status), *(part / unit for part in parts)))
    total = [sum(getattr(bar, part) for bar in each) for part in LEGEND]
    return [Bar("total", *total), *each[:MOST_NODES]]


def asked(statuses: Sequence[NodeStatus]) -> dict[str, Any]:
    """What the drawing program is given."""
    panels = []
    for title, what, unit in RESOURCES:
        rows = bars(statuses, what, unit)
        shown = [{**asdict(bar), "text": f"{_number(bar.lent)} of {_number(bar.total)}"} for bar in rows]
        panels.append({"title": f"{title} lent", "rows": shown})
    return {"labels": [bar.label for bar in rows], "panels": panels, "legend": LEGEND}


def alt_text(statuses: Sequence[NodeStatus], texts: Texts) -> str:
    """The picture in words, for who does not see it."""
    parts = [texts.plain(N_("Bar chart of resources in use."))]
    for title, what, unit in RESOURCES:
        shown = ", ".join(
            f"{b.label} {_number(b.lent)}/{_number(b.total)}" for b in bars(statuses, what, unit)
        )
        parts.append(f"{title}: {shown}.")
    return clip(" ".join(parts), LONGEST_ALT)


def plot(data: dict[str, Any]) -> bytes:
    """Draw the picture in a separate process, which gets no secrets, and return it as PNG.

    Raises:
        OSError: If it fails.
    """
    drawn = subprocess.run(
        [sys.executable, "-I", str(PLOT)],
        input=json.dumps(data).encode(),
        env={name: os.environ[name] for name in HANDED_ON if name in os.environ},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    if drawn.returncode:
        lines = drawn.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(f"the picture was not drawn: {lines[-1] if lines else drawn.returncode}")
    return drawn.stdout


class Drawing:
    """Draws what is asked for; what would look the same is not drawn again."""

    def __init__(self, draw: Draw = plot, now: Callable[[], float] = time.monotonic) -> None:
        self._draw = draw
        self._now = now
        self._last: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._failed_at: float | None = None

    def png(self, data: dict[str, Any], kind: str = "") -> bytes:
        """Return the picture; the last one of each ``kind`` is remembered.

        Raises:
            OSError: If it failed a moment ago; the next try waits a while.
        """
        last = self._last.get(kind)
        if last is not None and last[0] == data:
            return last[1]
        if self._failed_at is not None and self._now() - self._failed_at < PAUSE:
            raise OSError("it failed a moment ago")
        try:
            png = self._draw(data)
        except Exception:
            self._failed_at = self._now()
            raise
        self._last[kind] = data, png
        return png


class ChartSender:
    """Sends the picture, on the one thread of ``executor``."""

    def __init__(
        self,
        statuses: Callable[[], Sequence[NodeStatus]],
        executor: Executor,
        draw: Draw = plot,
        now: Callable[[], float] = time.monotonic,
        upload: Upload = files.send,
    ) -> None:
        self._statuses = statuses
        self._executor = executor
        self._drawing = Drawing(draw, now)
        self._upload = upload

    def picture(self) -> tuple[bytes, Sequence[NodeStatus]]:
        """Return the current PNG and the figures it shows.

        Raises:
            OSError: If it failed a moment ago; the next try waits a while.
        """
        statuses = self._statuses()
        return self._drawing.png(asked(statuses)), statuses

    def send_soon(self, client: WebClient, person: str, texts: Texts) -> None:
        """Send it from that thread: drawing takes a second or two, and no click waits for that."""
        self._executor.submit(self.send, client, person, texts)

    def send(self, client: WebClient, person: str, texts: Texts) -> bool:
        """Into the person's DM; False when that did not work, which the log says."""
        try:
            png, statuses = self.picture()
            files.to_person(
                client,
                person,
                files.File(
                    "kws-status.png", png, texts.plain(N_("Resources in use")), alt_text(statuses, texts)
                ),
                upload=self._upload,
            )
        except Exception as error:  # the words were said already: a picture that fails costs nobody anything
            log.warning("can't send the chart to %s: %s", person, error)
            return False
        return True


def _label(status: NodeStatus) -> str:
    name = clip(status.room.node, 24)
    if not status.room.up:
        return f"{name} (down)"
    return f"{name} (drained)" if status.room.drained else name


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.1f}"

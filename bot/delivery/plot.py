"""Draws the bars of what is lent, as a program of its own: JSON on stdin, a PNG on stdout.

matplotlib takes a second of the interpreter to import and some 45 MB for good, so the bot starts this for
each picture instead of importing it. Nothing else of KWS is imported here.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

DPI = 110
PARTS = {"lent": "#2f6fb3", "others": "#c98b2b", "free": "#dfe5ea", "away": "#ffffff"}  # apart for every eye
INK, GREY, HATCH = "#1d2429", "#5f6b76", "#b4bfc8"
ROW, GAP = 0.34, 0.5  # inches from bar to bar; the total stands apart by this share of it
BAR, SPACE, LETTER = 1.85, 0.35, 0.083  # inches of a whole bar, of the space behind its figures, of a letter
TOP, BOTTOM = 0.72, 0.12  # inches for legend and titles; below the last bar


def draw(labels: list[str], panels: list[dict[str, Any]], legend: dict[str, str]) -> bytes:
    """One row per label, the first is the total; one column per panel: title, parts of each row, figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = 0.25 + LETTER * max(map(len, labels))
    figures = max(len(row["text"]) for panel in panels for row in panel["rows"])
    column = BAR + LETTER * figures + SPACE
    rows = ROW * (len(labels) + GAP)
    width, height = names + column * len(panels), TOP + rows + BOTTOM
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    handles: dict[str, Any] = {}
    for number, panel in enumerate(panels):
        left = (names + column * number) / width
        axes = figure.add_axes((left, BOTTOM / height, column / width, rows / height))
        axes.set_xlim(0, column / BAR)
        handles |= _panel(axes, panel, labels if number == 0 else [""] * len(labels))
    shown = [part for part in legend if part in handles]
    figure.legend(
        [handles[part] for part in shown],
        [legend[part] for part in shown],
        loc="upper left",
        bbox_to_anchor=(names / width, 1 - 0.05 / height),
        borderaxespad=0,
        borderpad=0,
        ncols=len(PARTS),
        frameon=False,
        fontsize=10,
    )
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _panel(axes: Any, panel: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """Draw a column; returns the bars by part, of those parts that are there at all."""
    rows = panel["rows"]
    places = [0.0, *(number + GAP for number in range(1, len(rows)))]
    totals = [max(1e-9, sum(row[part] for part in PARTS)) for row in rows]
    left = [0.0] * len(rows)
    drawn = {}
    for part, colour in PARTS.items():
        shares = [row[part] / total for row, total in zip(rows, totals, strict=True)]
        hatch = {"hatch": "////", "edgecolor": HATCH, "linewidth": 0} if part == "away" else {}
        bars = axes.barh(places, shares, left=left, color=colour, height=0.66, **hatch)
        left = [before + share for before, share in zip(left, shares, strict=True)]
        if any(shares):
            drawn[part] = bars
    for place, row in zip(places, rows, strict=True):
        axes.text(1.04, place, row["text"], va="center", fontsize=10, color=GREY)
    axes.set_title(panel["title"], loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_yticks(places, labels, fontsize=10, color=INK)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set_ylim(places[-1] + 0.5, -0.5)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return drawn


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    sys.stdout.buffer.write(draw(asked["labels"], asked["panels"], asked["legend"]))

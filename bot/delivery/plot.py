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
DAY, LANE, LETTER_SMALL = 0.3, 0.22, 0.075  # inches of a day, of a rental's row, of a small letter
DAYS_TOP = 0.35
BOX = {"facecolor": "#ffffff", "alpha": 0.75, "linewidth": 0, "pad": 1}  # behind a name
SIZES_LEGEND = "How many more servers of each size fit on each day, as planned now."
DAYS_LEGEND = "Above: how many more servers fit. Below: rentals on each node; hatched ones have not begun."
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


def draw_days(
    days: list[str],
    weekends: list[int],
    sizes: list[str],
    counts: list[list[int]],
    nodes: list[dict[str, Any]],
) -> bytes:
    """A row per size with how many more fit each day; below it a row per rental of each node."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = 0.3 + LETTER * max(map(len, [*sizes, *(one["node"] for one in nodes)]))
    heights = [ROW * len(sizes), *(LANE * max(1, len(one["lanes"])) for one in nodes)]
    width = names + DAY * len(days) + 0.15
    height = DAYS_TOP + sum(heights) + SPACE * len(nodes) + 0.45
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    top = height - DAYS_TOP
    for number, tall in enumerate(heights):
        place = (names / width, (top - tall) / height, DAY * len(days) / width, tall / height)
        axes = figure.add_axes(place)
        axes.set_xlim(0, len(days))
        for day in weekends:
            axes.axvspan(day, day + 1, color="#eef1f4", linewidth=0, zorder=0)
        if number == 0:
            _sizes(axes, days, sizes, counts)
        else:
            _lanes(axes, nodes[number - 1])
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(length=0)
        top -= tall + SPACE
    figure.text(names / width, 0.12 / height, DAYS_LEGEND if nodes else SIZES_LEGEND, fontsize=9, color=GREY)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _sizes(axes: Any, days: list[str], sizes: list[str], counts: list[list[int]]) -> None:
    """A cell per day: the more fit, the darker; white where none does."""
    most = max([1, *(count for row in counts for count in row)])
    for place, row in enumerate(counts):
        for day, count in enumerate(row):
            share = count / most
            if count:
                axes.barh(
                    place, 0.94, left=day + 0.03, height=0.8, color=PARTS["lent"], alpha=0.2 + 0.8 * share
                )
            colour = "#ffffff" if share > 0.5 else INK if count else HATCH
            axes.text(day + 0.5, place, str(count), ha="center", va="center", fontsize=8, color=colour)
    axes.set_ylim(len(sizes) - 0.5, -0.5)
    axes.set_yticks(range(len(sizes)), sizes, fontsize=10, color=INK)
    axes.xaxis.tick_top()
    axes.set_xticks([number + 0.5 for number in range(len(days))], days, fontsize=8, color=GREY)


def _lanes(axes: Any, node: dict[str, Any]) -> None:
    """A bar per rental, hatched where it has not begun."""
    for place, lane in enumerate(node["lanes"]):
        for bar in lane:
            long = bar["end"] - bar["first"]
            look = {} if bar["begun"] else {"hatch": "////", "edgecolor": PARTS["others"]}
            colour = PARTS["free"] if bar["begun"] else "#ffffff"
            axes.barh(
                place, long - 0.08, left=bar["first"] + 0.04, height=0.8, color=colour, linewidth=0, **look
            )
            name = bar["name"][: max(1, int(long * DAY / LETTER_SMALL))]
            axes.text(bar["first"] + 0.2, place, name, va="center", fontsize=8, color=INK, bbox=BOX)
    rows = max(1, len(node["lanes"]))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([0], [node["node"]], fontsize=10, color=INK)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set_xticks([])


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    days = "days" in asked
    png = draw_days(**asked) if days else draw(asked["labels"], asked["panels"], asked["legend"])
    sys.stdout.buffer.write(png)

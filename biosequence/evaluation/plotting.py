"""A report as a picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from .report import Plot, Report, Row

_COLOURS = ("#33658a", "#d1495b", "#66a182", "#edae49", "#7d5ba6", "#5c6b73")


def draw(report: Report, path: str | Path) -> None:
    """Write the figure of a report as PNG, labels large enough to be read.

    Parameters
    ----------
    report
        What to draw.
    path
        Where; the name may have any ending.
    """
    # The figure alone, without pyplot: no display is asked for and no global state is touched.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plot = report.plot
    rows = [
        row
        for row in report.rows
        if row.get(plot.value) is not None and row[plot.label] != plot.without
    ]
    groups = list(dict.fromkeys(row.get(plot.group, "") if plot.group else "" for row in rows))
    height = max(2.8, 0.9 + 0.34 * len(rows)) if plot.kind == "bar" else 4.5
    figure = Figure(figsize=(8, min(height, 80)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    (_bars if plot.kind == "bar" else _lines)(axes, plot, rows, groups)
    if plot.group and len(groups) > 1:
        # Beside the axes, where it covers no bar.
        axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_title(report.title, fontsize=12, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png", metadata={"Software": None})


def _bars(axes: Any, plot: Plot, rows: list[Row], groups: list[str]) -> None:
    for group, colour in zip(groups, _cycle(len(groups)), strict=True):
        mine = [
            (at, row)
            for at, row in enumerate(rows)
            if not plot.group or row.get(plot.group, "") == group
        ]
        values = [row[plot.value] for _, row in mine]
        axes.barh([at for at, _ in mine], values, color=colour, label=str(group))
        axes.errorbar(
            values,
            [at for at, _ in mine],
            xerr=_errors(plot, [row for _, row in mine]),
            fmt="none",
            ecolor="#333333",
            capsize=2,
        )
    names = [str(row[plot.label])[:40].replace("_", " ") for row in rows]
    # Rows of one task stand together: the first carries the name.
    shown = [name if name != before else "" for before, name in pairwise(["", *names])]
    axes.set_yticks(range(len(rows)), shown, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(plot.title, fontsize=11)


def _lines(axes: Any, plot: Plot, rows: list[Row], groups: list[str]) -> None:
    labels = list(dict.fromkeys(str(row[plot.label]) for row in rows))
    for group, colour in zip(groups, _cycle(len(groups)), strict=True):
        mine = [row for row in rows if not plot.group or row.get(plot.group, "") == group]
        axes.errorbar(
            [labels.index(str(row[plot.label])) for row in mine],
            [row[plot.value] for row in mine],
            yerr=_errors(plot, mine),
            marker="o",
            color=colour,
            capsize=3,
            label=str(group),
        )
    slant = 30 if len(labels) > 6 else 0
    axes.set_xticks(range(len(labels)), labels, fontsize=9, rotation=slant)
    axes.set_xlabel(plot.axis or plot.label, fontsize=11)
    axes.set_ylabel(plot.title, fontsize=11)


def _errors(plot: Plot, rows: list[Row]) -> list[list[float]]:
    ends: list[list[float]] = [[], []]
    for row in rows:
        value = row[plot.value]
        low, high = row.get(f"{plot.value}_low"), row.get(f"{plot.value}_high")
        ends[0].append(max(0.0, value - low) if low is not None else 0.0)
        ends[1].append(max(0.0, high - value) if high is not None else 0.0)
    return ends


def _cycle(number: int) -> list[str]:
    return [_COLOURS[at % len(_COLOURS)] for at in range(number)]

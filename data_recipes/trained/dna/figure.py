"""The curves of all trainings, and the test accuracies, in one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from biosequence.atomic import atomic_path
from biosequence.training import read_metrics

from .plan import Model, finetunings, models

_COLOURS = {"xlstm": "#33658a", "caduceus": "#d1495b"}


def draw_curves(
    plan: Mapping[str, Any],
    folder_of: Callable[[str], Path],
    rows: Sequence[Mapping[str, Any]],
    path: Path,
) -> None:
    """Draw pre-training and fine-tuning losses, and accuracies, as one PNG.

    Parameters
    ----------
    plan
        What was trained.
    folder_of
        Folder of a run by its name; runs that are not there are left out.
    rows
        Of the table of promoters.
    path
        The picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    before, after, bars = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    for model in models(plan):
        _pretraining(before, model, folder_of(model.name))
    _finetunings(after, plan, folder_of)
    _accuracies(bars, rows)
    for axes, title in (
        (before, "Pre-training on genomes"),
        (after, "Fine-tuning on promoters, seed by seed"),
        (bars, "Promoters: test accuracy"),
    ):
        axes.set_title(title, fontsize=11, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _pretraining(axes: Any, model: Model, folder: Path) -> None:
    axes.set_xlabel("step")
    axes.set_ylabel("loss of hidden bases (nats); markers: validation")
    if not (folder / "metrics.jsonl").is_file():
        return
    entries = list(read_metrics(folder))
    style = {"color": _COLOURS[model.family], "linestyle": "--" if model.both_strands else "-"}
    for key, extra in (
        ("loss", {"linewidth": 0.7, "alpha": 0.35}),
        ("validation_loss", {"linewidth": 1.8, "label": model.title, "marker": "o", "ms": 4}),
    ):
        points = [(entry["step"], entry[key]) for entry in entries if key in entry]
        if points:
            axes.plot(*zip(*points, strict=True), **style, **extra)
    told = [y for line in axes.get_lines() if line.get_marker() == "o" for y in line.get_ydata()]
    if told:
        # The fall of the first steps would leave no room for what the models differ in.
        axes.set_ylim(min(told) - 0.05, max(told) + 0.1)
    if axes.get_lines():
        axes.legend(frameon=False, fontsize=9)


def _finetunings(axes: Any, plan: Mapping[str, Any], folder_of: Callable[[str], Path]) -> None:
    for run in finetunings(plan):
        folder = folder_of(run.name)
        if not (folder / "metrics.jsonl").is_file():
            continue
        entries = read_metrics(folder)
        points = [
            (one["step"], one["validation_loss"]) for one in entries if "validation_loss" in one
        ]
        if not points or (not run.model.both_strands and not run.flips):
            continue
        axes.plot(
            *zip(*points, strict=True),
            color=_COLOURS[run.model.family],
            linestyle="--" if run.model.both_strands else "-",
            marker="o" if run.pretrained else "x",
            markersize=4,
            linewidth=1.0,
            label=f"{run.model.title}, {'pre-trained' if run.pretrained else 'new'}"
            if run.seed == plan["seeds"]["finetune"][0]
            else None,
        )
    axes.set_xlabel("step")
    axes.set_ylabel("validation loss (nats)")
    if axes.get_lines():
        axes.legend(frameon=False, fontsize=8)


def _accuracies(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    names = []
    for at, row in enumerate(rows):
        values = row["of_seeds"]["accuracy"]
        ours = "strand_error" in row
        axes.barh(at, row["accuracy"], color="#33658a" if ours else "#8a8f98")
        axes.plot(values, [at] * len(values), "o", color="#222222", markersize=3)
        start = f", {row['start']}" if ours else f", {row['rows']:,} rows"
        names.append(f"{row['method']}{start}, {row['training strands']} / {row['asked']}")
    axes.set_yticks(range(len(names)), names, fontsize=6.5)
    axes.invert_yaxis()
    if rows:
        least = min(min(row["of_seeds"]["accuracy"]) for row in rows)
        axes.set_xlim(max(0.0, np.floor(least * 20) / 20 - 0.05), None)
    axes.set_xlabel("accuracy; dots: seeds")

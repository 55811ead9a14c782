"""Results as JSON, as tables and as one picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path

from .settings import MODELS
from .training import STAGES, stage_folder

Row = Mapping[str, Any]
_COLOURS = ("#33658a", "#d1495b", "#8a8a8a", "#66a182", "#edae49", "#7d5ba6", "#5c6b73")
# (title, key, format); a format with an interval writes the two ends, too.
_MODELS = (
    ("model", "model", "{}"),
    ("stage", "stage", "{}"),
    ("parameters", "parameters", "{:,}"),
    ("steps", "steps", "{:,}"),
    ("tokens", "tokens", "{:,}"),
    ("seconds", "seconds", "{:,.0f}"),
    ("training loss", "loss", "{:.3f}"),
    ("lowest validation loss", "validation_loss", "{:.3f}"),
)
_CONTEXT = (
    ("asked for", "set", "{}"),
    ("homologs before", "before", "{}"),
    ("model", "model", "{}"),
    ("families", "families", "{:,}"),
    ("residues", "tokens", "{:,}"),
    ("perplexity", "perplexity", "{:.2f}"),
    ("gain, nats per residue", "gain", "{:+.3f}"),
)
_ASSAY = (
    ("score", "model", "{}"),
    ("method", "method", "{}"),
    ("homologs read", "homologs", "{}"),
    ("mutants", "mutants", "{:,}"),
    ("Spearman", "spearman", "{:.3f}"),
)
_INFILL = (
    ("filled in by", "model", "{}"),
    ("homologs before", "before", "{}"),
    ("families", "families", "{:,}"),
    ("residues", "residues", "{:,}"),
    ("recovered", "recovery", "{:.3f}"),
)
TABLES = {"models": _MODELS, "in_context": _CONTEXT, "assay": _ASSAY, "infill": _INFILL}
TITLES = {
    "models": "Models",
    "in_context": "Perplexity after homologs",
    "assay": "A deep mutational scan, zero-shot",
    "infill": "Spans filled in",
}


def write_results(output: Path, results: Mapping[str, Any]) -> None:
    """Write `results.json`, `results.md` and `curves.png`.

    Parameters
    ----------
    output
        Folder of the experiment; the logs of its models are drawn.
    results
        Rows by table, and `data`, `settings` and `command`.
    """
    with atomic_path(output / "results.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    with atomic_path(output / "results.md") as partial:
        partial.write_text(markdown(results), encoding="utf-8")
    with atomic_path(output / "curves.png") as partial:
        draw(output, results, partial)


def markdown(results: Mapping[str, Any]) -> str:
    """All tables, and how they were made."""
    lines = ["# Proteins", "", f"Made with `{results['command']}`, seed 0.", ""]
    for name, columns in TABLES.items():
        lines += [f"## {TITLES[name]}", "", *_table(columns, results[name]), ""]
    lines += ["## Data", "", "```json", json.dumps(results["data"], indent=1), "```", ""]
    return "\n".join(lines)


def _table(columns: Sequence[tuple[str, str, str]], rows: Sequence[Row]) -> list[str]:
    return [
        "| " + " | ".join(title for title, _, _ in columns) + " |",
        "|" + " --- |" * len(columns),
        *(
            "| " + " | ".join(_cell(row, key, form) for _, key, form in columns) + " |"
            for row in rows
        ),
    ]


def _cell(row: Row, key: str, form: str) -> str:
    """A value with its interval; what is named by a model's key gets the model's name.

    Examples
    --------
    >>> _cell({"x": 0.5, "x_low": 0.4, "x_high": 0.6}, "x", "{:.1f}")
    '0.5 [0.4, 0.6]'
    """
    value = row.get(key)
    if value is None:
        return "-"
    if key == "model":
        return MODELS.get(value, value)
    text = form.format(value)
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    if low is None or high is None or low == high:
        return text
    return f"{text} [{form.format(low)}, {form.format(high)}]"


def draw(output: Path, results: Mapping[str, Any], path: Path) -> None:
    """Losses, perplexity after homologs, and the scan, side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    _losses(axes[0][0], output)
    _assay(axes[0][1], results["assay"])
    _infill(axes[0][2], results["infill"])
    sets = list(dict.fromkeys(row["set"] for row in results["in_context"]))
    for panel, name in zip(axes[1], sets, strict=False):
        _context(panel, name, [row for row in results["in_context"] if row["set"] == name])
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png", metadata={"Software": None})


def _losses(axes: Any, output: Path) -> None:
    for (key, name), colour in zip(MODELS.items(), _COLOURS, strict=False):
        entries = _entries(output, key)
        for field, style in (
            ("loss", {"alpha": 0.35, "linewidth": 1}),
            ("validation_loss", {"marker": "o", "markersize": 3, "label": f"{name}, validation"}),
        ):
            points = [(one["step"], one[field]) for one in entries if field in one]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, **style)
    axes.set(xlabel="step, both stages", ylabel="loss, nats per token", title="Training")
    axes.legend(frameon=False)


def _entries(output: Path, key: str) -> list[dict[str, Any]]:
    """The log of a model, its second stage behind the first."""
    found: list[dict[str, Any]] = []
    for stage in STAGES:
        before = max((one["step"] for one in found), default=0)
        path = stage_folder(output, key, stage) / "metrics.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            found.append(entry | {"step": entry["step"] + before})
    return found


def _context(axes: Any, name: str, rows: Sequence[Row]) -> None:
    models = list(dict.fromkeys(row["model"] for row in rows))
    numbers = sorted({row["before"] for row in rows})
    for model, colour in zip(models, _COLOURS, strict=False):
        mine = [row for row in rows if row["model"] == model]
        axes.plot(
            [numbers.index(row["before"]) for row in mine],
            [row["gain"] for row in mine],
            color=colour,
            marker="o",
            markersize=4,
            label=MODELS.get(model, model),
        )
    axes.set_xticks(range(len(numbers)), [str(one) for one in numbers])
    axes.set(xlabel="homologs before", ylabel="gain, nats per residue", title=name)
    axes.legend(frameon=False)


def _assay(axes: Any, rows: Sequence[Row]) -> None:
    names = [
        " ".join(
            [
                MODELS.get(row["model"], row["model"]),
                row["method"],
                f"+{row['homologs']}" if row["homologs"] else "",
            ]
        ).strip()
        for row in rows
    ]
    _bars(axes, names, rows, "spearman")
    axes.set(xlabel="Spearman", title="Scan of TEM-1, zero-shot")


def _infill(axes: Any, rows: Sequence[Row]) -> None:
    names = [f"{MODELS.get(row['model'], row['model'])}, {row['before']}" for row in rows]
    _bars(axes, names, rows, "recovery")
    axes.set(xlabel="residues recovered", title="Spans filled in, homologs before")


def _bars(axes: Any, names: Sequence[str], rows: Sequence[Row], key: str) -> None:
    models = list(dict.fromkeys(row["model"] for row in rows))
    for at, row in enumerate(rows):
        value = row[key] or 0.0
        low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
        ends = None if low is None or high is None else [[value - low], [high - value]]
        colour = _COLOURS[models.index(row["model"]) % len(_COLOURS)]
        axes.barh(at, value, xerr=ends, color=colour, capsize=2)
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()

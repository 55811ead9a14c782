"""The picture of a run: training and validation loss over steps."""

from __future__ import annotations

from pathlib import Path

from ..atomic import atomic_path
from .run_log import read_metrics


def draw_losses(folder: Path) -> Path:
    """Draw `loss.png` from the metrics of a run's folder."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = list(read_metrics(folder))
    figure = Figure(figsize=(7, 4.2), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for key, label, style in (
        ("loss", "training", {"linewidth": 1.0}),
        ("validation_loss", "validation", {"linewidth": 1.6, "marker": "o", "markersize": 3}),
    ):
        points = [(entry["step"], entry[key]) for entry in entries if key in entry]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, **style)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    if axes.get_lines():
        axes.legend()
    figure.tight_layout()
    path = folder / "loss.png"
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png")
    return path

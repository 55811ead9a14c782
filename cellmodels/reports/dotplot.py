"""The marker dot plot: which answered types express which of their evidence genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from .colours import expression_colour
from .composition import Composition, TypeRow
from .figures import shorten
from .gene_names import GeneNames

if TYPE_CHECKING:
    from cellmodels.annotate.result import AnnotationResult, SketchView

# Shapes: S sampled cells, F feature genes, G plotted genes.

MOST_TYPES = 18
MOST_GENES = 38  # as many as the width of the page takes
CELL = 20  # distance of two dots
RADIUS = 8.5
LEFT, TOP = 256, 88
KEY_SHARES = (0.1, 0.25, 0.5, 1.0)
KEY_SHADES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Dot:
    """One type and gene: the radius tells how many cells express it, the colour how much."""

    x: float
    y: float
    radius: float
    colour: str
    hover: str


@dataclass(frozen=True)
class Heading:
    """Name of a row or a column."""

    text: str
    full: str
    place: float


@dataclass(frozen=True)
class DotPlot:
    """Rows are cell types, columns are genes; `sizes` and `shades` are the keys to the dots."""

    rows: tuple[Heading, ...]
    columns: tuple[Heading, ...]
    dots: tuple[Dot, ...]
    separators: tuple[float, ...]
    sizes: tuple[tuple[str, float], ...]
    shades: tuple[tuple[str, str], ...]
    width: int
    height: int
    left: int = LEFT
    top: int = TOP


def dot_plot(
    result: AnnotationResult, composition: Composition, names: GeneNames
) -> DotPlot | None:
    """The plot of the most frequent types that have evidence genes; None where there are none.

    Parameters
    ----------
    names
        What the genes are called in the file.
    """
    sketch = result.sketch
    if sketch is None or not len(sketch.rows):
        return None
    row_S = composition.row_of_cell[sketch.rows]
    evidence = _evidence(result, names)
    types = [
        row
        for row in composition.known
        if evidence.get(row.name) and (row_S == row.number - 1).any()
    ][:MOST_TYPES]
    if not types:
        return None
    each = int(np.clip(MOST_GENES // len(types), 2, 5))
    chosen: list[int] = []
    separators = []
    for row in types:
        fresh = [gene for gene in evidence[row.name] if gene not in chosen][:each]
        chosen += fresh
        separators += [LEFT + CELL * len(chosen)] if fresh else []
    return _draw(sketch, types, row_S, chosen, separators[:-1], names)


def _evidence(result: AnnotationResult, names: GeneNames) -> dict[str, list[int]]:
    """Evidence genes of each answer; the first genes of all its clusters come first."""
    column_of = {str(gene): column for column, gene in enumerate(result.sketch.genes)}
    ranked: dict[str, dict[int, float]] = {}
    for cluster in result.clusters:
        if not cluster.call.known:
            continue
        scores = ranked.setdefault(cluster.call.name, {})
        for place, gene in enumerate(names.model(cluster.evidence)):
            if gene in column_of:
                column = column_of[gene]
                scores[column] = scores.get(column, 0.0) + cluster.n_cells / (place + 1)
    return {
        answer: sorted(scores, key=lambda column: (-scores[column], column))
        for answer, scores in ranked.items()
    }


def _draw(
    sketch: SketchView,
    types: list[TypeRow],
    row_S: np.ndarray,
    genes: list[int],
    separators: list[float],
    names: GeneNames,
) -> DotPlot:
    log_SG = sparse.csr_matrix(sketch.log_SF)[:, genes].toarray()
    members = [row_S == row.number - 1 for row in types]
    mean = np.array([log_SG[member].mean(axis=0) for member in members])
    share = np.array([(log_SG[member] > 0).mean(axis=0) for member in members])
    strongest = float(mean.max())
    printed = names.printed(sketch.genes[genes])
    dots = tuple(
        Dot(
            x=LEFT + CELL * (j + 0.5),
            y=TOP + CELL * (i + 0.5),
            radius=_radius(float(share[i, j])),
            colour=expression_colour(float(mean[i, j]) / max(strongest, 1e-6)),
            hover=f"{printed[j]} in {row.name}: {share[i, j]:.0%} of cells, mean {mean[i, j]:.2f}",
        )
        for i, row in enumerate(types)
        for j in range(len(genes))
        if share[i, j] >= 0.01
    )
    return DotPlot(
        rows=tuple(
            Heading(shorten(row.name, 32), row.name, TOP + CELL * (i + 0.5))
            for i, row in enumerate(types)
        ),
        columns=tuple(
            Heading(shorten(name, 12), name, LEFT + CELL * (j + 0.5))
            for j, name in enumerate(printed)
        ),
        dots=dots,
        separators=tuple(separators),
        sizes=tuple((f"{part:.0%}", _radius(part)) for part in KEY_SHARES),
        shades=tuple((f"{strongest * part:.1f}", expression_colour(part)) for part in KEY_SHADES),
        width=LEFT + CELL * len(genes) + 30,
        height=TOP + CELL * len(types) + 8,
    )


def _radius(share: float) -> float:
    # Areas, not radii, are what the eye compares.
    return round(RADIUS * share**0.5, 1)

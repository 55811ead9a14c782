"""What LangCell's training cells are drawn from, and what of it a model is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellmodels.knowledge import MarkerRow, marker_rows

from ..default_model.features import choose_genes
from ..default_model.heldout import fold_of
from ..default_model.library import CellSet, class_ids, read_cell_sets
from ..default_model.references import References, read_library
from .holdout import is_held

FOLDS = 3


@dataclass(frozen=True)
class Sources:
    """Profiles, labelled cells and marker genes.

    Attributes
    ----------
    references
        Mean profiles of cell types.
    cells
        Real labelled cells.
    rows
        The marker table.
    genes
        Names of the genes that the model reads, in the space shared by human and mouse.
    classes
        Types that get cells of their own.
    """

    references: References
    cells: tuple[CellSet, ...]
    rows: tuple[MarkerRow, ...]
    genes: np.ndarray
    classes: tuple[str, ...]


def read_sources(folder: Path) -> Sources:
    """All of a folder with profiles/ and sc/.

    Raises
    ------
    InputError
        If a library file is missing.
    """
    references, rows = read_library(folder / "profiles"), marker_rows()
    genes = choose_genes(references, rows)
    cells = read_cell_sets(folder / "sc", genes)
    return Sources(references, tuple(cells), rows, genes, class_ids(references, rows))


def without_fold(sources: Sources, fold: int) -> Sources:
    """Without the data sets of a fold of the protocol, and without every third file of cells."""
    held = sources.references.obs["dataset"].map(lambda name: fold_of(name, FOLDS)).to_numpy()
    cells = tuple(one for place, one in enumerate(sources.cells) if place % FOLDS != fold)
    return replace(sources, references=_rows(sources.references, held != fold), cells=cells)


def without_held_types(sources: Sources) -> Sources:
    """Without everything that the held-out types would be known by: see `holdout`."""
    told = ~_held(sources.references.obs["cl_id"])
    cells = []
    for one in sources.cells:
        kept = ~_held(one.cl_id)
        cells.append(replace(one, counts=one.counts[kept], cl_id=one.cl_id[kept]))
    return replace(
        sources,
        references=_rows(sources.references, told),
        cells=tuple(one for one in cells if len(one.cl_id)),
        rows=tuple(row for row in sources.rows if not is_held(row.cl_id)),
        classes=tuple(one for one in sources.classes if not is_held(one)),
    )


def _held(types: Sequence[str]) -> np.ndarray:
    known = {one: is_held(one) if one.startswith("CL:") else False for one in set(types)}
    return np.array([known[one] for one in types], dtype=bool)


def _rows(references: References, kept: np.ndarray) -> References:
    return References(
        references.linear_RG[kept],
        references.genes,
        references.obs[kept].reset_index(drop=True),
    )

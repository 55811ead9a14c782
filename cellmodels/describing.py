"""Texts that describe cells, on AnnData."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

from .calling import python_words
from .finding import langcell_cells, least_of

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from .annotate.langcell_annotator import LangCellAnnotator
    from .models.langcell.encoding import RankedCells

# Shapes: B cells, G groups of cells (each cell is one where none are named), N texts, K best ones.


def describe(
    adata: AnnData,
    texts: Sequence[str] | None = None,
    *,
    model: str | Path | None = None,
    groupby: str | None = None,
    top: int = 3,
    organism: str = "auto",
    layer: str = "auto",
    gene_key: str | None = None,
    device: str = "auto",
    batch_size: int = 4096,
) -> pd.DataFrame:
    """The texts that fit each cell or group of cells best, found by a LangCell model.

    Nothing is changed, and nothing is left out for being unsure: to name cells, use `annotate`.

    Parameters
    ----------
    adata
        Cells by genes, in memory or backed.
    texts
        What cells may be called: descriptions, or names and ids of the Cell Ontology, which stand
        for their descriptions. None: the descriptions of the model's own cell types.
    model
        Folder of a LangCell model.
    groupby
        An obs column whose groups are described whole, by the mean score of their cells; None
        describes cell by cell. Cells without a value are left out.
    top
        How many texts of each.
    organism, layer, gene_key, device, batch_size
        As in `annotate`.

    Returns
    -------
    One row a text, the best first, with the columns ``cell`` (or what `groupby` says), ``rank``,
    ``text``, ``ontology_term_id`` (``""`` for descriptions) and ``probability``, which is that
    among these texts. Cells without a gene that the model knows have no row, and a warning tells
    their number.

    Raises
    ------
    InputError
        If the cells cannot be used, or there is no such column.
    UsageError
        If there is no text, or one is empty.
    ModelError
        If no model is given, or it cannot be read.

    Examples
    --------
    What clusters may be, in your own words::

        said = ["cytotoxic lymphocytes", "lymphocytes that make antibodies", "phagocytes"]
        cm.tl.describe(adata, said, model="langcell", groupby="leiden")
    """
    from .annotate.langcell_annotator import LangCellAnnotator
    from .annotate.options import AnnotateOptions

    least_of(top, 1, "top")
    with python_words():
        reading = {"organism": organism, "layer": layer, "gene_key": gene_key}
        with langcell_cells(adata, model, reading, batch_size) as (folder, _, cells):
            candidates = None if texts is None else tuple(texts)
            options = AnnotateOptions(
                method="langcell",
                model=str(folder.path),
                candidates=candidates,
                device=device,
            )
            annotator = LangCellAnnotator(folder, options)
            if groupby is None:
                return _best_of_cells(annotator, cells, adata, top)
            return _best_of_groups(annotator, cells, adata, groupby, top)


def _best_of_cells(
    annotator: LangCellAnnotator, cells: RankedCells, adata: AnnData, top: int
) -> pd.DataFrame:
    import pandas as pd

    parts, names = [], adata.obs_names.to_numpy()
    temperature = annotator.calibration().temperature_cell
    for first, known_B, log_p_BN in _scored(annotator, cells):
        of_block = names[first : first + len(known_B)][known_B]
        parts.append(_table(annotator, "cell", of_block, log_p_BN[known_B], temperature, top))
    return pd.concat(parts, ignore_index=True)


def _best_of_groups(
    annotator: LangCellAnnotator, cells: RankedCells, adata: AnnData, groupby: str, top: int
) -> pd.DataFrame:

    if groupby not in adata.obs:
        raise InputError(
            f"There is no obs column {groupby!r}.",
            where="groupby",
            fix=f"It has: {', '.join(map(str, adata.obs.columns[:20])) or 'none'}.",
        )
    groups = adata.obs[groupby].astype("category").cat.remove_unused_categories()
    codes_B, names_G = groups.cat.codes.to_numpy(), groups.cat.categories
    sums_GN = np.zeros((len(names_G), len(annotator.classes)))
    counts_G = np.zeros(len(names_G))
    for first, known_B, log_p_BN in _scored(annotator, cells):
        of_block = codes_B[first : first + len(known_B)]
        counted_B = known_B & (of_block >= 0)
        np.add.at(sums_GN, of_block[counted_B], log_p_BN[counted_B])
        np.add.at(counts_G, of_block[counted_B], 1)
    told_G = counts_G > 0
    means_GN = sums_GN[told_G] / counts_G[told_G, None]
    temperature = annotator.calibration().temperature_cluster
    return _table(annotator, groupby, names_G[told_G], means_GN, temperature, top)


def _scored(annotator: LangCellAnnotator, cells: RankedCells):
    """First row, which cells are known, and their scores (B, N), block by block."""
    from .models.langcell.zero_shot import ZeroShot

    zero_shot = ZeroShot(
        annotator.folder.model(),
        annotator.processor,
        annotator.texts(),
        settings=annotator.folder.settings,
        device=annotator.options.device,
    )
    without = 0
    for first, block in cells.blocks():
        known_B = np.array([len(ids) > 0 for ids in block])
        without += int((~known_B).sum())
        yield first, known_B, zero_shot.scores(block)[0]
    if without:
        said = "cell has" if without == 1 else "cells have"
        warnings.warn(
            f"{without:,} {said} no gene that the model knows and no description.", stacklevel=2
        )


def _table(
    annotator: LangCellAnnotator,
    key: str,
    names_G: np.ndarray | pd.Index,
    log_p_GN: np.ndarray,
    temperature: float,
    top: int,
) -> pd.DataFrame:
    import pandas as pd

    from .annotate.calibration import probabilities
    from .annotate.nodes import node_name, term_id

    p_GN = probabilities(log_p_GN, temperature, np.zeros(log_p_GN.shape[1]))
    best_GK = np.argsort(-p_GN, axis=1, kind="stable")[:, :top]
    said = np.array([node_name(node) for node in annotator.classes], dtype=object)
    terms = np.array([term_id(node) for node in annotator.classes], dtype=object)
    count = best_GK.shape[1]
    return pd.DataFrame(
        {
            key: np.repeat(np.asarray(names_G), count),
            "rank": np.tile(np.arange(1, count + 1), len(best_GK)),
            "text": said[best_GK.ravel()],
            "ontology_term_id": terms[best_GK.ravel()],
            "probability": np.take_along_axis(p_GN, best_GK, axis=1).ravel().astype(np.float32),
        }
    )

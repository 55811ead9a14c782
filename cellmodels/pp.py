"""Before annotating: what the matrix holds, and the matrix that bioseq reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from biosequence.errors import InputError

from .calling import python_words, written_object
from .inputs import InputCheck, check_block, check_input, to_log1p_cp10k
from .stream import CellSource, open_cells

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["check", "log1p_cp10k"]


def check(
    adata: AnnData, *, layer: str = "auto", gene_key: str | None = None, organism: str = "auto"
) -> InputCheck:
    """What each matrix holds, which one is read and why, and how many genes are known.

    Nothing is changed.

    Parameters
    ----------
    adata
        Cells by genes; in memory, backed, or a view.
    layer
        ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    gene_key
        The var column with gene names; by default the one that maps most genes.
    organism
        ``"human"``, ``"mouse"``, or ``"auto"`` to tell it from the genes.

    Raises
    ------
    InputError
        When no matrix can be used, or the genes are unknown. The message names the fix.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> found = cm.pp.check(sc.datasets.pbmc68k_reduced())
    >>> found.matrix, found.organism, found.n_obs
    ('raw', 'human', 700)
    """
    with python_words(), open_cells(adata) as source:
        return check_input(source, layer=layer, gene_key=gene_key, organism=organism)


def log1p_cp10k(
    adata: AnnData, *, layer: str = "auto", key_added: str = "log1p_cp10k", copy: bool = False
) -> AnnData | None:
    """``log(1 + x)`` of values that sum to 10,000 in each cell, as a layer: what bioseq reads.

    The best matrix is chosen as `check` chooses it. When that is `raw`, totals are those of all its
    genes, and the layer holds the genes of `X`. Antibody columns are zero.

    Parameters
    ----------
    adata
        Cells by genes; it is changed in place.
    layer
        ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    key_added
        Name of the new layer, float32 CSR ``[n_obs, n_vars]``; one of that name is replaced.
    copy
        Change and return a copy instead.

    Returns
    -------
    The copy with ``copy=True``, otherwise None.

    Raises
    ------
    InputError
        When no matrix can be used, `adata` is a view, or `raw` lacks genes of `X`.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> cm.pp.log1p_cp10k(adata)
    >>> adata.layers["log1p_cp10k"].shape
    (700, 765)
    """
    written = written_object(adata, copy)
    with python_words(), open_cells(written) as source:
        found = check_input(source, layer=layer)
        columns = _columns_of_x(source, found.matrix)
        parts = []
        for first, block in source.blocks(found.matrix):
            check_block(block, first_row=first, where=source.name)
            parts.append(to_log1p_cp10k(block, found.state)[:, columns])
    values = sparse.vstack(parts, format="csr")
    values.eliminate_zeros()
    written.layers[key_added] = values
    return written if copy else None


def _columns_of_x(source: CellSource, matrix: str) -> slice | np.ndarray:
    """Where the genes of X lie in `matrix`."""
    if matrix != "raw" or not source.has_raw:
        return slice(None)
    wanted, present = source.var("X").index, source.var("raw").index
    if wanted.equals(present):
        return slice(None)
    places = present.get_indexer(wanted) if present.is_unique else np.array([-1])
    if (places < 0).any():
        msg = "The matrix raw does not hold every gene of X exactly once, so it cannot be a layer."
        fix = "Work on all its genes: adata = adata.raw.to_adata()"
        raise InputError(msg, where=source.name, fix=fix)
    return places

"""How well an embedding of an AnnData mixes batches and keeps cell types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

from .calling import python_words

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

# Shapes: B cells, D width of an embedding, V genes.


def integration_scores(
    adata: AnnData,
    batch_key: str,
    label_key: str,
    use_rep: str = "X_bioseq",
    *,
    before: str | None = None,
    cluster_key: str | None = None,
    layer: str = "auto",
    seed: int = 0,
) -> pd.Series:
    """How well an embedding mixes batches and keeps cell types, by the scores of scib.

    Luecken et al. 2022, "Benchmarking atlas-level data integration in single-cell genomics"; the
    formulas are in `cellmodels.metrics`. Scores that need more than scikit-learn (kBET, LISI, cell
    cycle, highly variable genes, trajectories) are left out and scores are not rescaled over
    methods, so compare embeddings of the same cells with each other, not with published tables.

    Parameters
    ----------
    adata
        Cells by genes, in memory or backed; nothing is changed.
    batch_key, label_key
        obs columns of the batches and of the true cell types. Cells without one are left out.
    use_rep
        The embedding, by its name in `obsm`.
    before
        Components without integration, by their name in `obsm`, such as ``"X_pca"``: what
        `pcr_comparison` compares with. None: log1p of counts per 10,000 of all genes.
    cluster_key
        An obs column with clusters of the embedding. None: k-means at several resolutions.
    layer
        As in `annotate`; read where `before` is None.
    seed
        Seed of k-means and of the search for components.

    Returns
    -------
    Of cell types ``nmi``, ``ari``, ``silhouette_label``, ``isolated_f1``, ``isolated_silhouette``
    and their mean ``bio``; of batches ``silhouette_batch``, ``graph_connectivity``,
    ``pcr_comparison`` and their mean ``batch``; ``overall`` is 0.4 of ``batch`` and 0.6 of ``bio``.
    1 is best.

    Raises
    ------
    InputError
        If a column or embedding is missing, or there are fewer than two batches or labels.

    Examples
    --------
    >>> import cellmodels as cm, scanpy as sc
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["batch"] = ["a", "b"] * 350
    >>> found = cm.tl.integration_scores(adata, "batch", "bulk_labels", "X_pca", before="X_pca")
    >>> bool(found["silhouette_batch"] > 0.9), float(found["pcr_comparison"])
    (True, 0.0)
    """
    from .metrics import integration_scores as scores_of

    for column in filter(None, (batch_key, label_key, cluster_key)):
        if column not in adata.obs:
            raise _missing("obs column", column, list(map(str, adata.obs.columns)))
    for key in filter(None, (use_rep, before)):
        if key not in adata.obsm:
            raise _missing("embedding", key, list(adata.obsm))
    kept_B = adata.obs[[batch_key, label_key]].notna().all(axis=1).to_numpy()
    codes = {
        key: adata.obs[key].astype("category").cat.codes.to_numpy()[kept_B]
        for key in {batch_key, label_key, cluster_key} - {None}
    }
    with python_words():
        before_BD = _expression(adata, layer) if before is None else np.asarray(adata.obsm[before])
        return scores_of(
            np.asarray(adata.obsm[use_rep], dtype=np.float64)[kept_B],
            codes[batch_key],
            codes[label_key],
            before_BD=before_BD[kept_B],
            clusters_B=None if cluster_key is None else codes[cluster_key],
            seed=seed,
        ).rename(use_rep)


def _expression(adata: AnnData, layer: str) -> sparse.csr_matrix:
    """log1p of counts per 10,000, [B, V]."""
    from scipy import sparse

    from .inputs import check_block, check_input, to_log1p_cp10k
    from .stream import open_cells

    with open_cells(adata) as source:
        check = check_input(source, layer=layer)
        parts = []
        for first, block in source.blocks(check.matrix):
            check_block(block, first_row=first, where=source.name)
            parts.append(to_log1p_cp10k(block, check.state))
    return sparse.vstack(parts, format="csr")


def _missing(what: str, name: str, known: list[str]) -> InputError:
    return InputError(
        f"There is no {what} {name!r}.",
        where="AnnData object",
        fix=f"It has: {', '.join(known[:20]) or 'none'}.",
    )

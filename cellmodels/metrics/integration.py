"""All scores of an integration in one table."""

# Shapes: B cells, D embedding width.

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

from .clusterings import adjusted_rand, kmeans_clusterings, mutual_information
from .isolated import isolated_f1, isolated_silhouette
from .mixing import graph_connectivity, pcr_comparison
from .silhouettes import silhouette_batch, silhouette_label

if TYPE_CHECKING:
    import pandas as pd

BATCH_WEIGHT, BIO_WEIGHT = 0.4, 0.6


def integration_scores(
    embedding_BD: np.ndarray,
    batches_B: np.ndarray,
    labels_B: np.ndarray,
    *,
    before_BD: np.ndarray | None = None,
    clusters_B: np.ndarray | None = None,
    seed: int = 0,
) -> pd.Series:
    """Eight scores between 0 and 1 (`ari` may be below), their means, and the overall one.

    overall = 0.4 x batch + 0.6 x bio, the weights of Luecken et al. 2022. They scale each score
    over the methods that they compare, and have scores that are not here (kBET, LISI, cell cycle,
    highly variable genes, trajectories): compare embeddings of the same cells with each other,
    not with published tables.

    Parameters
    ----------
    embedding_BD
        One row a cell. Silhouettes compare all cells with all: for far more than 50,000, give a
        sample.
    batches_B, labels_B
        Of each cell; two different ones at least.
    before_BD
        The cells without integration, as expression or components; None leaves `pcr_comparison`
        out.
    clusters_B
        A clustering of the embedding. None: k-means at several resolutions, of which `nmi` and
        `ari` take the one with the largest NMI and `isolated_f1` the best for each label, as scib
        does with Louvain.
    seed
        Seed of k-means.

    Returns
    -------
    `nmi`, `ari`, `silhouette_label`, `isolated_f1`, `isolated_silhouette` and their mean `bio`;
    `silhouette_batch`, `graph_connectivity`, `pcr_comparison` and their mean `batch`; `overall`.
    What cannot be computed is NaN, and the means are without it.

    Raises
    ------
    InputError
        If there are fewer than two batches or labels, every cell has a label of its own, or the
        embedding is not finite.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(80, 4))
    >>> labels, batches = np.arange(80) % 2, np.arange(80) // 40
    >>> points[labels == 1] += 9
    >>> found = integration_scores(points, batches, labels)
    >>> float(found["nmi"]), bool(found["silhouette_batch"] > 0.9)
    (1.0, True)
    """
    import pandas as pd

    embedding_BD, batches_B, labels_B = map(np.asarray, (embedding_BD, batches_B, labels_B))
    _check(embedding_BD, batches_B, labels_B)
    if clusters_B is None:
        count = len(np.unique(labels_B))
        clusterings = kmeans_clusterings(embedding_BD, count, seed=seed)
    else:
        clusterings = [np.asarray(clusters_B)]
    best_B = max(clusterings, key=lambda found_B: mutual_information(labels_B, found_B))
    bio = {
        "nmi": mutual_information(labels_B, best_B),
        "ari": adjusted_rand(labels_B, best_B),
        "silhouette_label": silhouette_label(embedding_BD, labels_B),
        "isolated_f1": isolated_f1(clusterings, batches_B, labels_B),
        "isolated_silhouette": isolated_silhouette(embedding_BD, batches_B, labels_B),
    }
    batch = {
        "silhouette_batch": silhouette_batch(embedding_BD, batches_B, labels_B),
        "graph_connectivity": graph_connectivity(embedding_BD, labels_B),
        "pcr_comparison": float("nan")
        if before_BD is None
        else pcr_comparison(before_BD, embedding_BD, batches_B, seed=seed),
    }
    means = {"bio": _mean(bio), "batch": _mean(batch)}
    overall = BATCH_WEIGHT * means["batch"] + BIO_WEIGHT * means["bio"]
    return pd.Series({**bio, **batch, **means, "overall": overall}, name="score")


def _mean(scores: dict[str, float]) -> float:
    return float(np.nanmean(list(scores.values())))


def _check(embedding_BD: np.ndarray, batches_B: np.ndarray, labels_B: np.ndarray) -> None:
    where = f"{len(embedding_BD):,} cells"
    if not np.isfinite(embedding_BD).all():
        raise InputError(
            "The embedding holds values that are not finite.",
            where=where,
            fix="Make the embedding anew, or leave these cells out.",
        )
    for name, values_B in (("batch", batches_B), ("label", labels_B)):
        if len(np.unique(values_B)) < 2:
            raise InputError(
                f"All cells are of one {name}, so there is nothing to compare.",
                where=where,
                fix=f"Name the column of the {name}, and give cells of two at least.",
            )
    if len(np.unique(labels_B)) == len(labels_B):
        raise InputError(
            "Every cell has a label of its own.",
            where=where,
            fix="Name a column with cell types, which several cells share.",
        )

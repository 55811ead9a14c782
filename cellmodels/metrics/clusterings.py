"""Clusterings of an embedding, and how far they agree with labels."""

# Shapes: B cells, D embedding width.

from __future__ import annotations

import numpy as np

# Numbers of clusters that are tried, as multiples of the number of labels.
RESOLUTIONS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def kmeans_clusterings(
    embedding_BD: np.ndarray, num_labels: int, *, seed: int = 0
) -> list[np.ndarray]:
    """k-means at several resolutions, each (B,): from half as many clusters as labels to twice.

    scib clusters by Louvain at twenty resolutions; k-means is what scikit-learn has.

    Parameters
    ----------
    embedding_BD
        One row a cell.
    num_labels
        Number of different labels.
    seed
        Seed of the first centres.
    """
    from sklearn.cluster import KMeans

    different = len(np.unique(embedding_BD, axis=0))
    counts = {
        min(max(2, round(times * num_labels)), different, len(embedding_BD))
        for times in RESOLUTIONS
    }
    return [
        KMeans(count, n_init=3, random_state=seed).fit_predict(embedding_BD)
        for count in sorted(counts)
    ]


def mutual_information(labels_B: np.ndarray, clusters_B: np.ndarray) -> float:
    """Normalised mutual information of labels and clusters, 1 where they are the same partition.

    NMI = 2 I(labels; clusters) / (H(labels) + H(clusters)).

    Examples
    --------
    >>> mutual_information(np.array([0, 0, 1, 1]), np.array([5, 5, 4, 4]))
    1.0
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels_B, clusters_B))


def adjusted_rand(labels_B: np.ndarray, clusters_B: np.ndarray) -> float:
    """Adjusted Rand index of labels and clusters: 1 for the same partition, 0 for chance.

    ARI = (RI - E[RI]) / (max RI - E[RI]), where RI is the share of pairs of cells that both
    partitions treat alike (Hubert and Arabie 1985).

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 4, 4]))
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(labels_B, clusters_B))

"""Over-clustering: many small groups of like cells, so that a vote within each cleans single-cell noise."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable

import igraph
import numpy as np

# Shapes: S sampled cells, B cells, K components, N neighbours.

SKETCH = 20_000
NEIGHBOURS = 15
# Cells up to which each resolution is used; the steps CellTypist documents for its over-clustering.
RESOLUTIONS = ((5_000, 5.0), (20_000, 10.0), (40_000, 15.0), (100_000, 20.0), (200_000, 25.0))
FINEST = 30.0


def resolution_for(n_cells: int) -> float:
    """Leiden resolution of an over-clustering of `n_cells` cells."""
    return next((value for limit, value in RESOLUTIONS if n_cells < limit), FINEST)


def sketch_order(obs_names: Iterable[str], limit: int = SKETCH) -> np.ndarray:
    """Up to `limit` row numbers, the same cells in the same order however the file is sorted.

    Cells are ordered by a hash of their names, so that the graph that Leiden sees, and its answer,
    do not depend on the order of rows.
    """
    keys = [hashlib.blake2b(str(name).encode(), digest_size=8).digest() for name in obs_names]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__)[:limit], dtype=np.int64)


def over_cluster(components_SK: np.ndarray, n_cells: int, seed: int) -> np.ndarray:
    """Cluster number of each sampled cell, numbered by size.

    A shared-neighbour graph of the nearest cells, then Leiden (modularity with the resolution that
    `n_cells` calls for).
    """
    if len(components_SK) < 3:
        return np.zeros(len(components_SK), dtype=np.int64)
    near_SN = nearest(components_SK, components_SK, min(NEIGHBOURS, len(components_SK)))
    graph = _shared_neighbour_graph(near_SN)
    state = random.getstate()
    random.seed(seed)
    try:
        found = graph.community_leiden(
            objective_function="modularity",
            weights="weight",
            resolution=resolution_for(n_cells),
            n_iterations=3,
        )
    finally:
        random.setstate(state)
    membership = np.array(found.membership)
    sizes = np.bincount(membership)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[membership]


def nearest(query_BK: np.ndarray, points_SK: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of the `count` nearest points to each query row, int64 [B, count], nearest first."""
    half_S = (points_SK * points_SK).sum(axis=1) / 2
    found = []
    for start in range(0, len(query_BK), 1024):
        distance_BS = half_S - query_BK[start : start + 1024] @ points_SK.T
        top = np.argpartition(distance_BS, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(distance_BS, top, axis=1)
        found.append(np.take_along_axis(top, np.argsort(values, axis=1, kind="stable"), axis=1))
    return np.concatenate(found)


def centres(components_SK: np.ndarray, cluster_S: np.ndarray) -> np.ndarray:
    """Mean components of each cluster."""
    return np.array([components_SK[cluster_S == c].mean(axis=0) for c in range(cluster_S.max() + 1)])


def _shared_neighbour_graph(near_SN: np.ndarray) -> igraph.Graph:
    """Edges to the nearest cells, weighted by the share of neighbours that both ends have (Jaccard)."""
    from scipy import sparse

    n, k = near_SN.shape
    rows = np.repeat(np.arange(n), k)
    knn = sparse.csr_matrix((np.ones(n * k, np.float32), (rows, near_SN.ravel())), shape=(n, n))
    shared = (knn @ knn.T).multiply((knn + knn.T) > 0).tocoo()
    upper = shared.row < shared.col
    weight = shared.data[upper] / (2 * k - shared.data[upper])
    edges = np.column_stack([shared.row[upper], shared.col[upper]])
    graph = igraph.Graph(n=n, edges=edges.tolist(), directed=False)
    graph.es["weight"] = weight.tolist()
    return graph

"""Neighbourhoods that stay whole, and variance that batches explain."""

# Shapes: B cells, D embedding width.

from __future__ import annotations

import numpy as np

# As scanpy counts: the cell itself is one of them.
NEIGHBOURS = 15
MOST_COMPONENTS = 50
# Rounding leaves so much of a share that is zero.
NOTHING = 1e-9


def graph_connectivity(
    embedding_BD: np.ndarray, labels_B: np.ndarray, *, neighbours: int = NEIGHBOURS
) -> float:
    """Whether cells of a label hang together in the graph of nearest neighbours, 1 at best.

    Mean over labels of (cells in the largest connected part) / (cells of the label), in the graph
    of all cells, taken without directions and reduced to the label (Luecken et al. 2022).

    Parameters
    ----------
    embedding_BD
        One row a cell.
    labels_B
        Of each cell.
    neighbours
        Nearest neighbours of a cell, itself among them.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> graph_connectivity(points, np.array(["a", "a", "a", "b"]), neighbours=2)
    0.8333333333333333
    """
    from scipy.sparse.csgraph import connected_components
    from sklearn.neighbors import kneighbors_graph

    count = min(neighbours, len(embedding_BD))
    graph = kneighbors_graph(embedding_BD, count, include_self=True)
    shares = []
    for label in np.unique(labels_B):
        rows = np.flatnonzero(labels_B == label)
        _, parts = connected_components(graph[rows][:, rows], directed=False)
        shares.append(np.bincount(parts).max() / len(rows))
    return float(np.mean(shares))


def principal_component_regression(
    embedding_BD: np.ndarray, batches_B: np.ndarray, *, seed: int = 0
) -> float:
    """Share of the variance that batches explain, component by component; 0 is best.

    PCR = sum over components of Var(PC) R2(PC | batch) / sum of Var(PC), over the first 50
    principal components, with R2 of a linear regression on the batches: the variance between
    batches over all variance (Luecken et al. 2022).

    Parameters
    ----------
    embedding_BD
        One row a cell; dense, or a sparse matrix.
    batches_B
        Of each cell.
    seed
        Where the search for the components starts, for sparse matrices.

    Examples
    --------
    >>> batches = np.array([0, 0, 1, 1])
    >>> principal_component_regression(np.array([[1.0], [1.0], [3.0], [3.0]]), batches)
    1.0
    """
    from sklearn.decomposition import PCA

    # Sparse matrices are not filled up: their mean is taken off on the way.
    solver = "arpack" if hasattr(embedding_BD, "tocsr") else "full"
    most = min(embedding_BD.shape) - (solver == "arpack")
    pca = PCA(min(MOST_COMPONENTS, most), svd_solver=solver, random_state=seed)
    components_BD = pca.fit_transform(embedding_BD)
    total = components_BD.var(axis=0).sum()
    if total == 0:
        return 0.0
    between = 0.0
    for batch in np.unique(batches_B):
        here = batches_B == batch
        # Components have mean 0 over all cells.
        between += here.mean() * np.square(components_BD[here].mean(axis=0)).sum()
    return float(between / total)


def pcr_comparison(
    before_BD: np.ndarray, after_BD: np.ndarray, batches_B: np.ndarray, *, seed: int = 0
) -> float:
    """Which part of the batches' variance an embedding took away: 1 is best, 0 is none.

    max(0, (PCR_before - PCR_after) / PCR_before), see :func:`principal_component_regression`.

    Parameters
    ----------
    before_BD, after_BD
        Expression or components without integration, and the embedding.
    batches_B
        Of each cell.
    seed
        As :func:`principal_component_regression`.

    Returns
    -------
    NaN where batches explain nothing beforehand.
    """
    before = principal_component_regression(before_BD, batches_B, seed=seed)
    if before < NOTHING:
        return float("nan")
    after = principal_component_regression(after_BD, batches_B, seed=seed)
    return max(0.0, (before - after) / before)

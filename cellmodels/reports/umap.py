"""Two coordinates a cell for the maps of a report."""

from __future__ import annotations

import warnings

import numpy as np

# Shapes: S sampled cells, K components, N cells that are laid out,
# C neighbours of each.

LIMIT = 5_000
NEIGHBOURS = 15
FEWEST = 8  # below this a neighbour graph says nothing; the two main axes do


def compute_umap(components_SK: np.ndarray, seed: int, limit: int = LIMIT) -> np.ndarray:
    """UMAP coordinates of a sample of cells, the same for the same components and seed.

    Parameters
    ----------
    components_SK
        Any coordinates in which near cells are alike.
    seed
        Seed of the choice of cells and of the layout.
    limit
        Most cells that are laid out.

    Returns
    -------
    umap_S2
        float32 [S, 2]; NaN for the cells beyond `limit` that were not laid out.
    """
    points_SK = np.asarray(components_SK, np.float32)
    umap_S2 = np.full((len(points_SK), 2), np.nan, np.float32)
    chosen_N = np.arange(len(points_SK))
    if len(points_SK) > limit:
        chosen_N = np.random.default_rng(seed).choice(len(points_SK), limit, replace=False)
        chosen_N.sort()
    points_NK = points_SK[chosen_N]
    few = len(points_NK) < FEWEST
    umap_S2[chosen_N] = main_axes(points_NK) if few else _layout(points_NK, seed)
    return umap_S2


def main_axes(points_NK: np.ndarray) -> np.ndarray:
    """The first two principal coordinates, float32 [N, 2]; zeros where there are fewer."""
    axes_N2 = np.zeros((len(points_NK), 2), np.float32)
    if not points_NK.size:
        return axes_N2
    left, strength, _ = np.linalg.svd(points_NK - points_NK.mean(axis=0), full_matrices=False)
    found = (left * strength)[:, :2]
    axes_N2[:, : found.shape[1]] = found
    return axes_N2


def _layout(points_NK: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP

    count = min(NEIGHBOURS, len(points_NK) - 1)
    # The neighbours of a few thousand cells are found exactly in a second; to compile UMAP's own
    # approximate search takes half a minute.
    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points_NK)
    distances_NC, near_NC = found.kneighbors(points_NK)
    # The principal axes as a start: distant groups keep their places, and a graph in several
    # pieces needs no spectral solver.
    start_N2 = main_axes(points_NK)
    spread = float(np.abs(start_N2).max()) or 1.0
    noise_N2 = np.random.default_rng(seed).normal(scale=1e-3, size=start_N2.shape)
    model = UMAP(
        n_neighbors=count,
        min_dist=0.4,
        init=(10 * start_N2 / spread + noise_N2).astype(np.float32),
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(near_NC, distances_NC.astype(np.float32)),
    )
    with warnings.catch_warnings():
        # That new cells cannot be added to this map.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        return model.fit_transform(points_NK)

"""Labels that few batches share: integration loses them first."""

# Shapes: B cells, D embedding width, L isolated labels.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def isolated_labels(batches_B: np.ndarray, labels_B: np.ndarray) -> list:
    """The labels that are in the fewest batches; all of them where none is rarer than another.

    Examples
    --------
    >>> isolated_labels(np.array([1, 2, 1]), np.array(["a", "a", "b"]))
    ['b']
    """
    counts = {
        label: len(np.unique(batches_B[labels_B == label]))
        for label in np.unique(labels_B).tolist()
    }
    fewest = min(counts.values())
    return [label for label, count in counts.items() if count == fewest]


def isolated_f1(
    clusterings: Sequence[np.ndarray], batches_B: np.ndarray, labels_B: np.ndarray
) -> float:
    """How well single clusters hold the isolated labels, 1 at best.

    Mean over the isolated labels of the largest F1 = 2 TP / (2 TP + FP + FN) that a cluster of any
    clustering reaches when it is taken for the label (Luecken et al. 2022).

    Parameters
    ----------
    clusterings
        Partitions of the cells, each (B,).
    batches_B, labels_B
        Of each cell.

    Examples
    --------
    >>> isolated_f1([np.array([0, 1, 1])], np.array([1, 2, 1]), np.array(["a", "a", "b"]))
    0.6666666666666666
    """
    best = [
        max(_largest_f1(labels_B == label, clusters_B) for clusters_B in clusterings)
        for label in isolated_labels(batches_B, labels_B)
    ]
    return float(np.mean(best))


def _largest_f1(inside_B: np.ndarray, clusters_B: np.ndarray) -> float:
    _, numbers_B = np.unique(clusters_B, return_inverse=True)
    sizes = np.bincount(numbers_B)
    # FP + FN + 2 TP is what the cluster holds and what the label holds.
    both = np.bincount(numbers_B, weights=inside_B)
    return float((2 * both / (sizes + inside_B.sum())).max())


def isolated_silhouette(
    embedding_BD: np.ndarray, batches_B: np.ndarray, labels_B: np.ndarray
) -> float:
    """How far the isolated labels lie from all else: 1 is best, 0.5 where they overlap.

    Mean over the isolated labels of :func:`silhouette_label` with two groups, the label and the
    rest (Luecken et al. 2022).

    Parameters
    ----------
    embedding_BD
        One row a cell.
    batches_B, labels_B
        Of each cell; at least two labels.

    Examples
    --------
    >>> points, batches = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1, 2, 1, 1])
    >>> isolated_silhouette(points, batches, np.array(["a", "a", "b", "b"]))
    1.0
    """
    isolated = isolated_labels(batches_B, labels_B)
    inside_BL = np.stack([labels_B == label for label in isolated], axis=1)
    return float((_widths(embedding_BD, inside_BL).mean() + 1) / 2)


def _widths(embedding_BD: np.ndarray, inside_BL: np.ndarray) -> np.ndarray:
    """Silhouettes (B, L) of each label and the rest; all distances are computed once for all."""
    from sklearn.metrics import pairwise_distances_chunked

    counted_BL = inside_BL.astype(np.float64)
    parts = pairwise_distances_chunked(
        embedding_BD,
        reduce_func=lambda d_SB, _: np.column_stack([d_SB.sum(axis=1), d_SB @ counted_BL]),
    )
    sums_B, within_BL = np.split(np.concatenate(list(parts)), [1], axis=1)
    size_L, without_BL = inside_BL.sum(axis=0), sums_B - within_BL
    rest_L = len(inside_BL) - size_L
    own_size_BL = np.where(inside_BL, size_L, rest_L)
    # The cell itself is no neighbour of its own.
    own_BL = np.where(inside_BL, within_BL, without_BL) / np.maximum(own_size_BL - 1, 1)
    other_BL = np.where(inside_BL, without_BL, within_BL) / np.where(inside_BL, rest_L, size_L)
    largest_BL = np.maximum(own_BL, other_BL)
    width_BL = np.divide(
        other_BL - own_BL, largest_BL, out=np.zeros_like(own_BL), where=largest_BL > 0
    )
    return np.where(own_size_BL == 1, 0.0, width_BL)

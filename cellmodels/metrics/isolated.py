"""Labels that few batches share: integration loses them first."""

# Shapes: B cells, D embedding width.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .silhouettes import silhouette_label


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
    """
    widths = [
        silhouette_label(embedding_BD, labels_B == label)
        for label in isolated_labels(batches_B, labels_B)
    ]
    return float(np.mean(widths))

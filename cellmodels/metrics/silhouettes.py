"""Silhouettes of labels, which should be wide, and of batches, which should vanish."""

# Shapes: B cells, D embedding width.

from __future__ import annotations

import numpy as np


def silhouette_label(embedding_BD: np.ndarray, labels_B: np.ndarray) -> float:
    """How compact and how far apart the labels lie: 1 is best, 0.5 where they overlap.

    ASW_label = (mean of s + 1) / 2 over all cells, with the silhouette
    s = (b - a) / max(a, b) of the mean distances a to cells of the same label and b to those of
    the nearest other one (Luecken et al. 2022).

    Parameters
    ----------
    embedding_BD
        One row a cell.
    labels_B
        At least two different ones, and fewer than there are cells.

    Examples
    --------
    >>> points = np.array([[0.0], [0.0], [1.0], [1.0]])
    >>> silhouette_label(points, np.array(["a", "a", "b", "b"]))
    1.0
    """
    from sklearn.metrics import silhouette_score

    return float((silhouette_score(embedding_BD, labels_B) + 1) / 2)


def silhouette_batch(
    embedding_BD: np.ndarray, batches_B: np.ndarray, labels_B: np.ndarray
) -> float:
    """How well the batches of each label are mixed: 1 is best, 0 where they lie apart.

    ASW_batch = mean over labels of the mean over their cells of 1 - abs(s), where s is the
    silhouette of the batches among the cells of the label alone (Luecken et al. 2022).

    Parameters
    ----------
    embedding_BD
        One row a cell.
    batches_B, labels_B
        Of each cell. Labels that have one batch only, or as many as cells, do not count.

    Returns
    -------
    NaN where no label counts.

    Examples
    --------
    >>> points, batches = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array(["x", "x", "y", "y"])
    >>> silhouette_batch(points, batches, np.array(["a"] * 4))
    0.0
    """
    from sklearn.metrics import silhouette_samples

    means = []
    for label in np.unique(labels_B):
        here = labels_B == label
        if 1 < len(np.unique(batches_B[here])) < here.sum():
            widths = silhouette_samples(embedding_BD[here], batches_B[here])
            means.append(float((1 - np.abs(widths)).mean()))
    return float(np.mean(means)) if means else float("nan")

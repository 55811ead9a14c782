"""A baseline: logistic or ridge regression on counts of short words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

K = (1, 6)
"""Shortest and longest word, in letters."""
FEATURES = 2**18
"""Places that words are hashed to."""
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation that is tried; the validation part chooses."""


def kmer_counts(sequences: Sequence[str], *, k: tuple[int, int] = K) -> Any:
    """How often each word of `k` letters stands in each sequence, hashed: sparse (N, features).

    Rows have length one, so that a long sequence weighs no more than a short one.

    Parameters
    ----------
    sequences
        Any text: DNA, proteins, SMILES.
    k
        Shortest and longest word.

    Examples
    --------
    >>> kmer_counts(["ACGT", "acgt"], k=(1, 2)).shape
    (2, 262144)
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char",
        ngram_range=k,
        n_features=FEATURES,
        lowercase=False,
        alternate_sign=False,
        norm="l2",
        dtype=np.float64,
    )
    return hashing.transform(list(sequences))


def kmer_logistic(
    train: Sequence[str],
    labels: np.ndarray,
    test: Sequence[str],
    *,
    num_labels: int,
    k: tuple[int, int] = K,
    seed: int = 0,
) -> np.ndarray:
    """Scores (N, K) of the labels of test sequences.

    Parameters
    ----------
    train, labels
        Sequences, and the id of the label of each.
    test
        Sequences to judge.
    num_labels
        K.
    k
        Shortest and longest word.
    seed
        Seed of the part of the training set that chooses the regularisation.
    """
    return fit_logistic(
        kmer_counts(train, k=k), labels, kmer_counts(test, k=k), num_labels=num_labels, seed=seed
    )


def fit_logistic(
    train: Any, labels: np.ndarray, test: Any, *, num_labels: int, seed: int = 0
) -> np.ndarray:
    """Scores (N, K) by logistic regression on any features.

    A fifth of the training set chooses the regularisation, then all of it is fitted again.
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.asarray(labels)
    train, test = _seen(train, test)
    fit, held = _hold_out(labels, seed)

    def fitted(rows: np.ndarray, strength: float) -> Any:
        model = LogisticRegression(C=strength, max_iter=1000)
        return model.fit(train[rows], labels[rows])

    best = max(
        STRENGTHS,
        key=lambda strength: fitted(fit, strength).score(train[held], labels[held]),
    )
    model = fitted(np.arange(len(labels)), best)
    found = np.full((test.shape[0], num_labels), -np.inf)
    found[:, model.classes_] = model.predict_log_proba(test)
    # The logarithm of a probability that rounds to zero has no order among its like.
    return np.maximum(found, -1e9)


def fit_ridge(train: Any, values: np.ndarray, test: Any, *, seed: int = 0) -> np.ndarray:
    """Predicted numbers (N,) by ridge regression on any features, chosen as the logistic one."""
    from sklearn.linear_model import Ridge

    values = np.asarray(values, np.float64)
    train, test = _seen(train, test)
    fit, held = _hold_out(np.arange(len(values)), seed)

    def error(strength: float) -> float:
        model = Ridge(alpha=1 / strength).fit(train[fit], values[fit])
        return float(np.mean((model.predict(train[held]) - values[held]) ** 2))

    best = min(STRENGTHS, key=error)
    return Ridge(alpha=1 / best).fit(train, values).predict(test)


def _seen(train: Any, test: Any) -> tuple[Any, Any]:
    """Sparse features without the columns that no training row has; they would stay at zero."""
    if not hasattr(train, "indices"):
        return train, test
    columns = np.unique(train.indices)
    return train[:, columns], test[:, columns]


def _hold_out(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit and rows to choose by; every label is among those to fit."""
    order = np.random.default_rng(seed).permutation(len(labels))
    cut = len(labels) // 5
    held, fit = order[:cut], order[cut:]
    lost = ~np.isin(labels[held], labels[fit])
    if len(np.unique(labels)) < len(labels) and lost.any():
        fit, held = np.concatenate([fit, held[lost]]), held[~lost]
    return (fit, held) if len(held) else (order, order)

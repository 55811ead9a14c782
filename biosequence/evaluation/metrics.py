"""Figures of merit with their confidence intervals: labels, ranks and numbers."""

# Shapes: N items, K labels, R resamples.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import UsageError

RESAMPLES = 1000
"""Resamples behind an interval, unless told otherwise."""
LEVEL = 0.95
"""Probability that an interval is meant to hold."""


class Estimate(NamedTuple):
    """A figure with its interval; None where the figure does not exist."""

    value: float | None
    """From all items."""
    low: float | None
    """Lower end of the percentile bootstrap interval."""
    high: float | None
    """Upper end of it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit.

    Parameters
    ----------
    name
        How options and JSON call it.
    title
        How tables call it.
    kind
        What it compares: "labels" (ids of classes), "scores" (a score of each class) or "values"
        (numbers).
    compute
        From a confusion matrix (..., K, K) for labels, else from truth and prediction.
    higher_is_better
        False for errors.
    """

    name: str
    title: str
    kind: str
    compute: Callable[..., np.ndarray | float]
    higher_is_better: bool = True


def confusion(truth: np.ndarray, found: np.ndarray, num_labels: int) -> np.ndarray:
    """How often each label (row) was answered with each label (column): (K, K) int64.

    Examples
    --------
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    pairs = np.asarray(truth, np.int64) * num_labels + np.asarray(found, np.int64)
    return np.bincount(pairs, minlength=num_labels**2).reshape(num_labels, num_labels)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of right answers, from confusion matrices (..., K, K)."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def mcc(counts: np.ndarray) -> np.ndarray:
    """Matthews' correlation for any number of labels (Gorodkin 2004); 0 for a constant answer.

    From confusion matrices (..., K, K).
    """
    counts = np.asarray(counts, np.float64)
    total = counts.sum((-2, -1))
    right = np.trace(counts, axis1=-2, axis2=-1)
    true_K, found_K = counts.sum(-1), counts.sum(-2)
    above = right * total - (true_K * found_K).sum(-1)
    below = (total**2 - (found_K**2).sum(-1)) * (total**2 - (true_K**2).sum(-1))
    return _ratio(above, np.sqrt(below))


def f1_macro(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of the labels, from confusion matrices (..., K, K).

    A label that is neither true nor answered anywhere does not count.
    """
    f1_K, present_K = _f1(counts)
    return _ratio((f1_K * present_K).sum(-1), present_K.sum(-1))


def f1_weighted(counts: np.ndarray) -> np.ndarray:
    """F1 of the labels, weighted by how often each is true; confusion matrices (..., K, K)."""
    f1_K, _ = _f1(counts)
    true_K = np.asarray(counts).sum(-1)
    return _ratio((f1_K * true_K).sum(-1), true_K.sum(-1))


def f1_binary(counts: np.ndarray) -> np.ndarray:
    """F1 of the last label, the positive one of two; confusion matrices (..., 2, 2)."""
    f1_K, _ = _f1(counts)
    return f1_K[..., -1]


def spearman(truth: np.ndarray, found: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN where one side is constant."""
    from scipy.stats import rankdata

    return pearson(rankdata(truth), rankdata(found))


def pearson(truth: np.ndarray, found: np.ndarray) -> float:
    """Linear correlation; NaN where one side is constant."""
    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(found) == 0:
        return float("nan")
    return float(np.corrcoef(truth, found)[0, 1])


def rmse(truth: np.ndarray, found: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((np.asarray(truth) - np.asarray(found)) ** 2)))


def auroc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve from scores (N, K); of several labels, the mean one-against-rest.

    NaN where the truth lacks a label.
    """
    from scipy.stats import rankdata

    num_labels = scores.shape[1]
    positives = range(1, 2) if num_labels == 2 else range(num_labels)
    areas = []
    for label in positives:
        own = truth == label
        ahead, behind = int(own.sum()), int((~own).sum())
        if not ahead or not behind:
            return float("nan")
        column = scores[:, label] - (scores[:, 0] if num_labels == 2 else 0)
        ranks = rankdata(column)[own].sum()
        areas.append((ranks - ahead * (ahead + 1) / 2) / (ahead * behind))
    return float(np.mean(areas))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "labels", accuracy),
        Metric("mcc", "MCC", "labels", mcc),
        Metric("f1_binary", "F1 (positive label)", "labels", f1_binary),
        Metric("f1_macro", "F1 (macro)", "labels", f1_macro),
        Metric("f1_weighted", "F1 (weighted)", "labels", f1_weighted),
        Metric("auroc", "AUROC", "scores", auroc),
        Metric("spearman", "Spearman", "values", spearman),
        Metric("pearson", "Pearson", "values", pearson),
        Metric("rmse", "RMSE", "values", rmse, higher_is_better=False),
    )
}


def measure(
    name: str,
    truth: np.ndarray,
    found: np.ndarray,
    *,
    num_labels: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A figure of merit with its bootstrap interval over items.

    Parameters
    ----------
    name
        A key of :data:`METRICS`.
    truth
        (N,) ids of labels, or numbers.
    found
        Answers of the same kind (N,); for AUROC, scores (N, K).
    num_labels
        K; None: the largest id and one.
    resamples
        Resamples of the items; 0: no interval.
    seed
        Seed of the resamples.

    Raises
    ------
    UsageError
        There is no such metric, or lengths differ.

    Examples
    --------
    >>> measure("accuracy", np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), resamples=0)
    Estimate(value=0.75, low=None, high=None)
    """
    metric = _known(name)
    truth, found = np.asarray(truth), np.asarray(found)
    if len(truth) != len(found):
        raise UsageError(
            f"There are {len(truth)} true answers and {len(found)} predictions.",
            where=name,
            fix="Give one prediction for each.",
        )
    if not len(truth):
        return Estimate(None, None, None)
    rng = np.random.default_rng(seed)
    if metric.kind == "labels":
        size = num_labels or int(max(truth.max(), found.max())) + 1
        counts = confusion(truth, found, size)
        # Drawing items again is drawing cells of the matrix: the same law, a thousand times faster.
        drawn = rng.multinomial(len(truth), counts.ravel() / len(truth), size=resamples)
        return _estimate(metric.compute(counts), metric.compute(drawn.reshape(-1, size, size)))
    draws = (rng.integers(0, len(truth), len(truth)) for _ in range(resamples))
    values = [metric.compute(truth[draw], found[draw]) for draw in draws]
    return _estimate(metric.compute(truth, found), np.array(values))


def mean_estimate(values: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The mean of some numbers with its bootstrap interval."""
    values = np.asarray(values, np.float64)
    return ratio_estimate(values, np.ones(len(values)), resamples=resamples, seed=seed)


def ratio_estimate(
    totals: np.ndarray, sizes: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """``sum(totals) / sum(sizes)`` with its interval, when whole groups are drawn again.

    Parameters
    ----------
    totals, sizes
        (N,) what each group (a document, a family) adds above and below the line.
    resamples, seed
        As in :func:`measure`.

    Examples
    --------
    >>> ratio_estimate(np.array([1.0, 3.0]), np.array([1, 1]), resamples=0).value
    2.0
    """
    totals, sizes = np.asarray(totals, np.float64), np.asarray(sizes, np.float64)
    if not sizes.sum():
        return Estimate(None, None, None)
    if len(totals) < 2:
        # One group drawn again is itself: an interval of no width would be a lie.
        resamples = 0
    rng = np.random.default_rng(seed)
    values = np.empty(resamples)
    for number in range(resamples):
        draw = rng.integers(0, len(totals), len(totals))
        below = sizes[draw].sum()
        values[number] = totals[draw].sum() / below if below else np.nan
    return _estimate(totals.sum() / sizes.sum(), values)


def _known(name: str) -> Metric:
    if name not in METRICS:
        raise UsageError(
            f"There is no metric {name!r}.", where="metric", fix=f"Choose: {', '.join(METRICS)}."
        )
    return METRICS[name]


def _estimate(value: np.ndarray | float, values: np.ndarray) -> Estimate:
    value, values = float(value), np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if np.isnan(value):
        return Estimate(None, None, None)
    if not len(values):
        return Estimate(value, None, None)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def _f1(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 of each label (..., K), and whether it is true or answered anywhere."""
    counts = np.asarray(counts, np.float64)
    right_K = np.diagonal(counts, axis1=-2, axis2=-1)
    both_K = counts.sum(-1) + counts.sum(-2)
    return _ratio(2 * right_K, both_K), both_K > 0


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below > 0)

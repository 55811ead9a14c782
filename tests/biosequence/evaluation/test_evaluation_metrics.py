"""Figures of merit agree with sklearn and scipy, and their intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from biosequence.errors import UsageError
from biosequence.evaluation import METRICS, measure
from biosequence.evaluation.metrics import confusion, mean_estimate, ratio_estimate

THEIRS = {
    "accuracy": sk.accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "f1_macro": lambda truth, found: sk.f1_score(truth, found, average="macro"),
    "f1_weighted": lambda truth, found: sk.f1_score(truth, found, average="weighted"),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize(("labels", "seed"), [(2, 0), (3, 1), (7, 2)])
def test_label_figures_are_those_of_sklearn(name: str, labels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, 200)
    found = np.where(rng.random(200) < 0.4, truth, rng.integers(0, labels, 200))
    assert measure(name, truth, found, resamples=0).value == pytest.approx(
        THEIRS[name](truth, found), abs=1e-12
    )


def test_binary_f1_is_that_of_the_last_label() -> None:
    truth, found = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 0, 1, 0])
    expected = sk.f1_score(truth, found, pos_label=1)
    assert measure("f1_binary", truth, found, resamples=0).value == pytest.approx(expected)
    assert expected != sk.f1_score(truth, found, pos_label=0)


def test_a_label_that_nobody_uses_does_not_lower_macro_f1() -> None:
    truth = np.array([0, 1, 1])
    assert measure("f1_macro", truth, truth, num_labels=3, resamples=0).value == 1.0


@pytest.mark.parametrize("name", ["accuracy", "mcc", "f1_binary", "f1_macro", "f1_weighted"])
def test_a_perfect_answer_gets_one(name: str) -> None:
    truth = np.array([0, 1, 1, 0, 1])
    found = measure(name, truth, truth)
    assert (found.value, found.high) == (1.0, 1.0)


def test_a_constant_answer_has_no_correlation() -> None:
    truth = np.array([0, 1, 1, 0, 1])
    assert measure("mcc", truth, np.ones(5, int)).value == 0.0
    assert measure("spearman", np.arange(5.0), np.ones(5)).value is None
    assert measure("auroc", np.zeros(3, int), np.zeros((3, 2))).value is None


def test_rank_figures_share_ranks_among_ties() -> None:
    rng = np.random.default_rng(4)
    truth, found = rng.integers(0, 6, 300), rng.integers(0, 4, 300).astype(float)
    expected = spearmanr(truth, found).statistic
    assert measure("spearman", truth, found, resamples=0).value == pytest.approx(expected)
    labels = rng.integers(0, 2, 300)
    scores = np.stack([np.zeros(300), found], 1)
    expected = sk.roc_auc_score(labels, found)
    assert measure("auroc", labels, scores, resamples=0).value == pytest.approx(expected)


def test_area_of_several_labels_is_one_against_the_rest() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 150)
    chances = rng.dirichlet(np.ones(3), 150)
    expected = sk.roc_auc_score(labels, chances, multi_class="ovr", average="macro")
    assert measure("auroc", labels, chances, resamples=0).value == pytest.approx(expected)


def test_root_mean_squared_error() -> None:
    assert measure("rmse", np.array([0.0, 0]), np.array([3.0, 4]), resamples=0).value == (
        pytest.approx(np.sqrt(12.5))
    )


@pytest.mark.parametrize("name", METRICS)
def test_intervals_follow_the_seed_and_hold_the_value(name: str) -> None:
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 120)
    found = np.where(rng.random(120) < 0.7, truth, 1 - truth)
    given = np.stack([1 - found, found], 1) if METRICS[name].kind == "scores" else found
    first = measure(name, truth, given, seed=1)
    assert first == measure(name, truth, given, seed=1)
    assert first[1:] != measure(name, truth, given, seed=2)[1:]
    assert first.low < first.value < first.high


def test_drawing_cells_is_drawing_items() -> None:
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 2, 100)
    found = np.where(rng.random(100) < 0.8, truth, 1 - truth)
    quick = measure("mcc", truth, found, resamples=4000)
    draws = rng.integers(0, 100, (4000, 100))
    slow = [METRICS["mcc"].compute(confusion(truth[one], found[one], 2)) for one in draws]
    assert quick.low == pytest.approx(np.quantile(slow, 0.025), abs=0.03)
    assert quick.high == pytest.approx(np.quantile(slow, 0.975), abs=0.03)


def test_groups_are_drawn_whole() -> None:
    # Ten documents that agree inside and differ between: one item a document, not a thousand.
    totals = np.repeat([0.0, 1000.0], 5)
    found = ratio_estimate(totals, np.full(10, 1000))
    assert found.value == 0.5
    assert found.high - found.low > 0.4
    assert mean_estimate(np.array([])) == (None, None, None)
    assert mean_estimate(np.array([0.5])) == (0.5, None, None)


def test_unknown_metrics_and_lengths_are_refused() -> None:
    with pytest.raises(UsageError, match="no metric"):
        measure("auc", np.zeros(1), np.zeros(1))
    with pytest.raises(UsageError, match="1 true answers and 2"):
        measure("rmse", np.zeros(1), np.zeros(2))

"""Scores of integration: small cases by hand, and geometries whose scores are known."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy import sparse

from biosequence.errors import InputError
from cellmodels.metrics import (
    adjusted_rand,
    graph_connectivity,
    integration_scores,
    isolated_f1,
    isolated_labels,
    isolated_silhouette,
    kmeans_clusterings,
    mutual_information,
    pcr_comparison,
    principal_component_regression,
    silhouette_batch,
    silhouette_label,
)

LINE = np.array([[0.0], [1.0], [5.0], [6.0]])
# Cells at the ends are 5.5 from the other pair on average, those in the middle 4.5.
WIDTH = ((5.5 - 1) / 5.5 + (4.5 - 1) / 4.5) / 2


def test_silhouettes_by_hand() -> None:
    pairs = np.array(["a", "a", "b", "b"])
    assert silhouette_label(LINE, pairs) == pytest.approx((WIDTH + 1) / 2)
    assert silhouette_batch(LINE, pairs, np.array(["t"] * 4)) == pytest.approx(1 - WIDTH)


def test_silhouette_of_batches_counts_overlap_on_either_side_and_labels_alike() -> None:
    alternate = np.array(["x", "y", "x", "y"])
    # 0 and 6: own batch 5 away, the other 3.5 on average; 1 and 5: own 5, the other 2.5.
    crossed = 1 - ((5 - 3.5) / 5 + (5 - 2.5) / 5) / 2
    one = np.array(["t"] * 4)
    assert silhouette_batch(LINE, alternate, one) == pytest.approx(crossed)
    # A label of few cells counts as much as one of many.
    points = np.concatenate([LINE, [[90.0], [91.0], [95.0], [96.0]], [[200.0]]])
    batches = np.concatenate([alternate, ["x", "x", "y", "y"], ["x"]])
    labels = np.repeat(["t", "u", "single"], [4, 4, 1])
    both = (crossed + 1 - WIDTH) / 2
    assert silhouette_batch(points, batches, labels) == pytest.approx(both)
    assert np.isnan(silhouette_batch(LINE, one, one))


def test_agreement_by_hand() -> None:
    labels, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    # Pairs: 2 in both, 6 in labels, 3 in clusters, 15 in all.
    assert adjusted_rand(labels, clusters) == pytest.approx((2 - 1.2) / (4.5 - 1.2))
    shared = 2 * (1 / 3) * log((1 / 3) / (1 / 6)) + 2 * (1 / 6) * log((1 / 6) / (1 / 6))
    assert mutual_information(labels, clusters) == pytest.approx(2 * shared / (log(2) + log(3)))


def test_isolated_labels_by_hand() -> None:
    labels = np.array(["a", "a", "b", "b", "c"])
    batches = np.array([1, 2, 1, 2, 1])
    assert isolated_labels(batches, labels) == ["c"]
    assert isolated_labels(np.array([1, 2, 1, 2, 1]), np.array(["a", "a", "b", "b", "a"])) == [
        "a",
        "b",
    ]
    coarse, fine = np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 2])
    # Of c: one hit, and two or one other cells.
    assert isolated_f1([coarse], batches, labels) == pytest.approx(2 / (2 + 2))
    assert isolated_f1([coarse, fine], batches, labels) == pytest.approx(2 / (2 + 1))
    points = np.array([[0.0], [0.0], [0.0], [0.0], [9.0]])
    # A group of one has a silhouette of 0 by definition, all others of 1.
    assert isolated_silhouette(points, batches, labels) == pytest.approx((4 / 5 + 1) / 2)


def test_silhouettes_of_isolated_labels_are_those_of_two_groups() -> None:
    points, batches, labels = geometry(batch=3, label=2)
    labels[:1] = 7
    batches[labels == 2] = 0
    assert isolated_labels(batches, labels) == [2, 7]
    each = [silhouette_label(points, labels == label) for label in (2, 7)]
    found = isolated_silhouette(points, batches, labels)
    assert found == pytest.approx(np.mean(each), abs=1e-6)


def test_connectivity_by_hand() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1], [5.2]])
    labels = np.array(["a", "a", "a", "b", "b"])
    # a falls into two cells and one; b's two are neighbours.
    assert graph_connectivity(points, labels, neighbours=2) == pytest.approx((2 / 3 + 1) / 2)
    assert graph_connectivity(points, labels) == 1.0


def test_regression_on_batches_by_hand() -> None:
    corners = np.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
    assert principal_component_regression(corners, np.array([0, 0, 1, 1])) == pytest.approx(4 / 5)
    assert principal_component_regression(corners, np.array([0, 1, 0, 1])) == pytest.approx(1 / 5)
    assert principal_component_regression(corners, np.array([0, 1, 1, 0])) == pytest.approx(0)
    x_batch = np.array([0, 0, 1, 1])
    shrunk = corners * [0.5, 1]
    assert pcr_comparison(corners, shrunk, x_batch) == pytest.approx((0.8 - 0.5) / 0.8)
    assert pcr_comparison(shrunk, corners, x_batch) == 0.0
    assert np.isnan(pcr_comparison(corners, shrunk, np.array([0, 1, 1, 0])))


def test_regression_reads_sparse_matrices_as_dense_ones() -> None:
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.5, (60, 30)) * 1.0
    batches = np.arange(60) % 3
    dense[batches == 1] *= 3
    found = principal_component_regression(sparse.csr_matrix(dense), batches)
    # The search for sparse matrices finds one component less than there are.
    assert found == pytest.approx(principal_component_regression(dense, batches), abs=0.002)


def geometry(*, batch: float, label: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clouds of 3 labels in 2 batches that lie so far apart."""
    rng = np.random.default_rng(4)
    labels, batches = np.arange(240) % 3, np.arange(240) // 120
    points = rng.normal(size=(240, 5))
    points[:, 0] += label * labels
    points[:, 1] += batch * batches
    return points, batches, labels


def test_perfectly_mixed_and_kept_is_best_and_the_opposite_worst() -> None:
    ideal, batches, labels = geometry(batch=0, label=12)
    before, *_ = geometry(batch=12, label=12)
    found = integration_scores(ideal, batches, labels, before_BD=before)
    assert found["nmi"] == found["ari"] == found["isolated_f1"] == 1
    assert found["graph_connectivity"] == 1
    assert found["silhouette_batch"] > 0.9 and found["pcr_comparison"] > 0.95
    assert found["silhouette_label"] > 0.8
    apart, *_ = geometry(batch=12, label=0)
    worst = integration_scores(apart, batches, labels, before_BD=apart)
    assert abs(worst["ari"]) < 0.05 and worst["nmi"] < 0.1
    assert worst["silhouette_batch"] < 0.4 and worst["pcr_comparison"] == 0
    assert (found.drop("bio") > worst.drop("bio")).all()
    parts = found[["silhouette_batch", "graph_connectivity", "pcr_comparison"]]
    assert found["batch"] == pytest.approx(parts.mean())
    assert found["overall"] == pytest.approx(0.4 * found["batch"] + 0.6 * found["bio"])


def test_one_cloud_mixes_well_and_keeps_nothing() -> None:
    cloud, batches, labels = geometry(batch=0, label=0)
    found = integration_scores(cloud, batches, labels)
    assert found["batch"] > 0.9 and found["bio"] < 0.45
    assert np.isnan(found["pcr_comparison"])


def test_a_given_clustering_is_taken_and_kmeans_is_seeded() -> None:
    points, batches, labels = geometry(batch=0, label=12)
    merged = np.minimum(labels, 1)
    found = integration_scores(points, batches, labels, clusters_B=merged)
    assert found["ari"] == adjusted_rand(labels, merged) < 1
    first, again = (kmeans_clusterings(points, 3, seed=1) for _ in range(2))
    assert [len(np.unique(one)) for one in first] == [2, 3, 4, 6]
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batches": np.zeros(4)}, "of one batch"),
        ({"labels": np.zeros(4)}, "of one label"),
        ({"labels": np.arange(4)}, "label of its own"),
        ({"points": LINE * np.nan}, "not finite"),
        ({"points": LINE[:1], "batches": np.zeros(1), "labels": np.zeros(1)}, "of one batch"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict[str, np.ndarray], said: str) -> None:
    pair = np.array([0, 0, 1, 1])
    given = {"points": LINE, "batches": pair, "labels": pair} | changes
    with pytest.raises(InputError, match=said):
        integration_scores(given["points"], given["batches"], given["labels"])

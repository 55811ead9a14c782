"""Held-out cells and baselines of the default model's evaluation are what the protocol says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from bioseq_recipes.default_model.baselines import correlation, majority, marker_counting
from bioseq_recipes.default_model.calibrate import cross_fitted, right_classes
from bioseq_recipes.default_model.heldout import (
    CONDITIONS,
    EPITHELIAL,
    MALIGNANT,
    Condition,
    draw_cells,
    fold_of,
)
from bioseq_recipes.default_model.heldout import test_sets as held_out_sets
from bioseq_recipes.default_model.tumours import DIVIDING, clone
from scipy import sparse

from cellmodels.annotate.evidence import markers_of
from cellmodels.ontology import cell_ontology


@pytest.fixture(scope="module")
def profiles() -> np.ndarray:
    """Three linear profiles over 400 genes, with 30 genes of their own each."""
    rng = np.random.default_rng(0)
    linear = np.tile(rng.lognormal(1, 1, 400), (3, 1))
    for number in range(3):
        linear[number, number * 30 : number * 30 + 30] *= 30
    return (linear / linear.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)


def test_held_out_cells_are_counts_at_the_conditions_depth(profiles) -> None:
    for condition in CONDITIONS:
        counts = draw_cells(profiles, condition, 200, seed=0).X
        assert (counts.data == np.round(counts.data)).all()
        assert counts.data.min() >= 1
        depth = np.median(np.asarray(counts.sum(axis=1)))
        assert depth == pytest.approx(condition.depth, rel=0.15)


def test_held_out_cells_are_the_same_for_the_same_seed(profiles) -> None:
    one, again, other = (draw_cells(profiles, CONDITIONS[0], 5, seed=seed).X for seed in (1, 1, 2))
    assert (one != again).nnz == 0
    assert (one != other).nnz > 0


def test_folds_are_stable_and_even() -> None:
    assert [fold_of(name, 5) for name in ("a", "b", "c")] == [2, 3, 3]
    counted = Counter(fold_of(f"dataset {number}", 5) for number in range(1000))
    assert min(counted.values()) > 150


def test_correlation_gives_each_cell_its_profile(profiles) -> None:
    quiet = Condition(name="quiet", gene_sigma=0.1, platform_sigma=0.0, ambient=0.0)
    cells = draw_cells(profiles, quiet, 20, seed=0)
    log = np.log1p(cells.X.toarray())
    labels = np.array(["a", "b", "c"])
    answers = correlation(log, np.log1p(profiles), labels)
    assert (answers == np.repeat(labels, 20)).mean() > 0.95


def test_marker_counting_names_the_cluster_that_shows_the_markers() -> None:
    table = markers_of("human")
    types = ("CL:0000182", "CL:0000115", "CL:0000540")  # hepatocyte, endothelial cell, neuron
    genes = np.array(sorted({gene for markers in table.values() for gene in markers}), dtype=object)
    log = np.zeros((30, len(genes)), np.float32)
    for number, cl_id in enumerate(types):
        log[number * 10 : number * 10 + 10, np.isin(genes, table[cl_id])] = 2.0
    clusters = np.repeat(np.arange(3), 10)
    answers = marker_counting(sparse.csr_matrix(log), genes, "human", clusters)
    assert answers[::10].tolist() == list(types)


def test_majority_gives_a_cluster_one_label() -> None:
    labels = np.array(["a", "a", "b", "b", "c", "c", "c"], dtype=object)
    clusters = np.array([0, 0, 0, 1, 1, 1, 1])
    assert majority(labels, clusters).tolist() == ["a"] * 3 + ["c"] * 4


def test_a_subtype_is_right_and_a_broader_type_is_not() -> None:
    classes = ("CL:0000236", "CL:0000788", "CL:0000182")  # B cell, naive B cell, hepatocyte
    right = right_classes(["CL:0000236", "CL:0000788"], classes)
    assert right.tolist() == [[True, True, False], [False, True, False]]


def test_a_fold_holds_its_own_data_sets_and_no_other(shared) -> None:
    found = list(held_out_sets(shared / "data/profiles", 3, 40, CONDITIONS[3], per_type=2))
    assert found
    assert {fold_of(one.dataset, 40) for one in found} == {3}
    assert len({one.dataset for one in found}) == len(found)
    for one in found:
        assert one.adata.n_vars == CONDITIONS[3].panel
        assert (one.adata.obs["cl_id"] != "").all()
        assert set(one.adata.obs.groupby("label").size()) <= {2, 4}


def test_a_clone_divides_and_is_less_like_its_origin(profiles) -> None:
    names = np.array([*(f"g{i}" for i in range(400 - len(DIVIDING))), *DIVIDING])
    organ = profiles.mean(axis=0)
    grown = clone(profiles[0], organ, names, np.random.default_rng(0))
    own = slice(0, 30)
    healthy = np.log1p(profiles[0, own]) - np.log1p(organ[own])
    malignant = np.log1p(grown[own]) - np.log1p(organ[own])
    assert 0 < malignant.mean() < 0.8 * healthy.mean()
    assert grown.sum() == pytest.approx(profiles[0].sum(), rel=1e-4)
    # Whole segments are gained and lost: the copies of genes differ by steps.
    assert np.log2(grown / np.maximum(profiles[0], 1e-6)).std() > 0.4
    other = clone(profiles[0], organ, names, np.random.default_rng(1))
    assert not np.allclose(grown, other)
    assert (grown[np.isin(names, DIVIDING)] > 1).all()


def test_tumours_hold_their_own_clones_and_healthy_cells(shared) -> None:
    tumour = next(condition for condition in CONDITIONS if condition.clones)
    found = next(held_out_sets(shared / "data/profiles", 0, 3, tumour, per_type=2))
    obs = found.adata.obs
    malignant = obs["label"].str.startswith(MALIGNANT)
    assert 0 < malignant.mean() < 1
    origin = obs["label"].str.removeprefix(MALIGNANT)
    for label, part in obs[malignant].groupby("label"):
        twins = obs[~malignant & (origin == label.removeprefix(MALIGNANT))]
        assert set(part["cl_id"]) <= set(twins["cl_id"])
    assert all(cell_ontology().is_a(one, EPITHELIAL) for one in obs["cl_id"][malignant])


def test_no_data_set_vouches_for_its_own_confidence() -> None:
    """Both halves get what the other half shows: one is always right, the other never."""
    names = [f"d{i}" for i in range(40)]
    half = {name: fold_of(f"half {name}", 2) for name in names}
    rows = [(name, 0.5 + i / 100, True, half[name] == 0) for name in names for i in range(40)]
    curve = pd.DataFrame(rows, columns=["dataset", "confidence", "known", "holds"])
    told = cross_fitted(curve, curve)
    assert len(told) == len(curve) and set(half.values()) == {0, 1}
    right = told["dataset"].map(half) == 0
    assert told["confidence"][right].max() < 0.01
    assert told["confidence"][~right].min() > 0.98

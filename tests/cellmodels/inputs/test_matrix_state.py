"""matrix_state: what a matrix holds, told from a sample of its rows."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmodels.inputs import matrix_state


def draw_counts(num_cells=200, num_genes=600, seed=0):
    """Counts with a gene-specific mean and a cell-specific depth, as droplets give them."""
    rng = np.random.default_rng(seed)
    means = rng.gamma(0.3, 2.0, num_genes)
    depth = rng.lognormal(0, 0.4, (num_cells, 1))
    counts = rng.poisson(depth * means).astype(np.float64)
    counts[:, 0] += 1  # no empty cell by accident
    return counts


def cp(counts, target=1e4):
    return counts / counts.sum(1, keepdims=True) * target


def state_of(values, **options):
    return matrix_state("X", sp.csr_matrix(np.asarray(values, dtype=np.float32)), **options)


COUNTS = draw_counts()
VARIABLE = np.argsort(-np.log1p(cp(COUNTS)).var(0))[:150]


@pytest.mark.parametrize(
    ("values", "state", "base", "target"),
    [
        (COUNTS, "counts", None, None),
        (np.minimum(COUNTS, 15), "counts", None, None),
        (COUNTS > 0, "counts", None, None),
        (COUNTS[:1], "counts", None, None),
        (np.log1p(cp(COUNTS)), "log1p_cp10k", math.e, 1e4),
        (np.log1p(cp(COUNTS))[:1], "log1p_cp10k", math.e, 1e4),
        (np.round(np.log1p(cp(COUNTS)), 3), "log1p_cp10k", math.e, 1e4),
        (np.log1p(cp(COUNTS)).astype(np.float16), "log1p_cp10k", math.e, 1e4),
        (np.log1p(cp(COUNTS, 2500)), "log1p_other", math.e, 2500),
        (np.log1p(cp(COUNTS, 1e6)), "log1p_other", math.e, 1e6),
        (np.log2(1 + cp(COUNTS)), "log1p_other", 2.0, 1e4),
        (np.log10(1 + cp(COUNTS)), "log1p_other", 10.0, 1e4),
        (np.log1p(cp(COUNTS))[:, VARIABLE], "log1p_other", math.e, None),
        (np.log2(1 + cp(COUNTS))[:, VARIABLE], "log1p_other", 2.0, None),
        (np.log1p(COUNTS), "log1p_other", math.e, None),
        (np.log2(1 + COUNTS), "log1p_other", 2.0, None),
        (cp(COUNTS), "linear", None, 1e4),
        (cp(COUNTS, 1e6), "linear", None, 1e6),
        (cp(COUNTS)[:, VARIABLE], "linear", None, None),
        (np.log1p(cp(COUNTS)) - 0.5, "scaled", None, None),
        (np.zeros((30, 40)), "empty", None, None),
    ],
)
def test_matrix_state_tells_the_transformations_apart(values, state, base, target):
    found = state_of(values)
    assert (found.state, found.log_base) == (state, base)
    if target is None:
        assert found.target_sum is None
    else:
        assert found.target_sum == pytest.approx(target, rel=0.01)
    assert not found.rounded


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("log", [np.log1p, lambda x: np.log2(1 + x)])
def test_matrix_state_knows_rounded_logs_from_counts(log, seed):
    counts = draw_counts(seed=seed)
    found = state_of(np.rint(log(cp(counts))))
    assert found.state == "log1p_other"
    assert found.rounded
    assert "rounded to integers" in found.detail
    assert state_of(np.minimum(counts, 12)).state == "counts"


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_cells=st.integers(1, 80),
    num_genes=st.integers(50, 400),
    depth=st.floats(0.05, 5),
)
def test_counts_of_any_depth_are_counts(seed, num_cells, num_genes, depth):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(depth * rng.gamma(0.5, 1.0, num_genes), (num_cells, num_genes))
    counts[:, 0] += 1
    assert state_of(counts).state == "counts"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), num_cells=st.integers(3, 60), spread=st.floats(0, 1))
def test_log1p_cp10k_is_known_whatever_rows_are_seen(seed, num_cells, spread):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.lognormal(0, spread, (num_cells, 1)) * rng.gamma(0.3, 2.0, 300))
    counts[:, 0] += 1
    assert state_of(np.log1p(cp(counts))).state == "log1p_cp10k"


def test_matrix_state_of_counts_beside_logs_is_mixed():
    values = np.vstack([COUNTS[:100], np.log1p(cp(COUNTS[100:]))])
    found = state_of(values)
    assert found.state == "mixed"
    assert not found.usable
    assert "50%" in found.detail


def test_matrix_state_counts_empty_cells_without_being_led_astray():
    values = np.log1p(cp(COUNTS))
    values[::4] = 0
    found = state_of(values)
    assert found.state == "log1p_cp10k"
    assert found.n_empty == 50


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_matrix_state_counts_values_that_are_not_finite(poison):
    values = COUNTS.copy()
    values[3, 5] = values[8, 1] = poison
    found = state_of(values)
    assert found.n_nonfinite == 2
    assert not found.usable
    assert math.isfinite(found.maximum)


def test_matrix_state_leaves_excluded_columns_out_of_everything():
    values = np.log1p(cp(COUNTS))
    protein = np.full((len(values), 2), -3.5)
    found = state_of(np.hstack([values, protein]), excluded=np.array([600, 601]))
    assert found.state == "log1p_cp10k"
    assert found.n_vars == 602
    assert found.zero_share == pytest.approx(1 - (values > 0).mean())


def test_matrix_state_ignores_stored_zeros_and_changes_nothing():
    sample = sp.csr_matrix(COUNTS.astype(np.float32))
    padded = sample.copy()
    padded.data[::5] = 0
    before = padded.data.copy()
    cleaned = padded.copy()
    cleaned.eliminate_zeros()
    assert matrix_state("X", padded) == matrix_state("X", cleaned)
    assert np.array_equal(padded.data, before)


def test_matrix_state_fits_json_and_says_one_sentence():
    for values in (COUNTS, np.log1p(cp(COUNTS)), np.zeros((3, 3)), -COUNTS):
        found = state_of(values)
        assert json.loads(json.dumps(found.to_dict()))["state"] == found.state
        assert found.detail.startswith("X holds ")
        assert found.detail.endswith(".")

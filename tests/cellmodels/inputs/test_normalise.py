"""to_log1p_cp10k: the same answer from every state, the same bits from every block size."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from biosequence.errors import InputError
from cellmodels.inputs import check_block, matrix_state, to_cp10k, to_log1p_cp10k

RNG = np.random.default_rng(3)
COUNTS = RNG.poisson(RNG.lognormal(0, 0.5, (120, 1)) * RNG.gamma(0.3, 2.0, 400)).astype(float)
COUNTS[:, 0] += 1
CP10K = COUNTS / COUNTS.sum(1, keepdims=True) * 1e4
WANTED = np.log1p(CP10K)


def csr(values):
    return sp.csr_matrix(np.asarray(values, dtype=np.float32))


@pytest.mark.parametrize(
    "values",
    [
        COUNTS,
        CP10K,
        CP10K * 100,
        WANTED,
        np.log1p(CP10K / 4),
        np.log2(1 + CP10K),
        np.log10(1 + CP10K),
        np.log1p(COUNTS),
    ],
    ids=["counts", "cp10k", "cpm", "log1p", "log1p 2500", "log2", "log10", "log1p counts"],
)
def test_to_log1p_cp10k_agrees_from_every_state(values):
    block = csr(values)
    found = to_log1p_cp10k(block, matrix_state("X", block))
    assert found.dtype == np.float32
    assert isinstance(found, sp.csr_matrix)
    np.testing.assert_allclose(found.toarray(), WANTED, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("values", [COUNTS, WANTED, np.log2(1 + CP10K)])
@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 130))
def test_to_log1p_cp10k_gives_the_same_bits_for_any_block_size(values, size):
    whole = csr(values)
    state = matrix_state("X", whole)
    parts = [to_log1p_cp10k(whole[row : row + size], state) for row in range(0, 120, size)]
    together, wanted = sp.vstack(parts).tocsr(), to_log1p_cp10k(whole, state)
    assert np.array_equal(together.data, wanted.data)
    assert np.array_equal(together.indices, wanted.indices)


def test_to_log1p_cp10k_gives_the_same_bits_for_any_row_order():
    whole = csr(COUNTS)
    state = matrix_state("X", whole)
    order = RNG.permutation(120)
    shuffled = to_log1p_cp10k(whole[order], state)
    assert np.array_equal(shuffled.toarray(), to_log1p_cp10k(whole, state).toarray()[order])


def test_all_zero_rows_stay_zero():
    values = COUNTS.copy()
    values[[0, 7, 119]] = 0
    found = to_log1p_cp10k(csr(values), matrix_state("X", csr(values))).toarray()
    assert np.isfinite(found).all()
    assert not found[[0, 7, 119]].any()
    np.testing.assert_allclose(np.expm1(found[1]).sum(), 1e4, rtol=1e-5)


def test_to_cp10k_leaves_the_block_as_it_was():
    block = csr(WANTED)
    before = block.copy()
    to_cp10k(block, matrix_state("X", block))
    assert (block != before).nnz == 0


def test_excluded_columns_count_in_no_total():
    antibodies = np.full((120, 2), 5000.0)
    block = csr(np.hstack([COUNTS, antibodies]))
    state = matrix_state("X", block, excluded=np.array([400, 401]))
    found = to_log1p_cp10k(block, state).toarray()
    np.testing.assert_allclose(found[:, :400], WANTED, rtol=2e-5, atol=2e-5)
    assert not found[:, 400:].any()


@pytest.mark.parametrize("values", [-COUNTS, np.zeros((4, 5))])
def test_to_log1p_cp10k_refuses_what_cannot_be_normalised(values):
    block = csr(values)
    with pytest.raises(InputError, match="X holds"):
        to_log1p_cp10k(block, matrix_state("X", block))


@pytest.mark.parametrize(
    ("poison", "kind"), [(np.nan, "NaN"), (math.inf, "NaN"), (-math.inf, "NaN"), (-2.0, "negative")]
)
def test_check_block_names_the_first_bad_cell(poison, kind):
    values = COUNTS.copy()
    values[[17, 30], [5, 6]] = poison
    with pytest.raises(InputError, match=kind) as caught:
        check_block(csr(values), first_row=1000, where="cells.h5ad")
    assert "2 values" in caught.value.what
    assert "cell 1,018" in caught.value.what
    assert caught.value.where == "cells.h5ad"
    assert caught.value.fix


@pytest.mark.parametrize("values", [COUNTS, WANTED, np.zeros((2, 3))])
def test_check_block_passes_good_values(values):
    check_block(csr(values))

"""Streamed non-zero medians against numpy's, within the accuracy that they state."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from biosequence.errors import InputError
from cellmodels.tokenizers.medians import nonzero_medians

STATED = 2.0**-12


def exact(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(np.where(values > 0, values.astype(np.float64), np.nan), axis=0)


@pytest.mark.parametrize("num_cells", [1, 2, 3, 8, 101, 1500])
def test_they_are_numpys_within_the_stated_accuracy(num_cells: int) -> None:
    rng = np.random.default_rng(num_cells)
    rates = rng.gamma(0.5, 2.0, 40)
    values = rng.poisson(rates, (num_cells, 40)) * np.exp(rng.normal(0, 2, (num_cells, 1)))
    values[:, 3] = 0
    values = values.astype(np.float32)
    rows = sp.csr_matrix(values)
    found = nonzero_medians(lambda: [rows[: num_cells // 2], rows[num_cells // 2 :]], 40)
    wanted = exact(values)
    np.testing.assert_allclose(found.medians_G, wanted, rtol=STATED)
    assert np.array_equal(found.cells_G, (values > 0).sum(0))
    assert found.num_cells == num_cells


def test_two_middle_values_far_apart_are_averaged() -> None:
    rows = sp.csr_matrix(np.array([[0.01], [0.5], [900.0], [3000.0]], np.float32))
    found = nonzero_medians(lambda: [rows], 1)
    np.testing.assert_allclose(found.medians_G, [450.25], rtol=STATED)


def test_the_order_of_the_cells_and_the_blocks_do_not_show() -> None:
    rng = np.random.default_rng(0)
    rows = sp.random(300, 20, density=0.3, format="csr", random_state=rng, dtype=np.float32)
    once = nonzero_medians(lambda: [rows], 20)
    mixed = rows[rng.permutation(300)]
    parts = nonzero_medians(lambda: (mixed[at : at + 7] for at in range(0, 300, 7)), 20)
    assert np.array_equal(once.medians_G, parts.medians_G)


def test_stored_zeros_are_no_values() -> None:
    rows = sp.csr_matrix((np.array([0.0, 4.0, 6.0], np.float32), [0, 0, 0], [0, 1, 2, 3]))
    found = nonzero_medians(lambda: [rows], 1)
    assert found.cells_G.tolist() == [2]
    np.testing.assert_allclose(found.medians_G, [5.0], rtol=STATED)


def test_a_stream_that_changes_is_noticed() -> None:
    streams = iter([[sp.csr_matrix([[1.0]])], [sp.csr_matrix([[2.0]])]])
    with pytest.raises(InputError, match="changed between"):
        nonzero_medians(lambda: next(streams), 1)

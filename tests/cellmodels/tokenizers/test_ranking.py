"""Ranks of sparse rows: the compiled loops against the definition, in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from biosequence.kernels import parallel
from cellmodels.tokenizers.ranking import Ragged, rank

NUM_TOKENS = 500


def by_definition(
    block: sp.csr_matrix, token_V: np.ndarray, medians_T: np.ndarray, first: int, most: int
) -> list[list[int]]:
    """Descending by summed value over median, equals by id, cut off after `most`."""
    rows = []
    for row in block.tocsr():
        sums = np.zeros(len(medians_T))
        for column, value in zip(row.indices, row.data, strict=True):
            if token_V[column] >= 0:
                sums[token_V[column]] += value
        ids = np.flatnonzero(sums)
        keys = sums[ids] / medians_T[ids]
        ranked = ids[np.lexsort((ids, -keys))].tolist()
        rows.append(([first] if first >= 0 else []) + ranked)
    return [row[:most] for row in rows]


def as_lists(rows: Ragged) -> list[list[int]]:
    return [row.tolist() for row in rows]


def random_block(rng: np.random.Generator, rows: int, columns: int, density: float):
    block = sp.random(rows, columns, density=density, format="csr", random_state=rng)
    block.data = rng.geometric(0.4, block.nnz).astype(np.float32)
    return block


@pytest.mark.parametrize("medians", ["random", "all one"])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.6])
@pytest.mark.parametrize("first", [-1, NUM_TOKENS])
def test_rows_are_ranked_as_defined(medians: str, density: float, first: int) -> None:
    rng = np.random.default_rng(0)
    columns = 400
    token_V = rng.permutation(NUM_TOKENS).astype(np.int32)[:columns]
    token_V[::7] = -1
    medians_T = np.ones(NUM_TOKENS + 1) if medians == "all one" else rng.lognormal(0, 1, 501)
    block = random_block(rng, 63, columns, density)
    for most in (2, 50, 2048):
        found = rank(block, token_V, medians_T, first=first, most=most)
        assert as_lists(found) == by_definition(block, token_V, medians_T, first, most)
        assert found.ids.dtype == np.int32


def test_equal_values_follow_by_token_id_whatever_the_order_of_columns() -> None:
    token_V = np.array([5, 2, 9, 0], dtype=np.int32)
    block = sp.csr_matrix(np.array([[1.0, 1.0, 2.0, 1.0]]))
    found = rank(block, token_V, np.ones(10), first=-1, most=9)
    assert as_lists(found) == [[9, 0, 2, 5]]


@pytest.mark.parametrize("relative", [1e-7, 1e-9, 1e-12, 3e-16])
def test_values_that_hardly_differ_are_in_order(relative: float) -> None:
    rng = np.random.default_rng(1)
    steps = rng.permutation(300)
    block = sp.csr_matrix(1 + relative * steps[None].astype(np.float64))
    token_V = rng.permutation(300).astype(np.int32)
    found = rank(block, token_V, np.ones(300), first=-1, most=300)
    assert as_lists(found) == by_definition(block, token_V, np.ones(300), -1, 300)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e4, 1e30])
def test_values_of_any_size_are_in_order(scale: float) -> None:
    rng = np.random.default_rng(2)
    block = sp.csr_matrix((scale * rng.lognormal(0, 3, (4, 300))).astype(np.float32))
    token_V = np.arange(300, dtype=np.int32)
    medians_T = rng.lognormal(0, 2, 300)
    found = rank(block, token_V, medians_T, first=-1, most=300)
    assert as_lists(found) == by_definition(block, token_V, medians_T, -1, 300)


def test_columns_of_one_token_add_up_and_stored_zeros_are_nothing() -> None:
    token_V = np.array([1, 2, 1], dtype=np.int32)
    block = sp.csr_matrix(
        (np.array([2, 3, 2, 0, 5, 4], np.float32), [0, 1, 2, 0, 1, 1], [0, 3, 5, 6])
    )
    found = rank(sp.csr_matrix(block, shape=(3, 3)), token_V, np.ones(3), first=-1, most=9)
    assert as_lists(found) == [[1, 2], [2], [2]]


def test_entries_stored_twice_or_out_of_order_add_up_too() -> None:
    token_V = np.array([3, 4, 5], dtype=np.int32)
    parts = (np.array([1, 3, 1, 1], np.float32), np.array([2, 0, 1, 2]), np.array([0, 4]))
    found = rank(sp.csr_matrix(parts, shape=(1, 3)), token_V, np.ones(6), first=-1, most=9)
    assert as_lists(found) == [[3, 5, 4]]


def test_threads_do_not_change_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    block = random_block(rng, 200, 400, 0.3)
    token_V = np.arange(400, dtype=np.int32)
    medians_T = rng.lognormal(0, 1, 401)
    alone = rank(block, token_V, medians_T, first=400, most=80)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(parallel, "LEAST_WORK", 1)
    shared_out = rank(block, token_V, medians_T, first=400, most=80)
    assert np.array_equal(alone.ids, shared_out.ids)
    assert np.array_equal(alone.indptr, shared_out.indptr)


def test_whole_numbers_and_doubles_are_ranked_alike() -> None:
    rng = np.random.default_rng(4)
    block = random_block(rng, 20, 100, 0.4)
    token_V, medians_T = np.arange(100, dtype=np.int32), rng.lognormal(0, 1, 100)
    rows = [
        as_lists(rank(block.astype(kind), token_V, medians_T, first=-1, most=99))
        for kind in (np.float32, np.float64, np.int64, np.uint16)
    ]
    assert rows[1:] == rows[:1] * 3


def test_ragged_rows_are_a_sequence() -> None:
    rows = Ragged(np.array([4, 7, 7, 5], np.int32), np.array([0, 2, 2, 4]))
    assert len(rows) == 3
    assert as_lists(rows) == [[4, 7], [], [7, 5]]
    assert rows[-1].tolist() == [7, 5]
    assert [row.tolist() for row in rows[1:]] == [[], [7, 5]]
    with pytest.raises(IndexError):
        rows[3]

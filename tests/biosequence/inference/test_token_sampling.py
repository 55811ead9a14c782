"""Filters keep what they promise, and chance is a sequence's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from biosequence.errors import UsageError
from biosequence.inference.sampling import (
    Sampling,
    draw_tokens,
    filter_logits,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    sequence_generator,
)

ROWS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-20, 20, width=32),
).map(torch.tensor)
FAST = settings(max_examples=60, deadline=None)


def kept(logits: Tensor) -> Tensor:
    return logits > -torch.inf


@FAST
@given(ROWS, st.integers(0, 12))
def test_top_k_keeps_k_tokens_and_ties_and_none_better_is_lost(rows: Tensor, count: int) -> None:
    left = keep_top_k(rows, count)
    if not 0 < count < rows.shape[1]:
        assert torch.equal(left, rows)
        return
    for row, now in zip(rows, left, strict=True):
        threshold = row.sort(descending=True).values[count - 1]
        assert torch.equal(kept(now), row >= threshold)
        assert torch.equal(now[kept(now)], row[kept(now)])


@FAST
@given(ROWS, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(rows: Tensor, share: float) -> None:
    left = keep_top_p(rows, share)
    for row, now in zip(rows, left, strict=True):
        shares = row.double().softmax(-1)
        inside = shares[kept(now)]
        assert inside.sum() >= share - 1e-9
        if share < 1:
            # Without its least token the set does not reach p; none outside beats one inside.
            assert inside.sum() - inside.min() < share + 1e-9
            if not bool(kept(now).all()):
                assert shares[~kept(now)].max() <= inside.min()


@FAST
@given(ROWS, st.floats(0, 1))
def test_min_p_keeps_tokens_near_the_best(rows: Tensor, share: float) -> None:
    left = keep_min_p(rows, share)
    shares = rows.double().softmax(-1)
    ratio = shares / shares.amax(-1, keepdim=True)
    assert bool(kept(left)[ratio > share + 1e-5].all())
    assert not bool(kept(left)[ratio < share - 1e-5].any())


@FAST
@given(
    ROWS,
    st.floats(0, 3),
    st.integers(0, 5),
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
@example(torch.tensor([[-2.0]]), 1e-308, 0, 1.0, 0.0, 0.0)
@example(torch.tensor([[20.0, 19.0]]), 5e-324, 0, 0.5, 0.5, 0.9)
def test_a_draw_is_always_among_what_is_left(
    rows: Tensor, temperature: float, top_k: int, top_p: float, min_p: float, chance: float
) -> None:
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    left = filter_logits(rows, sampling)
    best = rows.argmax(-1, keepdim=True)
    assert bool(kept(left).gather(1, best).all())
    token = draw_tokens(left, torch.full((len(rows),), chance, dtype=torch.float64))
    assert bool(kept(left).gather(1, token[:, None]).all())


def test_draws_follow_the_probabilities() -> None:
    probability = torch.tensor([0.5, 0.0, 0.2, 0.3])
    chance = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    tokens = draw_tokens(probability.log().expand(len(chance), -1), chance)
    share = tokens.bincount(minlength=4) / len(chance)
    assert (share - probability).abs().max() < 0.02
    assert share[1] == 0


def test_temperature_sharpens_and_flattens() -> None:
    rows = torch.tensor([[1.0, 2.0]])
    cold = filter_logits(rows, Sampling(temperature=0.1)).softmax(-1)
    warm = filter_logits(rows, Sampling(temperature=10)).softmax(-1)
    assert cold[0, 1] > 0.9999
    assert warm[0, 1] < 0.53
    assert torch.allclose(cold.float(), (rows / 0.1).softmax(-1))


def test_a_rows_draw_does_not_depend_on_its_batch() -> None:
    rows = torch.randn(5, 7, generator=torch.Generator().manual_seed(1))
    chance = torch.rand(5, generator=torch.Generator().manual_seed(2))
    together = draw_tokens(rows, chance)
    alone = [draw_tokens(rows[i : i + 1], chance[i : i + 1]).item() for i in range(5)]
    assert together.tolist() == alone


def test_generators_differ_by_seed_and_number() -> None:
    numbers = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2**40)]
    draws = [
        torch.rand(1, dtype=torch.float64, generator=sequence_generator(*n)).item() for n in numbers
    ]
    assert len(set(draws)) == len(draws)
    again = torch.rand(1, dtype=torch.float64, generator=sequence_generator(0, 1)).item()
    assert again == draws[1]


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0}, {"min_p": 2}],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Sampling(**wrong)

"""A sequence in pieces: the same numbers as in one piece, in memory that does not grow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.inference.long import (
    read_context,
    stream_log_likelihood,
    stream_logits,
    stream_token_log_probs,
)

CAUSAL = ("dna", "mamba", "protein", "mamba_protein")


def some_ids(length: int, low: int, high: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, length).astype(np.uint8)


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("chunk", [1, 7, 64, 500])
def test_pieces_equal_one_piece(tiny, name: str, chunk: int) -> None:
    model = tiny(name).model
    ids = some_ids(70 if chunk == 1 else 301, 7, 11)
    with torch.no_grad():
        whole = model(torch.from_numpy(ids).long()[None]).logits[0]
    pieces = torch.cat(list(stream_logits(model, ids, chunk=chunk)))
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["dna", "mamba"])
def test_thousands_of_tokens_equal_one_piece(tiny, name: str) -> None:
    model = tiny(name).model
    ids = some_ids(4000, 7, 11)
    with torch.no_grad():
        logits = model(torch.from_numpy(ids).long()[None], use_cache=False).logits[0]
    picked = logits[:-1].double().log_softmax(-1).gather(1, torch.from_numpy(ids[1:, None]).long())
    found = stream_log_likelihood(model, ids, chunk=333)
    assert found.tokens == 3999
    assert found.total == pytest.approx(float(picked.sum()), abs=1e-2)
    each = np.concatenate(list(stream_token_log_probs(model, ids, chunk=333)))
    assert np.isnan(each[0])
    np.testing.assert_allclose(each[1:], picked[:, 0].numpy(), atol=1e-4)


def test_states_do_not_grow(tiny) -> None:
    for name in CAUSAL:
        model = tiny(name).model
        sizes = {
            read_context(model, some_ids(length, 7, 11), chunk=50).cache.num_bytes()
            for length in (10, 100, 400)
        }
        assert len(sizes) == 1


def test_a_context_may_be_continued_in_many_ways(tiny) -> None:
    model = tiny("protein").model
    ids = some_ids(60, 4, 24)
    context = read_context(model, ids[:41], chunk=16)
    whole = np.concatenate(list(stream_token_log_probs(model, ids)))
    for _ in range(2):
        rest = np.concatenate(list(stream_token_log_probs(model, ids[41:], context=context)))
        np.testing.assert_allclose(rest, whole[41:], atol=1e-4)
    rows = np.stack([ids[41:], ids[41:][::-1]])
    both = np.concatenate(list(stream_token_log_probs(model, rows, chunk=5, context=context)), 1)
    np.testing.assert_allclose(both[0], whole[41:], atol=1e-4)
    assert not np.isnan(both).any()


def test_ignored_tokens_are_read_but_not_counted(tiny) -> None:
    model = tiny("dna").model
    ids = some_ids(50, 7, 12)
    each = np.concatenate(list(stream_token_log_probs(model, ids)))
    kept = (ids != 11) & ~np.isnan(each)
    found = stream_log_likelihood(model, ids, ignored_ids=[11], chunk=9)
    assert found.tokens == kept.sum() < 49
    assert found.total == pytest.approx(each[kept].sum(), abs=1e-4)
    assert found.perplexity == pytest.approx(np.exp(-each[kept].mean()), rel=1e-5)


def test_a_model_that_reads_both_ways_is_refused(tiny) -> None:
    with pytest.raises(UsageError, match="both ways"):
        next(stream_logits(tiny("dna_masked").model, [7, 8]))


def test_wrong_ids_are_refused(tiny) -> None:
    model = tiny("dna").model
    with pytest.raises(InputError, match="no token"):
        read_context(model, [])
    with pytest.raises(InputError, match="integers|ids"):
        next(stream_logits(model, np.zeros(3)))
    with pytest.raises(UsageError):
        next(stream_logits(model, [7], chunk=0))

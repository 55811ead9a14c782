"""A causal model gives the same numbers in one piece, in pieces, step by step, and in a batch."""

from __future__ import annotations

import pytest
import torch

TOLERANCE = 1e-4
# What fp32 does to logits of order 1 when sums are cut otherwise.
ROUNDING = 5e-5


def ids(*shape, seed=0):
    return torch.randint(4, 12, shape, generator=torch.Generator().manual_seed(seed))


def far(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("length", [1, 63, 64, 65, 250])
@torch.no_grad()
def test_prefill_and_split_states_equal_the_whole(tiny, causal_kind, length):
    model, x = tiny(causal_kind), ids(2, length)
    whole = model(x, use_cache=True)
    cut = length // 3
    cache, parts = None, []
    for piece in (x[:, :cut], x[:, cut : length - 1], x[:, length - 1 :]):
        if piece.shape[1]:
            output = model(piece, cache_params=cache, use_cache=True)
            cache = output.cache_params
            parts.append(output.logits)
    assert far(torch.cat(parts, 1), whole.logits) < TOLERANCE
    assert cache.position.tolist() == [length, length]


@torch.no_grad()
def test_steps_equal_the_whole(tiny, causal_kind):
    model, x = tiny(causal_kind), ids(2, 20)
    whole = model(x).logits
    cache, parts = None, []
    for t in range(x.shape[1]):
        output = model(x[:, t : t + 1], cache_params=cache, use_cache=True)
        cache = output.cache_params
        parts.append(output.logits)
    assert far(torch.cat(parts, 1), whole) < TOLERANCE


@torch.no_grad()
def test_long_input_is_read_in_pieces_with_the_same_result(tiny, causal_kind):
    model, x = tiny(causal_kind), ids(2, 50)
    documents = torch.tensor([[0] * 16 + [1] * 34, [0] * 50])
    whole = model(x, seq_idx=documents, output_hidden_states=True, use_cache=True)
    model.config.prefill_chunk = 16
    pieces = model(x, seq_idx=documents, output_hidden_states=True, use_cache=True)
    assert far(pieces.logits, whole.logits) < TOLERANCE
    for a, b in zip(pieces.hidden_states, whole.hidden_states, strict=True):
        assert far(a, b) < TOLERANCE
    after = [model(x[:, :1], cache_params=o.cache_params).logits for o in (pieces, whole)]
    assert far(*after) < TOLERANCE


@torch.no_grad()
def test_a_cache_is_not_changed_by_going_on_from_it(tiny, causal_kind):
    model, x = tiny(causal_kind), ids(2, 9)
    cache = model(x, use_cache=True).cache_params
    once = model(x[:, :1], cache_params=cache).logits
    model(x[:, 3:7], cache_params=cache)
    assert torch.equal(model(x[:, :1], cache_params=cache).logits, once)
    rows = cache.select_rows(torch.tensor([1, 0]))
    assert far(model(x[[1, 0], :1], cache_params=rows).logits, once[[1, 0]]) < 1e-6


@torch.no_grad()
def test_a_cache_does_not_grow(tiny, causal_kind):
    model = tiny(causal_kind)
    sizes = {model(ids(1, n), use_cache=True).cache_params.num_bytes() for n in (4, 40)}
    assert len(sizes) == 1


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padded_equals_unpadded(tiny, kind, side):
    model, lengths = tiny(kind), (5, 17, 11)
    rows = [ids(1, n, seed=n) for n in lengths]
    batch = torch.full((3, 17), 3)
    mask = torch.zeros(3, 17, dtype=torch.int64)
    spans = [slice(17 - n, 17) if side == "left" else slice(0, n) for n in lengths]
    for i, span in enumerate(spans):
        batch[i, span], mask[i, span] = rows[i][0], 1
    logits = model(batch, attention_mask=mask).logits
    for i, span in enumerate(spans):
        assert far(logits[i, span], model(rows[i]).logits[0]) < ROUNDING


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_a_state_after_padding_is_the_state_without(tiny, causal_kind, side):
    model, n = tiny(causal_kind), 6
    row, rest = ids(1, n), ids(1, 4, seed=1)
    pad = torch.full((1, 5), 3)
    batch = torch.cat((pad, row) if side == "left" else (row, pad), 1)
    mask = torch.zeros_like(batch)
    mask[:, (slice(5, None) if side == "left" else slice(0, n))] = 1
    plain = model(row, use_cache=True).cache_params
    padded = model(batch, attention_mask=mask, use_cache=True).cache_params
    assert padded.position.tolist() == plain.position.tolist() == [n]
    a, b = (model(rest, cache_params=cache).logits for cache in (plain, padded))
    assert far(a, b) < ROUNDING


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_behind_a_state_changes_nothing(tiny, causal_kind, side):
    model, context = tiny(causal_kind), ids(2, 9)
    rests = [ids(1, n, seed=n) for n in (3, 8)]
    cache = model(context, use_cache=True).cache_params
    batch, mask = torch.full((2, 8), 3), torch.zeros(2, 8, dtype=torch.int64)
    spans = [slice(8 - n, 8) if side == "left" else slice(0, n) for n in (3, 8)]
    for i, span in enumerate(spans):
        batch[i, span], mask[i, span] = rests[i][0], 1
    padded = model(batch, attention_mask=mask, cache_params=cache, output_hidden_states=True)
    last = ids(2, 1, seed=5)
    after = model(last, cache_params=padded.cache_params).logits
    for i, span in enumerate(spans):
        own = cache.select_rows(torch.tensor([i]))
        plain = model(rests[i], cache_params=own, use_cache=True, output_hidden_states=True)
        assert far(padded.logits[i, span], plain.logits[0]) < ROUNDING
        for one, other in zip(padded.hidden_states, plain.hidden_states, strict=True):
            assert far(one[i, span], other[0]) < ROUNDING
        alone = model(last[i : i + 1], cache_params=plain.cache_params).logits
        assert far(after[i : i + 1], alone) < ROUNDING


@torch.no_grad()
def test_a_batch_equals_its_rows(tiny, kind):
    model, x = tiny(kind), ids(3, 19)
    batch = model(x).logits
    for i in range(3):
        assert far(batch[i], model(x[i : i + 1]).logits[0]) < ROUNDING


@torch.no_grad()
def test_packed_documents_do_not_see_each_other(tiny, kind):
    model = tiny(kind)
    a, b, c = ids(1, 7), ids(1, 1, seed=1), ids(1, 9, seed=2)
    documents = torch.tensor([[0] * 7 + [1] + [2] * 9])
    if model.config.rcps:
        alone = [c, b, a]
        packed = model(torch.cat((c, b, a), 1), seq_idx=documents.flip(1)).logits
    else:
        alone = [a, b, c]
        packed = model(torch.cat((a, b, c), 1), seq_idx=documents).logits
    assert far(packed, torch.cat([model(x).logits for x in alone], 1)) < ROUNDING


@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_generation_with_left_padding_equals_single_rows(tiny, causal_kind, beams):
    model = tiny(causal_kind)
    rows = [ids(1, n, seed=n) for n in (3, 8)]
    batch = torch.full((2, 8), 3)
    batch[0, 5:], batch[1] = rows[0][0], rows[1][0]
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[0, :5] = 0
    how = {"max_new_tokens": 6, "do_sample": False, "num_beams": beams, "pad_token_id": 0}
    together = model.generate(batch, attention_mask=mask, **how)[:, 8:]
    for i, row in enumerate(rows):
        assert torch.equal(model.generate(row, **how)[0, row.shape[1] :], together[i])
    slow = model.generate(rows[1], use_cache=False, **how)[0, 8:]
    assert torch.equal(slow, together[1])


@torch.no_grad()
def test_generation_goes_on_from_a_context_read_once(tiny, causal_kind):
    model, context, prompt = tiny(causal_kind), ids(1, 12), ids(1, 3, seed=1)
    how = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    whole = model.generate(torch.cat((context, prompt), 1), **how)[:, 15:]
    cache = model(context, use_cache=True).cache_params
    from_cache = model.generate(prompt, cache_params=cache.repeat(1), **how)[:, 3:]
    assert torch.equal(from_cache, whole)


@torch.no_grad()
def test_pieces_of_nothing_but_padding_change_nothing(tiny, causal_kind):
    model, row = tiny(causal_kind), ids(1, 7)
    batch = torch.cat((torch.full((1, 11), 3), row), 1)
    mask = torch.cat((torch.zeros(1, 11), torch.ones(1, 7)), 1)
    alone = model(row).logits
    model.config.prefill_chunk = 4
    output = model(batch, attention_mask=mask, use_cache=True)
    assert far(output.logits[:, 11:], alone) < ROUNDING
    assert output.cache_params.position.tolist() == [7]


@pytest.mark.parametrize("name", ["prot 2d", "protmamba"])
@torch.no_grad()
def test_generation_keeps_positions_and_sequence_numbers(tiny, name):
    model, x = tiny(name), ids(2, 8)
    places = {
        "position_ids": torch.tensor([0, 1, 2, 3, 0, 1, 2, 3]).expand(2, -1),
        "seq_position_ids": torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]).expand(2, -1),
    }
    tokens = x
    for _ in range(4):
        logits = model(tokens, **places).logits
        tokens = torch.cat((tokens, logits[:, -1:].argmax(-1)), 1)
        places = {
            "position_ids": torch.cat(
                (places["position_ids"], places["position_ids"][:, -1:] + 1), 1
            ),
            "seq_position_ids": torch.cat(
                (places["seq_position_ids"], places["seq_position_ids"][:, -1:]), 1
            ),
        }
    prompt = {name: value[:, :8] for name, value in places.items()}
    mask = torch.ones_like(x)
    how = {"max_new_tokens": 4, "do_sample": False, "attention_mask": mask, "pad_token_id": 0}
    assert torch.equal(model.generate(x, **prompt, **how), tokens)

"""The published xLSTM code and ours give the same numbers for the same weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from biosequence.models.bioxlstm.convert_bioxlstm import convert_xlstm_tensors

FP32, FP64 = 5e-5, 1e-5
CASES = {
    "dna_mlstm_causal": "dna",
    "dna_mlstm_rope": "dna",
    "dna_mlstm_chunkwise": "dna",
    "dna_mixed_causal": "dna",
    "dna_bidir_sum": "dna",
    "dna_bidir_alternating": "dna",
    "dna_mlstm_native_bidir": "dna",
    "dna_rcps_1head": "dna",
    "dna_rcps_4head_legacy": "dna",
    "prot_forward_rope1d": "prot",
    "prot_forward_pos2d": "prot",
    "prot_state": "prot",
    "xlstm_v1_mlstm": "v1",
    "xlstm_v1_slstm_at1": "v1",
    "xlstm_v1_single_head": "v1",
}
WITH_SLSTM = ["dna_mixed_causal", "dna_rcps_1head", "dna_rcps_4head_legacy", "xlstm_v1_slstm_at1"]


def convert(case, name, layout="vanilla", **options):
    weights = case.weights(layout)
    return convert_xlstm_tensors(weights, CASES[name], case.config, slstm_layout=layout, **options)


def inputs(case):
    given = {"input_ids": case["inputs/input_ids"]}
    for name in ("position_ids", "seq_position_ids"):
        if f"inputs/{name}" in case:
            given[name] = case[f"inputs/{name}"]
    return given


def far(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_published_xlstm_logits_come_out(golden, name):
    case = golden(name)
    model = convert(case, name).model()
    output = model(**inputs(case), output_hidden_states=True)
    assert far(output.logits, case["outputs/logits"]) < FP32
    for number in range(1, len(model.backbone.layers)):
        key = f"outputs/block_input_{number}"
        if key in case:
            wanted = case[key]
            # The reference recorded even blocks of this mode as the block sees them.
            if name == "dna_bidir_alternating" and number % 2 == 0:
                wanted = wanted.flip(1)
            assert far(output.hidden_states[number], wanted) < FP32
    if "outputs/last_hidden_state" in case:
        assert far(output.hidden_states[-1], case["outputs/last_hidden_state"]) < FP32
    exact = model.double()(**inputs(case)).logits
    assert far(exact, case["outputs/logits_fp64"]) < FP64


@pytest.mark.parametrize("name", WITH_SLSTM)
@torch.no_grad()
def test_both_slstm_layouts_are_the_same_model(golden, name):
    case = golden(name)
    vanilla, cuda = (convert(case, name, layout).model() for layout in ("vanilla", "cuda"))
    for (key, a), (_, b) in zip(
        vanilla.state_dict().items(), cuda.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), key


@torch.no_grad()
def test_clean_strands_are_equivariant_where_published_ones_are_not(golden):
    case = golden("dna_rcps_4head_legacy")
    ids = case["inputs/input_ids"]
    legacy = convert(case, "dna_rcps_4head_legacy").model()
    clean = convert(case, "dna_rcps_4head_legacy", legacy_rc_head_flip=False).model()
    assert far(clean(ids).logits, case["outputs/logits_clean"]) < FP32
    table = torch.tensor(clean.config.complement_map)
    other = table[ids].flip(1)
    assert far(clean(other).logits.flip(1)[..., table], clean(ids).logits) < 1e-5
    assert far(legacy(other).logits.flip(1)[..., table], legacy(ids).logits) > 1


@pytest.mark.parametrize("name", ["dna_bidir_sum", "dna_mlstm_causal", "prot_forward_pos2d"])
@torch.no_grad()
def test_published_losses_come_out(golden, name):
    case = golden(name)
    model = convert(case, name).model()
    ids = case["inputs/input_ids"]
    if name.startswith("prot"):
        loss = model(**inputs(case), labels=ids).loss
    elif name == "dna_bidir_sum":
        labels = case["inputs/labels"].masked_fill(case["inputs/labels"] == 4, -100)
        loss = model(ids, labels=labels).loss
    else:
        # These labels were shifted when they were saved.
        logits = model(ids).logits
        loss = F.cross_entropy(
            logits.flatten(0, 1), case["inputs/labels"].flatten(), ignore_index=4
        )
    assert far(loss, case["outputs/loss"]) < FP32


@torch.no_grad()
def test_a_state_handed_over_gives_the_published_numbers(golden):
    case = golden("prot_state")
    model = convert(case, "prot_state").model()
    given, split = inputs(case), case.about["split"]
    first = model(**{k: v[:, :split] for k, v in given.items()}, use_cache=True)
    rest = model(**{k: v[:, split:] for k, v in given.items()}, cache_params=first.cache_params)
    assert far(first.logits, case["outputs/logits_first_part"]) < FP32
    assert far(rest.logits, case["outputs/logits_second_part_from_state"]) < FP32
    for when, cache in (("at_split", first.cache_params), ("final", rest.cache_params)):
        for number, state in enumerate(cache.layers):
            same_memory(state.cell, case, f"outputs/state_{when}/block_{number}.")
            window = case[f"outputs/state_{when}/block_{number}.conv"].transpose(1, 2)
            assert far(state.conv, window[..., 1:]) < FP32


def same_memory(cell, case, key):
    """Compare what does not depend on the stabiliser; published keys carry the scale, ours not."""
    scale = cell.C.shape[-1] ** -0.5
    unit = cell.m[..., None].exp()
    wanted = case[f"{key}m"].exp()
    assert torch.allclose(
        scale * cell.C * unit[..., None], case[f"{key}C"] * wanted, rtol=1e-3, atol=1e-4
    )
    published = (case[f"{key}n"] * wanted)[..., 0]
    assert torch.allclose(scale * cell.n * unit, published, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["prot_state", "xlstm_v1_slstm_at1", "xlstm_v1_single_head"])
@torch.no_grad()
def test_steps_give_the_published_steps(golden, name):
    case = golden(name)
    model = convert(case, name).model()
    given, cache, logits = inputs(case), None, []
    for t in range(given["input_ids"].shape[1]):
        one = {k: v[:, t : t + 1] for k, v in given.items()}
        output = model(**one, cache_params=cache, use_cache=True)
        cache = output.cache_params
        logits.append(output.logits)
    assert far(torch.cat(logits, 1), case["outputs/logits_step"]) < FP32
    if name == "xlstm_v1_slstm_at1":
        published = case["outputs/state_final/block_1.slstm_state"]
        y, c, n, m = cache.layers[1].cell
        assert far(y.flatten(1), published[0]) < FP32
        assert far((c * m.exp()).flatten(1), published[1] * published[3].exp()) < 1e-3
        assert far((n * m.exp()).flatten(1), published[2] * published[3].exp()) < 1e-3

"""Models that share parameters between strands answer for both strands alike."""

from __future__ import annotations

import pytest
import torch

from biosequence.errors import ModelError
from biosequence.models import (
    BioMambaConfig,
    BioMambaForMaskedLM,
    BioMambaForSequenceClassification,
    BioXLSTMConfig,
    BioXLSTMForMaskedLM,
    BioXLSTMForSequenceClassification,
    BioXLSTMForTokenClassification,
    conjoin,
)

COMPLEMENT = [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11]
TABLE = torch.tensor(COMPLEMENT)
SHARED = {"vocab_size": 12, "num_hidden_layers": 2, "rcps": True, "complement_map": COMPLEMENT}
XLSTM = SHARED | {"dialect": "dna", "hidden_size": 32}


def xlstm(**fields):
    return BioXLSTMConfig(**(XLSTM | fields))


def dna(*shape):
    return torch.randint(7, 12, shape, generator=torch.Generator().manual_seed(0))


def other(ids):
    return TABLE[ids].flip(-1)


def far(a, b):
    return (a - b).abs().max().item()


XLSTM_KINDS = [
    {"num_heads": heads, "slstm_at": slstm_at, "bidirectional": mode, "rope": rope}
    for heads in (1, 4)
    for slstm_at in ([], [0, 1], [1])
    for mode, rope in (("none", "per_head"), ("sum_legacy", "none"), ("sum", "none"))
] + [{"num_heads": 4, "bidirectional": mode} for mode in ("alternating", "native")]


@pytest.mark.parametrize("fields", XLSTM_KINDS, ids=str)
@torch.no_grad()
def test_xlstm_with_shared_strands_is_equivariant(shaken, fields):
    model, ids = shaken(BioXLSTMForMaskedLM(xlstm(**fields))), dna(2, 21)
    assert far(model(other(ids)).logits, model(ids).logits[..., TABLE].flip(1)) < 1e-5


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("direction", ["none", "add", "ew_multiply"])
@pytest.mark.parametrize("mixer", ["mamba", "mamba2"])
@torch.no_grad()
def test_mamba_with_shared_strands_is_equivariant(shaken, mixer, direction, swap):
    sizes = {"hidden_size": 16, "head_dim": 8, "state_size": 4, "pad_vocab_size_multiple": 8}
    config = BioMambaConfig(mixer=mixer, bidirectional=direction, rcps_swap=swap, **SHARED, **sizes)
    model, ids = shaken(BioMambaForMaskedLM(config), scale=0.08), dna(2, 21)
    table = torch.tensor(config.strand_table)
    assert far(model(other(ids)).logits, model(ids).logits[..., table].flip(1)) < 1e-5


@torch.no_grad()
def test_padding_on_either_side_keeps_strands_equivariant(shaken):
    model, ids = shaken(BioXLSTMForMaskedLM(xlstm(slstm_at=[1], bidirectional="sum"))), dna(1, 9)
    pad = torch.full((1, 4), 4)
    mask = torch.tensor([[1] * 9 + [0] * 4])
    ahead = model(torch.cat((ids, pad), 1), attention_mask=mask).logits[:, :9]
    back = model(torch.cat((pad, other(ids)), 1), attention_mask=mask.flip(1)).logits[:, 4:]
    assert far(back, ahead[..., TABLE].flip(1)) < 1e-5


@pytest.mark.parametrize("family", ["xlstm", "mamba"])
@torch.no_grad()
def test_classes_of_both_strands_are_the_same(shaken, family):
    if family == "xlstm":
        model = BioXLSTMForSequenceClassification(xlstm(num_labels=3, slstm_at=[0]))
    else:
        config = BioMambaConfig(hidden_size=16, num_labels=3, bidirectional="add", **SHARED)
        model = BioMambaForSequenceClassification(config)
    model, ids = shaken(model), dna(2, 15)
    assert far(model(ids).logits, model(other(ids)).logits) < 1e-5


@torch.no_grad()
def test_labels_of_positions_turn_round_with_the_strand(shaken):
    model, ids = shaken(BioXLSTMForTokenClassification(xlstm(num_labels=3))), dna(2, 15)
    assert far(model(ids).logits, model(other(ids)).logits.flip(1)) < 1e-5


@pytest.mark.parametrize("name", ["v1", "bimamba", "dna sinusoids"])
@torch.no_grad()
def test_conjoined_answers_are_equivariant_for_any_model(tiny, name):
    model, ids = tiny(name), dna(2, 15)
    a, b = conjoin(model, ids, COMPLEMENT), conjoin(model, other(ids), COMPLEMENT)
    assert far(a[..., TABLE].flip(1), b) < 1e-5
    labels = tiny(name, "ForSequenceClassification", num_labels=2)
    assert far(conjoin(labels, ids, COMPLEMENT), conjoin(labels, other(ids), COMPLEMENT)) < 1e-5


@torch.no_grad()
def test_the_residual_doubles_in_every_block_of_the_legacy_sum(tiny):
    ids = dna(1, 10)
    norms = {}
    for kind in ("sum", "sum legacy"):
        model = tiny(kind, num_hidden_layers=6)
        for layer in model.backbone.layers:
            out = layer.mixer.down if hasattr(layer.mixer, "down") else layer.mixer.norm
            out.weight.zero_()
            if getattr(out, "residual_weight", False):
                out.weight.fill_(-1)
            if layer.ffn is not None:
                layer.ffn.down.weight.zero_()
        hidden = model(ids, output_hidden_states=True).hidden_states[:6]
        norms[kind] = [x.norm().item() for x in hidden]
    grown = [b / a for a, b in zip(norms["sum legacy"], norms["sum legacy"][1:], strict=False)]
    assert grown == pytest.approx([2.0] * 5)
    assert norms["sum"] == pytest.approx([norms["sum"][0]] * 6)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"complement_map": None}, "complement"),
        ({"complement_map": [0, 1, 2]}, "complement_map"),
        ({"complement_map": [*COMPLEMENT[:-1], 0]}, "complement_map"),
        ({"legacy_rc_head_flip": True}, "legacy_rc_head_flip"),
    ],
)
def test_a_complement_that_is_none_is_refused(fields, named):
    with pytest.raises(ModelError, match=named):
        xlstm(**fields)

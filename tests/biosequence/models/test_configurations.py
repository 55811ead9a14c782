"""Configurations know the published sizes and refuse what cannot be built."""

from __future__ import annotations

import pytest
import torch

from biosequence.errors import ModelError, UsageError
from biosequence.models import (
    PRESETS,
    BioMambaConfig,
    BioXLSTMConfig,
    BioXLSTMForCausalLM,
    BioXLSTMForMaskedLM,
    preset_config,
)

# Counted by running the published code; 7B from its report.
COUNTS = {
    "dna-xlstm-500k": 522_368,
    "dna-xlstm-2m": 2_101_504,
    "dna-xlstm-4m": 4_196_608,
    "prot-xlstm-26m": 25_918_080,
    "prot-xlstm-102m": 102_167_680,
    "chem-xlstm-1.6m": 1_644_296,
    "chem-xlstm-14.8m": 14_816_400,
    "xlstm-7b": 6_865_424_896,
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_published_sizes(name):
    config = preset_config(name)
    kind = BioXLSTMForCausalLM if config.is_causal else BioXLSTMForMaskedLM
    with torch.device("meta"):
        model = kind(config)
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]


def test_a_misspelt_preset_is_told_its_neighbours():
    with pytest.raises(UsageError, match=r"prot-xlstm-102m"):
        preset_config("prot-xlstm-100m")


def test_forget_biases_are_those_of_the_configuration():
    config = BioXLSTMConfig(
        hidden_size=32, num_hidden_layers=2, num_heads=3, forget_bias=[6.0, 10.0], inner_size=48
    )
    for block in BioXLSTMForCausalLM(config).backbone.layers:
        assert block.mixer.cell.fgate.bias.tolist() == [6.0, 8.0, 10.0]
    assert BioXLSTMConfig().forget_bias == [3.0, 6.0]


def test_what_begins_at_values_of_its_own_begins_there():
    """Cells, blocks and feed-forward layers have no parameters of their own, only their parts."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_heads": 2}
    one = BioXLSTMForCausalLM(BioXLSTMConfig(slstm_at=[1], **sizes)).backbone.layers
    assert one[0].mixer.cell.fgate.bias.tolist() == [3.0, 6.0]
    assert one[0].mixer.cell.igate.bias.abs().max() > 0
    assert one[1].mixer.bias[1].abs().min() > 0, "the sLSTM forgets at once"
    large = BioXLSTMForCausalLM(BioXLSTMConfig(dialect="large", **sizes)).backbone.layers
    assert large[0].mixer.cell.igate.bias.tolist() == [-10.0, -10.0]
    for down in (one[1].ffn.down, large[0].ffn.down):
        assert down.weight.std().item() == pytest.approx(2 / 2 / 64**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dialect": "rna"}, "rna"),
        ({"dialect": "large", "rope": "inner"}, "rotary"),
        ({"dialect": "large", "slstm_at": [0]}, "sLSTM"),
        ({"dialect": "v1", "qkv": "dense"}, "pre_up"),
        ({"qkv": "headwisex"}, "pre_up"),
        ({"rope": "yarn"}, "yarn"),
        ({"hidden_size": 96, "num_heads": 5}, "equal parts"),
        ({"slstm_at": [7]}, r"\[7\]"),
        ({"bidirectional": "native", "slstm_at": [0]}, "native"),
        ({"igate_normalize": False}, "normaliser"),
        ({"forget_bias": [3.0]}, "one number to another"),
        ({"pooling": "max"}, "pooling"),
    ],
)
def test_xlstm_flags_that_contradict_each_other_are_refused(fields, named):
    with pytest.raises(ModelError, match=named) as caught:
        BioXLSTMConfig(**fields)
    assert caught.value.where.startswith("configuration:")
    assert caught.value.fix


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"mixer": "mamba3"}, "mamba3"),
        ({"mixer": "mamba2", "hidden_size": 40}, "heads"),
        ({"rcps_swap": True}, "rcps_swap"),
        ({"rcps": True, "position_embeddings": "abs_1d"}, "positions"),
        ({"mixer": "mamba2", "bcdt_rms_eps": 1e-6}, "Mamba-1"),
    ],
)
def test_mamba_flags_that_contradict_each_other_are_refused(fields, named):
    with pytest.raises(ModelError, match=named):
        BioMambaConfig(**fields)


@pytest.mark.parametrize("dialect", ["v1", "dna", "prot", "large"])
def test_values_against_the_dialect_survive_saving(dialect, tmp_path):
    config = BioXLSTMConfig(dialect=dialect, num_heads=2, gate_soft_cap=None, rope="none")
    config.save_pretrained(tmp_path)
    again = BioXLSTMConfig.from_pretrained(tmp_path)
    assert (again.gate_soft_cap, again.rope, again.num_heads) == (None, "none", 2)
    assert BioXLSTMConfig.from_dict(config.to_dict()).to_dict() == config.to_dict()


def test_dialects_round_widths_as_published():
    sizes = {d: BioXLSTMConfig(dialect=d, hidden_size=48).inner_size for d in ("v1", "prot", "dna")}
    assert sizes == {"v1": 128, "prot": 128, "dna": 64}
    assert BioXLSTMConfig(dialect="dna", hidden_size=128).ffn_size == 136
    assert BioXLSTMConfig(dialect="large", hidden_size=4096).ffn_size == 10944

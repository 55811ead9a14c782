"""The published Caduceus and ProtMamba code and ours give the same numbers for the same weights."""

from __future__ import annotations

import pytest
import torch

from biosequence.models import convert_mamba
from biosequence.models.biomamba.convert_biomamba import convert_mamba_tensors, detect_family


def far(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("name", ["caduceus_ph", "caduceus_ps_fused", "caduceus_ps_unfused"])
@torch.no_grad()
def test_published_caduceus_logits_come_out(golden, name):
    case = golden(name)
    weights = case.weights()
    conversion = convert_mamba_tensors(weights, detect_family(weights), case.config)
    assert conversion.config.rcps_swap == (name == "caduceus_ps_fused")
    assert len(conversion.report.lines()) == len(weights)
    model = conversion.model()
    ids = case["inputs/input_ids"]
    labels = case["inputs/labels"].masked_fill(case["inputs/labels"] == 4, -100)
    output = model(ids, labels=labels, output_hidden_states=True)
    assert far(output.logits, case["outputs/logits"]) < 5e-5
    assert far(output.loss, case["outputs/loss"]) < 5e-5
    assert far(output.hidden_states[-1], case["outputs/last_hidden_state"]) < 5e-5
    assert far(model.double()(ids).logits, case["outputs/logits_fp64"]) < 1e-5


@pytest.mark.parametrize("name", ["caduceus_ps_fused", "caduceus_ps_unfused"])
@torch.no_grad()
def test_the_other_norm_path_is_another_model(golden, name):
    case = golden(name)
    conversion = convert_mamba_tensors(case.weights(), "caduceus", case.config)
    conversion.config.rcps_swap = not conversion.config.rcps_swap
    logits = conversion.model().double()(case["inputs/input_ids"]).logits
    assert far(logits, case["outputs/logits_fp64_other_norm_path"]) < 1e-5


@torch.no_grad()
def test_protmamba_example_logits_come_out(golden, shared):
    checkpoint = shared / "golden" / "protmamba_example.bin"
    if not checkpoint.is_file():
        pytest.skip("the public example checkpoint is not in the shared data")
    case = golden("protmamba_example")
    model = convert_mamba(checkpoint, config=case.config).model()
    for number in range(3):
        output = model(case[f"inputs/{number}/input_ids"])
        assert far(output.logits, case[f"outputs/{number}/logits"]) < 2e-4


@torch.no_grad()
def test_protmamba_keys_are_all_known(golden):
    case = golden("protmamba_example")
    layers = range(case.config["n_layer"])
    weights = {
        key.replace("{i}", str(i)): torch.zeros(shape)
        for key, shape in case.about["key_shapes"].items()
        for i in layers
    }
    conversion = convert_mamba_tensors(weights, detect_family(weights), case.config)
    assert conversion.config.vocab_size == 33
    assert conversion.config.padded_vocab_size == 40
    assert len(conversion.report.lines()) == len(weights) == 83
    # The published count holds the tied head twice.
    assert sum(v.numel() for v in conversion.tensors.values()) == 943_232 - 40 * 128

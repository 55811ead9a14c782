"""Folders that we write open again, through our classes and through transformers' Auto classes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

HEADS = {
    "Model": AutoModel,
    "ForCausalLM": AutoModelForCausalLM,
    "ForMaskedLM": AutoModelForMaskedLM,
    "ForSequenceClassification": AutoModelForSequenceClassification,
    "ForTokenClassification": AutoModelForTokenClassification,
}


def ids(*shape):
    return torch.randint(4, 12, shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_a_saved_model_opens_with_the_same_logits(tiny, kind, tmp_path):
    model, x = tiny(kind), ids(2, 9)
    model.save_pretrained(tmp_path)
    auto = AutoModelForCausalLM if model.config.is_causal else AutoModelForMaskedLM
    again = auto.from_pretrained(tmp_path)
    assert type(again) is type(model)
    assert again.config.to_dict() == AutoConfig.from_pretrained(tmp_path).to_dict()
    assert torch.equal(again(x).logits, model(x).logits)


@pytest.mark.parametrize("name", ["v1", "strands", "mamba", "caduceus, fused"])
@pytest.mark.parametrize("head", HEADS)
@torch.no_grad()
def test_every_head_opens_through_its_auto_class(tiny, name, head, tmp_path):
    if head == "ForCausalLM" and "a" in name and name != "mamba":
        pytest.skip("two-way models have no causal head")
    fields = {"num_labels": 3} if "Classification" in head else {}
    model, x = tiny(name, head, **fields), ids(2, 9)
    model.save_pretrained(tmp_path)
    again = HEADS[head].from_pretrained(tmp_path)
    assert type(again) is type(model)
    assert torch.equal(again(x)[0], model(x)[0])


@torch.no_grad()
def test_a_backbone_goes_from_one_head_to_another(tiny, tmp_path):
    model, x = tiny("v1 with sLSTM"), ids(2, 9)
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=2)
    states = (m.backbone(x).last_hidden_state for m in (model, again))
    assert torch.equal(*states)


def test_weights_are_safetensors_and_tied_ones_are_there_once(tiny, tmp_path):
    model = tiny("mamba")
    model.save_pretrained(tmp_path)
    assert sorted(p.suffix for p in tmp_path.iterdir() if "config" not in p.name) == [
        ".safetensors"
    ]
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()


@torch.no_grad()
def test_missing_weights_are_drawn_and_loaded_ones_left_alone(tiny, tmp_path):
    model = tiny("v1 with sLSTM")
    model.backbone.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(again.backbone.state_dict()[key], value), key
    assert again.lm_head.weight.std() > 0


def test_importing_the_room_is_light_and_registers_when_used(tiny, tmp_path):
    tiny("v1").save_pretrained(tmp_path)
    code = (
        "import sys, biosequence.models, biosequence.layers\n"
        "print(sorted({'torch', 'transformers', 'numba'} & set(sys.modules)))\n"
        "from biosequence.models import BioXLSTMConfig\n"
        "from transformers import AutoModelForCausalLM\n"
        f"print(type(AutoModelForCausalLM.from_pretrained({str(tmp_path)!r})).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "BioXLSTMForCausalLM"]


def test_the_configuration_on_disk_names_every_flag(tiny, tmp_path):
    tiny("prot").config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert saved["rope"] == "inner"
    assert saved["gate_input"] == "qkv_post_rope"

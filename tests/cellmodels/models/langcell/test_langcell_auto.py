"""LangCell folders open with transformers' Auto classes and give the same numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
)

IDS = torch.tensor([[29, 3, 4, 5, 0], [29, 8, 9, 0, 0]])
MASK = (IDS != 0).long()
TEXTS = torch.tensor([[1, 3, 4], [1, 5, 2]])


@torch.no_grad()
def test_a_saved_model_comes_back_the_same(tiny, kind, tmp_path):
    model = tiny(kind, head="ForPreTraining", learn_temperature=True, cell_pooling="mean")
    model.save_pretrained(tmp_path)
    found = AutoConfig.from_pretrained(tmp_path).to_dict()
    assert found | {"_name_or_path": ""} == model.config.to_dict()
    wanted = model(IDS, MASK, TEXTS)
    again = AutoModelForPreTraining.from_pretrained(tmp_path)
    assert torch.equal(again(IDS, MASK, TEXTS).similarity, wanted.similarity)
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    base, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(base).__name__ == "LangCellModel"
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert torch.equal(base(IDS, MASK, TEXTS).similarity, wanted.similarity)


def test_a_tied_gene_table_is_saved_once(tiny, kind, tmp_path):
    from safetensors import safe_open

    model = tiny(kind, head="ForPreTraining")
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert "masked_gene_head.decoder.weight" not in file.keys()
    again = AutoModelForPreTraining.from_pretrained(tmp_path)
    assert again.masked_gene_head.decoder.weight is again.get_input_embeddings().weight


def test_the_temperature_of_a_new_model_is_the_configured_one(tiny, tmp_path):
    tiny().save_pretrained(tmp_path)
    model = AutoModel.from_pretrained(tmp_path, learn_temperature=True, temperature=0.5)
    assert model.temperature.item() == pytest.approx(0.5)
    assert AutoModel.from_pretrained(tmp_path).temperature == 0.05


def test_a_classifier_takes_the_cell_tower_and_is_itself_new(tiny, kind, tmp_path):
    model = tiny(kind, head="ForPreTraining", learn_temperature=True)
    model.save_pretrained(tmp_path)
    classifier, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, num_labels=3, output_loading_info=True
    )
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert not report["unexpected_keys"]
    for key, value in model.cell_tower.state_dict().items():
        assert torch.equal(classifier.cell_tower.state_dict()[key], value), key


@torch.no_grad()
def test_a_classifier_reads_the_pooled_cell(tiny, kind, tmp_path):
    model = tiny(kind, head="ForSequenceClassification", num_labels=4)
    hidden = model.cell_tower(input_ids=IDS, attention_mask=MASK).last_hidden_state
    output = model(IDS, MASK, labels=torch.tensor([3, 1]))
    wanted = model.classifier(hidden[:, 0])
    assert torch.allclose(output.logits, wanted, atol=1e-6)
    entropy = torch.nn.functional.cross_entropy(wanted, torch.tensor([3, 1]))
    assert torch.allclose(output.loss, entropy, atol=1e-6)


def test_importing_the_room_after_transformers_registers_the_models():
    code = (
        "import transformers, cellmodels.models.langcell; "
        "print(type(transformers.AutoConfig.for_model('langcell')).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "LangCellConfig"


def test_the_room_is_light_to_import():
    code = (
        "import sys, cellmodels.models.langcell as l; dir(l); "
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_matrices_decay(tiny, kind):
    from biosequence.models import no_decay_names

    model = tiny(kind, head="ForPreTraining")
    names = no_decay_names(model)
    for name, parameter in model.named_parameters():
        small = parameter.ndim == 1 or name.endswith(("A_log", "mixer.bias"))
        assert (name in names) == small, name

"""What is said of folders that hold no LangCell model, or not all of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from biosequence.errors import ModelError
from cellmodels.models.langcell.folder import LangCellFolder, is_langcell
from cellmodels.models.langcell.zero_shot_settings import ZeroShotSettings


@pytest.fixture
def folder(tiny_langcell: Path, tmp_path: Path) -> Path:
    """A copy of a trained model's folder, to break."""
    return shutil.copytree(tiny_langcell, tmp_path / "model")


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as found:
        LangCellFolder.open(folder)
    return " ".join(found.value.lines())


def test_a_whole_folder_opens(folder: Path) -> None:
    found = LangCellFolder.open(folder)
    assert found.settings == ZeroShotSettings()
    assert found.calibration == {}
    assert found.classes is None
    assert len(found.sha256()) == 64
    assert not found.model().training
    assert len(found.processor().genes) == 603


def test_a_published_bundle_names_the_command_that_converts_it(bundle: Path) -> None:
    said = refused(bundle)
    assert "as it was published" in said
    assert f"bioseq convert {bundle}" in said
    assert "lacks" not in said


def test_a_bundle_with_missing_parts_names_them(bundle: Path) -> None:
    shutil.rmtree(bundle / "text_bert")
    (bundle / "ctm_head.bin").unlink()
    said = refused(bundle)
    assert "lacks text_bert, ctm_head.bin" in said
    assert "bioseq convert" in said


def test_other_folders_are_no_model(tmp_path: Path, folder: Path) -> None:
    assert "no model folder" in refused(tmp_path / "nowhere")
    assert "holds no LangCell model" in refused(tmp_path)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    assert "another kind" in refused(folder)
    (folder / "config.json").write_text("{")
    assert not is_langcell(folder)


@pytest.mark.parametrize("part", ["genes", "text"])
def test_a_folder_without_a_tokenizer_says_which(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    with pytest.raises(ModelError) as found:
        LangCellFolder.open(folder).processor()
    assert part in " ".join(found.value.lines())


def test_weights_that_are_missing_damaged_or_incomplete(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    part = {key: value for key, value in tensors.items() if not key.startswith("matching_head.")}
    save_file(part, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lack 2 tensors, such as matching_head"):
        LangCellFolder.open(folder).model()
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        LangCellFolder.open(folder).model()
    weights.unlink()
    with pytest.raises(ModelError, match="no weights"):
        LangCellFolder.open(folder).sha256()


def test_settings_and_calibration_are_read_and_checked(folder: Path) -> None:
    stored = {"zero_shot": {"most": 5, "weight": 0.5}, "calibration": {"threshold": 0.3}}
    (folder / "calibration.json").write_text(json.dumps(stored))
    found = LangCellFolder.open(folder)
    assert found.settings == ZeroShotSettings(most=5, weight=0.5)
    assert found.calibration == {"threshold": 0.3}
    for text in ("{", "[]", '{"zero_shot": {"unheard": 1}}'):
        (folder / "calibration.json").write_text(text)
        assert "calibration" in refused(folder)


def test_the_label_set_is_read_and_checked(folder: Path) -> None:
    table = "cl_id\tname\ttissues\tkind\nCL:0000236\tB cell\tblood,spleen\tclass\n"
    (folder / "classes.tsv").write_text(table)
    assert LangCellFolder.open(folder).classes == {"CL:0000236": ("blood", "spleen")}
    (folder / "classes.tsv").write_text("name\nB cell\n")
    assert "label set" in refused(folder)


def test_the_weights_are_those_that_were_trained(folder: Path) -> None:
    from transformers import AutoModelForPreTraining

    trained = AutoModelForPreTraining.from_pretrained(folder)
    ours = LangCellFolder.open(folder).model().state_dict()
    assert ours.keys() <= trained.state_dict().keys()
    assert all(torch.equal(trained.state_dict()[key], value) for key, value in ours.items())

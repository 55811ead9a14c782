"""A folder opens as model and tokenizer, or says what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from biosequence.errors import ModelError, UsageError
from biosequence.inference import LoadedModel, load_model
from biosequence.tokenizers import ProteinTokenizer


@pytest.fixture
def copy(sequence_models: Callable[[str], Path], tmp_path: Path) -> Path:
    """A folder with the DNA model that a test may damage."""
    return Path(shutil.copytree(sequence_models("dna"), tmp_path / "model"))


@pytest.mark.parametrize(
    ("name", "kind", "causal"),
    [
        ("dna", "dna", True),
        ("dna_masked", "dna", False),
        ("protein", "protein", True),
        ("smiles", "molecule", True),
        ("mamba", "dna", True),
    ],
)
def test_a_folder_opens_as_what_it_is(
    tiny: Callable[[str], LoadedModel], name: str, kind: str, causal: bool
) -> None:
    loaded = tiny(name)
    assert loaded.kind == kind
    assert not loaded.model.training
    assert next(loaded.model.parameters()).dtype == torch.float32
    assert len(loaded.tokenizer) == loaded.model.config.vocab_size
    if causal:
        assert loaded.require_causal() is loaded
    else:
        with pytest.raises(ModelError, match="next token"):
            loaded.require_causal()
    with pytest.raises(ModelError, match="not of"):
        loaded.require_kind("nothing")


def test_weights_are_those_that_were_saved(
    sequence_models: Callable[[str], Path], tiny: Callable[[str], LoadedModel]
) -> None:
    from safetensors.torch import load_file

    saved = load_file(sequence_models("dna") / "model.safetensors")
    state = tiny("dna").model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in saved.items())


def test_dtype_is_what_is_asked_for(copy: Path) -> None:
    loaded = load_model(copy, device="cpu", dtype="float64")
    assert next(loaded.model.parameters()).dtype == torch.float64
    with pytest.raises(UsageError, match="float8"):
        load_model(copy, dtype="float8")


def test_what_is_missing_is_named(copy: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_model(copy / "absent")
    with pytest.raises(ModelError, match="is a file"):
        load_model(copy / "config.json")
    for name, told in [
        ("bioseq_tokenizer.json", "bioseq_tokenizer.json is missing"),
        ("model.safetensors", "no model.safetensors"),
        ("config.json", "no config.json"),
    ]:
        kept = (copy / name).read_bytes()
        (copy / name).unlink()
        with pytest.raises(ModelError, match=told):
            load_model(copy)
        (copy / name).write_bytes(kept)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_truncated_weights_are_refused(copy: Path, keep: float) -> None:
    file = copy / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy)


def test_a_corrupted_header_is_refused(copy: Path) -> None:
    file = copy / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[8:40] = b"x" * 32
    file.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy)


@pytest.mark.parametrize("change", ["lack", "have too much", "cannot be read|another shape"])
def test_no_weight_is_made_up(copy: Path, change: str) -> None:
    from safetensors.torch import load_file, save_file

    file = copy / "model.safetensors"
    tensors = load_file(file)
    key = "lm_head.weight"
    if change == "lack":
        del tensors[key]
    elif change == "have too much":
        tensors["stray.weight"] = torch.zeros(2)
    else:
        tensors[key] = tensors[key][:5].clone()
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ModelError, match=change):
        load_model(copy)


def test_a_vocabulary_of_another_alphabet_is_refused(copy: Path) -> None:
    ProteinTokenizer().save(copy)
    with pytest.raises(ModelError, match="12 tokens and the tokenizer 38"):
        load_model(copy)


def test_a_foreign_configuration_is_refused(copy: Path) -> None:
    path = copy / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"model_type": "mamba"}))
    with pytest.raises(ModelError, match="another family") as caught:
        load_model(copy)
    assert "bioseq convert" in caught.value.fix
    path.write_text(json.dumps(config | {"architectures": ["BioXLSTMForEverything"]}))
    with pytest.raises(ModelError, match="does not exist"):
        load_model(copy)
    path.write_text(json.dumps(config | {"num_heads": 7}))
    with pytest.raises(ModelError, match="does not divide"):
        load_model(copy)
    path.write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy)


def test_nothing_is_printed(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(copy)
    assert capfd.readouterr() == ("", "")

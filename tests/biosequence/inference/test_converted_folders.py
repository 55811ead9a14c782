"""Converted folders: every file that commands need, the same logits, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.inference.converting import convert_checkpoint, detect_format
from biosequence.inference.loading import load_model

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder with a DNA-xLSTM whose strands share parameters, as its authors save it."""
    about = json.loads((GOLDEN / "dna_rcps_4head_legacy.a.json").read_text())
    tensors = load_file(GOLDEN / "dna_rcps_4head_legacy.a.safetensors")
    state = {
        key.partition("/")[2]: value
        for start in ("weights/", "weights_cuda/")
        for key, value in tensors.items()
        if key.startswith(start)
    }
    folder = tmp_path / "published"
    folder.mkdir()
    torch.save({"state_dict": state}, folder / "last.ckpt")
    (folder / "model_config.json").write_text(json.dumps(about["config"]))
    return folder


def named(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_published_folder_opens_with_its_tokenizer(published: Path, tmp_path: Path) -> None:
    done = convert_checkpoint(published, tmp_path / "ours", slstm_layout="cuda")
    assert (done.source_format, done.tokenizer) == ("dna-xlstm", "dna")
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= named(
        tmp_path / "ours"
    )
    loaded = load_model(tmp_path / "ours", device="cpu")
    tensors = load_file(GOLDEN / "dna_rcps_4head_legacy.a.safetensors")
    with torch.no_grad():
        logits = loaded.model(tensors["inputs/input_ids"]).logits
    torch.testing.assert_close(logits, tensors["outputs/logits"], atol=5e-5, rtol=0)
    saved = torch.load(published / "last.ckpt", weights_only=True)["state_dict"]
    assert {theirs for theirs, _ in done.renamed} | set(done.dropped) == set(saved)
    assert len(done.lines()) == len(saved)
    card = (tmp_path / "ours" / "README.md").read_text()
    assert "dna-xlstm" in card
    assert "sha256" in card


def test_an_untold_layout_is_refused_and_leaves_nothing(published: Path, tmp_path: Path) -> None:
    before = named(tmp_path)
    with pytest.raises(ModelError, match="layout"):
        convert_checkpoint(published, tmp_path / "ours")
    with pytest.raises(ModelError, match="dna-xlstm"):
        convert_checkpoint(
            published, tmp_path / "ours", source_format="prot-xlstm", slstm_layout="cuda"
        )
    assert named(tmp_path) == before


@pytest.mark.parametrize("keep", [0, 0.3, 0.99])
def test_a_truncated_checkpoint_leaves_nothing(
    published: Path, tmp_path: Path, keep: float
) -> None:
    whole = (published / "last.ckpt").read_bytes()
    (published / "last.ckpt").write_bytes(whole[: int(len(whole) * keep)])
    before = named(tmp_path)
    with pytest.raises(ModelError):
        convert_checkpoint(published, tmp_path / "ours", slstm_layout="cuda")
    assert named(tmp_path) == before


def test_corrupted_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"backbone.embeddings.weight": torch.zeros(4, 4)}, tmp_path / "m.safetensors")
    content = bytearray((tmp_path / "m.safetensors").read_bytes())
    content[3] ^= 0xFF
    (tmp_path / "m.safetensors").write_bytes(bytes(content))
    with pytest.raises(ModelError, match="safetensors"):
        convert_checkpoint(tmp_path / "m.safetensors", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("kind", ["Mamba", "Mamba2", "xLSTM"])
def test_transformers_folders_go_there_and_back(tmp_path: Path, kind: str) -> None:
    import transformers

    sizes = {
        "Mamba": {"hidden_size": 16, "state_size": 4},
        "Mamba2": {"hidden_size": 16, "num_heads": 4, "head_dim": 8, "state_size": 8}
        | {"n_groups": 1},
        "xLSTM": {"hidden_size": 128, "num_heads": 2},
    }[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(vocab_size=12, num_hidden_layers=2, **sizes)
    theirs = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    done = convert_checkpoint(tmp_path / "theirs", tmp_path / "ours")
    assert (done.source_format, done.tokenizer) == ("hf", None)
    from biosequence.tokenizers import DNATokenizer

    DNATokenizer().save(tmp_path / "ours")
    back = convert_checkpoint(tmp_path / "ours", tmp_path / "back", target="hf")
    assert back.model_class == f"{kind}ForCausalLM"
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back").eval()
    ids = torch.randint(0, 12, (2, 13))
    with torch.no_grad():
        ours = load_model(tmp_path / "ours", device="cpu").model(ids).logits
        torch.testing.assert_close(ours, theirs(ids).logits, atol=1e-4, rtol=0)
        torch.testing.assert_close(again(ids).logits, theirs(ids).logits, atol=1e-4, rtol=0)
    straight = convert_checkpoint(tmp_path / "theirs", tmp_path / "straight", target="hf")
    assert straight.model_class == back.model_class


def test_chem_folders_keep_their_learned_tokenizer(tmp_path: Path) -> None:
    from biosequence.models import BioXLSTMConfig, BioXLSTMForCausalLM, published_tensors

    config = BioXLSTMConfig(vocab_size=6, hidden_size=32, num_hidden_layers=1, num_heads=2)
    model = BioXLSTMForCausalLM(config)
    (tmp_path / "epoch-001").mkdir()
    torch.save(published_tensors(model)[0], tmp_path / "epoch-001" / "model.pt")
    labels = {"[PAD]": 0, "[BEG]": 1, "C": 2, "O": 3, "[END]": 4}
    (tmp_path / "epoch-001" / "init_arguments.json").write_text(
        json.dumps({"n_layers": 1, "n_heads": 1, "token2label": labels})
    )
    done = convert_checkpoint(tmp_path / "epoch-001", tmp_path / "ours")
    assert (done.source_format, done.tokenizer) == ("chem-xlstm", "smiles-legacy")
    loaded = load_model(tmp_path / "ours", device="cpu")
    assert loaded.tokenizer.tokens("CCO") == ["C", "C", "O"]


def test_an_output_in_use_and_a_missing_input_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "x").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        convert_checkpoint(tmp_path / "absent.pt", tmp_path / "ours")
    with pytest.raises(InputError, match="no such checkpoint"):
        convert_checkpoint(tmp_path / "absent.pt", tmp_path / "new")
    assert (tmp_path / "ours" / "x").read_text() == "mine"
    assert named(tmp_path) == {"ours"}


def test_unknown_formats_are_named() -> None:
    with pytest.raises(ModelError, match="no format"):
        detect_format({"transformer.h.0.weight": None})
    with pytest.raises(UsageError, match="pytorch"):
        convert_checkpoint("x", "y", source_format="pytorch")


def test_our_own_folder_needs_no_conversion(sequence_models, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        convert_checkpoint(sequence_models("mamba"), tmp_path / "ours")
    assert not (tmp_path / "ours").exists()

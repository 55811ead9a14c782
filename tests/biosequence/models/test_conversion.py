"""Checkpoints of others become ours and go back, and damaged ones leave nothing behind."""

from __future__ import annotations

import collections
import json

import pytest
import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.models import (
    convert_mamba,
    convert_xlstm,
    published_tensors,
    to_hf_mamba,
    to_hf_xlstm,
)
from biosequence.models.bioxlstm.convert_bioxlstm import convert_xlstm_tensors

SIZES = {"vocab_size": 20, "num_hidden_layers": 2}
ORACLES = {
    "Mamba": SIZES | {"hidden_size": 32, "state_size": 8},
    "Mamba2": SIZES
    | {
        "hidden_size": 32,
        "state_size": 8,
        "num_heads": 4,
        "head_dim": 16,
        "n_groups": 2,
        "chunk_size": 16,
    },
    "FalconMamba": SIZES | {"hidden_size": 32, "state_size": 8},
    "xLSTM": SIZES | {"hidden_size": 128, "num_heads": 2},
}


def ids(*shape):
    return torch.randint(0, 12, shape, generator=torch.Generator().manual_seed(0))


def far(a, b):
    return (a - b).abs().max().item()


@pytest.fixture
def oracle(shaken):
    def build(name):
        config = getattr(transformers, f"{name}Config")(**ORACLES[name])
        return shaken(getattr(transformers, f"{name}ForCausalLM")(config), scale=0.1)

    return build


@pytest.mark.parametrize("name", ORACLES)
@torch.no_grad()
def test_transformers_logits_survive_both_directions(oracle, name, tmp_path):
    theirs, x = oracle(name), ids(2, 70)
    theirs.save_pretrained(tmp_path / "theirs")
    convert = convert_xlstm if name == "xLSTM" else convert_mamba
    conversion = convert(tmp_path / "theirs")
    wanted = theirs(x).logits
    ours = AutoModelForCausalLM.from_pretrained(conversion.save(tmp_path / "ours"))
    assert far(ours(x).logits, wanted) < 1e-4
    back = (to_hf_xlstm if name == "xLSTM" else to_hf_mamba)(ours)
    assert type(back) is type(theirs)
    for key, value in theirs.state_dict().items():
        assert torch.equal(back.state_dict()[key], value), key
    assert far(back(x).logits, wanted) < 1e-6


@pytest.mark.parametrize("layout", ["cuda", "vanilla"])
@pytest.mark.parametrize(
    "name", ["v1 with sLSTM", "dna", "dna sinusoids", "prot 2d", "strands, sum"]
)
@torch.no_grad()
def test_published_layouts_survive_both_directions(tiny, name, layout):
    model = tiny(name, **({"dialect": "dna"} if name == "strands, sum" else {}))
    tensors, report = published_tensors(model, slstm_layout=layout)
    assert len(report.lines()) == len(model.state_dict())
    config = {
        "bidirectional": model.config.bidirectional != "none",
        "rcps": model.config.rcps,
        "complement_map": dict(enumerate(model.config.complement_map or [])),
        "m_position_embeddings": model.config.rope != "none",
        "s_position_embeddings": model.config.position_embeddings != "none",
        "position_embeddings": "rot_2d",
        "s_lstm_at": model.config.slstm_at,
    }
    dialect = model.config.dialect
    again = convert_xlstm_tensors(tensors, dialect, config, slstm_layout=layout)
    for key, value in model.state_dict().items():
        assert torch.equal(again.tensors[key], value), key
    x = ids(2, 13)
    if not model.config.rcps:
        assert far(again.model()(x).logits, model(x).logits) == 0


class AttributeDict(dict):
    """Stands for the hyper-parameters that training frameworks put beside the tensors."""


class Settings:
    """Stands for a configuration object with a state of its own."""

    def __init__(self):
        self.content = {"lr": [1e-3]}


def test_a_lightning_checkpoint_opens_without_running_what_it_names(golden, tmp_path):
    case = golden("dna_rcps_4head_legacy")
    path = tmp_path / "last.ckpt"
    torch.save(
        {
            "state_dict": case.weights("cuda"),
            "hyper_parameters": AttributeDict(
                lr=collections.defaultdict(list, a=[1]), s=Settings()
            ),
        },
        path,
    )
    (tmp_path / "model_config.json").write_text(json.dumps(case.config), encoding="utf-8")
    model = convert_xlstm(path, slstm_layout="cuda").model()
    with torch.no_grad():
        assert far(model(case["inputs/input_ids"]).logits, case["outputs/logits"]) < 5e-5


class Trap:
    """Would write a file if a reader called it."""

    def __reduce__(self):
        return (open, ("trap.txt", "w"))


def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"x": torch.zeros(1)}, "trap": Trap()}, "evil.bin")
    with pytest.raises(ModelError):
        convert_xlstm("evil.bin")
    assert not (tmp_path / "trap.txt").exists()


def written(case, tmp_path, layout="cuda", drop=(), add=None):
    weights = {k: v for k, v in case.weights(layout).items() if k not in drop} | (add or {})
    path = tmp_path / "model.safetensors"
    save_file(weights, path)
    (tmp_path / "model_config.json").write_text(json.dumps(case.config), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(case.config), encoding="utf-8")
    return path


def test_slstm_layouts_are_not_guessed(golden, tmp_path):
    path = written(golden("dna_rcps_4head_legacy"), tmp_path)
    with pytest.raises(ModelError, match="slstm_layout='cuda'"):
        convert_xlstm(path)
    with pytest.raises(ModelError, match="not in the layout 'vanilla'"):
        convert_xlstm(path, slstm_layout="vanilla")
    with pytest.raises(UsageError, match="triton"):
        convert_xlstm(path, slstm_layout="triton")


def test_another_dialect_is_named(golden, oracle, tmp_path):
    path = written(golden("prot_forward_pos2d"), tmp_path)
    with pytest.raises(ModelError, match="dialect 'prot', not 'dna'"):
        convert_xlstm(path, dialect="dna")
    with pytest.raises(ModelError, match="convert_xlstm"):
        convert_mamba(path)
    oracle("Mamba").save_pretrained(tmp_path / "mamba")
    with pytest.raises(ModelError, match="convert_mamba"):
        convert_xlstm(tmp_path / "mamba")
    with pytest.raises(ModelError, match="family 'hf', not 'caduceus'"):
        convert_mamba(tmp_path / "mamba", family="caduceus")


def test_missing_and_unknown_tensors_are_named(golden, tmp_path):
    case = golden("prot_forward_pos2d")
    gone = "backbone.xlstm_block_stack.blocks.1.xlstm.proj_down.weight"
    with pytest.raises(ModelError, match=gone):
        convert_xlstm(written(case, tmp_path, drop=[gone]))
    last = [k for k in case.weights() if ".blocks.1." in k]
    with pytest.raises(ModelError, match="14 tensors are missing"):
        convert_xlstm(written(case, tmp_path, drop=last))
    extra = {"backbone.xlstm_block_stack.blocks.0.xlstm.router.weight": torch.zeros(2)}
    with pytest.raises(ModelError, match=r"router\.weight"):
        convert_xlstm(written(case, tmp_path, add=extra))


def test_a_tensor_of_another_shape_is_named(golden, tmp_path):
    key = "backbone.xlstm_block_stack.blocks.0.xlstm.proj_down.weight"
    path = written(golden("prot_forward_pos2d"), tmp_path, add={key: torch.zeros(3, 64)})
    with pytest.raises(ModelError, match=r"layers\.0\.mixer\.down\.weight is \(3, 64\)"):
        convert_xlstm(path)


@pytest.mark.parametrize("damage", ["cut", "header", "text", "empty"])
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_damaged_files_are_refused_and_nothing_is_written(golden, tmp_path, damage, suffix):
    path = written(golden("prot_forward_pos2d"), tmp_path)
    if suffix == ".bin":
        path = tmp_path / "pytorch_model.bin"
        torch.save(golden("prot_forward_pos2d").weights(), path)
    data = path.read_bytes()
    changed = {
        "cut": data[: len(data) // 2],
        "header": b"\xff" * 64 + data[64:],
        "text": b"<html>not found</html>",
        "empty": b"",
    }
    path.write_bytes(changed[damage])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ModelError) as caught:
        convert_xlstm(path).save(tmp_path / "out")
    assert str(path) in caught.value.where
    assert caught.value.fix
    assert sorted(tmp_path.iterdir()) == before


def test_saving_never_leaves_half_a_model(golden, tmp_path, monkeypatch):
    case = golden("prot_forward_pos2d")
    conversion = convert_xlstm_tensors(case.weights(), "prot", case.config)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        conversion.save(tmp_path / "full")

    def fail(self, folder, **kwargs):
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(conversion.model_class, "save_pretrained", fail)
    with pytest.raises(OSError, match="disk full"):
        conversion.save(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_absent_files_and_configurations_are_named(golden, tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        convert_xlstm(tmp_path / "nowhere.bin")
    with pytest.raises(InputError, match="holds no checkpoint"):
        convert_mamba(tmp_path)
    path = written(golden("dna_rcps_4head_legacy"), tmp_path)
    (tmp_path / "model_config.json").unlink()
    (tmp_path / "config.json").unlink()
    with pytest.raises(ModelError, match=r"model_config\.json"):
        convert_xlstm(path, slstm_layout="cuda")


def test_the_report_names_every_key(golden):
    case = golden("prot_forward_pos2d")
    conversion = convert_xlstm_tensors(case.weights(), "prot", case.config)
    lines = conversion.report.lines()
    assert len(lines) == len(case.weights())
    assert (
        "backbone.xlstm_block_stack.blocks.0.xlstm.mlstm_cell.igate.weight -> "
        "backbone.layers.0.mixer.cell.igate.weight"
    ) in lines


def test_only_large_models_go_to_transformers(tiny):
    with pytest.raises(ModelError, match="Large dialect only"):
        to_hf_xlstm(tiny("v1"))
    with pytest.raises(ModelError, match="positions"):
        to_hf_mamba(tiny("protmamba"))


@pytest.mark.parametrize("name", ["mamba", "mamba2", "protmamba"])
@torch.no_grad()
def test_mamba_ssm_folders_open(tiny, name, tmp_path):
    model, x = tiny(name), ids(2, 13)
    renames = {
        "embed.tokens": "embedding",
        "backbone.norm": "backbone.norm_f",
        ".conv.": ".conv1d.",
    }
    renames |= {"embed.positions": "position_embedding"}
    renames |= {"embed.seq_positions": "seq_position_embedding"}
    state = {}
    for key, value in model.state_dict().items():
        for ours, theirs in renames.items():
            key = key.replace(ours, theirs)
        state[key.replace(".mixer.", ".mixer.ckpt_layer.") if name == "mamba" else key] = value
    torch.save(state, tmp_path / "pytorch_model.bin")
    ssm = {"layer": "Mamba2", "ngroups": 2, "d_state": 8, "headdim": 8} if name == "mamba2" else {}
    config = {"d_model": 16, "n_layer": 2, "vocab_size": 12, "ssm_cfg": ssm}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    ours = convert_mamba(tmp_path, family="mamba_ssm").model()
    assert far(ours(x).logits, model(x).logits) == 0


@torch.no_grad()
def test_nx_ai_large_folders_open(oracle, tmp_path):
    theirs, x = oracle("xLSTM"), ids(2, 9)
    state = {
        key.replace("backbone.embeddings.", "embedding."): value
        for key, value in theirs.state_dict().items()
    }
    save_file(state, tmp_path / "model.safetensors")
    model = convert_xlstm(tmp_path, dialect="large").model()
    assert far(model(x).logits, theirs(x).logits) < 1e-4


@torch.no_grad()
def test_chem_folders_open_although_they_count_one_head(tiny, tmp_path):
    model, x = tiny("v1"), ids(2, 9)
    torch.save(published_tensors(model)[0], tmp_path / "model.pt")
    said = {"n_layers": 2, "n_heads": 1, "vocab_size": 99}
    (tmp_path / "init_arguments.json").write_text(json.dumps(said), encoding="utf-8")
    conversion = convert_xlstm(tmp_path)
    assert conversion.config.num_heads == 2
    assert far(conversion.model()(x).logits, model(x).logits) == 0
    (tmp_path / "init_arguments.json").write_text('{"n_layers": 3}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"blocks\.2\."):
        convert_xlstm(tmp_path)


@torch.no_grad()
def test_sharded_folders_open_whole_or_not_at_all(oracle, tmp_path):
    theirs, x = oracle("Mamba2"), ids(2, 9)
    theirs.save_pretrained(tmp_path, max_shard_size="20kB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert far(convert_mamba(tmp_path).model()(x).logits, theirs(x).logits) < 1e-4
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(ModelError, match="part of the checkpoint is missing"):
        convert_mamba(tmp_path)


@torch.no_grad()
def test_the_dtype_of_a_checkpoint_is_kept(oracle, tmp_path):
    theirs = oracle("xLSTM").to(torch.bfloat16)
    theirs.save_pretrained(tmp_path / "theirs")
    folder = convert_xlstm(tmp_path / "theirs").save(tmp_path / "ours")
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16

"""A run leaves a folder that others can read, and refuses what cannot work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from biosequence.errors import BioseqError, InputError, ModelError, UsageError
from biosequence.inference import load_model
from biosequence.tokenizers import DNATokenizer, SmilesTokenizer
from biosequence.training import load_recipe, read_metrics

from .runs import curve, weights

Train = Callable[..., Any]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_leaves_its_folder(trained: Train) -> None:
    summary = trained()
    folder = Path("run")
    held = {path.name for path in folder.iterdir()}
    assert held == {
        *("recipe.toml", "environment.json", "data.json", "metrics.jsonl", "loss.png"),
        *("tensorboard", "checkpoints", "model"),
    }
    assert load_recipe(folder / "recipe.toml").run.evaluate_every == 4
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["transformers"]
    data = json.loads((folder / "data.json").read_text())
    assert len(data["train"]["sha256"]) == 64
    entries = list(read_metrics(folder))
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert len(losses) == 8 and losses[-1] < losses[0]
    assert [entry["step"] for entry in entries if "validation_loss" in entry] == [4, 8]
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "tensorboard").iterdir())
    assert names(folder / "checkpoints") == ["checkpoint-6", "checkpoint-8"]
    assert (summary.steps, summary.loss) == (8, losses[-1])
    card = (folder / "model" / "README.md").read_text()
    for word in (data["train"]["sha256"], "CC0-1.0", "made up", "hidden_size = 16"):
        assert word in card


def test_the_model_is_one_that_the_library_loads(trained: Train) -> None:
    model = load_model(trained().model, device="cpu")
    assert type(model.model).__name__ == "BioXLSTMForCausalLM"
    assert model.model.config.use_cache
    assert model.kind == "dna"


def test_a_run_prints_nothing(trained: Train, capfd: pytest.CaptureFixture[str]) -> None:
    trained()
    assert capfd.readouterr() == ("", "")


def test_accumulated_batches_give_the_curve_of_whole_ones(trained: Train) -> None:
    trained("model.config.dropout=0.0")
    trained("model.config.dropout=0.0", "output=b", "run.batch_size=1", "run.accumulation=4")
    for one, other in zip(curve(Path("run")), curve(Path("b")), strict=True):
        assert one[0] == other[0]
        for a, b in zip(one[1:], other[1:], strict=True):
            assert a == b or a == pytest.approx(b, abs=1e-4)


def test_loader_processes_change_nothing(trained: Train) -> None:
    trained()
    trained("output=b", "run.workers=2")
    assert curve(Path("run")) == curve(Path("b"))
    assert weights(Path("run")) == weights(Path("b"))


def test_the_seed_decides(trained: Train) -> None:
    trained()
    trained("output=b", "seed=2")
    assert curve(Path("run"))[0] != curve(Path("b"))[0]


def test_lengths_grow_in_stages_at_equal_tokens(trained: Train) -> None:
    trained("curriculum.stages=[{from_step=0, length=16}, {from_step=4, length=32}]")
    entries = [entry for entry in read_metrics(Path("run")) if "loss" in entry]
    assert [entry["length"] for entry in entries] == [16] * 4 + [32] * 4
    read = [b["tokens"] - a["tokens"] for a, b in zip(entries, entries[1:], strict=False)]
    assert max(read) <= 128 and min(read) > 64


@pytest.mark.parametrize("kind", ["cosine", "warmup-stable-decay", "constant"])
def test_the_learning_rate_follows_its_schedule(trained: Train, kind: str) -> None:
    trained(f"schedule.name={kind}", "schedule.warmup_steps=2", "schedule.final_fraction=0")
    rates = [entry["lr"] for entry in read_metrics(Path("run")) if "loss" in entry]
    assert rates[:2] == pytest.approx([5e-4, 1e-3])
    if kind == "constant":
        assert rates[-1] == 1e-3
    elif kind == "cosine":
        assert rates[2:] == sorted(rates[2:], reverse=True) and rates[-1] < 1e-4
    else:
        assert rates[6] == 1e-3


def test_decay_leaves_norms_and_gates_alone(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biosequence.models import no_decay_names
    from biosequence.training.trainer import RecipeTrainer

    seen = []
    usual = RecipeTrainer.create_optimizer

    def spy(self: Any, model: Any = None) -> Any:
        made = usual(self, model)
        names = {id(p): name for name, p in self.model.named_parameters()}
        for group in made.param_groups:
            seen.append((group["weight_decay"], {names[id(p)] for p in group["params"]}))
        seen.append(no_decay_names(self.model))
        return made

    monkeypatch.setattr(RecipeTrainer, "create_optimizer", spy)
    trained("run.steps=1", "data.validation='shards/validation'")
    (decay, with_decay), (none, without), ours = seen[:3]
    assert (decay, none) == (0.1, 0.0)
    assert ours & with_decay == set() and ours <= without
    assert any(name.endswith("lm_head.weight") for name in with_decay)


def test_half_precision_keeps_parameters_whole(trained: Train) -> None:
    trained("run.precision=bf16", "run.gradient_checkpointing=true", "run.steps=4")
    trained("output=b", "run.steps=4")
    from safetensors.torch import load_file

    found = load_file("run/model/model.safetensors")
    assert {x.dtype for x in found.values()} == {torch.float32}
    losses = [[line[1] for line in curve(Path(name)) if line[1]] for name in ("run", "b")]
    assert losses[0] == pytest.approx(losses[1], abs=0.05) and losses[0] != losses[1]


def test_a_model_that_cannot_recompute_says_so(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biosequence.models import BioXLSTMForCausalLM

    monkeypatch.setattr(BioXLSTMForCausalLM, "supports_gradient_checkpointing", False)
    with pytest.raises(ModelError, match="cannot recompute its activations"):
        trained("run.gradient_checkpointing=true")


def test_patience_stops_and_keeps_the_best(trained: Train) -> None:
    changes = ("run.patience=2", "run.evaluate_every=1", "run.steps=40", "run.keep=1")
    summary = trained(*changes, "optimizer.learning_rate=0.5", "schedule.name=constant")
    entries = [e for e in read_metrics(Path("run")) if "validation_loss" in e]
    losses = [entry["validation_loss"] for entry in entries]
    best = entries[losses.index(min(losses))]["step"]
    assert summary.steps == best + 2 < 40
    kept = Path(f"run/checkpoints/checkpoint-{best}/model.safetensors").read_bytes()
    assert weights(Path("run")) == kept
    again = trained(*changes, "optimizer.learning_rate=0.5", "schedule.name=constant", resume=True)
    assert again.steps == summary.steps


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        (["model.type=bioxlstmm"], UsageError, "no model type"),
        (["model.config.hidden_sise=3"], UsageError, "'hidden_sise' in table [model.config]"),
        (["model.config.vocab_size=3"], ModelError, "3 tokens and the tokenizer 12"),
        (["model.config.block=odd"], ModelError, "block"),
        (["tokenizer.name=protein"], InputError, "tokenizer"),
        (["objective.name=causal"], UsageError, "no objective"),
        (["data.train=absent"], InputError, "no folder of token shards"),
        (["run.device=cuda:7"], UsageError, "no device"),
        (["lora.targets=['q_prj']"], UsageError, "no layer 'q_prj'"),
    ],
)
def test_what_cannot_work_is_said_before_the_first_step(
    trained: Train, changes: list[str], kind: type[BioseqError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        trained(*changes)
    assert said in caught.value.what and caught.value.fix
    assert not Path("run").joinpath("checkpoints", "checkpoint-1").exists()


def test_a_preset_takes_the_vocabulary_of_the_data(trained: Train, tiny: Path) -> None:
    from biosequence.training.data import ShardWriter

    smiles = SmilesTokenizer()
    with ShardWriter("molecules", smiles) as writer:
        for _ in range(8):
            writer.add(smiles.encode("CCO"))
    text = (
        Path("recipe.toml").read_text().replace('type = "bioxlstm"', "preset = 'chem-xlstm-1.6m'")
    )
    Path("recipe.toml").write_text(text)
    trained("data.train=molecules", "data.validation=molecules", "run.steps=1")
    config = json.loads(Path("run/model/config.json").read_text())
    assert config["vocab_size"] == len(smiles)


def test_a_model_of_transformers_trains_too(trained: Train) -> None:
    sizes = ("n_embd=16", "n_layer=1", "n_head=2", "n_positions=64")
    text = Path("recipe.toml").read_text()
    text = text.replace("hidden_size = 16", "").replace("num_hidden_layers = 1", "")
    text = text.replace("num_heads = 2", "").replace("dropout = 0.1", "")
    Path("recipe.toml").write_text(text.replace('"bioxlstm"', '"gpt2"'))
    summary = trained(*(f"model.config.{size}" for size in sizes), "run.steps=2")
    assert json.loads((summary.model / "config.json").read_text())["model_type"] == "gpt2"


def test_a_pretrained_model_goes_on(trained: Train) -> None:
    first = trained()
    text = Path("recipe.toml").read_text()
    start = text.index("[model]"), text.index("[data]")
    text = text[: start[0]] + f'[model]\npretrained = "{first.model}"\n\n' + text[start[1] :]
    Path("recipe.toml").write_text(text)
    trained("output=b")
    before, after = (curve(Path(name)) for name in ("run", "b"))
    assert after[0][1] < before[0][1] - 0.3


def test_a_folder_in_use_is_refused(trained: Train) -> None:
    Path("run").mkdir()
    Path("run/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        trained()
    assert names(Path("run")) == ["notes.txt"]


def test_importing_training_is_light() -> None:
    import subprocess

    heavy = "{'torch', 'transformers', 'deepspeed', 'accelerate', 'numpy'}"
    code = f"import sys, biosequence.training; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert DNATokenizer().name == "dna"

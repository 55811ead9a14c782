"""`bioseq train` and `bioseq finetune`: a folder with a model, or three lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bioseq_cli.main import main

RECIPE = """
output = "run"
[model]
type = "biomamba"
config = {hidden_size = 16, num_hidden_layers = 1, state_size = 4}
[data]
train = "shards"
[objective]
name = "causal-lm"
[run]
steps = 3
length = 16
batch_size = 2
device = "cpu"
"""


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command beside a recipe, shards and a table: exit code, output, errors."""
    from biosequence.tokenizers import DNATokenizer
    from biosequence.training.data import ShardWriter

    monkeypatch.chdir(tmp_path)
    dna, chance = DNATokenizer(), np.random.default_rng(0)
    rows = ["sequence,label"]
    with ShardWriter("shards", dna) as writer:
        for number in range(24):
            text = "".join(chance.choice(list("ACGT"), 20))
            writer.add(dna.encode(text))
            rows.append(f"{text[:10]},{'yes' if number % 2 else 'no'}")
    Path("labels.csv").write_text("\n".join(rows) + "\n")
    Path("recipe.toml").write_text(RECIPE)

    def run(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return (ended.value.code, *capfd.readouterr())

    return run


def test_train_tells_the_summary_and_nothing_else(call) -> None:
    code, out, err = call("train", "recipe.toml", "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert (summary["steps"], summary["model"]) == (3, "run/model")
    assert Path("run/model/model.safetensors").is_file()
    code, out, err = call("train", "recipe.toml", "--set", "output=b", "--set", "run.steps=1")
    assert code == 0 and out.startswith("1 steps, loss ") and err == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "absent.toml"], 3, "cannot be read"),
        (["train", "recipe.toml", "--set", "run.stpes=3"], 2, "Did you mean steps?"),
        (["train", "recipe.toml", "--deepspeed", "zero9"], 2, "no DeepSpeed preset 'zero9'"),
        (["train", "recipe.toml", "--deepspeed", "absent.json"], 3, "absent.json"),
        (["train", "recipe.toml", "--device", "tpu"], 2, "no device 'tpu'"),
        (["finetune", "absent", "labels.csv", "--task", "classification", "-o", "x"], 4, "absent"),
    ],
)
def test_mistakes_are_three_lines_and_no_folder(
    call, words: list[str], code: int, said: str
) -> None:
    found, out, err = call(*words)
    assert (found, out) == (code, "")
    assert said in err and "defect" not in err
    assert 2 <= len(err.splitlines()) <= 3
    assert not Path("run").exists() and not Path("x").exists()


@pytest.mark.parametrize("more", [[], ["--lora", 2]])
def test_finetune_learns_labels_and_writes_its_recipe(call, more: list[object]) -> None:
    assert call("train", "recipe.toml", "--quiet")[0] == 0
    code, out, err = call(
        *("finetune", "run/model", "labels.csv", "--task", "classification", "-o", "tuned"),
        *("--steps", 3, "--batch-size", 4, "--length", 16, "--device", "cpu", "--json", *more),
    )
    assert (code, err) == (0, ""), err
    assert json.loads(out)["validation_loss"] > 0
    config = json.loads(Path("tuned/model/config.json").read_text())
    assert config["architectures"] == ["BioMambaForSequenceClassification"]
    assert set(config["id2label"].values()) == {"no", "yes"}
    assert 'pretrained = "run/model"' in Path("tuned/recipe.toml").read_text()
    # What it wrote can be run as it is.
    code, _, err = call("train", "tuned/recipe.toml", "--set", "output=again", "--quiet")
    assert (code, err) == (0, "")
    again, first = (Path(name, "model/model.safetensors") for name in ("again", "tuned"))
    assert again.read_bytes() == first.read_bytes()

"""A recipe says what is wrong with it before anything is loaded, and writes itself back."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from biosequence.errors import InputError, UsageError
from biosequence.training import load_recipe, recipe_from_values, recipe_text
from biosequence.training.recipe import recipe_changes
from biosequence.training.toml_text import to_toml

from .conftest import TINY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(TINY, encoding="utf-8")
    return tmp_path / "recipe.toml"


@pytest.mark.parametrize(
    ("override", "said", "fix"),
    [
        ("run.stesp=3", "'stesp' in table [run]", "steps"),
        ("rnu.steps=3", "'rnu' in the top", "run"),
        ("run.steps=true", "a whole number", ""),
        ("run.steps=1.5", "a whole number", ""),
        ('run.steps="many"', "a whole number", ""),
        ("run.steps=0", "at least 1", ""),
        ("run.gradient_checkpointing=1", "true or false", ""),
        ("optimizer.betas=[0.9]", "2 entries", ""),
        ("optimizer.betas=0.9", "a list", ""),
        ("optimizer.learning_rate=0", "more than 0", ""),
        ("schedule.name=cosin", "cannot be 'cosin'", "cosine"),
        ("run.precision=fp8", "cannot be 'fp8'", ""),
        ("model.preset=chem-xlstm-1.6m", "exactly one", ""),
        ("model.type=''", "exactly one", ""),
        ("deepspeed.preset=zero4", "preset 'zero4'", "zero"),
        ("schedule.warmup_steps=8", "less than run.steps", ""),
        ("curriculum.stages=[{from_step=1, length=8}]", "begin at step 0", ""),
        ("curriculum.stages=[{from_step=0, lenght=8}]", "'lenght'", "length"),
        ("curriculum.stages=[{from_step=0, length=9}]", "cut into", ""),
        ("spikes.factor=1", "more than 1", ""),
        ("run", "sets nothing", "--set"),
        ("seed.x=1", "no table", ""),
    ],
)
def test_a_wrong_key_is_named(path: Path, override: str, said: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe(path, [override])
    assert said in caught.value.what
    assert fix in caught.value.fix


def test_a_missing_key_is_named(path: Path) -> None:
    path.write_text(TINY.replace('train = "shards/train"', ""), encoding="utf-8")
    with pytest.raises(UsageError, match="data.train is missing"):
        load_recipe(path)


@pytest.mark.parametrize("text", ["[run\n", "a = \xff"])
def test_what_is_no_toml_is_refused(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="not TOML"):
        load_recipe(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_recipe(path.with_name("absent.toml"))


def test_an_override_is_toml_or_text(path: Path) -> None:
    changes = ["output=some/where", "optimizer.betas=[0.8, 0.9]", "run.steps = 5", "lora.rank=4"]
    recipe = load_recipe(path, [*changes, "objective.packing=true"])
    assert (recipe.output, recipe.optimizer.betas, recipe.run.steps) == (
        "some/where",
        (0.8, 0.9),
        5,
    )
    assert recipe.lora is not None and recipe.lora.rank == 4
    assert recipe.objective.options == {"packing": True}


def test_what_is_written_reads_back_the_same(path: Path) -> None:
    stages = "curriculum.stages=[{from_step=0, length=8}, {from_step=3, length=16}]"
    recipe = load_recipe(path, [stages, "spikes.most=2", "objective.packing=false"])
    assert recipe_from_values(tomllib.loads(recipe_text(recipe))) == recipe


def test_toml_keeps_odd_text() -> None:
    values = {"a b": 'x "y"\n\\ \x7f \u00e9', "t": {"u": {"v": [1, 2.5e-8, True]}, "empty": {}}}
    assert tomllib.loads(to_toml(values)) == values


def test_changes_that_move_no_weight_are_none(path: Path) -> None:
    before = load_recipe(path)
    run = dataclasses.replace(before.run, workers=3, save_every=2, device="auto", batch_size=2)
    assert recipe_changes(before, dataclasses.replace(before, run=run, output="x")) == []
    run = dataclasses.replace(before.run, steps=9)
    assert recipe_changes(before, dataclasses.replace(before, run=run)) == ["run.steps: 8 -> 9"]


def test_reading_a_recipe_loads_nothing_heavy(path: Path) -> None:
    code = (
        "import sys\nfrom biosequence import training\n"
        f"training.load_recipe({str(path)!r})\n"
        "heavy = {'torch', 'transformers', 'deepspeed', 'accelerate', 'matplotlib', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

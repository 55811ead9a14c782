"""Two ranks learn what one does, and one goes on where two stopped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from .conftest import TINY
from .runs import curve

pytestmark = pytest.mark.slow
STILL = ["model.config.dropout=0.0", "run.save_every=4"]
# Two sequences on each of two ranks, where one rank has four.
HALVES = [*STILL, "run.batch_size=2"]
SEVERAL = """
import os, sys
from biosequence.errors import ModelError
from biosequence.training import train
from biosequence.training.objectives import CausalLM, Losses
for name in sys.argv[2:]:
    chosen = None if name == "ddp" else name.removeprefix("broken-")
    changes = [f"output={sys.argv[1]}{name}", *%r]
    if name.startswith("broken-"):
        usual, calls = CausalLM.loss, []
        def loss(self, model, batch):
            found = usual(self, model, batch)
            calls.append(1)
            bad = os.environ["RANK"] == "1" and len(calls) == 3
            return Losses(found.total * (float("nan") if bad else 1.0), {}, found.weight)
        CausalLM.loss = loss
    try:
        train("recipe.toml", overrides=changes, deepspeed=chosen, resume=sys.argv[1] == "resumed-")
    except ModelError as error:
        with open(f"{name}-{os.environ['RANK']}.txt", "w") as file:
            file.write(str(error))
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(place: Path, *command: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def launch(place: Path, *command: str) -> str:
    launcher = ["torch.distributed.run", "--nproc_per_node", "2", "--master_port"]
    return run(place, "-m", *launcher, str(free_port()), *command)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_shards: Path) -> Path:
    """The runs of one rank, of two with each stage, and of one that goes on from two."""
    place = tmp_path_factory.mktemp("ranks")
    (place / "shards").symlink_to(tiny_shards)
    (place / "recipe.toml").write_text(TINY, encoding="utf-8")
    (place / "several.py").write_text(SEVERAL % HALVES, encoding="utf-8")
    changes = [word for change in HALVES for word in ("--set", change)]
    told = launch(
        place,
        *("-m", "bioseq_cli", "train", "recipe.toml", "--deepspeed", "zero2", "--json"),
        *("--set", "output=two-zero2", *changes),
    )
    assert json.loads(told)["steps"] == 8
    launch(place, "several.py", "two-", "zero1", "zero3", "ddp", "broken-zero1")
    for name in ("zero1", "zero2", "zero3"):
        half = place / f"resumed-{name}"
        shutil.copytree(place / f"two-{name}", half)
        shutil.rmtree(half / "model")
        shutil.rmtree(half / "checkpoints" / "checkpoint-8")
        recipe = (half / "recipe.toml").read_text().replace(f"two-{name}", half.name)
        (half / "recipe.toml").write_text(recipe)
    run(place, "several.py", "resumed-", "zero1", "zero2", "zero3")
    return place


@pytest.fixture(scope="module")
def alone(place: Path) -> Path:
    from biosequence.training import train

    train(place / "recipe.toml", overrides=[*STILL, *_absolute(place, "alone")])
    return place / "alone"


def _absolute(place: Path, name: str) -> list[str]:
    shards = place / "shards"
    return [
        f'output="{place / name}"',
        f'data.train="{shards / "train"}"',
        f'data.validation="{shards / "validation"}"',
    ]


@pytest.mark.parametrize("name", ["zero1", "zero2", "zero3", "ddp"])
def test_two_ranks_give_the_curve_of_one(place: Path, alone: Path, name: str) -> None:
    assert close(curve(place / f"two-{name}"), curve(alone))


@pytest.mark.parametrize("name", ["zero1", "zero2", "zero3"])
def test_one_rank_goes_on_where_two_stopped(place: Path, alone: Path, name: str) -> None:
    assert close(curve(place / f"resumed-{name}"), curve(alone))
    state = json.loads(
        (place / f"resumed-{name}" / "checkpoints" / "checkpoint-8" / "run_state.json").read_text()
    )
    assert (state["world"], state["global_batch"]) == (1, 4)
    assert not (place / f"resumed-{name}" / "checkpoints" / "universal").exists()


@pytest.mark.parametrize("name", ["two-zero1", "two-zero2", "two-zero3", "resumed-zero3"])
def test_the_model_is_whole_wherever_its_parts_were(place: Path, alone: Path, name: str) -> None:
    ours = load_file(place / name / "model" / "model.safetensors")
    theirs = load_file(alone / "model" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert value.shape == theirs[key].shape
        assert (value - theirs[key]).abs().max() < 1e-4


def test_every_rank_says_which_one_has_the_bad_loss(place: Path) -> None:
    told = {(place / f"broken-zero1-{rank}.txt").read_text() for rank in (0, 1)}
    (text,) = told
    assert text.startswith("The loss is nan at step 3.\nrank 1, batch 1 of the step: documents ")


def close(one: list[tuple], other: list[tuple]) -> bool:
    assert [line[0] for line in one] == [line[0] for line in other]
    pairs = [(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)]
    assert len(pairs) > 50
    return all(a == b or abs(a - b) <= 1e-4 for a, b in pairs)

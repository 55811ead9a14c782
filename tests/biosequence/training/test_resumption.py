"""A run that was killed and resumed is the run that was not, bit for bit."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biosequence.errors import InputError, UsageError
from biosequence.training.trainer import RecipeTrainer

from .runs import curve, weights

Train = Callable[..., Any]
# The window of the log is longer than the way to a checkpoint: its sums must survive, too.
WINDOW = ("run.log_every=4", "run.accumulation=2")
DIE_AFTER_STEP = """
from biosequence.training.trainer import RecipeTrainer
usual = RecipeTrainer.compute_loss
def dying(self, *given, **named):
    if self.state.global_step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(self, *given, **named)
RecipeTrainer.compute_loss = dying
"""
DIE_WHILE_SAVING = """
from biosequence.training.trainer import RecipeTrainer
usual = RecipeTrainer._save_optimizer_and_scheduler
def dying(self, folder):
    usual(self, folder)
    if self.state.global_step == 6:
        os.kill(os.getpid(), signal.SIGKILL)
RecipeTrainer._save_optimizer_and_scheduler = dying
"""


class StoppedError(Exception):
    pass


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = RecipeTrainer.compute_loss

    def stopping(self: Any, *given: Any, **named: Any) -> Any:
        if self.state.global_step == step:
            raise StoppedError
        return usual(self, *given, **named)

    monkeypatch.setattr(RecipeTrainer, "compute_loss", stopping)


@pytest.mark.parametrize("patch", [DIE_AFTER_STEP, DIE_WHILE_SAVING], ids=["step", "save"])
def test_a_killed_run_goes_on_exactly(trained: Train, patch: str) -> None:
    code = (
        f"import os, signal\n{patch}\nfrom biosequence.training import train\n"
        f"train('recipe.toml', overrides=['output=killed', *{WINDOW!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    trained(*WINDOW)
    trained(*WINDOW, "output=killed", resume=True)
    assert curve(Path("killed")) == curve(Path("run"))
    assert weights(Path("killed")) == weights(Path("run"))
    assert not list(Path("killed/checkpoints").glob(".*"))


def test_any_step_will_do(trained: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    trained()
    for step in (1, 3, 7):
        with monkeypatch.context() as patch:
            stop_at(step, patch)
            with pytest.raises(StoppedError):
                trained(f"output=to{step}")
        trained(f"output=to{step}", resume=True)
        assert weights(Path(f"to{step}")) == weights(Path("run"))
        assert curve(Path(f"to{step}")) == curve(Path("run"))


def test_a_truncated_checkpoint_is_not_taken(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    with monkeypatch.context() as patch:
        stop_at(7, patch)
        with pytest.raises(StoppedError):
            trained("output=b")
    path = Path("b/checkpoints/checkpoint-6/optimizer.pt")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="optimizer.pt has"):
        trained("output=b", resume=True)
    assert weights(Path("b")) == weights(Path("run"))


def test_a_full_disk_leaves_the_last_checkpoint(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained()
    with monkeypatch.context() as patch:
        usual = RecipeTrainer._save_optimizer_and_scheduler

        def full(self: Any, folder: str) -> None:
            usual(self, folder)
            if self.state.global_step == 6:
                raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(RecipeTrainer, "_save_optimizer_and_scheduler", full)
        with pytest.raises(InputError, match="The disk is full"):
            trained("output=b")
    assert [path.name for path in Path("b/checkpoints").iterdir()] == ["checkpoint-3"]
    trained("output=b", resume=True)
    assert weights(Path("b")) == weights(Path("run"))


def test_a_finished_run_is_left_as_it_is(trained: Train) -> None:
    first = trained()
    before = weights(Path("run"))
    with pytest.raises(InputError, match="holds a run already"):
        trained()
    again = trained(resume=True)
    assert (again.steps, again.loss, again.tokens) == (first.steps, first.loss, first.tokens)
    shutil.rmtree("run/model")
    trained(resume=True)
    assert weights(Path("run")) == before


def test_a_changed_recipe_is_said(trained: Train) -> None:
    trained("run.steps=4")
    with pytest.raises(UsageError, match="run.steps: 4 -> 8; seed: 1 -> 2"):
        trained("seed=2", resume=True)


def test_what_moves_no_weight_may_change(trained: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    trained()
    with monkeypatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(StoppedError):
            trained("output=b")
    trained("output=b", "run.save_every=2", "run.keep=9", "run.workers=1", resume=True)
    assert weights(Path("b")) == weights(Path("run"))
    kept = sorted(path.name for path in Path("b/checkpoints").iterdir())
    assert kept == [f"checkpoint-{step}" for step in (3, 4, 6, 8)]


def test_fewer_sequences_at_once_accumulate_to_the_same_batch(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = "model.config.dropout=0.0"
    trained(still)
    with monkeypatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(StoppedError):
            trained("output=b", still)
    with pytest.raises(UsageError, match="4 sequences a step"):
        trained("output=b", still, "run.batch_size=3", resume=True)
    trained("output=b", still, "run.batch_size=2", resume=True)
    for one, other in zip(curve(Path("run")), curve(Path("b")), strict=True):
        assert one[1] == other[1] or one[1] == pytest.approx(other[1], abs=1e-4)


def test_other_data_are_refused(
    trained: Train, tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(StoppedError):
            trained()
    Path("shards").unlink()
    shutil.copytree(tiny_shards, "shards")
    path = Path("shards/train/manifest.json")
    path.write_text(path.read_text().replace("made up", "other"))
    with pytest.raises(InputError, match="not those that the run began with: train"):
        trained(resume=True)

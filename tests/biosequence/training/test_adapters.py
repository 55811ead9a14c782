"""Adapters train beside frozen weights, and the model at the end has them merged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from biosequence.errors import MissingExtraError
from biosequence.inference import load_model
from biosequence.training import finetune_recipe, train

from .runs import weights


@pytest.fixture
def base(trained: Callable[..., Any]) -> Path:
    return trained("output=base").model


def tuned(base: Path, output: str, **given: Any) -> Any:
    options = {"task": "causal-lm", "steps": 6, "batch_size": 4, "length": 32, "lora": 2}
    changes = ('run.device="cpu"', "run.log_every=1", "lora.dropout=0.1")
    recipe = finetune_recipe(
        base,
        "shards/train",
        validation="shards/validation",
        output=output,
        learning_rate=1e-2,
        overrides=changes,
        **options,
    )
    return train(recipe, **given)


def test_only_adapters_move_and_the_model_holds_them(base: Path) -> None:
    summary = tuned(base, "tuned")
    before, after = (load_file(folder / "model.safetensors") for folder in (base, summary.model))
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and not any("embed" in name or "norm" in name for name in moved)
    adapter = load_file("tuned/adapter/adapter_model.safetensors")
    assert sum(x.numel() for x in adapter.values()) == summary.parameters
    assert load_model(summary.model, device="cpu").kind == "dna"


def test_a_stopped_run_of_adapters_goes_on_exactly(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from biosequence.training.trainer import RecipeTrainer

    tuned(base, "whole")
    with monkeypatch.context() as patch:
        usual = RecipeTrainer.compute_loss

        def stop(self: Any, *given: Any, **named: Any) -> Any:
            if self.state.global_step == 4:
                raise KeyboardInterrupt
            return usual(self, *given, **named)

        patch.setattr(RecipeTrainer, "compute_loss", stop)
        with pytest.raises(KeyboardInterrupt):
            tuned(base, "halves")
    tuned(base, "halves", resume=True)
    assert weights(Path("halves")) == weights(Path("whole"))


def test_without_peft_the_extra_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"bioseq-toolkit\[train\]"):
        tuned(base, "tuned")

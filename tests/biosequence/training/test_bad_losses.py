"""Losses that are no numbers stop a run; spikes send it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from biosequence.errors import ModelError
from biosequence.training import read_metrics
from biosequence.training.checkpoints import checkpoint_steps
from biosequence.training.objectives import CausalLM, Losses
from biosequence.training.recipe_tables import SpikesTable
from biosequence.training.run_state import RunState
from biosequence.training.spikes import LossSpikeError, watch

from .runs import curve, weights

Train = Callable[..., Any]


def poison(monkeypatch: pytest.MonkeyPatch, call: int, factor: float) -> None:
    """Multiply the training loss of one call."""
    usual, calls = CausalLM.loss, []

    def loss(self: Any, model: Any, batch: Any) -> Losses:
        found = usual(self, model, batch)
        if not torch.is_grad_enabled():
            return found
        calls.append(1)
        total = found.total * (factor if len(calls) == call else 1.0)
        return Losses(total, found.parts, found.weight)

    monkeypatch.setattr(CausalLM, "loss", loss)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(
    trained: Train, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    trained("run.accumulation=2")
    with monkeypatch.context() as patch:
        poison(patch, 10, value)
        with pytest.raises(ModelError) as caught:
            trained("output=b", "run.accumulation=2")
    assert caught.value.what == f"The loss is {value} at step 5."
    assert caught.value.where.startswith("rank 0, batch 2 of the step: documents ")
    assert checkpoint_steps(Path("b/checkpoints")) == [3]
    trained("output=b", "run.accumulation=2", resume=True)
    assert weights(Path("b")) == weights(Path("run"))


def test_a_gradient_that_is_no_number_stops_before_the_weights(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = CausalLM.loss

    def loss(self: Any, model: Any, batch: Any) -> Losses:
        found = usual(self, model, batch)
        # The square root has a value at zero, and no slope.
        zero = (found.total - found.total.detach()).clamp(min=0).sqrt()
        return Losses(found.total + zero, found.parts, found.weight)

    monkeypatch.setattr(CausalLM, "loss", loss)
    with pytest.raises(ModelError, match="The gradient is nan at step 1"):
        trained()


def test_a_spike_sends_the_run_back_to_other_data(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 16, 50.0)
    spikes = ("spikes.patience=1", "spikes.factor=3.0", "run.steps=20", "run.save_every=4")
    with pytest.warns(UserWarning, match="goes back to step 12"):
        trained(*spikes)
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    (event,) = (line for line in lines if line.get("event") == "rollback")
    assert (event["step"], event["to"]) == (16, 12)
    assert event["spike_loss"] > 3 * event["usual_loss"]
    entries = [entry for entry in read_metrics(Path("run")) if "loss" in entry]
    assert [entry["step"] for entry in entries] == list(range(1, 21))
    state = json.loads(Path("run/checkpoints/checkpoint-20/run_state.json").read_text())
    assert state["skips"] == [[12, 4]]
    # The three good steps that were taken back are not those that came after.
    taken_back = [line["loss"] for line in lines if line.get("step") in (13, 14, 15)]
    assert len(set(taken_back)) == 6


def test_a_spike_before_the_first_checkpoint_begins_again(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 12, 50.0)
    with pytest.warns(UserWarning, match="goes back to step 0"):
        trained("spikes.patience=1", "run.steps=14", "run.save_every=14")
    assert [line[0] for line in curve(Path("run")) if line[7] == "rollback"] == [12]


def test_only_a_lasting_spike_counts_and_only_so_often() -> None:
    state, settings = RunState(losses=[1.0] * 20), SpikesTable(patience=2, factor=2.0, most=1)
    watch(state, settings, 21, 9.0)
    watch(state, settings, 22, 1.0)
    watch(state, settings, 23, 9.0)
    with pytest.raises(LossSpikeError) as caught:
        watch(state, settings, 24, 9.0)
    assert (caught.value.began, caught.value.step) == (23, 24)
    state.skips = [(20, 4)]
    watch(state, settings, 25, 9.0)
    assert 9.0 not in state.losses

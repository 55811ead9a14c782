"""An objective of one's own: its parts are logged, and averaged by what each predicts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from biosequence.errors import ModelError
from biosequence.training import read_metrics
from biosequence.training.objectives import CausalLM, Losses, registry
from biosequence.training.step_losses import LossSums, predicted

Train = Callable[..., Any]


class TwoParts(CausalLM):
    """The usual loss, and how far scores stray from zero."""

    name = "two-parts"

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Losses:
        found = super().loss(model, batch)
        size = model(input_ids=batch["input_ids"]).logits.square().mean()
        parts = {"tokens": found.total.detach(), "size": size.detach()}
        return Losses(found.total + 0.1 * size, parts, found.weight)


class Miscounting(CausalLM):
    """Says that it predicts more than it does."""

    name = "miscounting"

    def weight(self, batch: Mapping[str, Any]) -> int:
        return 7


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("objectives_of_a_test")
    module.TwoParts, module.Miscounting = TwoParts, Miscounting
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "_HOMES", dict(registry._HOMES))
    registry.register_objective("two-parts", f"{module.__name__}:TwoParts")
    registry.register_objective("miscounting", f"{module.__name__}:Miscounting")


def test_parts_are_logged_one_by_one(trained: Train, registered: None) -> None:
    trained("objective.name=two-parts", "run.accumulation=2", "run.steps=4")
    for entry in read_metrics(Path("run")):
        kind = "loss" if "loss" in entry else "validation_loss"
        parts = entry["parts" if kind == "loss" else "validation_parts"]
        assert set(parts) == {"tokens", "size"}
        assert entry[kind] == pytest.approx(parts["tokens"] + 0.1 * parts["size"], rel=1e-4)


def test_an_objective_that_counts_wrongly_is_named(trained: Train, registered: None) -> None:
    with pytest.raises(ModelError, match="its labels say 7"):
        trained("objective.name=miscounting")


def test_batches_weigh_by_what_they_predict() -> None:
    sums = LossSums()
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    sums.add(Losses(one, {"a": one, "b": one}, 1, {"b": 2}), 1)
    sums.add(Losses(three, {"a": three, "b": three}, 3, {"b": 0}), 3)
    found = sums.gathered()
    assert (found.total, found.weight) == (2.5, 4.0)
    assert found.parts == {"a": (10.0, 4.0), "b": (2.0, 2.0)}


@pytest.mark.parametrize(
    ("head", "labels", "expected"),
    [
        ("causal-lm", [[5, 1, -100], [2, 3, 4]], 3),
        ("masked-lm", [[5, 1, -100], [2, 3, 4]], 5),
        ("sequence-classification", [[1.0], [2.0]], 2),
    ],
)
def test_what_a_batch_predicts_is_known_beforehand(
    head: str, labels: list[Any], expected: int
) -> None:
    objective = type("Plain", (), {"head": head})()
    assert predicted(objective, {"labels": torch.tensor(labels)}) == expected

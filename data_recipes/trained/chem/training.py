"""Each contender trained through the one trainer, with the learning rate that suits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biosequence.training import Recipe, TrainSummary, read_metrics, recipe_from_values, train

from .plan import Contender, Plan

_WARMUP = 0.05
_EVALUATIONS = 20


@dataclass(frozen=True)
class Trained:
    """A contender after its training.

    Parameters
    ----------
    contender
        What was trained.
    summary
        What the trainer says of it.
    trials
        Validation loss after a trial with each learning rate.
    rate
        The best of them, which the training had.
    """

    contender: Contender
    summary: TrainSummary
    trials: dict[float, float]
    rate: float

    def curve(self, key: str) -> list[tuple[int, float]]:
        """Steps and a loss (``"loss"`` or ``"validation_loss"``), in order."""
        entries = read_metrics(self.summary.output)
        return [(entry["step"], entry[key]) for entry in entries if key in entry]


def train_contender(plan: Plan, contender: Contender, data: Path, folder: Path) -> Trained:
    """Try every learning rate for a few steps, then train with the best; goes on where it stopped.

    Parameters
    ----------
    plan
        Budgets.
    contender
        What to train.
    data
        Folder with the shards `train` and `watched`.
    folder
        For the runs, one folder each.
    """
    trials = {}
    for rate in plan.rates:
        wanted = recipe(plan, contender, data, folder / f"trial-{rate:g}", rate, plan.tuning_steps)
        loss = train(wanted, resume=True).validation_loss
        assert loss is not None
        trials[rate] = loss
    best = min(trials, key=lambda rate: trials[rate])
    wanted = recipe(plan, contender, data, folder / "run", best, plan.steps)
    return Trained(contender, train(wanted, resume=True), trials, best)


def recipe(
    plan: Plan, contender: Contender, data: Path, output: Path, rate: float, steps: int
) -> Recipe:
    """The recipe of one training."""
    every = max(1, steps // _EVALUATIONS) if steps == plan.steps else steps
    values: dict[str, Any] = {
        "seed": plan.seed,
        "output": str(output),
        "model": {"type": contender.type, "config": contender.config},
        "data": {"train": str(data / "train"), "validation": str(data / "watched")},
        "objective": {"name": "causal-lm", "packing": False},
        "optimizer": {"learning_rate": rate},
        "schedule": {"name": "cosine", "warmup_steps": int(_WARMUP * steps)},
        "run": {
            "steps": steps,
            "length": plan.length,
            "batch_size": plan.rows,
            "evaluate_every": every,
            "save_every": max(1, steps // 5),
            "log_every": min(20, every),
            "device": "cpu",
        },
    }
    return recipe_from_values(values, source=f"plan of {contender.name}")

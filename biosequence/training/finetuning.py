"""The recipe of a fine-tuning: a trained model, labelled or unlabelled data, a task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .recipe import recipe_from_values
from .recipe_tables import Recipe

TASKS = ("classification", "regression", "causal-lm", "masked-lm")


def finetune_recipe(
    model: str | Path,
    data: str | Path,
    *,
    task: str,
    output: str | Path,
    validation: str | Path | None = None,
    steps: int = 1000,
    batch_size: int = 16,
    length: int = 1024,
    learning_rate: float = 3e-4,
    patience: int | None = None,
    lora: int | None = None,
    seed: int = 0,
    objective: Mapping[str, Any] | None = None,
    overrides: tuple[str, ...] = (),
) -> Recipe:
    """A recipe that goes on training a model; :func:`~biosequence.training.train` runs it.

    The learning rate rises over a twentieth of the steps and falls along a cosine to 0.

    Parameters
    ----------
    model
        Its folder, or an id on the hub.
    data, validation
        A table or FASTA file with labels, a folder of token shards, or what else the objective
        reads.
    task
        Name of an objective.
    output
        Folder of the run.
    steps, batch_size, length, learning_rate, patience
        As in a recipe.
    lora
        Rank of adapters; None trains all weights.
    seed
        Seed of everything random.
    objective
        Further keys of the objective, such as the column of labels.
    overrides
        Changes to any key, as in :func:`~biosequence.training.load_recipe`.

    Raises
    ------
    UsageError
        A value is not possible.

    Examples
    --------
    >>> recipe = finetune_recipe("model", "x.csv", task="regression", output="run", steps=200)
    >>> recipe.schedule.warmup_steps, recipe.objective.name
    (10, 'regression')
    """
    values: dict[str, Any] = {
        "seed": seed,
        "output": str(output),
        "model": {"pretrained": str(model)},
        "data": {"train": str(data)},
        "objective": {"name": task, **(objective or {})},
        "optimizer": {"learning_rate": learning_rate, "weight_decay": 0.01},
        "schedule": {"name": "cosine", "warmup_steps": steps // 20, "final_fraction": 0.0},
        "run": {"steps": steps, "batch_size": batch_size, "length": length},
    }
    if validation is not None:
        values["data"]["validation"] = str(validation)
    if patience is not None:
        values["run"]["patience"] = patience
    if lora is not None:
        values["lora"] = {"rank": lora, "alpha": 2.0 * lora}
    return recipe_from_values(values, overrides, source="bioseq finetune")

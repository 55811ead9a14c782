"""The loss on validation data: one number, whatever the batches and the ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from .step_losses import LossSums


def validation_loss(
    model: nn.Module,
    objective: Any,
    dataset: Any,
    *,
    batch_size: int,
    rank: int = 0,
    world: int = 1,
    prepare: Callable[[Any], Any] = lambda batch: batch,
) -> tuple[float, dict[str, float]]:
    """The mean loss over all that a dataset predicts, and the means of its parts.

    Parameters
    ----------
    model
        Put into evaluation mode and back.
    objective
        Batches and losses.
    dataset
        Map-style.
    batch_size
        Examples at once.
    rank, world
        Which of how many processes this is; each takes its share.
    prepare
        Moves a batch to its device.
    """
    sums = LossSums()
    was_training = model.training
    model.eval()
    # Sharded weights are gathered by all ranks together: each runs the same number of batches.
    turns = -(-len(dataset) // (batch_size * world))
    with torch.no_grad():
        for turn in range(turns):
            start = (turn * world + rank) * batch_size
            numbers = range(start, min(start + batch_size, len(dataset)))
            spare = not numbers
            # What another rank reads too: a loss over all ranks' examples can tell it is no more.
            last = (len(dataset) - 1,)
            batch = objective.collate([dataset[number] for number in numbers or last])
            losses = objective.loss(model, prepare(batch))
            sums.add(losses, 0.0 if spare else float(losses.weight), silent=spare)
    model.train(was_training)
    found = sums.gathered()
    return found.total, _means(found.parts)


def _means(parts: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    return {name: total / weight for name, (total, weight) in parts.items() if weight}

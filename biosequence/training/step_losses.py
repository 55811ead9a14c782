"""The loss of a step over all its batches and ranks, each weighing by what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_IGNORED = -100


def predicted(objective: Any, batch: Mapping[str, Any]) -> float:
    """How much a batch predicts, known before the model sees it.

    An objective with a method `weight(batch)` says so itself. For others it is the labels that are
    not -100 (for the next token, from the second position on), or the rows of a batch of whole
    sequences.
    """
    own = getattr(objective, "weight", None)
    if own is not None:
        return float(own(batch))
    labels = batch["labels"]
    if objective.head == "sequence-classification":
        return float(len(labels))
    if objective.head == "causal-lm":
        labels = labels[..., 1:]
    return float((labels != _IGNORED).sum())


@dataclass(frozen=True)
class StepLoss:
    """Means over a whole step, the same on every rank."""

    total: float
    weight: float
    parts: dict[str, tuple[float, float]]
    """Sum and weight of each part."""


class LossSums:
    """Sums of the losses of a step's batches on this rank."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._names: list[str] = []

    def add(self, losses: Any, weight: float, *, silent: bool = False) -> None:
        """Count a batch in; a silent one counts nothing and only names the parts."""
        names = sorted(losses.parts)
        given = getattr(losses, "part_weights", {})
        weights = [0.0 if silent else given.get(name, weight) for name in names]
        entries = [losses.total.detach() * weight, weight]
        for name, one in zip(names, weights, strict=True):
            entries += [torch.as_tensor(losses.parts[name]).detach() * one, one]
        device = losses.total.device
        wide = _wide(device)
        row = torch.stack([torch.as_tensor(entry).to(device, wide) for entry in entries])
        self._names = names
        self._sums = row if self._sums is None else self._sums + row

    def gathered(self) -> StepLoss:
        """The step's means over all ranks; starts the next step's sums."""
        assert self._sums is not None
        sums = self._sums
        if distributed():
            torch.distributed.all_reduce(sums)
        total, weight, *parts = sums.tolist()
        self._sums = None
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return StepLoss(
            total / weight if weight else 0.0,
            weight,
            dict(zip(self._names, pairs, strict=True)),
        )


def summed(values: Sequence[float], device: torch.device) -> list[float]:
    """Sums of some numbers over all ranks."""
    if not distributed():
        return list(values)
    row = torch.tensor(values, dtype=_wide(device), device=device)
    torch.distributed.all_reduce(row)
    return row.tolist()


def _wide(device: torch.device) -> torch.dtype:
    # Apple's GPUs have no doubles.
    return torch.float32 if device.type == "mps" else torch.float64


def distributed() -> bool:
    """Whether there are other ranks to ask."""
    return torch.distributed.is_available() and (
        torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
    )

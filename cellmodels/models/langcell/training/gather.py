"""Rows of all ranks in one tensor, so that every rank sees the negatives of all.

Every rank computes the loss over all rows, but passes gradients only to its own ones, and no
gradient travels between ranks. The trainer averages gradients over ranks, weighing each by its
rows; what comes to a rank's rows is multiplied by the inverse of that weight, so that the average
is the gradient of one rank with all rows. The gradient of what all ranks compute alike, such as a
temperature, is averaged as it is.
"""

# Shapes: B rows of this rank, G rows of all ranks, S rows of the largest rank.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed

from biosequence.training.step_losses import distributed as several_ranks


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of each rank stand among the rows of all, in the order of ranks.

    Parameters
    ----------
    sizes
        Rows of each rank.
    rank
        Number of this rank.
    """

    sizes: tuple[int, ...]
    rank: int

    @property
    def own(self) -> slice:
        """The rows of this rank."""
        start = sum(self.sizes[: self.rank])
        return slice(start, start + self.sizes[self.rank])

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all ranks, (G, ...), with gradients to those of this one.

        Parameters
        ----------
        rows
            Those of this rank, (B, ...), of the same further sizes on every rank.
        """
        return rows if len(self.sizes) == 1 else _AllRows.apply(rows, self)


def row_places(num_rows: int, device: torch.device) -> RowPlaces:
    """How many rows every rank has; one rank asks nobody.

    Examples
    --------
    >>> places = row_places(3, torch.device("cpu"))
    >>> places.sizes, places.gather(torch.ones(3, 2)).shape
    ((3,), torch.Size([3, 2]))
    """
    if not several_ranks():
        return RowPlaces((num_rows,), 0)
    own = torch.tensor([num_rows], device=device)
    sizes = torch.cat(_of_all_ranks(own)).tolist()
    return RowPlaces(tuple(sizes), distributed.get_rank())


def total_over_ranks(values: Tensor) -> Tensor:
    """Sums over all ranks, without gradients."""
    values = values.detach().clone()
    if several_ranks():
        distributed.all_reduce(values)
    return values


class _AllRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: RowPlaces) -> Tensor:
        ctx.places = places
        most = max(places.sizes)
        # Collectives take the same shape from everybody.
        padded = rows.new_zeros(most, *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = zip(_of_all_ranks(padded), places.sizes, strict=True)
        return torch.cat([part[:size] for part, size in parts])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        places = ctx.places
        weight = sum(places.sizes) / places.sizes[places.rank]
        return gradient[places.own] * weight, None


def _of_all_ranks(own: Tensor) -> list[Tensor]:
    every = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(every, own)
    return every

"""Parameter sharing between the two strands of DNA (RCPS): embedding, wrapper and head.

A two-strand tensor has 2D channels: the forward strand, then the reverse-complement strand with
time and channels reversed. Swapping strands is then a flip of time and channels.
"""

# Shapes: B batch, T time, D width of one strand, V vocabulary.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .place import Place, both_strands_place


def reverse_complement_ids(ids_BT: Tensor, complement_V: Tensor) -> Tensor:
    """Token ids of the other strand: complemented and reversed in time.

    Examples
    --------
    >>> import torch
    >>> reverse_complement_ids(torch.tensor([[0, 1, 1]]), torch.tensor([3, 2, 1, 0])).tolist()
    [[2, 2, 3]]
    """
    return complement_V.to(ids_BT.device)[ids_BT].flip(-1)


def strands_to_batch(x_BTS: Tensor) -> Tensor:
    """A two-strand tensor (B, T, 2D) as two ordinary sequences, (2B, T, D), forward ones first."""
    ahead, back = x_BTS.chunk(2, dim=-1)
    return torch.cat((ahead, back.flip(1, 2)))


def batch_to_strands(x_2BTD: Tensor) -> Tensor:
    """Undo :func:`strands_to_batch`."""
    ahead, back = x_2BTD.chunk(2)
    return torch.cat((ahead, back.flip(1, 2)), dim=-1)


def swap_halves(x_BTS: Tensor) -> Tensor:
    """Exchange the strands' places without flipping them.

    The published fused norm does this in every block, so a checkpoint that was trained with it
    needs it.
    """
    ahead, back = x_BTS.chunk(2, dim=-1)
    return torch.cat((back, ahead), dim=-1)


def run_on_strands(block: Any, x_BTS: Tensor, **place: Unpack[Place]) -> Tensor:
    """Run ``block(x, **place) -> y`` on both strands of (B, T, 2D) with the same weights.

    The strands run as one batch, so the result is equivariant for any block whatever.
    """
    y_2BTD = block(strands_to_batch(x_BTS), **both_strands_place(place))
    return batch_to_strands(y_2BTD)


class RCPSEmbedding(nn.Module):
    """Embeds a sequence and its reverse complement into one two-strand tensor.

    Parameters
    ----------
    vocab_size, width
        Size of the table.
    complement_map
        The complement's id for each id.

    Examples
    --------
    >>> import torch
    >>> embed = RCPSEmbedding(4, 8, [3, 2, 1, 0])
    >>> ids = torch.tensor([[0, 1, 1]])
    >>> other = reverse_complement_ids(ids, embed.complement_map)
    >>> torch.equal(embed(other), embed(ids).flip(1, 2))
    True
    """

    def __init__(self, vocab_size: int, width: int, complement_map: Sequence[int]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.register_buffer("complement_map", torch.tensor(list(complement_map)))

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Ids (B, T) to (B, T, 2D)."""
        ahead = self.embedding(ids_BT)
        back = self.embedding(reverse_complement_ids(ids_BT, self.complement_map))
        return torch.cat((ahead, back.flip(1, 2)), dim=-1)


class RCPSWrapper(nn.Module):
    """Makes any block of this package equivariant: it runs on both strands of a two-strand tensor.

    Examples
    --------
    >>> import torch
    >>> from biosequence.layers import MambaMixer, RMSNorm, ResidualBlock
    >>> block = RCPSWrapper(ResidualBlock(RMSNorm(8), MambaMixer(8, state_size=4)))
    >>> x = torch.randn(1, 5, 16)
    >>> bool(torch.allclose(block(x.flip(1, 2)), block(x).flip(1, 2), atol=1e-6))
    True
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x_BTS: Tensor, **place: Unpack[Place]) -> Tensor:
        """Map (B, T, 2D) to (B, T, 2D)."""

        def run(x: Tensor, **both: Unpack[Place]) -> Tensor:
            return self.block(x, need_state=False, **both)[0]

        return run_on_strands(run, x_BTS, **place)


class RCPSHead(nn.Module):
    """Language-model head on a two-strand tensor: both strands vote, with complemented rows.

    Examples
    --------
    >>> import torch
    >>> head = RCPSHead(8, 4, [3, 2, 1, 0])
    >>> x = torch.randn(1, 5, 16)
    >>> other = head(x.flip(1, 2))[..., head.complement_map].flip(1)
    >>> bool(torch.allclose(other, head(x), atol=1e-6))
    True
    """

    def __init__(self, width: int, vocab_size: int, complement_map: Sequence[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, width))
        nn.init.normal_(self.weight, std=(2 / (5 * width)) ** 0.5)
        self.register_buffer("complement_map", torch.tensor(list(complement_map)))

    def forward(self, x_BTS: Tensor) -> Tensor:
        """(B, T, 2D) to logits (B, T, V)."""
        ahead, back = x_BTS.chunk(2, dim=-1)
        rows = self.weight[self.complement_map]
        return F.linear(ahead, self.weight) + F.linear(back.flip(-1), rows)

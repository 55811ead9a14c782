"""How fast each chunk of a state space duality forgets, as factors of rows and columns."""

# Shapes: B batch, L length, T positions of a chunk, G groups, R heads of a group.

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

# What a factor may still be multiplied with before it leaves the range of its dtype: exp(33).
MARGIN = 33


class Chunk(NamedTuple):
    """Decays of one chunk in the working dtype.

    What comes in at s is worth ``read[t] * write[s]`` at t, or `within[t, s]` where the chunk
    forgets so much that a factor would leave the dtype's range. Between chunks:
    ``out[t] = read[t] * C[t] @ (arrive * state)`` and
    ``state' = over * state + depart * sum_s write[s] * B[s] x[s]``.

    Parameters
    ----------
    part
        Its positions.
    within_BGRTT
        Decay from s to t of each head, or None if the product of the factors is that.
    seen_BTT
        Pairs of one document, or None where there is one document only.
    enters_BT, leaves_BT
        Whether a position sees the state before the chunk, and is in the one after it.
    """

    part: slice
    read_BTGR: Tensor
    write_BTGR: Tensor
    arrive_BGR: Tensor
    depart_BGR: Tensor
    over_BGR: Tensor
    within_BGRTT: Tensor | None
    seen_BTT: Tensor | None
    enters_BT: Tensor | None
    leaves_BT: Tensor | None


class Decays:
    """Decays of all chunks of a sequence; iterating over them gives each :class:`Chunk` in turn.

    The decay from s to t is exp(sum_t - sum_s). Around a level between the greatest and the least
    sum of a chunk that is a factor of the row and one of the column, which all heads of a group can
    put on their inputs and outputs: the matrix between them is then the same for all of them.

    Parameters
    ----------
    rate_BLGR
        Log of what is left after each position.
    runs_BL
        Number of the document at each position, or None.
    size
        Positions of a chunk.
    """

    def __init__(self, rate_BLGR: Tensor, runs_BL: Tensor | None, size: int) -> None:
        self.dtype, self.runs_BL, self.size = rate_BLGR.dtype, runs_BL, size
        self.length = rate_BLGR.shape[1]
        whole = self.length - self.length % size
        self.parts = [
            _factors(rate_BLGR[:, start:end].unflatten(1, (-1, least)))
            for start, end, least in (
                (0, whole, size),
                (whole, self.length, self.length - whole),
            )
            if end > start
        ]

    def __len__(self) -> int:
        return -(-self.length // self.size)

    def __iter__(self) -> Iterator[Chunk]:
        return (self[number] for number in range(len(self)))

    def __reversed__(self) -> Iterator[Chunk]:
        return (self[number] for number in reversed(range(len(self))))

    def __getitem__(self, number: int) -> Chunk:
        whole = self.length // self.size
        factors, at = self.parts[number // whole if whole else 0], number % max(whole, 1)
        part = slice(number * self.size, min((number + 1) * self.size, self.length))
        exact_BTGR = factors.sum_BNTGR[:, at]
        if factors.is_wide[at]:
            chunk = self._pair_by_pair(part, exact_BTGR)
        else:
            read, write, arrive, depart, over = (each[:, at] for each in factors[:5])
            chunk = Chunk(part, read, write, arrive, depart, over, None, None, None, None)
        return chunk if self.runs_BL is None else self._by_document(chunk, self.runs_BL)

    def _pair_by_pair(self, part: slice, exact_BTGR: Tensor) -> Chunk:
        exact_BGRT = exact_BTGR.permute(0, 2, 3, 1)
        sum_BGRT = exact_BGRT.to(self.dtype)
        # Neighbours far into a chunk of fast decays differ by less than the rounding of their sums.
        rest_BGRT = (exact_BGRT - sum_BGRT).to(self.dtype)
        within = sum_BGRT[..., None] - sum_BGRT[..., None, :]
        within += rest_BGRT[..., None]
        within -= rest_BGRT[..., None, :]
        last_BGR = exact_BTGR[:, -1]
        one = torch.ones_like(last_BGR, dtype=self.dtype)
        factors = (
            exact_BTGR.to(self.dtype).exp(),
            (last_BGR[:, None] - exact_BTGR).to(self.dtype).exp(),
            *(one, one, last_BGR.to(self.dtype).exp()),
        )
        return Chunk(part, *factors, within.exp_().tril_(), None, None, None)

    def _by_document(self, chunk: Chunk, runs_BL: Tensor) -> Chunk:
        runs_BT = runs_BL[:, chunk.part]
        seen_BTT = runs_BT[:, :, None] == runs_BT[:, None]
        before_B1 = runs_BL[:, max(chunk.part.start - 1, 0), None]
        enters_BT, leaves_BT = runs_BT == before_B1, runs_BT == runs_BT[:, -1:]
        kept_BGR = chunk.over_BGR * enters_BT[:, -1, None, None]
        if chunk.within_BGRTT is not None:
            chunk.within_BGRTT.mul_(seen_BTT[:, None, None])
        return chunk._replace(
            over_BGR=kept_BGR, seen_BTT=seen_BTT, enters_BT=enters_BT, leaves_BT=leaves_BT
        )


class _Factors(NamedTuple):
    """Those of N chunks of one size, see :class:`Chunk`, and the sums they are made of in fp64."""

    read_BNTGR: Tensor
    write_BNTGR: Tensor
    arrive_BNGR: Tensor
    depart_BNGR: Tensor
    over_BNGR: Tensor
    sum_BNTGR: Tensor
    is_wide: list[bool]


def _factors(rate_BNTGR: Tensor) -> _Factors:
    dtype = rate_BNTGR.dtype
    sum_BNTGR = rate_BNTGR.cumsum(2, dtype=torch.float64)
    low, high = sum_BNTGR.aminmax(dim=2)
    last_BNGR, level_BNGR = sum_BNTGR[:, :, -1], (low + high) / 2
    above_BNTGR = (sum_BNTGR - level_BNGR[:, :, None]).to(dtype)
    # Both the level and the sums around it must be in range; the level is measured from zero.
    reach = torch.maximum(high - low, level_BNGR.abs()).transpose(0, 1).flatten(1).amax(1)
    is_wide = ~(reach <= 2 * (log(torch.finfo(dtype).max) - MARGIN))
    return _Factors(
        above_BNTGR.exp(),
        above_BNTGR.neg().exp_(),
        level_BNGR.to(dtype).exp(),
        (last_BNGR - level_BNGR).to(dtype).exp(),
        last_BNGR.to(dtype).exp(),
        sum_BNTGR,
        is_wide.tolist(),
    )

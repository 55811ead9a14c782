"""How fast each chunk of a state space duality forgets, as factors of rows and columns."""

# Shapes: B batch, L length, K chunks of a run, T positions of a chunk, G groups, R heads of each.

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch
from torch import Tensor

# What a factor may still be multiplied with before it leaves the range of its dtype: exp(33).
MARGIN = 33


class Run(NamedTuple):
    """Decays of some chunks in a row, all of one size, in the working dtype.

    Inside a chunk, what comes in at s is worth ``read[t] * write[s]`` at t, or `within[t, s]` where
    a chunk of the run forgets so much that a factor would leave the dtype's range. Between chunks:
    ``out[t] = into[t] * C[t] @ state`` and ``state' = over * state + sum_s out_of[s] * B[s] x[s]``.

    Parameters
    ----------
    start, size
        First position, and positions of a chunk.
    within_BKGRTT
        Decay from s to t of each head, or None if the product of the factors is that.
    seen_BKTT
        Pairs of one document, or None where there is one document only.
    """

    start: int
    size: int
    read_BKTGR: Tensor
    write_BKTGR: Tensor
    into_BKTGR: Tensor
    out_of_BKTGR: Tensor
    over_BKGR: Tensor
    within_BKGRTT: Tensor | None = None
    seen_BKTT: Tensor | None = None

    def of(self, x: Tensor, axis: int = 1) -> Tensor:
        """View of a sequence (B, L, ...) as the chunks of this run (B, K, T, ...)."""
        number = self.over_BKGR.shape[1]
        part = x.narrow(axis, self.start, number * self.size)
        return part.unflatten(axis, (number, self.size))


def runs_of(rate_BLGR: Tensor, documents_BL: Tensor | None, size: int, most: int) -> list[Run]:
    """Decays of a sequence, in runs of at most `most` chunks; the last chunk may be shorter.

    The decay from s to t is exp(sum_t - sum_s). Around a level between the greatest and the least
    sum of a chunk that is a factor of the row and one of the column, which all heads of a group can
    put on their inputs and outputs: the matrix between them is then the same for all of them.

    Parameters
    ----------
    rate_BLGR
        Log of what is left after each position.
    documents_BL
        Number of the document at each position, growing, or None.
    size
        Positions of a chunk.
    most
        Chunks of a run.
    """
    length = rate_BLGR.shape[1]
    whole = length - length % size
    runs: list[Run] = []
    if whole:
        factors = _factors(rate_BLGR[:, :whole].unflatten(1, (-1, size)))
        number = whole // size
        runs += [_run(factors, at, min(at + most, number), 0) for at in range(0, number, most)]
    if whole < length:
        runs.append(_run(_factors(rate_BLGR[:, None, whole:]), 0, 1, whole))
    return runs if documents_BL is None else [_by_document(run, documents_BL) for run in runs]


class _Factors(NamedTuple):
    """Those of all chunks of one size, see :class:`Run`, and the sums they are made of in fp64."""

    read_BKTGR: Tensor
    write_BKTGR: Tensor
    into_BKTGR: Tensor
    out_of_BKTGR: Tensor
    over_BKGR: Tensor
    sum_BKTGR: Tensor
    is_wide: list[bool]


def _factors(rate_BKTGR: Tensor) -> _Factors:
    dtype = rate_BKTGR.dtype
    sum_BKTGR = rate_BKTGR.cumsum(2, dtype=torch.float64)
    low, high = sum_BKTGR.aminmax(dim=2, keepdim=True)
    above_BKTGR = (sum_BKTGR - (low + high) / 2).to(dtype)
    reach = (high - low).transpose(0, 1).flatten(1).amax(1)
    into_BKTGR = sum_BKTGR.to(dtype).exp()
    return _Factors(
        above_BKTGR.exp(),
        above_BKTGR.neg().exp_(),
        into_BKTGR,
        (sum_BKTGR[:, :, -1:] - sum_BKTGR).to(dtype).exp_(),
        into_BKTGR[:, :, -1],
        sum_BKTGR,
        # What is not a number counts as wide.
        (~(reach <= 2 * (log(torch.finfo(dtype).max) - MARGIN))).tolist(),
    )


def _run(factors: _Factors, first: int, end: int, start: int) -> Run:
    size = factors.sum_BKTGR.shape[2]
    run = Run(start + first * size, size, *(each[:, first:end] for each in factors[:5]))
    if not any(factors.is_wide[first:end]):
        return run
    within = _pair_by_pair(factors.sum_BKTGR[:, first:end], run.over_BKGR.dtype)
    return run._replace(within_BKGRTT=within)


def _pair_by_pair(exact_BKTGR: Tensor, dtype: torch.dtype) -> Tensor:
    exact_BKGRT = exact_BKTGR.movedim(2, -1)
    sum_BKGRT = exact_BKGRT.to(dtype)
    # Neighbours far into a chunk of fast decays differ by less than the rounding of their sums.
    rest_BKGRT = (exact_BKGRT - sum_BKGRT).to(dtype)
    within = sum_BKGRT[..., None] - sum_BKGRT[..., None, :]
    within += rest_BKGRT[..., None]
    within -= rest_BKGRT[..., None, :]
    return within.exp_().tril_()


def _by_document(run: Run, documents_BL: Tensor) -> Run:
    here_BKT = run.of(documents_BL)
    before_BL = torch.cat([documents_BL[:, :1], documents_BL[:, :-1]], 1)
    enters_BKT11 = (here_BKT == run.of(before_BL)[..., :1])[..., None, None]
    leaves_BKT11 = (here_BKT == here_BKT[..., -1:])[..., None, None]
    return run._replace(
        into_BKTGR=run.into_BKTGR * enters_BKT11,
        out_of_BKTGR=run.out_of_BKTGR * leaves_BKT11,
        over_BKGR=run.over_BKGR * enters_BKT11[:, :, -1],
        seen_BKTT=here_BKT[..., :, None] == here_BKT[..., None, :],
    )

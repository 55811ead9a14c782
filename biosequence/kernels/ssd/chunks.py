"""Some chunks of a state space duality at once: outputs and states, and their gradients."""

# Shapes: B batch, K chunks of the run, T positions of a chunk, G groups, R heads of a group, P head
# size, N state size, M = R P. A state (B, G, N, M) takes all heads of a group in one product.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .decays import Run


class Inputs(NamedTuple):
    """Views of a run: x (B, K, T, G, R, P), dt (B, K, T, G, R), B and C (B, K, G, T, N)."""

    x: Tensor
    dt: Tensor
    B: Tensor
    C: Tensor

    @classmethod
    def of(
        cls, x_BLGRP: Tensor, dt_BLGR: Tensor, B_BGLN: Tensor, C_BGLN: Tensor, run: Run
    ) -> Inputs:
        """Those of one run of a sequence."""
        B, C = (run.of(maps, 2).transpose(1, 2) for maps in (B_BGLN, C_BGLN))
        return cls(run.of(x_BLGRP), run.of(dt_BLGR), B, C)

    def scores(self, run: Run) -> Tensor:
        """What each position reads of the earlier ones, before any decay (B, K, G, T, T)."""
        return _seen(self.C @ self.B.transpose(3, 4), run)


def forward_run(inputs: Inputs, run: Run, state: Tensor, out: Tensor) -> Tensor:
    """Write the output without skip (B, K, T, G, R, P) into `out`, return all states.

    The states (B, K + 1, G, N, M) are those before each chunk and after the last.
    """
    x, dt, B, C = inputs
    new = B.transpose(3, 4) @ _flat(x * (dt * run.out_of_BKTGR)[..., None])
    states = _chained(state, new, run.over_BKGR)
    torch.mul(_unflat(C @ states[:, :-1], x), run.into_BKTGR[..., None], out=out)
    if run.within_BKGRTT is None:
        y = inputs.scores(run) @ _flat(x * (dt * run.write_BKTGR)[..., None])
        out.addcmul_(_unflat(y, x), run.read_BKTGR[..., None])
    else:
        pairs = run.within_BKGRTT * inputs.scores(run)[:, :, :, None]
        out += (pairs @ _by_head(x * dt[..., None])).movedim(-2, 2)
    return states


class RunSlopes(NamedTuple):
    """Gradients of dt * x (B, K, T, G, R, P), of B and C (B, K, G, T, N), and of the states.

    Those of the states before each chunk and after the last (B, K + 1, G, N, M).
    """

    inflow: Tensor
    B: Tensor
    C: Tensor
    states: Tensor


def backward_run(inputs: Inputs, run: Run, states: Tensor, dy: Tensor, dstate: Tensor) -> RunSlopes:
    """Gradients of a run from those of its output without skip and of the state after it."""
    x, dt, B, C = inputs
    slope = _flat(dy * run.into_BKTGR[..., None])
    dstates = _chained(dstate, C.transpose(3, 4) @ slope, run.over_BKGR, back=True)
    dC = slope @ states[:, :-1].transpose(3, 4)
    leaving = _flat(x * (dt * run.out_of_BKTGR)[..., None])
    dB = leaving @ dstates[:, 1:].transpose(3, 4)
    dinflow = _unflat(B @ dstates[:, 1:], x) * run.out_of_BKTGR[..., None]
    scores = inputs.scores(run)
    if run.within_BKGRTT is None:
        slope = _flat(dy * run.read_BKTGR[..., None])
        weighed = _flat(x * (dt * run.write_BKTGR)[..., None])
        dscores = _seen(slope @ weighed.transpose(3, 4), run)
        dweighed = _unflat(scores.transpose(3, 4) @ slope, x)
        dinflow.addcmul_(dweighed, run.write_BKTGR[..., None])
    else:
        dy_heads, x_heads = _by_head(dy), _by_head(x * dt[..., None])
        by_head = (dy_heads @ x_heads.transpose(4, 5)).mul_(run.within_BKGRTT)
        dscores = _seen(by_head.sum(3), run)
        pairs = run.within_BKGRTT * scores[:, :, :, None]
        dinflow += (pairs.transpose(4, 5) @ dy_heads).movedim(-2, 2)
    dB += dscores.transpose(3, 4) @ C
    dC += dscores @ B
    return RunSlopes(dinflow, dB, dC, dstates)


def _chained(first: Tensor, new: Tensor, over_BKGR: Tensor, *, back: bool = False) -> Tensor:
    """States between chunks, each what is left of its neighbour and what its chunk adds.

    In the order of time chunk k leads from state k to k + 1, and back from k + 1 to k.
    """
    batch, number, *rest = new.shape
    states = new.new_empty(batch, number + 1, *rest)
    states[:, number * back] = first
    heads = (over_BKGR.shape[-1], -1)
    by_head, new = states.unflatten(-1, heads), new.unflatten(-1, heads)
    for at in reversed(range(number)) if back else range(number):
        before, after = by_head[:, at + back], by_head[:, at + 1 - back]
        torch.addcmul(new[:, at], before, over_BKGR[:, at, :, None, :, None], out=after)
    return states


def _flat(x_BKTGRP: Tensor) -> Tensor:
    """All heads of a group side by side: (B, K, G, T, M)."""
    return x_BKTGRP.flatten(4).transpose(2, 3)


def _unflat(x_BKGTM: Tensor, like_BKTGRP: Tensor) -> Tensor:
    return x_BKGTM.transpose(2, 3).unflatten(4, like_BKTGRP.shape[4:])


def _by_head(x_BKTGRP: Tensor) -> Tensor:
    """Each head by itself: (B, K, G, R, T, P)."""
    return x_BKTGRP.movedim(2, -2)


def _seen(pairs_BKGTT: Tensor, run: Run) -> Tensor:
    """Without the pairs that do not see each other, in place."""
    pairs_BKGTT.tril_()
    return pairs_BKGTT if run.seen_BKTT is None else pairs_BKGTT.mul_(run.seen_BKTT[:, :, None])

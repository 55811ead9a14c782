"""SSD on the GPU: its step sizes as weights of the kernels that it shares with mLSTM."""

# Shapes: B batch, L length, G groups of heads with a B and C each, H heads, P head size, N state
# size, T positions of a chunk (M padded positions). Kernels call C, B and x queries, keys, values.

from __future__ import annotations

from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunkwise.run import (
    Gates,
    Kept,
    along,
    backward,
    chunk_of,
    exponents,
    forward,
    padded,
    since,
)
from ..shapes import document_starts
from .naive import step_sizes


def ssd_triton(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int | None = None,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    initial_states: Tensor | None = None,
    seq_idx: Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, inf),
    return_final_states: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Chunks on the GPU; arguments and results are those of `biosequence.kernels.ssd`."""
    dt_BHL = step_sizes(dt.float(), dt_bias, dt_softplus, dt_limit).transpose(1, 2)
    rate_BHL = dt_BHL * A.float()[:, None]
    state_BHNP = None if initial_states is None else initial_states.float().transpose(2, 3)
    runs_BL = None if seq_idx is None else document_starts(seq_idx).cumsum(1)
    y_BHLP, state_BHNP = _Chunks.apply(
        C.transpose(1, 2),
        B.transpose(1, 2),
        x.transpose(1, 2),
        dt_BHL,
        rate_BHL,
        state_BHNP,
        runs_BL,
        chunk_of(chunk_size),
    )
    y_BLHP = y_BHLP.transpose(1, 2)
    if D is not None:
        y_BLHP = y_BLHP + D.float().reshape(D.shape[0], -1) * x.float()
    if z is not None:
        y_BLHP = y_BLHP * F.silu(z.float())
    y_BLHP = y_BLHP.to(x.dtype)
    return (y_BLHP, state_BHNP.transpose(2, 3)) if return_final_states else y_BLHP


def _gates(dt_BHL: Tensor, rate_BHL: Tensor, runs_BL: Tensor | None, chunk: int) -> Gates:
    """Weights of the positions; sums of the rates begin anew in each chunk."""
    rate_BHNT = padded(rate_BHL.double(), chunk, 0.0).unflatten(-1, (-1, chunk))
    sum_BHNT = rate_BHNT.cumsum(-1)
    enter, leave = torch.exp(sum_BHNT), torch.exp(sum_BHNT[..., -1:] - sum_BHNT)
    keep_BHN = enter[..., -1]
    document = None
    if runs_BL is not None:
        # The filling belongs to the last document: what is carried over it is unchanged.
        length = runs_BL.shape[1]
        document = padded(runs_BL.int(), chunk, 0)
        document[:, length:] = runs_BL[:, -1:].int()
        runs_BNT = document.unflatten(-1, (-1, chunk))
        ends_BN = runs_BNT[..., -1]
        before_BN = torch.cat([torch.zeros_like(ends_BN[:, :1]), ends_BN[:, :-1]], 1)
        enter = enter.where((runs_BNT == before_BN[..., None])[:, None], 0.0)
        leave = leave.where((runs_BNT == ends_BN[..., None])[:, None], 0.0)
        keep_BHN = keep_BHN.where((before_BN == ends_BN)[:, None], 0.0)
    sum_BHM = sum_BHNT.flatten(-2)
    # Rows beyond the end read nothing as their queries are zeros, and write nothing by the factor.
    return Gates(
        exponents(sum_BHM, chunk),
        exponents(-sum_BHM, chunk),
        enter.flatten(-2).float(),
        leave.flatten(-2).float(),
        keep_BHN.float().contiguous(),
        document,
        padded(dt_BHL, chunk, 0.0).contiguous(),
    )


class _Chunks(torch.autograd.Function):
    """Outputs without skip, and the last state."""

    @staticmethod
    def forward(
        ctx: Any,
        C_BGLN: Tensor,
        B_BGLN: Tensor,
        x_BHLP: Tensor,
        dt_BHL: Tensor,
        rate_BHL: Tensor,
        state_BHNP: Tensor | None,
        runs_BL: Tensor | None,
        chunk: int,
    ) -> tuple[Tensor, Tensor]:
        gates = _gates(dt_BHL, rate_BHL, runs_BL, chunk)
        start = None if state_BHNP is None else (state_BHNP, None)
        # Gradients of the rates are differences of products with y, which 16 bits would spoil.
        y_BHLP, _, last_BHNP, _, kept = forward(
            C_BGLN, B_BGLN, x_BHLP, gates, chunk, start, None, False, torch.float32
        )
        ctx.chunk, ctx.given = chunk, state_BHNP is not None
        ctx.save_for_backward(C_BGLN, B_BGLN, x_BHLP, y_BHLP, *gates, *kept)
        return y_BHLP, last_BHNP

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BHLP: Tensor, dlast_BHNP: Tensor) -> tuple[Tensor | None, ...]:
        C_BGLN, B_BGLN, x_BHLP, y_BHLP, *others = ctx.saved_tensors
        gates, kept, chunk = Gates(*others[:7]), Kept(*others[7:]), ctx.chunk
        sums_BHM = along(y_BHLP, dy_BHLP, chunk)
        slopes = backward(
            C_BGLN,
            B_BGLN,
            x_BHLP,
            gates,
            chunk,
            kept,
            dy_BHLP,
            torch.ones_like(sums_BHM),
            None,
            (dlast_BHNP, None),
        )
        length = x_BHLP.shape[2]
        # Every term of y_t has the factor exp(+sum of rates to t), every use of x_s one of
        # exp(-sum), every term of the state after a chunk the sum at its end.
        dsum_BHM = sums_BHM.double() - slopes.write.double() * gates.factor
        drate_BHM = since(dsum_BHM, slopes.leaving.double(), chunk).float()
        dstate = slopes.C0 if ctx.given else None
        ddt, drate = slopes.write[..., :length], drate_BHM[..., :length]
        return slopes.q, slopes.k, slopes.v, ddt, drate, dstate, None, None

"""State space duality in chunks: inside a chunk attention-like products, between chunks the state.

Written for torch's matrix products on any device. All heads of a group share them: a head's decays
are factors on its inputs and outputs. Gradients of the decays are inner products of what is there
already (the output with its gradient, the input with its gradient), so that the backward pass forms
no gradient of a chunk's decay matrix.
"""

# Shapes: B batch, L length, T positions of a chunk, G groups, R heads of a group (H = G R heads),
# P head size, N state size. The state (B, G, N, R P) takes all heads of a group in one product.

from __future__ import annotations

from math import inf
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..dispatch import full_precision
from ..shapes import document_starts, state_dtype
from .chunks import Inputs, backward_run, forward_run
from .decays import runs_of
from .naive import step_sizes

CHUNK = 64
# Numbers of an input that are worked on at once: they stay in the processor's cache.
AT_ONCE = 1 << 18


def ssd_cpu(
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
    """The chunked form; arguments as in :func:`biosequence.kernels.ssd`."""
    kind = state_dtype(x, dt, A, B, C, initial_states)
    batch, length, heads, size = x.shape
    groups, members = B.shape[2], heads // B.shape[2]
    dt_BLH = step_sizes(dt.to(kind), dt_bias, dt_softplus, dt_limit)
    state_BGNM = None
    if initial_states is not None:
        state_BGNM = initial_states.to(kind).reshape(batch, groups, members * size, -1)
        state_BGNM = state_BGNM.transpose(2, 3)
    tensors = (
        x.to(kind).reshape(batch, length, groups, members, size),
        dt_BLH.view(batch, length, groups, members),
        A.to(kind).view(groups, members),
        B.to(kind).transpose(1, 2),
        C.to(kind).transpose(1, 2),
        state_BGNM,
        None if D is None else D.to(kind).reshape(groups, members, -1),
    )
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    runs_BL = None if seq_idx is None else document_starts(seq_idx).cumsum(1)
    y_BLGRP, state_BGNM = _Chunked.apply(keep, chunk_size or CHUNK, runs_BL, *tensors)
    y_BLHP = y_BLGRP.view(batch, length, heads, size)
    if z is not None:
        y_BLHP = y_BLHP * F.silu(z.to(kind))
    y_BLHP = y_BLHP.to(x.dtype)
    if not return_final_states:
        return y_BLHP
    return y_BLHP, state_BGNM.transpose(2, 3).reshape(batch, heads, size, -1)


def _chunks_of_a_run(x_BLGRP: Tensor, chunk: int) -> int:
    """Enough for few calls, and not so many that their numbers leave the cache."""
    return max(1, AT_ONCE * x_BLGRP.shape[1] // (chunk * max(x_BLGRP.numel(), 1)))


class _Chunked(torch.autograd.Function):
    """Outputs and last state; everything large is worked on some chunks at a time, in cache."""

    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        chunk: int,
        runs_BL: Tensor | None,
        x_BLGRP: Tensor,
        dt_BLGR: Tensor,
        A_GR: Tensor,
        B_BGLN: Tensor,
        C_BGLN: Tensor,
        state_BGNM: Tensor | None,
        D_GRP: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        batch, _, groups, members, size = x_BLGRP.shape
        ctx.has_state, ctx.chunk = state_BGNM is not None, chunk
        if state_BGNM is None:
            state_BGNM = x_BLGRP.new_zeros(batch, groups, B_BGLN.shape[-1], members * size)
        y_BLGRP, last = torch.empty_like(x_BLGRP), state_BGNM
        states: list[Tensor] = []
        for run in runs_of(dt_BLGR * A_GR, runs_BL, chunk, _chunks_of_a_run(x_BLGRP, chunk)):
            inputs, y = Inputs.of(x_BLGRP, dt_BLGR, B_BGLN, C_BGLN, run), run.of(y_BLGRP)
            within = forward_run(inputs, run, last, y)
            last = within[:, -1]
            if D_GRP is not None:
                y.addcmul_(inputs.x, D_GRP)
            if keep:
                states.append(within)
        if keep:
            ctx.save_for_backward(
                x_BLGRP, dt_BLGR, A_GR, B_BGLN, C_BGLN, D_GRP, y_BLGRP, runs_BL, *states
            )
        return y_BLGRP, last.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLGRP: Tensor, dstate: Tensor) -> tuple[Tensor | None, ...]:
        # Whoever calls backward under autocast would have these products rounded to 16 bits.
        with full_precision():
            return None, None, None, *_gradients(ctx, dy_BLGRP.contiguous(), dstate.contiguous())


def _gradients(ctx: Any, dy_BLGRP: Tensor, dstate: Tensor) -> tuple[Tensor | None, ...]:
    x_BLGRP, dt_BLGR, A_GR, B, C, D_GRP, y_BLGRP, runs_BL, *states = ctx.saved_tensors
    dx_BLGRP, ddt_BLGR, drate_BLGR, dB, dC = (
        torch.empty_like(t) for t in (x_BLGRP, dt_BLGR, dt_BLGR, B, C)
    )
    dD = None if D_GRP is None else torch.zeros_like(D_GRP)
    runs = runs_of(dt_BLGR * A_GR, runs_BL, ctx.chunk, _chunks_of_a_run(x_BLGRP, ctx.chunk))
    for run, kept in zip(reversed(runs), reversed(states), strict=True):
        inputs, dy = Inputs.of(x_BLGRP, dt_BLGR, B, C, run), run.of(dy_BLGRP)
        x, dt = inputs.x, inputs.dt
        dinflow, *dmaps, dstates = backward_run(inputs, run, kept, dy, dstate)
        for into, slope in zip((dB, dC), dmaps, strict=True):
            run.of(into, 2).copy_(slope.transpose(1, 2))
        dstate = dstates[:, 0]
        # Every term of y_t holds the sum of rates up to t as a factor exp(+sum), every use of x_s
        # one with exp(-sum), and every term of the state after a chunk one with the chunk's sum.
        dsum = (dy * run.of(y_BLGRP)).sum(-1)
        dsum[:, :, -1] += _inner(dstates[:, 1:], kept[:, 1:], dt)
        ddt = torch.sum(x * dinflow, -1, out=run.of(ddt_BLGR))
        dsum -= ddt * dt
        dx = torch.mul(dinflow, dt[..., None], out=run.of(dx_BLGRP))
        if D_GRP is not None:
            dx.addcmul_(dy, D_GRP)
            dskip = dy * x
            dD += dskip.sum((0, 1, 2)).sum_to_size(D_GRP.shape)
            dsum -= dskip.mul_(D_GRP).sum(-1)
        run.of(drate_BLGR)[:] = dsum.flip(2).cumsum(2, dtype=torch.float64).flip(2)
    ddt_BLGR.addcmul_(drate_BLGR, A_GR)
    dA = (drate_BLGR * dt_BLGR).sum((0, 1))
    return dx_BLGRP, ddt_BLGR, dA, dB, dC, dstate if ctx.has_state else None, dD


def _inner(dstate_BKGNM: Tensor, state_BKGNM: Tensor, dt_BKTGR: Tensor) -> Tensor:
    """What the state after a chunk says about the chunk's whole decay (B, K, G, R)."""
    return (dstate_BKGNM * state_BKGNM).sum(3).unflatten(-1, (dt_BKTGR.shape[-1], -1)).sum(-1)

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
from .chunk import Maps, backward_chunk, forward_chunk
from .decays import Decays
from .naive import step_sizes

CHUNK = 64


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


class _Chunked(torch.autograd.Function):
    """Outputs and last state; everything large is worked on a chunk at a time, in cache."""

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
        y_BLGRP, states = torch.empty_like(x_BLGRP), [state_BGNM.contiguous()]
        for each in Decays(dt_BLGR * A_GR, runs_BL, chunk):
            x, y = x_BLGRP[:, each.part], y_BLGRP[:, each.part]
            maps = Maps.of(B_BGLN, C_BGLN, each)
            new = forward_chunk(x, dt_BLGR[:, each.part], maps, each, states[-1], y)
            if D_GRP is not None:
                y.addcmul_(x, D_GRP)
            states = [*states, new] if keep else [new]
        if keep:
            ctx.save_for_backward(
                x_BLGRP, dt_BLGR, A_GR, B_BGLN, C_BGLN, D_GRP, y_BLGRP, runs_BL, *states
            )
        return y_BLGRP, states[-1]

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
    decays = Decays(dt_BLGR * A_GR, runs_BL, ctx.chunk)
    for number, each in zip(reversed(range(len(decays))), reversed(decays), strict=True):
        part = each.part
        x, dt, dy = x_BLGRP[:, part], dt_BLGR[:, part], dy_BLGRP[:, part]
        # Every term of y_t holds the sum of rates up to t as a factor exp(+sum), every use of x_s
        # one with exp(-sum), and every term of the state after a chunk one with the chunk's sum.
        dsum = (dy * y_BLGRP[:, part]).sum(-1)
        dsum[:, -1] += _inner(dstate, states[number + 1], dt)
        maps = Maps.of(B, C, each)
        dinflow, dB[:, :, part], dC[:, :, part], dstate = backward_chunk(
            x, dt, maps, each, states[number], dy, dstate
        )
        ddt = torch.sum(x * dinflow, -1, out=ddt_BLGR[:, part])
        dsum -= ddt * dt
        dx = torch.mul(dinflow, dt[..., None], out=dx_BLGRP[:, part])
        if D_GRP is not None:
            dx.addcmul_(dy, D_GRP)
            dskip = dy * x
            dD += dskip.sum((0, 1)).sum_to_size(D_GRP.shape)
            dsum -= dskip.mul_(D_GRP).sum(-1)
        drate_BLGR[:, part] = dsum.flip(1).cumsum(1, dtype=torch.float64).flip(1)
    ddt_BLGR.addcmul_(drate_BLGR, A_GR)
    dA = (drate_BLGR * dt_BLGR).sum((0, 1))
    return dx_BLGRP, ddt_BLGR, dA, dB, dC, dstate if ctx.has_state else None, dD


def _inner(dstate_BGNM: Tensor, state_BGNM: Tensor, dt_BTGR: Tensor) -> Tensor:
    """What the state after a chunk says about the chunk's whole decay (B, G, R)."""
    batch, _, groups, members = dt_BTGR.shape
    return (dstate_BGNM * state_BGNM).sum(2).view(batch, groups, members, -1).sum(-1)

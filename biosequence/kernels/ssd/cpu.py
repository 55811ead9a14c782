"""State space duality in chunks: inside a chunk attention-like products, between chunks the state.

Written for torch's matrix products on any device. Gradients of the decays are inner products of
what is there already (the output with its gradient, the input with its gradient), so that the
backward pass forms no gradient of a chunk's decay matrix.
"""

# Shapes: B batch, L length, T positions of a chunk, G groups, R heads of a group (H = G R heads),
# P head size, N state size. The state (B, G, N, R P) takes all heads of a group in one product.

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..dispatch import full_precision
from ..shapes import document_starts, state_dtype
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


class _Decays(NamedTuple):
    """How much of what comes in at s is left at t, at the chunk's end, and of the state before."""

    within_BGRTT: Tensor
    into_BTGR1: Tensor
    out_of_BTGR1: Tensor
    over_BGR: Tensor


def _decays(rate_BGRL: Tensor, runs_BL: Tensor | None, start: int, end: int) -> _Decays:
    exact_BGRT = rate_BGRL[..., start:end].cumsum(-1, dtype=torch.float64)
    sum_BGRT = exact_BGRT.to(rate_BGRL.dtype)
    # Neighbours far into a chunk of fast decays differ by less than the rounding of their sums.
    rest_BGRT = (exact_BGRT - sum_BGRT).to(rate_BGRL.dtype)
    within = sum_BGRT[..., None] - sum_BGRT[..., None, :]
    within += rest_BGRT[..., None]
    within -= rest_BGRT[..., None, :]
    within.exp_().tril_()
    into = sum_BGRT.exp()
    out_of = (exact_BGRT[..., -1:] - exact_BGRT).to(rate_BGRL.dtype).exp_()
    over = into[..., -1]
    if runs_BL is not None:
        runs_BT = runs_BL[:, start:end]
        before_B1 = runs_BL[:, max(start - 1, 0), None]
        other_BT = runs_BT != runs_BT[:, -1:]
        within.masked_fill_((runs_BT[:, :, None] != runs_BT[:, None])[:, None, None], 0.0)
        into = into.masked_fill((runs_BT != before_B1)[:, None, None], 0.0)
        out_of.masked_fill_(other_BT[:, None, None], 0.0)
        over = into[..., -1]
    into, out_of = (x.permute(0, 3, 1, 2)[..., None] for x in (into, out_of))
    return _Decays(within, into, out_of, over)


def _flat(x_BTGRP: Tensor) -> Tensor:
    """All heads of a group side by side: (B, G, T, R P)."""
    return x_BTGRP.flatten(3).transpose(1, 2)


def _by_head(x_BTGRP: Tensor) -> Tensor:
    """Each head by itself: (B, G, R, T, P)."""
    return x_BTGRP.permute(0, 2, 3, 1, 4)


def _scaled(over_BGR: Tensor, state_BGNM: Tensor) -> Tensor:
    batch, groups, size, _ = state_BGNM.shape
    per_head = state_BGNM.view(batch, groups, size, over_BGR.shape[-1], -1)
    return (per_head * over_BGR[:, :, None, :, None]).view(state_BGNM.shape)


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
        batch, length, groups, members, size = x_BLGRP.shape
        ctx.has_state, ctx.chunk = state_BGNM is not None, chunk
        if state_BGNM is None:
            state_BGNM = x_BLGRP.new_zeros(batch, groups, B_BGLN.shape[-1], members * size)
        rate_BGRL = (dt_BLGR * A_GR).permute(0, 2, 3, 1)
        y_BLGRP, states = torch.empty_like(x_BLGRP), [state_BGNM.contiguous()]
        for start in range(0, length, chunk):
            end = min(start + chunk, length)
            x = x_BLGRP[:, start:end] * dt_BLGR[:, start:end, ..., None]
            B, C = B_BGLN[:, :, start:end], C_BGLN[:, :, start:end]
            decays = _decays(rate_BGRL, runs_BL, start, end)
            scores = decays.within_BGRTT.mul_((C @ B.transpose(2, 3))[:, :, None])
            y = (C @ states[-1]).view(batch, groups, end - start, members, size).transpose(1, 2)
            y = torch.mul(y, decays.into_BTGR1, out=y_BLGRP[:, start:end])
            y += (scores @ _by_head(x)).permute(0, 3, 1, 2, 4)
            if D_GRP is not None:
                y.addcmul_(x_BLGRP[:, start:end], D_GRP)
            new = B.transpose(2, 3) @ _flat(x.mul_(decays.out_of_BTGR1))
            new += _scaled(decays.over_BGR, states[-1])
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
    rate_BGRL = (dt_BLGR * A_GR).permute(0, 2, 3, 1)
    for number in reversed(range(len(states) - 1)):
        start, end = number * ctx.chunk, min((number + 1) * ctx.chunk, x_BLGRP.shape[1])
        part, maps = slice(start, end), (slice(None), slice(None), slice(start, end))
        x, dt, dy = x_BLGRP[:, part], dt_BLGR[:, part], dy_BLGRP[:, part]
        # Every term of y_t holds the sum of rates up to t as a factor exp(+sum), every use of x_s
        # one with exp(-sum), and every term of the state after a chunk one with the chunk's sum.
        dsum = (dy * y_BLGRP[:, part]).sum(-1)
        dsum[:, -1] += _inner(dstate, states[number + 1], dt)
        dinflow, dB[maps], dC[maps], dstate = _chunk_gradients(
            x * dt[..., None],
            B[maps],
            C[maps],
            dy,
            _decays(rate_BGRL, runs_BL, start, end),
            states[number],
            dstate,
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


def _chunk_gradients(
    x: Tensor, B: Tensor, C: Tensor, dy: Tensor, decays: _Decays, state: Tensor, dstate: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of a chunk's inflow and maps, and of the state before it."""
    dy_heads, x_heads = _by_head(dy), _by_head(x)
    by_decay = (dy_heads @ x_heads.transpose(3, 4)).mul_(decays.within_BGRTT)
    by_score = by_decay.sum(2)
    scores = decays.within_BGRTT.mul_((C @ B.transpose(2, 3))[:, :, None])
    dx = (B @ dstate).view(*B.shape[:3], *x.shape[3:]).transpose(1, 2) * decays.out_of_BTGR1
    dx += (scores.transpose(3, 4) @ dy_heads).permute(0, 3, 1, 2, 4)
    dy_state = _flat(dy * decays.into_BTGR1)
    dC = (by_score @ B).add_(dy_state @ state.transpose(2, 3))
    inflow = _flat(x * decays.out_of_BTGR1)
    dB = (by_score.transpose(2, 3) @ C).add_(inflow @ dstate.transpose(2, 3))
    dbefore = (C.transpose(2, 3) @ dy_state).add_(_scaled(decays.over_BGR, dstate))
    return dx, dB, dC, dbefore


def _inner(dstate_BGNM: Tensor, state_BGNM: Tensor, dt_BTGR: Tensor) -> Tensor:
    """What the state after a chunk says about the chunk's whole decay (B, G, R)."""
    batch, _, groups, members = dt_BTGR.shape
    return (dstate_BGNM * state_BGNM).sum(2).view(batch, groups, members, -1).sum(-1)

"""Selective scan in torch alone: states are kept every few positions, the rest computed again.

A scan's states would fill memory N times over and autograd through the loop would pay for each
position several times. Here the loop holds one fused operation a position, everything else works
on whole chunks, and the backward pass is written by hand.
"""

# Shapes: L length, T positions of a chunk, B batch, G groups, M channels of a group (D = G M),
# N state size. Time comes first, so that a position is one block of memory.

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .prepare import around

CHUNK = 64
# More than this many numbers in a chunk's states, and shorter chunks are faster: they stay cached.
CHUNK_NUMBERS = 2**21


def selective_scan_recompute(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    initial_state: Tensor | None = None,
    return_last_state: bool = False,
    *,
    seq_idx: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The scan on any device; arguments as in :func:`biosequence.kernels.selective_scan`."""
    return around(
        _core,
        u,
        delta,
        A,
        B,
        C,
        D,
        z,
        delta_bias,
        delta_softplus,
        initial_state,
        return_last_state,
        seq_idx,
    )


def _core(
    u_BLD: Tensor,
    dt_BLD: Tensor,
    A_DN: Tensor,
    B_BLGN: Tensor,
    C_BLGN: Tensor,
    D_D: Tensor | None,
    h0_BDN: Tensor | None,
    starts_BL: Tensor | None,
) -> tuple[Tensor, Tensor]:
    batch, length, channels = u_BLD.shape
    groups, size = B_BLGN.shape[2:]
    grouped = (batch, length, groups, channels // groups)
    u_LBGM, dt_LBGM = (x.view(grouped).transpose(0, 1) for x in (u_BLD, dt_BLD))
    B_LBGN, C_LBGN = (maps.transpose(0, 1) for maps in (B_BLGN, C_BLGN))
    A_GMN = A_DN.view(groups, -1, size)
    if h0_BDN is None:
        h0_BDN = u_BLD.new_zeros(batch, channels, size)
    h0_BGMN = h0_BDN.reshape(batch, groups, -1, size)
    starts_LB = None if starts_BL is None else starts_BL.transpose(0, 1)
    y_LBGM, h_BGMN = _Scan.apply(u_LBGM, dt_LBGM, A_GMN, B_LBGN, C_LBGN, h0_BGMN, starts_LB)
    y_BLD = y_LBGM.transpose(0, 1).reshape(batch, length, channels)
    if D_D is not None:
        y_BLD = torch.addcmul(y_BLD, D_D, u_BLD)
    return y_BLD, h_BGMN.reshape(batch, channels, size)


def _chunk_states(
    u_TBGM: Tensor,
    dt_TBGM: Tensor,
    A_GMN: Tensor,
    B_TBGN: Tensor,
    h_BGMN: Tensor,
    starts_TB: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Decays of a chunk's positions, and the state before each of them and after the last."""
    decay_TBGMN = torch.exp(dt_TBGM[..., None] * A_GMN)
    if starts_TB is not None:
        decay_TBGMN.masked_fill_(starts_TB[..., None, None, None], 0.0)
    length = len(decay_TBGMN)
    states = decay_TBGMN.new_empty(length + 1, *decay_TBGMN.shape[1:])
    states[0] = h_BGMN
    torch.mul((dt_TBGM * u_TBGM)[..., None], B_TBGN[..., None, :], out=states[1:])
    for t in range(length):
        states[t + 1].addcmul_(decay_TBGMN[t], states[t])
    return decay_TBGMN, states


class _Scan(torch.autograd.Function):
    """The scan without skip; gradients by a second scan that runs backwards over the chunks."""

    @staticmethod
    def forward(
        ctx: Any,
        u_LBGM: Tensor,
        dt_LBGM: Tensor,
        A_GMN: Tensor,
        B_LBGN: Tensor,
        C_LBGN: Tensor,
        h0_BGMN: Tensor,
        starts_LB: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        length = len(u_LBGM)
        chunk = max(4, min(CHUNK, CHUNK_NUMBERS // prod(h0_BGMN.shape)))
        y_LBGM = u_LBGM.new_empty(u_LBGM.shape)
        h_BGMN, kept = h0_BGMN, []
        for start in range(0, length, chunk):
            part = slice(start, start + chunk)
            kept.append(h_BGMN)
            starts = None if starts_LB is None else starts_LB[part]
            _, states = _chunk_states(
                u_LBGM[part], dt_LBGM[part], A_GMN, B_LBGN[part], h_BGMN, starts
            )
            y_LBGM[part] = torch.matmul(states[1:], C_LBGN[part][..., None])[..., 0]
            h_BGMN = states[-1].clone()
        ctx.save_for_backward(u_LBGM, dt_LBGM, A_GMN, B_LBGN, C_LBGN, starts_LB, *kept)
        ctx.chunk = chunk
        return y_LBGM, h_BGMN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_LBGM: Tensor, dlast_BGMN: Tensor) -> tuple[Tensor | None, ...]:
        u, dt, A, B, C, starts, *kept = ctx.saved_tensors
        dA, dh = torch.zeros_like(A), dlast_BGMN
        parts: list[tuple[Tensor, ...]] = []
        for number in reversed(range(len(kept))):
            part = slice(number * ctx.chunk, (number + 1) * ctx.chunk)
            chunk = (u[part], dt[part], A, B[part], C[part], dy_LBGM[part])
            decay, states = _chunk_states(
                *chunk[:4], kept[number], None if starts is None else starts[part]
            )
            *found, dA_part, dh = _chunk_gradients(*chunk, decay, states, dh)
            dA += dA_part
            parts.append(tuple(found))
        du, ddt, dB, dC = (torch.cat(pieces[::-1]) for pieces in zip(*parts, strict=True))
        return du, ddt, dA, dB, dC, dh, None


def _chunk_gradients(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    dy: Tensor,
    decay: Tensor,
    states: Tensor,
    dh: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of a chunk's u, dt, B and C, its share of A's, and that of the state before it."""
    dC = torch.matmul(dy[..., None, :], states[1:])[..., 0, :]
    # Gradient of each state: by its own output, and by the state that follows it.
    d = dy[..., None] * C[..., None, :]
    d[-1] += dh
    for t in reversed(range(len(d) - 1)):
        d[t].addcmul_(decay[t + 1], d[t + 1])
    dB = torch.matmul((dt * u)[..., None, :], d)[..., 0, :]
    by_inflow = torch.matmul(d, B[..., None])[..., 0]
    d.mul_(decay)
    dh = d[0].clone()
    q = d.mul_(states[:-1])
    ddt = by_inflow * u + (q * A).sum(-1)
    dA = (q * dt[..., None]).sum((0, 1))
    return by_inflow * dt, ddt, dB, dC, dA, dh

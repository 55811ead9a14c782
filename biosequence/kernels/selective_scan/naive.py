"""Selective scan, one position after the other: the definition that every back end is held to."""

# Shapes: B batch, D channels, L length, N state size, G groups of channels with a B and C each.

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shapes import document_starts, state_dtype


def selective_scan_naive(
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
    """The recurrence in plain torch; arguments as in :func:`biosequence.kernels.selective_scan`."""
    kind = state_dtype(u, delta, A, B, C, initial_state)
    batch, channels, length = u.shape
    h_BDN = u.new_zeros(batch, channels, A.shape[1], dtype=kind)
    if initial_state is not None:
        h_BDN = initial_state.to(kind)
    starts_BL = None if seq_idx is None else document_starts(seq_idx)
    # Indexing a tensor inside the loop would make the backward pass quadratic in L: a gradient of
    # the whole tensor for every position. unbind has one for all.
    inputs = zip(u.unbind(-1), delta.unbind(-1), B.unbind(-1), C.unbind(-1), strict=True)
    gates = [None] * length if z is None else z.unbind(-1)
    outputs = []
    for t, (u_BD, delta_BD, B_t, C_t) in enumerate(inputs):
        if starts_BL is not None:
            h_BDN = h_BDN.masked_fill(starts_BL[:, t, None, None], 0.0)
        y_BD, h_BDN = step(
            u_BD, delta_BD, A, B_t, C_t, D, gates[t], delta_bias, delta_softplus, h_BDN
        )
        outputs.append(y_BD)
    y_BDL = torch.stack(outputs, dim=-1)
    return (y_BDL, h_BDN) if return_last_state else y_BDL


def step(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """One position, arguments as in :func:`biosequence.kernels.selective_scan_step`."""
    kind = state_dtype(u, delta, A, B, C, state)
    u_BD, dt_BD, A_DN = u.to(kind), delta.to(kind), A.to(kind)
    if delta_bias is not None:
        dt_BD = dt_BD + delta_bias.to(kind)
    if delta_softplus:
        dt_BD = F.softplus(dt_BD)
    B_BDN, C_BDN = (_per_channel(maps.to(kind), u.shape[1]) for maps in (B, C))
    decay_BDN = torch.exp(dt_BD[..., None] * A_DN)
    h_BDN = decay_BDN * state.to(kind) + dt_BD[..., None] * B_BDN * u_BD[..., None]
    y_BD = (h_BDN * C_BDN).sum(-1)
    if D is not None:
        y_BD = y_BD + D.to(kind) * u_BD
    if z is not None:
        y_BD = y_BD * F.silu(z.to(kind))
    return y_BD.to(u.dtype), h_BDN


def _per_channel(maps: Tensor, channels: int) -> Tensor:
    """Maps (B, N) or (B, G, N) as one that broadcasts to (B, D, N)."""
    if maps.dim() == 2:
        return maps[:, None]
    return maps.repeat_interleave(channels // maps.shape[1], dim=1)

"""State space duality, one position after the other: the definition behind every back end."""

# Shapes: B batch, L length, H heads, P head size, N state size, G groups of heads with a B and C.

from __future__ import annotations

from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shapes import document_starts, state_dtype


def ssd_naive(
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
    """The recurrence in plain torch; arguments as in :func:`biosequence.kernels.ssd`."""
    kind = state_dtype(x, dt, A, B, C, initial_states)
    batch, length, heads, size = x.shape
    state_BHPN = x.new_zeros(batch, heads, size, B.shape[-1], dtype=kind)
    if initial_states is not None:
        state_BHPN = initial_states.to(kind)
    starts_BL = None if seq_idx is None else document_starts(seq_idx)
    inputs = zip(x.unbind(1), dt.unbind(1), B.unbind(1), C.unbind(1), strict=True)
    gates = [None] * length if z is None else z.unbind(1)
    outputs = []
    for t, (x_BHP, dt_BH, B_BGN, C_BGN) in enumerate(inputs):
        if starts_BL is not None:
            state_BHPN = state_BHPN.masked_fill(starts_BL[:, t, None, None, None], 0.0)
        y_BHP, state_BHPN = step(
            x_BHP, dt_BH, A, B_BGN, C_BGN, D, gates[t], dt_bias, dt_softplus, dt_limit, state_BHPN
        )
        outputs.append(y_BHP)
    y_BLHP = torch.stack(outputs, dim=1)
    return (y_BLHP, state_BHPN) if return_final_states else y_BLHP


def step(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    dt_limit: tuple[float, float],
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """One position, arguments as in :func:`biosequence.kernels.ssd_step`."""
    kind = state_dtype(x, dt, A, B, C, state)
    x_BHP, A_H = x.to(kind), A.to(kind)
    dt_BH = step_sizes(dt.to(kind), dt_bias, dt_softplus, dt_limit)
    B_BHN, C_BHN = (
        maps.to(kind).repeat_interleave(x.shape[1] // maps.shape[1], dim=1) for maps in (B, C)
    )
    decay_BH = torch.exp(dt_BH * A_H)
    inflow_BHPN = (dt_BH[..., None] * x_BHP)[..., None] * B_BHN[:, :, None]
    state_BHPN = decay_BH[..., None, None] * state.to(kind) + inflow_BHPN
    y_BHP = (state_BHPN * C_BHN[:, :, None]).sum(-1)
    if D is not None:
        y_BHP = y_BHP + D.to(kind).reshape(D.shape[0], -1) * x_BHP
    if z is not None:
        y_BHP = y_BHP * F.silu(z.to(kind))
    return y_BHP.to(x.dtype), state_BHPN


def step_sizes(
    dt: Tensor, dt_bias: Tensor | None, dt_softplus: bool, dt_limit: tuple[float, float]
) -> Tensor:
    """Step sizes (..., H) with bias, softplus and limits, in this order."""
    if dt_bias is not None:
        dt = dt + dt_bias.to(dt.dtype)
    if dt_softplus:
        dt = F.softplus(dt)
    if tuple(dt_limit) != (0.0, inf) or not dt_softplus:
        dt = dt.clamp(*dt_limit)
    return dt

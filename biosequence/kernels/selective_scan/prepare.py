"""What every fast selective scan shares: bias, softplus and gate stay in torch, around its core."""

# Shapes: B batch, D channels, L length, N state size, G groups of channels with a B and C each.

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shapes import document_starts, state_dtype

# (u_BLD, dt_BLD, A_DN, B_BLGN, C_BLGN, D_D, h0_BDN, starts_BL) -> (y_BLD, h_BDN); D_D, h0_BDN and
# starts_BL may be None.
Core = Callable[..., tuple[Tensor, Tensor]]


def around(
    core: Core,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
    initial_state: Tensor | None,
    return_last_state: bool,
    seq_idx: Tensor | None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The whole op around a core that knows channels-last tensors of one type only."""
    kind = state_dtype(u, delta, A, B, C, initial_state)
    dt_BLD = channels_last(delta, kind)
    if delta_bias is not None:
        dt_BLD = dt_BLD + delta_bias.to(kind)
    if delta_softplus:
        dt_BLD = F.softplus(dt_BLD)
    y_BLD, h_BDN = core(
        channels_last(u, kind),
        dt_BLD,
        A.to(kind).contiguous(),
        maps_last(B, kind),
        maps_last(C, kind),
        None if D is None else D.to(kind).contiguous(),
        None if initial_state is None else initial_state.to(kind),
        None if seq_idx is None else document_starts(seq_idx),
    )
    if z is not None:
        y_BLD = y_BLD * F.silu(z.transpose(1, 2).to(kind))
    y_BDL = y_BLD.transpose(1, 2).to(u.dtype)
    return (y_BDL, h_BDN) if return_last_state else y_BDL


def channels_last(x_BDL: Tensor, kind: torch.dtype) -> Tensor:
    """(B, D, L) as (B, L, D) side by side in memory."""
    return x_BDL.transpose(1, 2).to(kind).contiguous()


def maps_last(maps: Tensor, kind: torch.dtype) -> Tensor:
    """Maps (B, N, L) or (B, G, N, L) as (B, L, G, N)."""
    maps_BGNL = maps[:, None] if maps.dim() == 3 else maps
    return maps_BGNL.permute(0, 3, 1, 2).to(kind).contiguous()

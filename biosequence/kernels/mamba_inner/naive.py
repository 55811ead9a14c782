"""The mixer's inner part as its definition, piece after piece."""

# Shapes: B batch, L length, D channels, W width of the window, N state size, R rank of the step
# sizes, S = R + 2 N, H width of the model, X = 2 D.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ..causal_conv.naive import causal_conv1d_naive
from ..selective_scan.naive import selective_scan_naive


def mamba_inner_naive(*tensors: Tensor | None, seq_idx: Tensor | None = None) -> Tensor:
    """From naive pieces; arguments as in :func:`biosequence.kernels.mamba_inner`."""
    return composed(causal_conv1d_naive, selective_scan_naive, *tensors, seq_idx=seq_idx)


def composed(
    convolve: Callable[..., Any],
    scan: Callable[..., Any],
    xz_BLX: Tensor,
    conv_DW: Tensor,
    conv_bias_D: Tensor | None,
    x_proj_SD: Tensor,
    dt_proj_DR: Tensor,
    dt_bias_D: Tensor | None,
    A_DN: Tensor,
    D_D: Tensor | None,
    out_proj_HD: Tensor,
    out_bias_H: Tensor | None,
    *,
    seq_idx: Tensor | None = None,
) -> Tensor:
    """The output, with whatever computes convolution and scan."""
    x_BDL, z_BDL = xz_BLX.transpose(1, 2).chunk(2, dim=1)
    u_BDL = convolve(x_BDL, conv_DW, conv_bias_D, seq_idx, activation="silu")
    (size, rank), kind = (A_DN.shape[1], dt_proj_DR.shape[1]), xz_BLX.dtype
    maps_BLS = F.linear(u_BDL.transpose(1, 2), x_proj_SD.to(kind))
    dt_BLR, B_BLN, C_BLN = maps_BLS.split((rank, size, size), dim=-1)
    y_BDL = scan(
        u_BDL,
        F.linear(dt_BLR, dt_proj_DR.to(kind)).transpose(1, 2),
        A_DN,
        B_BLN.transpose(1, 2),
        C_BLN.transpose(1, 2),
        D_D,
        z_BDL,
        dt_bias_D,
        True,
        seq_idx=seq_idx,
    )
    out_bias_H = None if out_bias_H is None else out_bias_H.to(kind)
    return F.linear(y_BDL.transpose(1, 2), out_proj_HD.to(kind), out_bias_H)

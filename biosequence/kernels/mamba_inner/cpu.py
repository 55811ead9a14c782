"""The mixer's inner part on the CPU as one function of autograd, its gradient written by hand.

Nothing is transposed or copied between the pieces: the loops read and write the rows that the
projections write and read. Kept are the projection, the convolved input, the step sizes, the maps,
the gated output and a state every 64 positions; the rest is computed again on the way back.
"""

# Shapes: B batch, L length, M = B L rows, D channels, W width of the window, N state size, R rank
# of the step sizes, S = R + 2 N, H width of the model, X = 2 D.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..causal_conv import passes as window
from ..causal_conv.naive import documents_with_past
from ..onednn import product
from ..selective_scan import passes as scan
from ..shapes import document_starts


def mamba_inner_cpu(
    xz: Tensor,
    conv_weight: Tensor,
    *weights: Tensor | None,
    seq_idx: Tensor | None = None,
) -> Tensor:
    """The op in float32; arguments as in :func:`biosequence.kernels.mamba_inner`."""
    tensors = (xz.contiguous(), conv_weight, *weights)
    # Without gradients no state needs to be kept.
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    starts_BL = documents_BE = None
    if seq_idx is not None:
        starts_BL = document_starts(seq_idx)
        documents_BE = documents_with_past(seq_idx, conv_weight.shape[1] - 1)
    return _Inner.apply(keep, starts_BL, documents_BE, *tensors)


class _Inner(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        starts_BL: Tensor | None,
        documents_BE: Tensor | None,
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
    ) -> Tensor:
        (batch, length, _), (channels, size) = xz_BLX.shape, A_DN.shape
        rank = dt_proj_DR.shape[1]
        convolved = (xz_BLX, conv_DW.t().contiguous(), conv_bias_D, None, documents_BE)
        u_BLD = window.forward_pass(*convolved, True)
        maps_MS = product(u_BLD.view(-1, channels), x_proj_SD.t())
        dt_MR, B_MN, C_MN = maps_MS.split((rank, size, size), dim=1)
        scanned = scan.inputs(
            u_BLD,
            product(dt_MR, dt_proj_DR.t()).view_as(u_BLD),
            A_DN,
            *(maps.contiguous().view(batch, length, 1, size) for maps in (B_MN, C_MN)),
            D_D,
            dt_bias_D,
            xz_BLX,
            starts_BL,
        )
        y_BLD, _, kept = scan.forward_pass(scanned, True, keep)
        y_MD = y_BLD.view(-1, channels)
        out_MH = product(y_MD, out_proj_HD.t(), out_bias_H)
        projections = (x_proj_SD, dt_proj_DR, out_proj_HD)
        ctx.save_for_backward(dt_MR, y_MD, kept, *projections, *convolved, *scanned)
        return out_MH.view(batch, length, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dout_BLH: Tensor) -> tuple[Tensor | None, ...]:
        dt_MR, y_MD, kept, x_proj_SD, dt_proj_DR, out_proj_HD, *saved = ctx.saved_tensors
        convolved, scanned = saved[:5], scan.Inputs(*saved[5:])
        xz_BLX, u_BLD, channels = convolved[0], scanned.u_BLD, len(dt_proj_DR)
        u_MD = u_BLD.view(-1, channels)
        dout_MH = dout_BLH.reshape(-1, len(out_proj_HD))

        dy_BLD = product(dout_MH, out_proj_HD).view_as(u_BLD)
        dxz_BLX = torch.empty_like(xz_BLX)
        grads = scan.backward_pass(scanned, True, kept, dy_BLD, dxz_BLX)
        ddelta_MD = grads.delta_BLD.view_as(u_MD)
        dmaps = (product(ddelta_MD, dt_proj_DR), grads.B_BLGN, grads.C_BLGN)
        dmaps_MS = torch.cat([maps.reshape(len(u_MD), -1) for maps in dmaps], dim=1)
        du_BLD = grads.u_BLD.add_(product(dmaps_MS, x_proj_SD).view_as(u_BLD))
        dxz_BLX[..., :channels] = 0
        dconv_WD, dconv_bias_D, _ = window.backward_pass(*convolved, True, du_BLD, dxz_BLX)

        wanted = ctx.needs_input_grad[3:]
        products = {3: (dmaps_MS, u_MD), 4: (ddelta_MD, dt_MR), 8: (dout_MH, y_MD)}
        weights = {i: product(a.t(), b) for i, (a, b) in products.items() if wanted[i]}
        found = (
            *(dxz_BLX, dconv_WD.t(), dconv_bias_D, weights.get(3), weights.get(4)),
            *(grads.bias_D, grads.A_DN, grads.D_D, weights.get(8)),
            dout_MH.sum(0) if wanted[9] else None,
        )
        return (
            None,
            None,
            None,
            *(x if want else None for x, want in zip(found, wanted, strict=True)),
        )

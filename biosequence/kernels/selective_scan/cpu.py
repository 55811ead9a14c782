"""Selective scan on the CPU: blocks of channels in compiled loops, gradients written by hand.

A task is one batch entry and one block of 64 channels, which the processor's vectors run over.
The state stays in cache from the first position to the last. It is kept every 64 positions;
the backward pass computes the states and decays of such a chunk again and walks it in reverse.
"""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels.

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..shapes import document_starts
from .passes import Inputs, backward_pass, blocks_of, forward_pass, inputs
from .prepare import channels_last, maps_last

logging.getLogger("biosequence.kernels").info(
    "selective_scan: the first call on a machine compiles its loops, which takes some seconds"
)


def selective_scan_cpu(
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
    """The scan in float32; arguments as in :func:`biosequence.kernels.selective_scan`."""
    tensors = (
        channels_last(u, torch.float32),
        channels_last(delta, torch.float32),
        A.float().contiguous(),
        maps_last(B, torch.float32),
        maps_last(C, torch.float32),
        *(None if weights is None else weights.float().contiguous() for weights in (D, delta_bias)),
        None if z is None else channels_last(z, torch.float32),
        None if initial_state is None else initial_state.float(),
    )
    # Without gradients no state needs to be kept.
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    starts_BL = None if seq_idx is None else document_starts(seq_idx)
    y_BLD, h_BDN = _Scan.apply(keep, delta_softplus, starts_BL, *tensors)
    y_BDL = y_BLD.transpose(1, 2).to(u.dtype)
    return (y_BDL, h_BDN) if return_last_state else y_BDL


class _Scan(torch.autograd.Function):
    """The whole scan on channels-last tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        softplus: bool,
        starts_BL: Tensor | None,
        u_BLD: Tensor,
        delta_BLD: Tensor,
        A_DN: Tensor,
        B_BLGN: Tensor,
        C_BLGN: Tensor,
        D_D: Tensor | None,
        bias_D: Tensor | None,
        z_BLD: Tensor | None,
        h0_BDN: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        given = inputs(u_BLD, delta_BLD, A_DN, B_BLGN, C_BLGN, D_D, bias_D, z_BLD, starts_BL)
        y_BLD, h_BKNW, kept = forward_pass(given, softplus, keep, h0_BDN)
        ctx.save_for_backward(*given, kept)
        ctx.softplus = softplus
        ctx.given = tuple(t is not None for t in (D_D, bias_D, z_BLD, h0_BDN))
        ctx.set_materialize_grads(False)
        return y_BLD, blocks_of(u_BLD.shape[2], B_BLGN.shape[2]).join(h_BKNW)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, dy_BLD: Tensor | None, dlast_BDN: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        *saved, kept = ctx.saved_tensors
        given = Inputs(*saved)
        dy_BLD = torch.zeros_like(given.u_BLD) if dy_BLD is None else dy_BLD.contiguous()
        dz_BLD = torch.empty_like(given.z_BLZ)
        *grads, dD, dbias, dh = backward_pass(given, ctx.softplus, kept, dy_BLD, dz_BLD, dlast_BDN)
        blocks = blocks_of(given.u_BLD.shape[2], given.B_BLGN.shape[2])
        optional = (dD, dbias, dz_BLD, blocks.join(dh))
        return (
            *(None, None, None),
            *grads,
            *(x if given else None for x, given in zip(optional, ctx.given, strict=True)),
        )

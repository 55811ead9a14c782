"""Short causal convolution with channels last: one fused multiply-add over everything a weight.

A library's convolution of one channel at a time costs several times as much here, most of all in
its backward pass.
"""

# Shapes: B batch, D channels, L length, W width of the window, E = W - 1 + L with what came before.

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..shapes import state_dtype
from .naive import documents_with_past, last_inputs, with_past


def causal_conv1d_cpu(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    seq_idx: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
    activation: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The sum over shifts, in place; arguments as in :func:`biosequence.kernels.causal_conv1d`."""
    kind = state_dtype(x, weight, initial_states)
    past = weight.shape[1] - 1
    x_BED = _with_past(x, past, initial_states)
    others, documents_BE = None, None
    if seq_idx is not None:
        documents_BE = documents_with_past(seq_idx, past)
        windows_BLW = documents_BE.unfold(1, past + 1, 1)
        others = (windows_BLW != documents_BE[:, past:, None]).permute(2, 0, 1)
    y_BLD = _Window.apply(x_BED.to(kind), weight.to(kind).t().contiguous(), others)
    if bias is not None:
        y_BLD = y_BLD + bias.to(kind)
    y_BDL = (y_BLD if activation is None else F.silu(y_BLD)).transpose(1, 2).to(x.dtype)
    if not return_final_states:
        return y_BDL
    return y_BDL, last_inputs(x_BED.transpose(1, 2), documents_BE, past)


def _with_past(x: Tensor, past: int, initial_states: Tensor | None) -> Tensor:
    """Input (B, E, D), channels last in memory."""
    if initial_states is None:
        return F.pad(x.transpose(1, 2), (0, 0, past, 0))
    return with_past(x, past, initial_states).transpose(1, 2).contiguous()


class _Window(torch.autograd.Function):
    """Weighted sum over the window; others (W, B, L) marks what is of another document."""

    @staticmethod
    def forward(ctx: Any, x_BED: Tensor, weight_WD: Tensor, others: Tensor | None) -> Tensor:
        past = len(weight_WD) - 1
        length = x_BED.shape[1] - past
        y_BLD = x_BED[:, past:] * weight_WD[past]
        for shift in range(past):
            y_BLD.addcmul_(_own(x_BED[:, shift : shift + length], others, shift), weight_WD[shift])
        ctx.save_for_backward(x_BED, weight_WD, others)
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_BED, weight_WD, others = ctx.saved_tensors
        past, length = len(weight_WD) - 1, dy_BLD.shape[1]
        dx_BED, dweight_WD = torch.zeros_like(x_BED), torch.empty_like(weight_WD)
        for shift in range(past + 1):
            dy = dy_BLD if shift == past else _own(dy_BLD, others, shift)
            seen = slice(shift, shift + length)
            dx_BED[:, seen].addcmul_(dy, weight_WD[shift])
            dweight_WD[shift] = (dy * x_BED[:, seen]).sum((0, 1))
        return dx_BED, dweight_WD, None


def _own(x_BLD: Tensor, others: Tensor | None, shift: int) -> Tensor:
    return x_BLD if others is None else x_BLD.masked_fill(others[shift, ..., None], 0.0)

"""Short causal convolution in compiled loops: window, bias and SiLU in one pass over memory."""

# Shapes: B batch, D channels, L length, W width of the window, P = W - 1, E = P + L.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .naive import documents_with_past
from .passes import backward_pass, forward_pass


def causal_conv1d_cpu(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    seq_idx: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
    activation: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The convolution in float32; arguments as in :func:`biosequence.kernels.causal_conv1d`."""
    past = weight.shape[1] - 1
    documents_BE = None if seq_idx is None else documents_with_past(seq_idx, past)
    y_BLD = _Window.apply(
        x.transpose(1, 2).float().contiguous(),
        weight.t().float().contiguous(),
        None if bias is None else bias.float().contiguous(),
        None if initial_states is None else initial_states.transpose(1, 2).float().contiguous(),
        documents_BE,
        activation is not None,
    )
    y_BDL = y_BLD.transpose(1, 2).to(x.dtype)
    return (y_BDL, _last(x, initial_states, documents_BE, past)) if return_final_states else y_BDL


def _last(x: Tensor, before: Tensor | None, documents: Tensor | None, past: int) -> Tensor:
    """The window's inputs after the last position (B, D, P), of its own document only."""
    length = x.shape[2]
    last_BDP = x[:, :, max(0, length - past) :]
    if length < past:
        before = x.new_zeros(*x.shape[:2], past) if before is None else before.to(x.dtype)
        last_BDP = torch.cat([before[:, :, length:], last_BDP], dim=-1)
    if documents is None:
        return last_BDP
    other_BP = documents[:, documents.shape[1] - past :] != documents[:, -1:]
    return last_BDP.masked_fill(other_BP[:, None], 0.0)


class _Window(torch.autograd.Function):
    """Window, bias and activation on channels-last tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        x_BLD: Tensor,
        weight_WD: Tensor,
        bias_D: Tensor | None,
        before_BPD: Tensor | None,
        documents_BE: Tensor | None,
        silu: bool,
    ) -> Tensor:
        given = (x_BLD, weight_WD, bias_D, before_BPD, documents_BE)
        ctx.save_for_backward(*given)
        ctx.silu = silu
        return forward_pass(*given, silu)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_BLD, _, bias_D, before_BPD, _ = given = ctx.saved_tensors
        dx_BLD = torch.zeros_like(x_BLD)
        dweight, dbias, dbefore = backward_pass(*given, ctx.silu, dy_BLD.contiguous(), dx_BLD)
        dbias = None if bias_D is None else dbias
        return dx_BLD, dweight, dbias, None if before_BPD is None else dbefore, None, None

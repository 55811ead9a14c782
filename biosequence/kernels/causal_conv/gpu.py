"""The causal convolution on the GPU as a function with its gradient."""

# Shapes: B batch, D channels, L length, W width of the window.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..gpu import block, on_device_of
from ..shapes import document_starts
from . import triton as kernels
from .naive import documents_with_past, last_inputs, with_past


def causal_conv1d_triton(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    seq_idx: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
    activation: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Arguments as in :func:`biosequence.kernels.causal_conv1d`; either axis of x may be dense."""
    documents_BL = None
    if seq_idx is not None:
        documents_BL = document_starts(seq_idx).cumsum(1).to(torch.int32)
    y_BDL = _Convolution.apply(x, weight, bias, initial_states, documents_BL, activation)
    if not return_final_states:
        return y_BDL
    past = weight.shape[1] - 1
    if x.shape[2] >= past:
        tail_BDE = x[:, :, x.shape[2] - past :]
    else:
        tail_BDE = with_past(x, past, initial_states)
    documents_BE = None if seq_idx is None else documents_with_past(seq_idx, past)
    return y_BDL, last_inputs(tail_BDE, documents_BE, past)


class _Call:
    """Launch arguments that forward and backward share."""

    def __init__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        states: Tensor | None,
        documents_BL: Tensor | None,
        activation: str | None,
    ) -> None:
        self.batch, self.channels, self.length = x.shape
        width = weight.shape[1]
        dense_channels = x.stride(1) == 1
        # A warp reads along the dense axis.
        X, T = (64, 16) if dense_channels else (4, 256)
        X, T = block(self.channels, 1, X), block(self.length + width - 1, 1, T)
        self.sizes = {"W": width, "X": X, "T": T, "num_warps": 4}
        self.past = (x, 0, 0, 0) if states is None else (states, *states.stride())
        self.bias = weight if bias is None else bias
        self.documents = weight if documents_BL is None else documents_BL
        self.reach = {
            "HAS_PAST": states is not None,
            "HAS_DOCUMENT": documents_BL is not None,
        }
        self.flags = {"HAS_BIAS": bias is not None, "SILU": activation is not None}

    def grid(self, positions: int) -> tuple[int, int, int]:
        X, T = self.sizes["X"], self.sizes["T"]
        return -(-self.channels // X), -(-positions // T), self.batch


class _Convolution(torch.autograd.Function):
    """The convolution with bias and activation."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        states: Tensor | None,
        documents_BL: Tensor | None,
        activation: str | None,
    ) -> Tensor:
        weight = weight.contiguous()
        bias = None if bias is None else bias.contiguous()
        call = _Call(x, weight, bias, states, documents_BL, activation)
        y = torch.empty_like(x)
        with on_device_of(x):
            kernels.forward_kernel[call.grid(call.length)](
                x, *x.stride(), *call.past, weight, call.bias, call.documents, y, *y.stride(),
                call.channels, call.length, **call.sizes, **call.flags, **call.reach,
            )  # fmt: skip
        ctx.activation = activation
        ctx.save_for_backward(x, weight, bias, states, documents_BL)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, states, documents_BL = ctx.saved_tensors
        call = _Call(x, weight, bias, states, documents_BL, ctx.activation)
        width, like = weight.shape[1], {"device": x.device, "dtype": torch.float32}
        grid = call.grid(call.length)
        parts = (call.batch * grid[1], call.channels)
        dweight, dbias = torch.empty(*parts, width, **like), torch.empty(*parts, **like)
        silu = ctx.activation is not None
        dpre = torch.empty_like(x, dtype=torch.float32) if silu else dy
        dx = torch.empty_like(x)
        dpast = None
        if states is not None:
            dpast = torch.empty(call.batch, call.channels, width - 1, **like)
        with on_device_of(x):
            kernels.weights_back_kernel[grid](
                x, *x.stride(), *call.past, weight, call.bias, call.documents, dy, *dy.stride(),
                dpre, *dpre.stride(), dweight, dbias, call.channels, call.length,
                **call.sizes, **call.flags, **call.reach,
            )  # fmt: skip
            kernels.inputs_back_kernel[call.grid(call.length + width - 1)](
                dpre, *dpre.stride(), weight, call.documents, dx, *dx.stride(),
                dx if dpast is None else dpast, call.channels, call.length,
                **call.sizes, **call.reach,
            )  # fmt: skip
        return (
            dx,
            dweight.sum(0).to(weight.dtype),
            None if bias is None else dbias.sum(0).to(bias.dtype),
            None if dpast is None else dpast.to(states.dtype),
            None,
            None,
        )

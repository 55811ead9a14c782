"""Short causal convolution as its sum over the window: what every back end is held to."""

# Shapes: B batch, D channels, L length, W width of the window.

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shapes import document_starts, state_dtype


def causal_conv1d_naive(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    seq_idx: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
    activation: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The sum over shifts; arguments as in :func:`biosequence.kernels.causal_conv1d`."""
    kind = state_dtype(x, weight, initial_states)
    length, past = x.shape[2], weight.shape[1] - 1
    x_BDE = with_past(x, past, initial_states)
    documents_BE = None if seq_idx is None else documents_with_past(seq_idx, past)
    y_BDL = torch.zeros_like(x, dtype=kind)
    for shift in range(past + 1):
        window_BDL = x_BDE[:, :, shift : shift + length].to(kind)
        if documents_BE is not None:
            other_BL = documents_BE[:, shift : shift + length] != documents_BE[:, past:]
            window_BDL = window_BDL.masked_fill(other_BL[:, None], 0.0)
        y_BDL = y_BDL + weight[:, shift, None].to(kind) * window_BDL
    y_BDL = finish(y_BDL, None if bias is None else bias[:, None], activation).to(x.dtype)
    return (y_BDL, last_inputs(x_BDE, documents_BE, past)) if return_final_states else y_BDL


def step(
    x: Tensor, weight: Tensor, bias: Tensor | None, activation: str | None, state: Tensor
) -> tuple[Tensor, Tensor]:
    """One position, arguments as in :func:`biosequence.kernels.causal_conv1d_step`."""
    kind = state_dtype(x, weight, state)
    window_BDW = torch.cat([state.to(x.dtype), x[..., None]], dim=-1)
    y_BD = finish((window_BDW.to(kind) * weight.to(kind)).sum(-1), bias, activation)
    return y_BD.to(x.dtype), window_BDW[..., 1:]


def with_past(x: Tensor, past: int, initial_states: Tensor | None) -> Tensor:
    """Input (B, D, past + L) with what came before it, or with zeros."""
    if initial_states is None:
        return F.pad(x, (past, 0))
    return torch.cat([initial_states.to(x.dtype), x], dim=-1)


def documents_with_past(seq_idx: Tensor, past: int) -> Tensor:
    """Running number of the document at each of the past + L positions; the past has the first."""
    return F.pad(document_starts(seq_idx).long().cumsum(1), (past, 0))


def last_inputs(x_BDE: Tensor, documents_BE: Tensor | None, past: int) -> Tensor:
    """The window's inputs after the last position (B, D, past), of its own document only."""
    last_BDW = x_BDE[:, :, x_BDE.shape[2] - past :]
    if documents_BE is None:
        return last_BDW
    other_BW = documents_BE[:, documents_BE.shape[1] - past :] != documents_BE[:, -1:]
    return last_BDW.masked_fill(other_BW[:, None], 0.0)


def finish(y: Tensor, bias: Tensor | None, activation: str | None) -> Tensor:
    """Output with its bias and activation."""
    if bias is not None:
        y = y + bias.to(y.dtype)
    return y if activation is None else F.silu(y)

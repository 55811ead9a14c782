"""Short causal convolution in compiled loops: window, bias and SiLU in one pass over memory."""

# Shapes: B batch, D channels, L length, W width of the window, P = W - 1, K blocks of channels.

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import share_out
from .loops import WIDTH, backward_tasks, forward_tasks
from .naive import documents_with_past


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
        ctx.save_for_backward(x_BLD, weight_WD, bias_D, before_BPD, documents_BE)
        ctx.silu = silu
        y_BLD = torch.empty_like(x_BLD)
        given = _arrays(x_BLD, weight_WD, bias_D, before_BPD, documents_BE)
        extents = _extents(x_BLD.shape[2])
        work = x_BLD.numel() * len(weight_WD)
        tasks = len(x_BLD) * len(extents)
        share_out(forward_tasks, tasks, work, extents, silu, *given, y_BLD.numpy())
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_BLD, weight_WD, bias_D, before_BPD, documents_BE = ctx.saved_tensors
        given = _arrays(x_BLD, weight_WD, bias_D, before_BPD, documents_BE)
        extents = _extents(x_BLD.shape[2])
        batch, blocks = len(x_BLD), len(extents)
        dx_BLD = torch.zeros_like(x_BLD)
        dbefore = torch.zeros_like(x_BLD[:, :0] if before_BPD is None else before_BPD)
        dweight = torch.zeros(batch, blocks, len(weight_WD), WIDTH)
        dbias = torch.zeros(batch, blocks, WIDTH)
        results = (one.numpy() for one in (dx_BLD, dbefore, dweight, dbias))
        dy = dy_BLD.contiguous().numpy()
        work = 2 * x_BLD.numel() * len(weight_WD)
        share_out(backward_tasks, batch * blocks, work, extents, ctx.silu, *given, dy, *results)
        channels = x_BLD.shape[2]
        dweight_WD = dweight.sum(0).transpose(0, 1).flatten(1)[:, :channels]
        dbias_D = None if bias_D is None else dbias.sum(0).flatten()[:channels]
        return dx_BLD, dweight_WD, dbias_D, None if before_BPD is None else dbefore, None, None


def _extents(channels: int) -> np.ndarray:
    """First channel and number of channels of each block (K, 2).

    Without a sign: numba lets a negative index count from the end, and a loop that has to ask for
    that does not become vectors.
    """
    starts = np.arange(0, channels, WIDTH)
    return np.stack([starts, np.minimum(WIDTH, channels - starts)], axis=1).astype(np.uintp)


def _arrays(
    x_BLD: Tensor,
    weight_WD: Tensor,
    bias_D: Tensor | None,
    before_BPD: Tensor | None,
    documents_BE: Tensor | None,
) -> tuple[np.ndarray, ...]:
    """What the loops read; what is not there has no length."""
    before = x_BLD[:, :0] if before_BPD is None else before_BPD
    bias = weight_WD[0, :0] if bias_D is None else bias_D
    documents = torch.zeros(len(x_BLD), 0, dtype=torch.int64)
    documents = documents if documents_BE is None else documents_BE
    parts = (x_BLD, before, weight_WD, bias, documents)
    return tuple(np.ascontiguousarray(part.detach().numpy()) for part in parts)

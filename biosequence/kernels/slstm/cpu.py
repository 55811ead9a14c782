"""sLSTM on the CPU: a compiled loop over the positions of each head, gradients written by hand."""

# Shapes: B batch, L length, G the four gates, H heads, D width of a head, S what is kept for the
# backward pass.

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import share_out
from ..shapes import document_starts
from .loops import KEPT, backward_tasks, forward_tasks
from .state import SLSTMState


def slstm_cpu(
    x: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    *,
    initial_state: SLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
) -> Tensor | tuple[Tensor, SLSTMState]:
    """The recurrence in float32; arguments as in `biosequence.kernels.slstm`."""
    B, L, _, H, D = x.shape
    state = initial_state or SLSTMState.zeros(B, H, D)
    first = torch.stack([part.float() for part in state])
    starts = torch.zeros(B, L, dtype=torch.bool) if seq_idx is None else document_starts(seq_idx)
    offset = torch.zeros(4, H, D) if bias is None else bias.float()
    tensors = (x.float(), recurrent.float(), offset, first)
    # Without gradients nothing needs to be kept.
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    y, last = _Cells.apply(*tensors, starts, keep)
    y = y.to(x.dtype)
    return (y, SLSTMState(*last.unbind(0))) if return_last_state else y


class _Cells(torch.autograd.Function):
    """The loop with its gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x_BLGHD: Tensor,
        recurrent: Tensor,
        bias: Tensor,
        first: Tensor,
        starts: Tensor,
        keep: bool,
    ) -> tuple[Tensor, Tensor]:
        B, L, _, H, D = x_BLGHD.shape
        # Rows of the input axis for the way forward, of the output axis for the way back.
        forth = recurrent.permute(1, 3, 0, 2).reshape(H, D, 4 * D).contiguous()
        y = x_BLGHD.new_empty(B, L, H, D)
        kept = x_BLGHD.new_empty(B, H, L if keep else 0, KEPT, D)
        last = first.clone(memory_format=torch.contiguous_format)
        offset = bias.transpose(0, 1).reshape(H, 4 * D).contiguous()
        arrays = _arrays(x_BLGHD.contiguous(), forth, offset, starts, last, y, kept)
        share_out(forward_tasks, B * H, 4 * L * B * H * D * D, H, *arrays)
        ctx.save_for_backward(recurrent, first, starts, y, kept)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        recurrent, first, starts, y, kept = ctx.saved_tensors
        B, L, H, D = y.shape
        back = recurrent.transpose(0, 1).reshape(H, 4 * D, D).contiguous()
        dx = y.new_empty(B, L, 4, H, D)
        dfirst = dlast.clone(memory_format=torch.contiguous_format)
        arrays = _arrays(back, starts, first.contiguous(), kept, dy.contiguous(), dfirst, dx)
        share_out(backward_tasks, B * H, 8 * L * B * H * D * D, H, *arrays)
        before = torch.cat([first[0][:, None], y[:, :-1]], 1)
        before = before.masked_fill(starts[..., None, None], 0.0)
        slopes = dx.permute(3, 0, 1, 2, 4).reshape(H, B * L, 4 * D)
        weight = slopes.mT @ before.permute(2, 0, 1, 3).reshape(H, B * L, D)
        weight = weight.view(H, 4, D, D).transpose(0, 1)
        return dx, weight, dx.sum((0, 1)), dfirst, None, None


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]

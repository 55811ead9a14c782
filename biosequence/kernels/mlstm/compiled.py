"""The chunkwise mLSTM in compiled loops: float32 on the CPU."""

# Shapes: B batch, H heads (X = B H tasks), L length, K query and key width, V value width, S states.

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import share_out
from ..shapes import document_starts
from .backward_loops import backward_tasks
from .forward_loops import forward_tasks
from .frame import frame_of
from .gates import gate_slopes
from .naive import floor_of
from .settings import Settings

# Multiplications of a tile's row that the processor does at once.
AT_ONCE = 16


class Loops(torch.autograd.Function):
    """The op with its gradient; m is a unit and has none."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        i: Tensor,
        f: Tensor,
        C0: Tensor | None,
        n0: Tensor | None,
        m0: Tensor | None,
        seq_idx: Tensor | None,
        how: Settings,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        (B, H, L, K), V = q.shape, v.shape[-1]
        frame = frame_of(i, f, m0, seq_idx, how.exponential)
        m = (frame.M + frame.b).float()
        states = 1 + -(-L // how.chunk) if how.keep else 2
        C, n = torch.empty(B, H, states, K, V), torch.empty(B, H, states, 1, K)
        if C0 is not None:
            C[:, :, 0], n[:, :, 0, 0] = C0, n0
        h, den = torch.empty(B, H, L, V), torch.empty(B, H, L)
        given = (q.float(), k.float(), v.float(), frame.c, frame.M, frame.before, floor_of(m))
        tensors = (*(x.contiguous() for x in given), _since(i, seq_idx), C, n, h, den)
        ctx.how, ctx.given = how, C0 is not None
        _run(forward_tasks, ctx, *tensors)
        if how.keep:
            ctx.save_for_backward(i, f, seq_idx, *tensors)
        last = m if how.raw else m[..., -1].clone()
        ctx.mark_non_differentiable(last)
        if not how.raw:
            ctx.mark_non_differentiable(den)
        C_last, n_last = (x[:, :, -1].clone() if how.wanted else x.new_empty(0) for x in (C, n[:, :, :, 0]))
        return h if how.raw else h.to(v.dtype), den, C_last, n_last, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor, _: Any) -> Any:
        i, f, seq_idx, *tensors = ctx.saved_tensors
        q, k, v, C, n = (tensors[at] for at in (0, 1, 2, 8, 9))
        if ctx.how.wanted:
            d_C, d_n = (x.clone(memory_format=torch.contiguous_format) for x in (d_C, d_n[:, :, None]))
        else:
            d_C, d_n = torch.zeros_like(C[:, :, 0]), torch.zeros_like(n[:, :, 0])
        d_q, d_k, d_v = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        d_log_i = torch.empty(i.shape)
        d_log_f = torch.empty(i.shape, dtype=torch.float64)
        slopes = (d_h.float().contiguous(), d_den.contiguous(), d_C, d_n, d_q, d_k, d_v)
        _run(backward_tasks, ctx, *tensors, *slopes, d_log_i, d_log_f)
        d_i, d_f = gate_slopes(d_log_i, d_log_f, i, f, seq_idx, ctx.how.exponential)
        given = (d_C, d_n[:, :, 0]) if ctx.given else (None, None)
        return d_q, d_k, d_v, d_i, d_f, *given, None, None, None


def _since(i: Tensor, seq_idx: Tensor | None) -> Tensor:
    """Where the document of each position begins (B, L), -1 for the first: a state may precede."""
    B, _, L = i.shape
    if seq_idx is None:
        return torch.full((B, L), -1)
    starts = document_starts(seq_idx)
    return torch.where(starts, torch.arange(L), -1).cummax(-1).values


def _run(kernel: Any, ctx: Any, *tensors: Tensor) -> None:
    """Share the heads out: all tensors but one have an axis of them after that of the batch."""
    how, (B, H, L, K), V = ctx.how, tensors[0].shape, tensors[2].shape[-1]
    since = tensors[7]
    arrays = [
        (x if x is since else x.flatten(0, 1)).detach().numpy() for x in tensors
    ]
    work = B * H * L * (how.chunk * (K + V) // 2 + 2 * K * V) // AT_ONCE
    plain = (H, how.chunk, how.divided, np.float32(how.eps), ctx.given, how.wanted)
    share_out(kernel, B * H, work, *plain, *arrays)

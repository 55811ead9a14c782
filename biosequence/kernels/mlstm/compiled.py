"""The chunkwise mLSTM in compiled loops: float32 on the CPU, gradients written by hand."""

# Shapes: B batch, H heads (X = B H tasks), L length, K query and key width, V value width, S states
# that are kept.

from __future__ import annotations

import logging
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

# Numbers of a row that one turn of a product's innermost loop multiplies.
AT_ONCE = 16

logging.getLogger("biosequence.kernels").info(
    "mlstm: the first call on a machine compiles its loops, which takes some seconds"
)


def in_loops(q: Tensor, k: Tensor, v: Tensor, *others: Any) -> tuple[Tensor, ...]:
    """The op in float32: output, divisor, the last C and n, and m, of which only h is divided.

    Arguments are those of the function in products of torch.
    """
    return _Loops.apply(q.float(), k.float(), v.float(), *others)


class _Loops(torch.autograd.Function):
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
        by_head = (q, k, v, frame.c, frame.M, frame.before, floor_of(m))
        inputs = [x.contiguous().flatten(0, 1) for x in by_head]
        states = 1 + -(-L // how.chunk) if how.keep else 2
        C, n = torch.empty(B * H, states, K, V), torch.empty(B * H, states, 1, K)
        if C0 is not None:
            C[:, 0], n[:, 0, 0] = C0.flatten(0, 1), n0.flatten(0, 1)
        h, den = torch.empty(B, H, L, V), torch.empty(B, H, L)
        ctx.how, ctx.heads, ctx.given = how, H, C0 is not None
        tensors = (*inputs, _since(seq_idx, B, L), C, n)
        _run(forward_tasks, ctx, 1, *tensors, h.flatten(0, 1), den.flatten(0, 1))
        if how.keep:
            ctx.save_for_backward(i, f, seq_idx, h, den, *tensors)
        last = m if how.raw else m[..., -1].clone()
        ctx.mark_non_differentiable(*((last,) if how.raw else (last, den)))
        C_last, n_last = m.new_empty(0), m.new_empty(0)
        if how.wanted:
            C_last = C[:, -1].reshape(B, H, K, V).clone()
            n_last = n[:, -1].reshape(B, H, K).clone()
        return h, den, C_last, n_last, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor, _: Any) -> Any:
        i, f, seq_idx, h, den, *tensors = ctx.saved_tensors
        q, k, v, *_, C, n = tensors
        d_C0, d_n0 = torch.zeros_like(C[:, 0]), torch.zeros_like(n[:, 0])
        if ctx.how.wanted:
            d_C0.copy_(d_C.flatten(0, 1))
            d_n0[:, 0].copy_(d_n.flatten(0, 1))
        d_q, d_k, d_v = (torch.empty_like(x) for x in (q, k, v))
        d_log_i = q.new_empty(q.shape[:2])
        d_log_f = torch.empty_like(d_log_i, dtype=torch.float64)
        out = (h, den, d_h.contiguous(), d_den.contiguous())
        slopes = (d_C0, d_n0, d_q, d_k, d_v, d_log_i, d_log_f)
        _run(backward_tasks, ctx, 2, *tensors, *(x.flatten(0, 1) for x in out), *slopes)
        d_q, d_k, d_v, d_log_i, d_log_f = (x.view(*i.shape[:2], *x.shape[1:]) for x in slopes[2:])
        d_i, d_f = gate_slopes(d_log_i, d_log_f, i, f, seq_idx, ctx.how.exponential)
        state = (None, None)
        if ctx.given:
            state = (d_C0.view(*i.shape[:2], *d_C0.shape[1:]), d_n0.view(*i.shape[:2], -1))
        return d_q, d_k, d_v, d_i, d_f, *state, None, None, None


def _since(seq_idx: Tensor | None, B: int, L: int) -> Tensor:
    """Where the document of each position begins (B, L), -1 for the first: a state may precede."""
    if seq_idx is None:
        return torch.full((B, L), -1)
    return torch.where(document_starts(seq_idx), torch.arange(L), -1).cummax(-1).values


def _run(kernel: Any, ctx: Any, passes: int, *tensors: Tensor) -> None:
    """Share the tasks out; the backward pass has the work of two."""
    how, (X, L, K), V = ctx.how, tensors[0].shape, tensors[2].shape[-1]
    work = passes * X * L * (how.chunk * (K + V) // 2 + 2 * K * V) // AT_ONCE
    plain = (ctx.heads, how.chunk, how.divided, np.float32(how.eps), ctx.given, how.wanted)
    share_out(kernel, X, work, *plain, *(tensor.detach().numpy() for tensor in tensors))

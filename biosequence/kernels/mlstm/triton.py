"""mLSTM on the GPU: its gates as weights of the kernels that it shares with SSD."""

# Shapes: B batch, H heads, L length, N chunks, T positions of a chunk (M = N T padded positions),
# K query and key width, V value width.

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..chunkwise.run import (
    Divisor,
    Gates,
    Kept,
    along,
    backward,
    chunk_of,
    exponents,
    forward,
    padded,
    since,
)
from .frame import Frame, frame_of, last_m
from .gates import gate_slopes, with_last_unit, with_unit
from .naive import floor_of, without_stabiliser
from .state import MLSTMState


class _Settings(NamedTuple):
    exponential: bool
    normalize: bool
    eps: float
    chunk: int
    raw: bool = False


def mlstm_triton(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    initial_state: MLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
    chunk_size: int | None = None,
) -> Tensor | tuple[Tensor, MLSTMState]:
    """Chunks on the GPU; arguments and results are those of `biosequence.kernels.mlstm`."""
    how = _Settings(input_gate == "exp", normalize, eps, chunk_of(chunk_size))
    C0 = n0 = m0 = None
    if initial_state is not None:
        state = MLSTMState(*(part.float() for part in initial_state))
        C0, n0, m0 = with_unit(state) if how.exponential else without_stabiliser(state)
    h, _, C, n, m = _Chunks.apply(q, k, v, i, f, C0, n0, m0, seq_idx, how)
    if not return_last_state:
        return h
    if torch.is_grad_enabled() and how.exponential:
        m_start = None if initial_state is None else initial_state.m
        C, n, m = with_last_unit(C, n, m, last_m(i, f, m_start, seq_idx, True).float())
    return h, MLSTMState(C, n, m)


def unnormalized(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, seq_idx: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Numerator (B, H, L, V), divisor and its unit m (B, H, L) of the exponential input gate.

    Gradients are those at a constant m: right for whatever does not depend on the unit.
    """
    how = _Settings(True, True, 0.0, chunk_of(None), raw=True)
    num, den, _, _, m = _Chunks.apply(q, k, v, i, f, None, None, None, seq_idx, how)
    return num, den, m


def _gates(frame: Frame, chunk: int, scale: Tensor) -> Gates:
    """Weights from the fp64 frame; every difference is formed before it is rounded."""
    L = frame.b.shape[-1]
    last = torch.arange(chunk - 1, L + chunk - 1, chunk, device=frame.M.device).clamp(max=L - 1)
    ends = frame.M[..., last]
    before = torch.cat([frame.before[..., None], ends[..., :-1]], -1)
    # Around the middle of a chunk, exponents are as small as they can be, and so is their error.
    middle = (before + ends) / 2
    spread = [x.repeat_interleave(chunk, -1)[..., :L] for x in (before, ends, middle)]
    enter = torch.exp(spread[0] - frame.M) * scale
    leave = torch.exp(frame.c - spread[1])
    keep = torch.exp(before - ends)
    document = None
    if frame.document is not None:
        document = frame.document
        of_end = document[:, last]
        of_start = torch.cat([torch.zeros_like(of_end[:, :1]), of_end[:, :-1]], -1)
        entered = document == of_start.repeat_interleave(chunk, -1)[:, :L]
        left = document == of_end.repeat_interleave(chunk, -1)[:, :L]
        enter = enter.where(entered[:, None], 0.0)
        leave = leave.where(left[:, None], 0.0)
        keep = keep.where((of_start == of_end)[:, None], 0.0)
        document = padded(document.int(), chunk, -1).contiguous()
    rows = exponents(spread[2] - frame.M + torch.log(scale), chunk)
    columns = exponents(frame.c - spread[2], chunk)
    between = [padded(x.float(), chunk, 0.0).contiguous() for x in (enter, leave)]
    return Gates(rows, columns, *between, keep.float().contiguous(), document)


class _Chunks(torch.autograd.Function):
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
        how: _Settings,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        frame = frame_of(i, f, m0, seq_idx, how.exponential)
        scale = frame.b.new_full((), q.shape[-1] ** -0.5)
        gates = _gates(frame, how.chunk, scale)
        m = (frame.M + frame.b).float()
        L = m.shape[-1]
        # n is part of the state, whether or not it divides.
        divisor = Divisor(padded(floor_of(m), how.chunk, 1.0).contiguous(), how.eps)
        divide = how.normalize and not how.raw
        start = None if C0 is None else (C0, n0)
        h, den, C, n, kept = forward(q, k, v, gates, how.chunk, start, divisor, divide)
        ctx.how, ctx.given = how, C0 is not None
        ctx.save_for_backward(q, k, v, i, f, h, den, m, seq_idx, *gates, *kept)
        last = m if how.raw else m[..., -1].clone()
        ctx.mark_non_differentiable(last)
        den = den[..., :L].clone() if how.raw else m.new_empty(0)
        if not how.raw:
            ctx.mark_non_differentiable(den)
        return h, den, C, n.clone(), last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor, _: Any) -> Any:
        q, k, v, i, f, h, den, m, seq_idx, *others = ctx.saved_tensors
        how, gates, kept = ctx.how, Gates(*others[:7]), Kept(*others[7:])
        inverse, d_den, q_slope = _through_divisor(how, h, den, m, d_h, d_den)
        slopes = backward(
            q, k, v, gates, how.chunk, kept, d_h, inverse, d_den, (d_C, d_n)
        )  # fmt: skip
        L = q.shape[2]
        d_log_f = since((q_slope - slopes.write).double(), slopes.leaving.double(), how.chunk)
        d_log_i = slopes.write[..., :L].double()
        d_i, d_f = gate_slopes(
            d_log_i, d_log_f[..., :L], i.float(), f.float(), seq_idx, how.exponential
        )
        given = (slopes.C0, slopes.n0) if ctx.given else (None, None)
        d_gates = d_i.to(i.dtype), d_f.to(f.dtype)
        return slopes.q, slopes.k, slopes.v, *d_gates, *given, None, None, None


def _through_divisor(
    how: _Settings, h: Tensor, den: Tensor, m: Tensor, d_h: Tensor, d_den: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One over each divisor, gradient of the divisor, and q . dq of each position (B, H, M).

    q . dq is the slope of the output along its own size. It is formed here, where the numerator's
    part and the divisor's cancel exactly, and not from the rounded gradient of q.
    """
    sums = along(h, d_h, how.chunk)
    if how.raw:
        d_den, den = (padded(x.float(), how.chunk, 0.0).contiguous() for x in (d_den, den))
        return torch.ones_like(sums), d_den, sums + d_den * den
    if not how.normalize:
        return torch.ones_like(sums), torch.zeros_like(sums), sums
    floor = padded(floor_of(m), how.chunk, 1.0)
    size = torch.maximum(den.abs(), floor) + how.eps
    inverse = 1 / size
    sums = sums * inverse
    free = den.abs() >= floor
    d_den = torch.where(free, -sums * den.sign(), 0.0)
    return inverse, d_den, torch.where(free, sums * how.eps, sums * size)

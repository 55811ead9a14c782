# Shapes: B batch, H heads, L length, N chunks, T positions of a chunk, K query and key width,
# V value width.

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from ..shapes import document_starts, state_dtype
from .chunks import Run, Slopes, States, backward_run, forward_run, runs_of, scaled
from .frame import Plan, frame_of, last_m
from .naive import floor_of, without_stabiliser
from .state import MLSTMState

Tensor = torch.Tensor

# Pairs of positions that one run holds: they stay in the processor's cache, and so does the memory
# that the allocator hands from one run to the next.
PAIRS = 1 << 17


def mlstm_chunkwise(
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
    """Chunks as batched products with the state between them, at a cost linear in length.

    Arguments and results are those of `biosequence.kernels.mlstm`.
    """
    how = _Settings(input_gate == "exp", normalize, eps, chunk_size or best_chunk(q, v))
    C0 = n0 = m0 = None
    if initial_state is not None:
        dtype = state_dtype(q, k, v, i, f)
        state = MLSTMState(*(part.to(dtype) for part in initial_state))
        C0, n0, m0 = _with_unit(state) if how.exponential else without_stabiliser(state)
    h, _, C, n, m = _Chunkwise.apply(q, k, v, i, f, C0, n0, m0, seq_idx, how)
    if not return_last_state:
        return h
    if torch.is_grad_enabled() and how.exponential:
        m_start = None if initial_state is None else initial_state.m
        C, n, m = _with_last_unit(C, n, m, last_m(i, f, m_start, seq_idx, True).to(C.dtype))
    return h, MLSTMState(C, n, m)


def unnormalized(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, seq_idx: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Numerator (B, H, L, V), divisor and its unit m (B, H, L) of the exponential input gate.

    Gradients are those at a constant m: right for whatever does not depend on the unit.
    """
    how = _Settings(True, True, 0.0, best_chunk(q, v), raw=True)
    num, den, _, _, m = _Chunkwise.apply(q, k, v, i, f, None, None, None, seq_idx, how)
    return num, den, m


def best_chunk(q: Tensor, v: Tensor) -> int:
    """Positions worked on at once: more for wide heads, whose states cost more."""
    return 64 if q.shape[-1] <= 64 or q.shape[-2] <= 64 else 128


def _with_unit(state: MLSTMState) -> MLSTMState:
    """The same state, whose C and n carry the gradient of m: C * exp(m) is what counts."""
    if not state.m.requires_grad:
        return state
    unit = torch.exp(state.m - state.m.detach())
    return MLSTMState(state.C * unit[..., None, None], state.n * unit[..., None], state.m.detach())


def _with_last_unit(C: Tensor, n: Tensor, m: Tensor, m_slope: Tensor) -> MLSTMState:
    """The last state with the gradient of its unit, which the op itself takes for constant."""
    rise = m_slope - m_slope.detach()
    unit = torch.exp(-rise)
    return MLSTMState(C * unit[..., None, None], n * unit[..., None], m + rise)


class _Settings(NamedTuple):
    exponential: bool
    normalize: bool
    eps: float
    chunk: int
    raw: bool = False


class _Chunkwise(torch.autograd.Function):
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
        dtype = state_dtype(q, k, v, i, f)
        B, H, L, K = q.shape
        frame = frame_of(i, f, m0, seq_idx, how.exponential)
        V = v.shape[-1]
        state = q.new_zeros(B, H, K * V + K, dtype=dtype)
        if C0 is not None:
            state = torch.cat([C0.flatten(2), n0], -1)
        m = (frame.M + frame.b).to(dtype)
        h, den = torch.empty_like(v, dtype=dtype), torch.empty_like(m)
        runs = runs_of(L, how.chunk, max(1, PAIRS // (B * H * how.chunk**2)))
        plans = {
            T: Plan(frame, start, N, T, K**-0.5, dtype) for start, N, T in runs_of(L, how.chunk, L)
        }
        kept: list[Tensor] = []
        for run in runs:
            weights = plans[run.T].weights(*run)
            x = scaled(run.of(q), run.of(k), run.of(v), weights, dtype)
            num, run_den, pairs, states = forward_run(x, weights, state)
            state = states.flat[-1]
            kept += [pairs, states.flat]
            run.of(den).copy_(run_den)
            if how.normalize and not how.raw:
                size = _divisor(run_den, run.of(m), how.eps)
                torch.div(num, size[..., None], out=run.of(h))
            else:
                run.of(h).copy_(num)
        ctx.how, ctx.runs, ctx.plans, ctx.given = how, runs, plans, C0 is not None
        ctx.save_for_backward(q, k, v, i, f, h, den, m, seq_idx, *kept)
        ctx.mark_non_differentiable(m)
        last = m if how.raw else m[..., -1].clone()
        ctx.mark_non_differentiable(last)
        if not how.raw:
            ctx.mark_non_differentiable(den)
        C, n = state.split([K * V, K], -1)
        return (
            (h if how.raw else h.to(v.dtype)),
            den,
            C.unflatten(-1, (K, V)).clone(),
            n.clone(),
            last,
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor, _: Any) -> Any:
        q, k, v, i, f, h, den, m, seq_idx, *kept = ctx.saved_tensors
        how = ctx.how
        K, V = q.shape[-1], v.shape[-1]
        slopes = [torch.empty_like(x, dtype=h.dtype) for x in (q, k, v)]
        d_write, d_log_f = (torch.empty_like(m, dtype=torch.float64) for _ in range(2))
        d_state = torch.cat([d_C.flatten(2), d_n], -1)
        for index in reversed(range(len(ctx.runs))):
            run: Run = ctx.runs[index]
            pairs, flat = kept[2 * index : 2 * index + 2]
            weights = ctx.plans[run.T].weights(*run)
            x = scaled(run.of(q), run.of(k), run.of(v), weights, h.dtype)
            parts = (run.of(part) for part in (h, den, m, d_h, d_den))
            d_num, d_run_den, q_slope = _through_divisor(how, *parts)
            into = Slopes(*map(run.of, slopes))
            d_state, leaving = backward_run(
                x, weights, pairs, States(flat, K, V), d_num, d_run_den, d_state, into
            )
            k_slope = (run.of(k) * into.k).sum(-1).double()
            run.of(d_write).copy_(k_slope)
            run.of(d_log_f).copy_(_since(q_slope - k_slope) + leaving[..., None])
        d_q, d_k, d_v = (x.to(like.dtype) for x, like in zip(slopes, (q, k, v), strict=True))
        d_i, d_f = _gate_slopes(d_write, d_log_f, i, f, seq_idx, how)
        d_C, d_n = d_state.split([K * V, K], -1)
        given = (d_C.unflatten(-1, (K, V)), d_n) if ctx.given else (None, None)
        return d_q, d_k, d_v, d_i, d_f, *given, None, None, None


def _divisor(den: Tensor, m: Tensor, eps: float) -> Tensor:
    return torch.maximum(den.abs(), floor_of(m)).add_(eps)


def _through_divisor(
    how: _Settings, h: Tensor, den: Tensor, m: Tensor, d_h: Tensor, d_den: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a run's numerator and divisor, and q . dq of each position in fp64.

    q . dq is the slope of the output along its own size. It is formed here, where the numerator's
    part and the divisor's cancel exactly, and not from the rounded gradient of q.
    """
    d_num = torch.empty(h.shape, dtype=h.dtype, device=h.device)
    if how.raw or not how.normalize:
        d_num.copy_(d_h)
        q_slope = (d_num * h).sum(-1)
        if not how.raw:
            return d_num, torch.zeros_like(q_slope), q_slope.double()
        return d_num, d_den.contiguous(), (q_slope + d_den * den).double()
    size = _divisor(den, m, how.eps)
    torch.div(d_h, size[..., None], out=d_num)
    along = (d_num * h).sum(-1)
    free = den.abs() >= floor_of(m)
    d_run_den = torch.where(free, -along * den.sign(), 0.0)
    return d_num, d_run_den, torch.where(free, along * how.eps, along * size).double()


def _since(x: Tensor) -> Tensor:
    """Sums from each position of a chunk to its end."""
    return x.flip(-1).cumsum(-1).flip(-1)


def _gate_slopes(
    d_log_i: Tensor, d_log_f: Tensor, i: Tensor, f: Tensor, seq_idx: Tensor | None, how: _Settings
) -> tuple[Tensor, Tensor]:
    if not how.exponential:
        d_log_i = d_log_i * torch.sigmoid(-i)
    if seq_idx is not None:
        # Nothing is left to forget where a document begins; the sums there are rounding errors.
        d_log_f = d_log_f.masked_fill(document_starts(seq_idx)[:, None], 0.0)
    return d_log_i.to(i.dtype), (d_log_f * torch.sigmoid(-f)).to(f.dtype)

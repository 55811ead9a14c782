# Shapes: B batch, H heads, L length, N chunks, T positions of a chunk, K query and key width,
# V value width.

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from ..compiled_loops import not_single_on_cpu, numba_missing
from ..shapes import state_dtype
from .chunks import (
    Run,
    Slopes,
    States,
    backward_alone,
    backward_run,
    forward_alone,
    forward_run,
    runs_of,
    scaled,
)
from .frame import Plan, frame_of, last_m
from .gates import gate_slopes, with_last_unit, with_unit
from .naive import floor_of, without_stabiliser
from .settings import Settings
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
    """Products inside chunks and a state between them, at a cost linear in length.

    Arguments and results are those of `biosequence.kernels.mlstm`.
    """
    how = Settings(
        exponential=input_gate == "exp",
        normalize=normalize,
        eps=eps,
        chunk=chunk_size or best_chunk(q, v),
        wanted=return_last_state,
        keep=_needs_backward(q, k, v, i, f, *(initial_state or ())),
    )
    C0 = n0 = m0 = None
    if initial_state is not None:
        dtype = state_dtype(q, k, v, i, f)
        state = MLSTMState(*(part.to(dtype) for part in initial_state))
        C0, n0, m0 = with_unit(state) if how.exponential else without_stabiliser(state)
    h, _, C, n, m = _apply(q, k, v, i, f, C0, n0, m0, seq_idx, how)
    h = h.to(v.dtype)
    if not return_last_state:
        return h
    if torch.is_grad_enabled() and how.exponential:
        m_start = None if initial_state is None else initial_state.m
        C, n, m = with_last_unit(C, n, m, last_m(i, f, m_start, seq_idx, True).to(C.dtype))
    return h, MLSTMState(C, n, m)


def unnormalized(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, seq_idx: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Numerator (B, H, L, V), divisor and its unit m (B, H, L) of the exponential input gate.

    Gradients are those at a constant m: right for whatever does not depend on the unit.
    """
    keep = _needs_backward(q, k, v, i, f)
    how = Settings(True, True, 0.0, best_chunk(q, v), raw=True, wanted=False, keep=keep)
    num, den, _, _, m = _apply(q, k, v, i, f, None, None, None, seq_idx, how)
    return num, den, m


def _needs_backward(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _apply(q: Tensor, k: Tensor, v: Tensor, *others: Any) -> tuple[Tensor, ...]:
    """The op in compiled loops where they can run the call, and else in products of torch."""
    # torch.compile cannot follow the loops.
    traced = torch.compiler.is_compiling()
    if traced or numba_missing() or not_single_on_cpu(q, k, v, *others):
        return _Chunkwise.apply(q, k, v, *others)
    from .compiled import in_loops

    return in_loops(q, k, v, *others)


def best_chunk(q: Tensor, v: Tensor) -> int:
    """Positions worked on at once: more for wide heads, whose states cost more."""
    return 64 if q.shape[-1] <= 64 or q.shape[-2] <= 64 else 128


class _Chunkwise(torch.autograd.Function):
    """The op with its gradient, for any float type and device; m is a unit and has none."""

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
        dtype = state_dtype(q, k, v, i, f)
        B, H, L, K = q.shape
        # With wide heads the state is most of the work: none is made where none is needed.
        alone = C0 is None and not how.wanted and how.chunk >= L
        frame = frame_of(i, f, m0, seq_idx, how.exponential)
        V = v.shape[-1]
        state = q.new_zeros(B, H, 0 if alone else K * V + K, dtype=dtype)
        if C0 is not None:
            state = torch.cat([C0.flatten(2), n0], -1)
        m = (frame.M + frame.b).to(dtype)
        least = floor_of(m)
        h, den, size = torch.empty_like(v, dtype=dtype), torch.empty_like(m), torch.empty_like(m)
        # A run of two chunks at least: each costs some dozens of calls, however small it is.
        runs = runs_of(L, how.chunk, max(2, PAIRS // (B * H * how.chunk**2)))
        plans = {T: Plan(frame, at, N, T, K**-0.5, dtype) for at, N, T in runs_of(L, how.chunk, L)}
        kept: list[Tensor] = []
        for run in runs:
            weights = plans[run.T].weights(*run)
            x = scaled(run.of(q), run.of(k), run.of(v), weights, dtype)
            if alone:
                num, run_den, pairs = forward_alone(x, weights)
                kept += [pairs, state]
            else:
                num, run_den, pairs, states = forward_run(x, weights, state)
                state = states.flat[-1]
                kept += [pairs, states.flat]
            run.of(den).copy_(run_den)
            if how.divided:
                run_size = torch.maximum(run_den.abs(), run.of(least)).add_(how.eps)
                run.of(size).copy_(run_size)
                torch.div(num, run_size[..., None], out=run.of(h))
            else:
                run.of(h).copy_(num)
        ctx.how, ctx.runs, ctx.plans, ctx.given, ctx.alone = how, runs, plans, C0 is not None, alone
        ctx.save_for_backward(q, k, v, i, f, h, den, size, least, seq_idx, *kept)
        ctx.mark_non_differentiable(m)
        last = m if how.raw else m[..., -1].clone()
        ctx.mark_non_differentiable(last)
        if not how.raw:
            ctx.mark_non_differentiable(den)
        if alone:
            return h, den, state, state.clone(), last
        C, n = state.split([K * V, K], -1)
        return h, den, C.unflatten(-1, (K, V)).clone(), n.clone(), last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor, _: Any) -> Any:
        q, k, v, i, f, h, den, size, least, seq_idx, *kept = ctx.saved_tensors
        how, alone, (K, V) = ctx.how, ctx.alone, (q.shape[-1], v.shape[-1])
        slopes = Slopes(*(torch.empty_like(x, dtype=h.dtype) for x in (q, k, v)))
        along, k_slope = torch.empty_like(den), torch.empty_like(den)
        # An output shrinks as its divisor grows, while that is above its least value.
        free = den.abs() >= least if how.divided else None
        pull = torch.where(free, -den.sign(), 0.0) if how.divided else None
        d_state = d_C if alone else torch.cat([d_C.flatten(2), d_n], -1)
        leaving: list[Tensor] = []
        for index in reversed(range(len(ctx.runs))):
            run: Run = ctx.runs[index]
            pairs, flat = kept[2 * index : 2 * index + 2]
            weights = ctx.plans[run.T].weights(*run)
            x = scaled(run.of(q), run.of(k), run.of(v), weights, h.dtype)
            d_num = torch.empty(run.of(h).shape, dtype=h.dtype, device=h.device)
            if how.divided:
                torch.div(run.of(d_h), run.of(size)[..., None], out=d_num)
            else:
                d_num.copy_(run.of(d_h))
            run_along = torch.sum(d_num * run.of(h), -1)
            run.of(along).copy_(run_along)
            d_run_den = run_along * run.of(pull) if how.divided else run.of(d_den).contiguous()
            into = Slopes(*map(run.of, slopes))
            if alone:
                backward_alone(x, weights, pairs, d_num, d_run_den, into)
                leaving.append(torch.zeros_like(run_along[..., 0]))
            else:
                d_state, left = backward_run(
                    x, weights, pairs, States(flat, K, V), d_num, d_run_den, d_state, into
                )
                leaving.append(left)
            torch.sum(run.of(k) * into.k, -1, out=run.of(k_slope))
        q_slope = _q_slope(how, along, den, d_den, size, free)
        d_log_f = _log_f_slope(q_slope - k_slope, leaving[::-1], ctx.runs)
        d_i, d_f = gate_slopes(k_slope, d_log_f, i, f, seq_idx, how.exponential)
        d_q, d_k, d_v = (x.to(like.dtype) for x, like in zip(slopes, (q, k, v), strict=True))
        given: tuple[Tensor | None, Tensor | None] = (None, None)
        if ctx.given:
            d_C, d_n = d_state.split([K * V, K], -1)
            given = (d_C.unflatten(-1, (K, V)), d_n)
        return d_q, d_k, d_v, d_i, d_f, *given, None, None, None


def _q_slope(
    how: Settings, along: Tensor, den: Tensor, d_den: Tensor, size: Tensor, free: Tensor | None
) -> Tensor:
    """Slope of each output along its own size, which is q . dq.

    Not formed from the rounded gradient of q, but here, where the numerator's part and the
    divisor's cancel exactly.
    """
    if free is not None:
        return torch.where(free, along * how.eps, along * size)
    return along + d_den * den if how.raw else along


def _log_f_slope(rise: Tensor, leaving: list[Tensor], runs: list[Run]) -> Tensor:
    """Gradient of the log forget gates: all that comes later in the chunk, and what leaves it."""
    out = torch.empty_like(rise, dtype=torch.float64)
    for run, left in zip(runs, leaving, strict=True):
        run.of(out).copy_(_since(run.of(rise).double()) + left[..., None])
    return out


def _since(x: Tensor) -> Tensor:
    """Sums from each position of a chunk to its end."""
    return x.flip(-1).cumsum(-1).flip(-1)

# Shapes: N chunks, B batch, H heads, T positions of a chunk, K query and key width, V value width.
# Tensors of a run of chunks lie as (N, B, H, T, .), so that a chunk is one entry of a batched product.

from __future__ import annotations

from typing import NamedTuple

import torch

from .frame import Weights

Tensor = torch.Tensor


class Run(NamedTuple):
    """Some chunks of equal size in a row."""

    start: int
    N: int
    T: int

    def of(self, x: Tensor) -> Tensor:
        """View (B, H, L, ...) as (N, B, H, T, ...)."""
        return x[:, :, self.start : self.start + self.N * self.T].unflatten(
            2, (self.N, self.T)
        ).movedim(2, 0)


def runs_of(length: int, chunk: int, most: int) -> list[Run]:
    """Runs of at most `most` chunks, and the rest of the length as a chunk of its own."""
    whole = length // chunk
    runs = [
        Run(first * chunk, min(most, whole - first), chunk) for first in range(0, whole, most)
    ]
    if length % chunk:
        runs.append(Run(whole * chunk, 1, length % chunk))
    return runs


class Scaled(NamedTuple):
    """Queries, keys and values of a run, flat (N * B * H, T, .); twice where factors differ."""

    q: Tensor
    k: Tensor
    v: Tensor
    q_enter: Tensor
    k_leave: Tensor


def scaled(q: Tensor, k: Tensor, v: Tensor, weights: Weights, dtype: torch.dtype) -> Scaled:
    """Operands of the batched products from views of the inputs (N, B, H, T, .)."""
    scale = q.shape[-1] ** -0.5
    q_read = _times(q, weights.read * scale, dtype)
    k_write = _times(k, weights.write, dtype)
    same = weights.enter is weights.read
    q_enter = q_read if same else _times(q, weights.enter * scale, dtype)
    k_leave = k_write if same else _times(k, weights.leave, dtype)
    v_run = torch.empty(v.shape, dtype=dtype, device=v.device).copy_(v).flatten(0, 2)
    return Scaled(q_read, k_write, v_run, q_enter, k_leave)


def _times(x: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    # With `out`, as the result would otherwise take over the order of the view's axes.
    out = torch.empty(x.shape, dtype=dtype, device=x.device)
    return torch.mul(x, factor[..., None], out=out).flatten(0, 2)


def _reach(pairs: Tensor, weights: Weights) -> Tensor:
    """Weigh the pairs (N * B * H, T, T) and clear those that do not see each other, in place."""
    if weights.matrix is not None:
        return pairs.mul_(weights.matrix.flatten(0, 2))
    if weights.hidden is None:
        return pairs.tril_()
    N, B, H = weights.read.shape[:3]
    pairs.unflatten(0, (N, B, H)).masked_fill_(weights.hidden, 0.0)
    return pairs


class Memory(NamedTuple):
    """States before each chunk of a run and after the last: C (N + 1, B, H, K, V), n (..., K)."""

    C: Tensor
    n: Tensor


def forward_run(
    x: Scaled, weights: Weights, C0: Tensor, n0: Tensor
) -> tuple[Tensor, Tensor, Tensor, Memory]:
    """Numerator (N, B, H, T, V), divisor before its floor (N, B, H, T), pairs, states."""
    lead = weights.read.shape[:3]
    pairs = _reach(torch.bmm(x.q, x.k.mT), weights)
    memory = _scan(x, weights, C0, n0)
    C = (memory.C[:-1] * weights.arrive[..., None, None]).flatten(0, 2)
    n = (memory.n[:-1] * weights.arrive[..., None]).flatten(0, 2)
    num = torch.bmm(pairs, x.v).baddbmm_(x.q_enter, C)
    den = pairs.sum(-1).add_((x.q_enter * n[:, None]).sum(-1))
    return num.unflatten(0, lead), den.unflatten(0, lead), pairs, memory


def _scan(x: Scaled, weights: Weights, C0: Tensor, n0: Tensor) -> Memory:
    N = len(weights.read)
    C, n = C0.new_empty(N + 1, *C0.shape), n0.new_empty(N + 1, *n0.shape)
    C[0], n[0] = C0, n0
    torch.bmm(x.k_leave.mT, x.v, out=C[1:].flatten(0, 2))
    torch.sum(x.k_leave, 1, out=n[1:].flatten(0, 2))
    _accumulate(C, weights.keep[..., None, None], weights.depart[..., None, None])
    _accumulate(n, weights.keep[..., None], weights.depart[..., None])
    return Memory(C, n)


def _accumulate(state: Tensor, keep: Tensor, depart: Tensor) -> None:
    """state[t + 1] = keep[t] * state[t] + depart[t] * state[t + 1], one after the other."""
    state[1:].mul_(depart)
    for before, after, kept in zip(state[:-1], state[1:], keep, strict=True):
        after.addcmul_(before, kept)


class Slopes(NamedTuple):
    """Gradients of a run, as its operands lie; `gate_b` is that of the sums of log forget gates."""

    q: Tensor
    k: Tensor
    v: Tensor
    C0: Tensor
    n0: Tensor
    leaving: Tensor


def backward_run(
    x: Scaled,
    weights: Weights,
    pairs: Tensor,
    memory: Memory,
    d_num: Tensor,
    d_den: Tensor,
    d_C: Tensor,
    d_n: Tensor,
) -> Slopes:
    """Gradients of a run from those of its numerator, divisor and last state."""
    lead = weights.read.shape[:3]
    d_num, d_den = d_num.flatten(0, 2), d_den.flatten(0, 2)[..., None]
    after, after_n = _scan_back(x, weights, d_num, d_den, d_C, d_n)
    leaving = (after[1:] * memory.C[1:]).sum((-2, -1)) + (after_n[1:] * memory.n[1:]).sum(-1)
    d_kv = (after[1:] * weights.depart[..., None, None]).flatten(0, 2)
    d_k_sum = (after_n[1:] * weights.depart[..., None]).flatten(0, 2)
    C = (memory.C[:-1] * weights.arrive[..., None, None]).flatten(0, 2)
    n = (memory.n[:-1] * weights.arrive[..., None]).flatten(0, 2)

    d_v = torch.bmm(pairs.mT, d_num).baddbmm_(x.k_leave, d_kv)
    T = d_num.shape[1]
    d_pairs = _reach(torch.baddbmm(d_den.expand(-1, -1, T), d_num, x.v.mT), weights)
    d_q, d_k = torch.bmm(d_pairs, x.k), torch.bmm(d_pairs.mT, x.q)
    if weights.enter is weights.read:
        d_q.baddbmm_(d_num, C.mT).addcmul_(d_den, n[:, None])
        d_k.baddbmm_(x.v, d_kv.mT).add_(d_k_sum[:, None])
        d_q, d_k = _weighed(d_q, weights.read), _weighed(d_k, weights.write)
    else:
        d_enter = torch.bmm(d_num, C.mT).addcmul_(d_den, n[:, None])
        d_leave = torch.bmm(x.v, d_kv.mT).add_(d_k_sum[:, None])
        d_q = _weighed(d_q, weights.read).add_(_weighed(d_enter, weights.enter))
        d_k = _weighed(d_k, weights.write).add_(_weighed(d_leave, weights.leave))
    d_q.mul_(x.q.shape[-1] ** -0.5)
    return Slopes(d_q, d_k, d_v.unflatten(0, lead), after[0], after_n[0], leaving)


def _weighed(slope: Tensor, factor: Tensor) -> Tensor:
    return slope.unflatten(0, factor.shape[:3]).mul_(factor[..., None])


def _scan_back(
    x: Scaled, weights: Weights, d_num: Tensor, d_den: Tensor, d_C: Tensor, d_n: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of the states before each chunk and after the last."""
    N = len(weights.read)
    C, n = d_C.new_empty(N + 1, *d_C.shape), d_n.new_empty(N + 1, *d_n.shape)
    C[N], n[N] = d_C, d_n
    torch.bmm(x.q_enter.mT, d_num, out=C[:N].flatten(0, 2))
    torch.sum(x.q_enter * d_den, 1, out=n[:N].flatten(0, 2))
    C[:N].mul_(weights.arrive[..., None, None])
    n[:N].mul_(weights.arrive[..., None])
    for t in range(N - 1, -1, -1):
        C[t].addcmul_(C[t + 1], weights.keep[t][..., None, None])
        n[t].addcmul_(n[t + 1], weights.keep[t][..., None])
    return C, n

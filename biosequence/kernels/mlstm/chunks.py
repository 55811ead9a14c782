# Shapes: N chunks, B batch, H heads, T positions of a chunk, K query and key width, V value width.
# Tensors of a run of chunks lie as (N, B, H, T, .): a chunk is one entry of a batched product.

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
        part = x[:, :, self.start : self.start + self.N * self.T]
        if self.N == 1:
            return part.unsqueeze(0)
        return part.unflatten(2, (self.N, self.T)).movedim(2, 0)


def runs_of(length: int, chunk: int, most: int) -> list[Run]:
    """Runs of at most `most` chunks, and the rest of the length as a chunk of its own."""
    whole = length // chunk
    runs = [Run(first * chunk, min(most, whole - first), chunk) for first in range(0, whole, most)]
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
    q_read = _times(q, weights.read, dtype)
    k_write = _times(k, weights.write, dtype)
    q_enter = q_read if weights.simple else _times(q, weights.enter, dtype)
    k_leave = k_write if weights.simple else _times(k, weights.leave, dtype)
    # The values as they are, if they lie well: a run of one chunk needs no copy.
    return Scaled(q_read, k_write, v.to(dtype).flatten(0, 2), q_enter, k_leave)


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


class States(NamedTuple):
    """States between chunks, C and n in one buffer, as they fade together.

    Parameters
    ----------
    flat
        Before each chunk and after the last, (N + 1, B, H, K * V + K).
    K, V
        Widths.
    """

    flat: Tensor
    K: int
    V: int

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """C (N * B * H, K, V) and n (N * B * H, 1, K) of some states, as views."""
        C, n = flat.flatten(0, -2).split([self.K * self.V, self.K], -1)
        return C.unflatten(-1, (self.K, self.V)), n[:, None]

    def scaled(self, part: slice, factor: Tensor) -> tuple[Tensor, Tensor]:
        """C and n of the states of a part, each times its factor (N, B, H)."""
        return self.split(self.flat[part] * factor[..., None])


def forward_run(
    x: Scaled, weights: Weights, start: Tensor
) -> tuple[Tensor, Tensor, Tensor, States]:
    """Numerator (N, B, H, T, V), divisor before its floor (N, B, H, T), pairs, states."""
    lead = weights.read.shape[:3]
    pairs = _reach(torch.bmm(x.q, x.k.mT), weights)
    states = _scan(x, weights, start)
    C, n = states.scaled(slice(0, -1), weights.arrive)
    num = torch.bmm(pairs, x.v).baddbmm_(x.q_enter, C)
    den = pairs.sum(-1).add_((x.q_enter * n).sum(-1))
    return num.unflatten(0, lead), den.unflatten(0, lead), pairs, states


def forward_alone(x: Scaled, weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """Numerator, divisor and pairs of a chunk with no state before it, and none wanted after it."""
    lead = weights.read.shape[:3]
    pairs = _reach(torch.bmm(x.q, x.k.mT), weights)
    num, den = torch.bmm(pairs, x.v), pairs.sum(-1)
    return num.unflatten(0, lead), den.unflatten(0, lead), pairs


def _scan(x: Scaled, weights: Weights, start: Tensor) -> States:
    states = States(
        start.new_empty(len(weights.read) + 1, *start.shape), x.k.shape[-1], x.v.shape[-1]
    )
    flat = states.flat
    flat[0] = start
    C, n = states.split(flat[1:])
    torch.bmm(x.k_leave.mT, x.v, out=C)
    torch.sum(x.k_leave, 1, keepdim=True, out=n)
    if weights.matrix is None:
        flat[1:].mul_(weights.depart[..., None])
    for before, after, keep in zip(flat[:-1], flat[1:], weights.keep[..., None], strict=True):
        after.addcmul_(before, keep)
    return states


class Slopes(NamedTuple):
    """Views of the gradients that a run writes, (N, B, H, T, .)."""

    q: Tensor
    k: Tensor
    v: Tensor


def backward_run(
    x: Scaled,
    weights: Weights,
    pairs: Tensor,
    states: States,
    d_num: Tensor,
    d_den: Tensor,
    d_last: Tensor,
    into: Slopes,
) -> tuple[Tensor, Tensor]:
    """Write the gradients of a run, from those of its numerator, divisor and last state.

    Returns the gradient of the state before the run, and of the log of what each chunk leaves.
    """
    d_num, d_den = d_num.flatten(0, 2), d_den.flatten(0, 2)[..., None]
    after = _scan_back(x, weights, states, d_num, d_den, d_last)
    leaving = (after[1:] * states.flat[1:]).sum(-1)
    d_kv, d_k_sum = states.split(after[1:] * weights.depart[..., None])
    C, n = states.scaled(slice(0, -1), weights.arrive)

    in_place = into.v.flatten(0, 2)
    if in_place.data_ptr() == into.v.data_ptr():
        torch.bmm(pairs.mT, d_num, out=in_place).baddbmm_(x.k_leave, d_kv)
    else:
        d_v = torch.bmm(pairs.mT, d_num).baddbmm_(x.k_leave, d_kv)
        into.v.copy_(d_v.view(into.v.shape))
    T = d_num.shape[1]
    d_pairs = _reach(torch.baddbmm(d_den.expand(-1, -1, T), d_num, x.v.mT), weights)
    d_q, d_k = torch.bmm(d_pairs, x.k), torch.bmm(d_pairs.mT, x.q)
    if weights.simple:
        d_q.baddbmm_(d_num, C.mT).addcmul_(d_den, n)
        d_k.baddbmm_(x.v, d_kv.mT).add_(d_k_sum)
        _weighed(d_q, weights.read, into.q)
        _weighed(d_k, weights.write, into.k)
    else:
        _weighed(d_q, weights.read, into.q)
        _weighed(d_k, weights.write, into.k)
        d_enter = torch.bmm(d_num, C.mT).addcmul_(d_den, n)
        d_leave = torch.bmm(x.v, d_kv.mT).add_(d_k_sum)
        into.q.addcmul_(d_enter.view(into.q.shape), weights.enter[..., None])
        into.k.addcmul_(d_leave.view(into.k.shape), weights.leave[..., None])
    return after[0], leaving


def backward_alone(
    x: Scaled, weights: Weights, pairs: Tensor, d_num: Tensor, d_den: Tensor, into: Slopes
) -> None:
    """Write the gradients of a chunk alone, from those of its numerator and divisor."""
    d_num, d_den = d_num.flatten(0, 2), d_den.flatten(0, 2)[..., None]
    into.v.copy_(torch.bmm(pairs.mT, d_num).view(into.v.shape))
    T = d_num.shape[1]
    d_pairs = _reach(torch.baddbmm(d_den.expand(-1, -1, T), d_num, x.v.mT), weights)
    _weighed(torch.bmm(d_pairs, x.k), weights.read, into.q)
    _weighed(torch.bmm(d_pairs.mT, x.q), weights.write, into.k)


def _weighed(slope: Tensor, factor: Tensor, into: Tensor) -> None:
    torch.mul(slope.view(into.shape), factor[..., None], out=into)


def _scan_back(
    x: Scaled, weights: Weights, states: States, d_num: Tensor, d_den: Tensor, d_last: Tensor
) -> Tensor:
    """Gradients of the states before each chunk and after the last, as the states lie."""
    flat = torch.empty_like(states.flat)
    flat[-1] = d_last
    C, n = states.split(flat[:-1])
    torch.bmm(x.q_enter.mT, d_num, out=C)
    torch.sum(x.q_enter * d_den, 1, keepdim=True, out=n)
    flat[:-1].mul_(weights.arrive[..., None])
    for t in range(len(flat) - 2, -1, -1):
        flat[t].addcmul_(flat[t + 1], weights.keep[t][..., None])
    return flat

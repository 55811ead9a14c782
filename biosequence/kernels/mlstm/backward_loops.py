"""The compiled backward pass of the mLSTM: one task is one head of one batch entry.

Pairs of positions are computed again, which is cheaper than to keep them: memory that is written
for the first time costs more than their product.
"""

# Shapes: X tasks (B batch, H heads of each), L length, N chunks, T positions of a chunk, K query
# and key width, V value width, S = N + 1 states.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..products import add_from_lower, add_from_upper, add_lower, add_product
from .room import (
    ONE,
    ZERO,
    add,
    apply_weights,
    give,
    inner,
    room_for,
    scale,
    scale_rows,
    size_of,
    take,
    turn,
    weigh,
)


@compiled
def backward_tasks(
    first, last, heads, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
    d_h, d_den, d_C, d_n, d_q, d_k, d_v, d_log_i, d_log_f,
):  # fmt: skip
    """Gradients of some tasks, those of the gates' logarithms (X, L); d_log_f in fp64.

    d_C (X, K, V) and d_n (X, 1, K) come as those of the last state and leave as those of the first.
    The other arguments are those of the forward pass.
    """
    L, K, V = q.shape[1], q.shape[2], v.shape[2]
    room = room_for(min(chunk, L), K, V)
    one_over_root = np.float32(K**-0.5)
    for x in range(first, last):
        give(room.C[:K, :V], d_C[x], ONE)
        give(room.n[:, :K], d_n[x], ONE)
        for at in range((L - 1) // chunk, -1, -1):
            start, end = at * chunk, min(at * chunk + chunk, L)
            take(room.q, q[x, start:end], one_over_root)
            take(room.k, k[x, start:end], ONE)
            take(room.v, v[x, start:end], ONE)
            take(room.num, d_h[x, start:end], ONE)
            M_before = M[x, start - 1] if start > 0 else before[x]
            keep = weigh(room, start, end, c[x], M[x], M_before, since[x // heads])
            rise = d_log_f[x, start:end]
            _divide(
                room, divided, eps, h[x, start:end], den[x, start:end], least[x, start:end],
                d_den[x, start:end], rise,
            )  # fmt: skip
            _within(room)
            left = ZERO
            if wanted or end < L:
                left = _from_state(room, C[x, at + 1], n[x, at + 1])
            if given or start > 0:
                _to_state(room, C[x, at], n[x, at], keep)
            give(d_q[x, start:end], room.d_q, one_over_root)
            give(d_k[x, start:end], room.d_k, ONE)
            give(d_v[x, start:end], room.d_v, ONE)
            # All that comes later in the chunk, and what leaves it.
            total = np.float64(left)
            for t in range(end - start - 1, -1, -1):
                d_log_i[x, start + t] = inner(room.d_k[t], k[x, start + t])
                total += rise[t] - d_log_i[x, start + t]
                rise[t] = total
        give(d_C[x], room.C, ONE)
        give(d_n[x], room.n, ONE)


@compiled
def _divide(room, divided, eps, h, den, least, d_den, rise):
    """Gradients of the chunk's numerator and divisor, from those of its output.

    `rise` (T,) gets the slope of each output along itself, which is q . dq. It is not formed from
    the rounded gradient of q, but here, where numerator's and divisor's part cancel exactly.
    """
    for t in range(len(h)):
        room.share[t] = ONE / size_of(den[t], least[t], divided, eps)
    scale_rows(room.num, room.share)
    room.d_den.fill(ZERO)
    for t in range(len(h)):
        along = inner(room.num[t], h[t])
        room.d_den[t] = d_den[t]
        rise[t] = d_den[t] * den[t]
        # An output shrinks as its divisor grows, while that is above its least value.
        if divided and abs(den[t]) >= least[t]:
            room.d_den[t] -= along * np.sign(den[t])
            rise[t] += along * eps
        else:
            rise[t] += along / room.share[t]


@compiled
def _within(room):
    """Gradients of the chunk, as far as its positions see each other."""
    turn(room.k_turned, room.k)
    turn(room.v_turned, room.v)
    room.pairs.fill(ZERO)
    room.d_q.fill(ZERO)
    room.d_k.fill(ZERO)
    room.d_v.fill(ZERO)
    add_lower(room.pairs, room.q, room.k_turned)
    apply_weights(room.pairs, room.weights, room.total)
    add_from_upper(room.d_v, room.pairs.T, room.num)
    for t in range(len(room.pairs)):
        room.pairs[t].fill(room.d_den[t])
    add_lower(room.pairs, room.num, room.v_turned)
    apply_weights(room.pairs, room.weights, room.total)
    add_from_lower(room.d_q, room.pairs, room.k)
    add_from_upper(room.d_k, room.pairs.T, room.q)


@compiled
def _from_state(room, C, n):
    """Add what keys and values gave the state after the chunk; returns its slope along itself."""
    left = inner(room.n[0], n[0])
    for j in range(len(C)):
        left += inner(room.C[j], C[j])
    turn(room.C_turned, room.C)
    scale_rows(room.k, room.leave)
    scale_rows(room.v, room.leave)
    add_product(room.d_v, room.k, room.C)
    add_product(room.d_k, room.v, room.C_turned)
    for t in range(len(room.d_k)):
        add(room.d_k[t], room.n[0], room.leave[t])
    return left


@compiled
def _to_state(room, C, n, keep):
    """Add what queries read of the state before the chunk, and go over to that state's gradient."""
    turn(room.C_turned, C)
    scale_rows(room.num, room.enter)
    add_product(room.d_q, room.num, room.C_turned)
    scale(room.n[0], keep)
    for row in room.C:
        scale(row, keep)
    add_product(room.C, room.q.T, room.num)
    for t in range(len(room.q)):
        add(room.d_q[t], n[0], room.enter[t] * room.d_den[t])
        add(room.n[0], room.q[t], room.enter[t] * room.d_den[t])

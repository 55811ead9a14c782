"""The compiled loops of the mLSTM: one task is one head of one batch entry, chunk after chunk.

A chunk's numbers stay in cache from its inputs to its outputs, and pairs of positions are computed
only where one sees the other. The backward pass computes them again, which is cheaper than to keep
them: memory that a pass has not written before costs more than a product.
"""

# Shapes: X tasks (B batch, H heads of each), L length, N chunks, T positions of a chunk, K query
# and key width, V value width, S states: N + 1, before each chunk and after the last, or the first
# and the last alone.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..products import add_from_lower, add_from_upper, add_lower, add_product, whole
from .room import ONE, ZERO, fill, inner, room_for, scale_rows, turn, weigh


@compiled
def forward_tasks(
    first, end, heads, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
):  # fmt: skip
    """Outputs h (X, L, V), divisors den (X, L) and states C (X, S, K, V), n (X, S, K) of some tasks.

    q, k, v (X, L, .); c, M (X, L) and before (X,) in fp64; least (X, L); since (B, L), the position
    at which the document of each begins, -1 for the first document. The first state comes in C and
    n if it is `given`, the last is written if it is `wanted`.
    """
    room = room_for(min(chunk, q.shape[1]), q.shape[2], v.shape[2])
    for x in range(first, end):
        _forward(
            room, chunk, divided, eps, given, wanted,
            q[x], k[x], v[x], c[x], M[x], before[x], least[x], since[x // heads],
            C[x], n[x], h[x], den[x],
        )  # fmt: skip


@compiled
def _forward(
    room, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
):  # fmt: skip
    (L, K), V = q.shape, v.shape[1]
    scale = np.float32(K**-0.5)
    num_chunks = (L + chunk - 1) // chunk
    room.C[:], room.n[:] = ZERO, ZERO
    if given:
        room.C[:K, :V], room.n[:K] = C[0], n[0]
    for at in range(num_chunks):
        start, end = at * chunk, min(at * chunk + chunk, L)
        fill(room.q, q[start:end], scale)
        fill(room.k, k[start:end], ONE)
        fill(room.v, v[start:end], ONE)
        keep = weigh(room, start, end, c, M, M[start - 1] if at > 0 else before, since)
        _read(room, given or at > 0, den[start:end])
        for t in range(start, end):
            size = _size(den[t], least[t], eps) if divided else ONE
            num, out = room.num[t - start], h[t]
            for j in range(V):
                out[j] = num[j] / size
        if wanted or at + 1 < num_chunks:
            _write(room, keep)
            after = min(at + 1, len(C) - 1)
            C[after], n[after] = room.C[:K, :V], room.n[:K]


@compiled
def _read(room, entering, den):
    """Numerator of a chunk in `room`, and its divisor before the floor (T,)."""
    turn(room.k_turned, room.k)
    room.pairs[:], room.num[:] = ZERO, ZERO
    add_lower(room.pairs, room.q, room.k_turned)
    for t in range(len(den)):
        den[t] = _weighed(room.pairs[t], room.weights[t], t)
    add_from_lower(room.num, room.pairs, room.v)
    if entering:
        scale_rows(room.q, room.enter)
        add_product(room.num, room.q, room.C)
        for t in range(len(den)):
            den[t] += inner(room.q[t], room.n)


@compiled
def _weighed(pairs, weights, t):
    """Weigh a position's products with those before it; the result is their sum."""
    total = ZERO
    for j in range(whole(t + 1)):
        pair = pairs[j] * weights[j]
        pairs[j] = pair
        total += pair
    return total


@compiled
def _write(room, keep):
    """Fade the state in `room` and add a chunk to it."""
    scale_rows(room.k, room.leave)
    for j in range(len(room.n)):
        row = room.C[j]
        for i in range(len(row)):
            row[i] *= keep
        room.n[j] *= keep
    add_product(room.C, room.k.T, room.v)
    for t in range(len(room.k)):
        row = room.k[t]
        for j in range(len(row)):
            room.n[j] += row[j]


@compiled
def _size(den, least, eps):
    size = abs(den)
    return (least if size < least else size) + eps


@compiled
def backward_tasks(
    first, end, heads, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
    d_h, d_den, d_C, d_n, d_q, d_k, d_v, d_log_i, d_log_f,
):  # fmt: skip
    """Gradients of some tasks, those of the gates' logarithms (X, L); d_log_f in fp64.

    d_C (X, K, V) and d_n (X, K) come as those of the last state and leave as those of the first.
    """
    room = room_for(min(chunk, q.shape[1]), q.shape[2], v.shape[2])
    for x in range(first, end):
        _backward(
            room, chunk, divided, eps, given, wanted,
            q[x], k[x], v[x], c[x], M[x], before[x], least[x], since[x // heads],
            C[x], n[x], h[x], den[x],
            d_h[x], d_den[x], d_C[x], d_n[x], d_q[x], d_k[x], d_v[x], d_log_i[x], d_log_f[x],
        )  # fmt: skip


@compiled
def _backward(
    room, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
    d_h, d_den, d_C, d_n, d_q, d_k, d_v, d_log_i, d_log_f,
):  # fmt: skip
    (L, K), V = q.shape, v.shape[1]
    scale = np.float32(K**-0.5)
    num_chunks = (L + chunk - 1) // chunk
    room.C[:K, :V], room.n[:K] = d_C, d_n
    for at in range(num_chunks - 1, -1, -1):
        start, end = at * chunk, min(at * chunk + chunk, L)
        fill(room.q, q[start:end], scale)
        fill(room.k, k[start:end], ONE)
        fill(room.v, v[start:end], ONE)
        keep = weigh(room, start, end, c, M, M[start - 1] if at > 0 else before, since)
        # Slope of each output along its own size, which is q . dq. Not formed from the rounded
        # gradient of q: here the numerator's part and the divisor's cancel exactly.
        rise = d_log_f[start:end]
        room.num[end - start :] = ZERO
        room.d_den[end - start :] = ZERO
        for t in range(start, end):
            size = _size(den[t], least[t], eps) if divided else ONE
            along = _quotient(room.num[t - start], d_h[t], size, h[t])
            pull, stretch = _of_divisor(den[t], least[t], size, eps) if divided else (ZERO, ONE)
            room.d_den[t - start] = along * pull + d_den[t]
            rise[t - start] = along * stretch + d_den[t] * den[t]
        _within(room)
        left = ZERO
        if wanted or at + 1 < num_chunks:
            left = _back_from_state(room, C[at + 1], n[at + 1])
        if given or at > 0:
            _back_to_state(room, C[at], n[at], keep)
        _write_slopes(room, scale, k[start:end], d_q[start:end], d_k[start:end], d_v[start:end],
                      d_log_i[start:end])  # fmt: skip
        # All that comes later in the chunk, and what leaves it.
        total = np.float64(left)
        for t in range(end - start - 1, -1, -1):
            total += rise[t] - d_log_i[start + t]
            rise[t] = total
    d_C[:], d_n[:] = room.C[:K, :V], room.n[:K]


@compiled
def _quotient(d_num, d_h, size, h):
    """Gradient of a position's numerator; the result is its product with the output."""
    along = ZERO
    for j in range(len(d_h)):
        slope = d_h[j] / size
        d_num[j] = slope
        along += slope * h[j]
    return along


@compiled
def _of_divisor(den, least, size, eps):
    """Slopes, per change of an output along itself, of its divisor and of its size.

    An output shrinks as its divisor grows, while that is above its least value.
    """
    if abs(den) < least:
        return ZERO, size
    return -np.sign(den), eps


@compiled
def _within(room):
    """Gradients of a chunk in `room`, as far as its positions see each other."""
    turn(room.k_turned, room.k)
    turn(room.v_turned, room.v)
    room.pairs[:], room.d_q[:], room.d_k[:], room.d_v[:] = ZERO, ZERO, ZERO, ZERO
    add_lower(room.pairs, room.q, room.k_turned)
    for t in range(len(room.pairs)):
        _weighed(room.pairs[t], room.weights[t], t)
    add_from_upper(room.d_v, room.pairs.T, room.num)
    for t in range(len(room.pairs)):
        room.pairs[t] = room.d_den[t]
    add_lower(room.pairs, room.num, room.v_turned)
    for t in range(len(room.pairs)):
        _weighed(room.pairs[t], room.weights[t], t)
    add_from_lower(room.d_q, room.pairs, room.k)
    add_from_upper(room.d_k, room.pairs.T, room.q)


@compiled
def _back_from_state(room, C, n):
    """Add what keys and values are in the state after the chunk, C and n; its own log slope."""
    left = inner(room.n[: len(n)], n)
    for j in range(len(n)):
        left += inner(room.C[j, : C.shape[1]], C[j])
    turn(room.C_turned, room.C)
    scale_rows(room.k, room.leave)
    scale_rows(room.v, room.leave)
    add_product(room.d_v, room.k, room.C)
    add_product(room.d_k, room.v, room.C_turned)
    for t in range(len(room.leave)):
        row, factor = room.d_k[t], room.leave[t]
        for j in range(len(row)):
            row[j] += factor * room.n[j]
    return left


@compiled
def _back_to_state(room, C, n, keep):
    """Add what queries read of the state before the chunk, C and n, and make the gradient its."""
    turn(room.C_turned, C)
    scale_rows(room.num, room.enter)
    add_product(room.d_q, room.num, room.C_turned)
    for j in range(len(room.n)):
        row = room.C[j]
        for i in range(len(row)):
            row[i] *= keep
        room.n[j] *= keep
    add_product(room.C, room.q.T, room.num)
    for t in range(len(room.enter)):
        factor = room.enter[t] * room.d_den[t]
        slope, q = room.d_q[t], room.q[t]
        for j in range(len(n)):
            slope[j] += factor * n[j]
            room.n[j] += factor * q[j]


@compiled
def _write_slopes(room, scale, k, d_q, d_k, d_v, d_log_i):
    """Hand the gradients of a chunk over, with that of each key along itself."""
    for t in range(len(k)):
        row, out = room.d_q[t], d_q[t]
        for j in range(len(out)):
            out[j] = row[j] * scale
        d_k[t] = room.d_k[t, : k.shape[1]]
        d_v[t] = room.d_v[t, : d_v.shape[1]]
        d_log_i[t] = inner(d_k[t], k[t])

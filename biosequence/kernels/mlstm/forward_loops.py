"""The compiled forward pass of the mLSTM: one task is one head of one batch entry.

A chunk's numbers stay in cache from its inputs to its outputs, and pairs of positions are computed
only where one sees the other.
"""

# Shapes: X tasks (B batch, H heads of each), L length, N chunks, T positions of a chunk, K query
# and key width, V value width, S states: N + 1, before each chunk and after the last, or the first
# and the last alone.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..products import add_from_lower, add_lower, add_product
from .room import (
    ONE,
    ZERO,
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
def forward_tasks(
    first, last, heads, chunk, divided, eps, given, wanted,
    q, k, v, c, M, before, least, since, C, n, h, den,
):  # fmt: skip
    """Outputs h (X, L, V), divisors den (X, L) and states of some tasks.

    q, k, v (X, L, .); c, M (X, L) and before (X,) in fp64; least (X, L); since (B, L), the position
    at which the document of each begins, -1 for the first document. The first state comes in C
    (X, S, K, V) and n (X, S, 1, K) if it is `given`, the last is written if it is `wanted`.
    """
    L, K, V = q.shape[1], q.shape[2], v.shape[2]
    room = room_for(min(chunk, L), K, V)
    one_over_root = np.float32(K**-0.5)
    for x in range(first, last):
        room.C.fill(ZERO)
        room.n.fill(ZERO)
        if given:
            give(room.C[:K, :V], C[x, 0], ONE)
            give(room.n[:, :K], n[x, 0], ONE)
        for start in range(0, L, chunk):
            end = min(start + chunk, L)
            take(room.q, q[x, start:end], one_over_root)
            take(room.k, k[x, start:end], ONE)
            take(room.v, v[x, start:end], ONE)
            M_before = M[x, start - 1] if start > 0 else before[x]
            keep = weigh(room, start, end, c[x], M[x], M_before, since[x // heads])
            _read(room, given or start > 0, den[x, start:end])
            for t in range(end - start):
                size = size_of(den[x, start + t], least[x, start + t], divided, eps)
                room.share[t] = ONE / size
            scale_rows(room.num, room.share)
            give(h[x, start:end], room.num, ONE)
            if wanted or end < L:
                _write(room, keep)
                after = min(start // chunk + 1, C.shape[1] - 1)
                give(C[x, after], room.C, ONE)
                give(n[x, after], room.n, ONE)


@compiled
def _read(room, entering, den):
    """Numerator of a chunk in `room`, and its divisor before the floor (T,)."""
    turn(room.k_turned, room.k)
    room.pairs.fill(ZERO)
    room.num.fill(ZERO)
    add_lower(room.pairs, room.q, room.k_turned)
    apply_weights(room.pairs, room.weights, room.total)
    add_from_lower(room.num, room.pairs, room.v)
    if entering:
        scale_rows(room.q, room.enter)
        add_product(room.num, room.q, room.C)
        for t in range(len(den)):
            room.total[t] += inner(room.q[t], room.n[0])
    for t in range(len(den)):
        den[t] = room.total[t]


@compiled
def _write(room, keep):
    """Fade the state in `room` and add the chunk to it."""
    for j in range(len(room.k_turned)):
        scale(room.C[j], keep)
        room.n[0, j] = room.n[0, j] * keep + inner(room.k_turned[j], room.leave)
    scale_rows(room.k, room.leave)
    add_product(room.C, room.k.T, room.v)

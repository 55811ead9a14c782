"""Memory for one chunk of the compiled mLSTM, small enough for the cache, and what fills it."""

# Shapes: L length, T positions of a chunk, K query and key width, V value width; T, K and V of the
# memory are rounded up to whole tiles, and zeros fill it up.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiling import compiled
from ..exponentials import exp
from ..products import LANES, whole

ZERO, ONE = np.float32(0), np.float32(1)
# A weight below exp(-80) is none: numbers too small for the processor's fast way would follow.
FAINT = np.float32(-80)


class Room(NamedTuple):
    """What one thread works on.

    Parameters
    ----------
    q, k, v, num
        Rows of the chunk, and of its numerator or the numerator's gradient (T, .).
    k_turned, v_turned
        Columns of the chunk (., T).
    pairs, weights
        Products of positions with those before them, and what is left of these (T, T).
    enter, leave
        What is left of the state before the chunk at each position, and of each position in the
        state after it (T,).
    total, share
        Sum of the weighed pairs, and one over the divisor (T,).
    c
        Log weights of the chunk's positions, in fp64 (T,).
    C, n
        The state, or its gradient (K, V), (1, K).
    C_turned
        A state for products with its transpose (V, K).
    d_q, d_k, d_v
        Gradients of the chunk (T, .).
    d_den
        Gradient of the divisor (T,).
    """

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    num: np.ndarray
    k_turned: np.ndarray
    v_turned: np.ndarray
    pairs: np.ndarray
    weights: np.ndarray
    enter: np.ndarray
    leave: np.ndarray
    total: np.ndarray
    share: np.ndarray
    c: np.ndarray
    C: np.ndarray
    n: np.ndarray
    C_turned: np.ndarray
    d_q: np.ndarray
    d_k: np.ndarray
    d_v: np.ndarray
    d_den: np.ndarray


@compiled
def room_for(T, K, V):
    """Zeros for chunks of up to T positions."""
    T, K, V = whole(T), whole(K), whole(V)
    return Room(
        _matrix(T, K), _matrix(T, K), _matrix(T, V), _matrix(T, V), _matrix(K, T), _matrix(V, T),
        _matrix(T, T), _matrix(T, T), _matrix(1, T)[0], _matrix(1, T)[0], _matrix(1, T)[0],
        _matrix(1, T)[0], np.zeros(T), _matrix(K, V), _matrix(1, K), _matrix(V, K),
        _matrix(T, K), _matrix(T, K), _matrix(T, V), _matrix(1, T)[0],
    )  # fmt: skip


@compiled
def _matrix(rows, columns):
    return np.zeros((rows, columns), np.float32)


@compiled
def take(rows, x, factor):
    """Take over the rows of x times a factor; zeros after them."""
    for t in range(len(x)):
        into, given = rows[t], x[t]
        for j in range(len(given)):
            into[j] = given[j] * factor
    rows[len(x) :].fill(ZERO)


@compiled
def give(out, rows, factor):
    """Hand rows over, times a factor, as many and as much of them as there is room for in `out`."""
    for t in range(len(out)):
        into, given = out[t], rows[t]
        for j in range(len(into)):
            into[j] = given[j] * factor


@compiled
def turn(columns, x):
    """Take over the transpose of x."""
    for j in range(x.shape[1]):
        into = columns[j]
        for t in range(x.shape[0]):
            into[t] = x[t, j]


@compiled
def scale_rows(rows, factors):
    """Multiply each row by its factor."""
    for t in range(len(rows)):
        scale(rows[t], factors[t])


@compiled
def scale(row, factor):
    """Multiply a row by a factor."""
    for j in range(len(row)):
        row[j] *= factor


@compiled
def add(row, x, factor):
    """Add a row times a factor."""
    for j in range(len(x)):
        row[j] += x[j] * factor


@compiled
def inner(x, y):
    """Sum over the product of two vectors, as far as the second goes."""
    total = ZERO
    for j in range(len(y)):
        total += x[j] * y[j]
    return total


@compiled
def weigh(room, start, end, c, M, before, since):
    """Set a chunk's weights in `room`; returns what is left of the state before in the one after.

    c, M and since (L,); `before` is M just before the chunk.
    """
    last, reach = M[end - 1], since[end - 1]
    for t in range(end - start):
        room.c[t] = c[start + t]
        room.enter[t] = _fading(before - M[start + t]) if since[start + t] < start else ZERO
        room.leave[t] = _fading(c[start + t] - last) if start + t >= reach else ZERO
    for t in range(end - start):
        row, top, first = room.weights[t], M[start + t], since[start + t] - start
        for j in range(whole(t + 1)):
            weight = _fading(room.c[j] - top)
            row[j] = weight if (first <= j) & (j <= t) else ZERO
    room.weights[end - start :].fill(ZERO)
    return _fading(before - last) if reach < start else ZERO


@compiled
def _fading(log_weight):
    x = np.float32(log_weight)
    weight = exp(x)
    return ZERO if x < FAINT else weight


@compiled
def apply_weights(pairs, weights, total):
    """Weigh the products of positions with those before them; `total` gets their sums."""
    for t in range(len(pairs)):
        row, factors, sum_ = pairs[t], weights[t], ZERO
        # A vector at a time: of a length that is known there is no rest.
        for lane in range(0, t + 1, LANES):
            for j in range(lane, lane + LANES):
                pair = row[j] * factors[j]
                row[j] = pair
                sum_ += pair
        total[t] = sum_


@compiled
def size_of(den, least, divided, eps):
    """What an output is divided by."""
    if not divided:
        return ONE
    size = abs(den)
    return (least if size < least else size) + eps

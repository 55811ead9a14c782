"""Memory for one chunk of the compiled mLSTM, small enough for the cache, and what fills it."""

# Shapes: L length, T positions of a chunk, K query and key width, V value width, all but L rounded
# up to whole tiles and filled up with zeros.

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..compiling import compiled
from ..exponentials import exp
from ..products import matrix, whole

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
        Products of positions with those before them, and what of these is left (T, T).
    enter, leave
        What is left of the state before the chunk at each position, and of each position in the
        state after it (T,).
    c
        Log weights of the chunk's positions, in fp64 (T,).
    C, n
        The state, or its gradient (K, V), (K,).
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
    one = np.float32
    return Room(
        matrix(T, K), matrix(T, K), matrix(T, V), matrix(T, V), matrix(K, T), matrix(V, T),
        matrix(T, T), matrix(T, T), np.zeros(T, one), np.zeros(T, one), np.zeros(T),
        matrix(K, V), np.zeros(K, one), matrix(V, K),
        matrix(T, K), matrix(T, K), matrix(T, V), np.zeros(T, one),
    )  # fmt: skip


@compiled
def fill(rows, x, factor):
    """Take over the rows of x times a factor; zeros after them."""
    for t in range(len(x)):
        into, given = rows[t], x[t]
        for j in range(len(given)):
            into[j] = given[j] * factor
    for t in range(len(x), len(rows)):
        rows[t] = ZERO


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
        row, factor = rows[t], factors[t]
        for j in range(len(row)):
            row[j] *= factor


@compiled
def inner(x, y):
    """Sum over the product of two vectors."""
    total = ZERO
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@compiled
def weigh(room, start, end, c, M, before, since):
    """Set the weights of a chunk in `room`; the result is that of the state before in the one after.

    c, M and since (L,); `before` is M just before the chunk.
    """
    count = end - start
    room.c[:count] = c[start:end]
    last, reach = M[end - 1], since[end - 1]
    for t in range(count):
        row, top, first = room.weights[t], M[start + t], since[start + t] - start
        for j in range(whole(t + 1)):
            weight = _fading(room.c[j] - top)
            row[j] = weight if (first <= j) & (j <= t) else ZERO
        room.enter[t] = _fading(before - top) if first < 0 else ZERO
        room.leave[t] = _fading(room.c[t] - last) if start + t >= reach else ZERO
    room.weights[count:] = ZERO
    return _fading(before - last) if reach < start else ZERO


@compiled
def _fading(log_weight):
    x = np.float32(log_weight)
    weight = exp(x)
    return ZERO if x < FAINT else weight

"""The compiled loops of the sLSTM: one task is one head of one batch entry."""

# Shapes: B batch, L length, H heads, D width of a head, W the four gates of a head side by side,
# S what a position keeps for the backward pass: keep, write, z, o, 1 - sigmoid(f), c, n.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..exponentials import ONE, exp, log_sigmoid, sigmoid, tanh

KEPT = 7
ZERO = np.float32(0)


@compiled
def forward_tasks(first, end, heads, x, weight, bias, starts, state, y, kept):
    """Output of some tasks; `state` (4, B, H, D) comes as the first and leaves as the last one.

    x (B, L, 4, H, D), weight (H, D in, 4 * D out), bias (H, 4 * D), kept (B, H, L or 0, S, D).
    """
    for task in range(first, end):
        b, h = task // heads, task % heads
        _forward(
            x[b, :, :, h], weight[h], bias[h], starts[b], state[:, b, h], y[b, :, h], kept[b, h]
        )


@compiled
def _forward(x, weight, bias, starts, state, y, kept):
    D = weight.shape[0]
    # What a function allocates itself, the compiler knows to be nobody else's.
    own = np.empty((4, D), np.float32)
    last = own[0]
    own[:] = state
    raw = np.empty(4 * D, np.float32)
    gate = np.empty((KEPT, D), np.float32)
    keeping = len(kept) > 0
    for t in range(len(x)):
        if starts[t]:
            own[:] = ZERO
        for g in range(4):
            for d in range(D):
                raw[g * D + d] = x[t, g, d] + bias[g * D + d]
        _add_product(raw, weight, last)
        _cell(raw, own, gate)
        for d in range(D):
            y[t, d] = last[d]
        if keeping:
            kept[t] = gate
    state[:] = own


@compiled
def _add_product(into, weight, vector):
    """Add vector @ weight, four rows at a time: fewer passes over `into`."""
    rows = len(vector) // 4 * 4
    for j in range(0, rows, 4):
        a, b, c, d = vector[j], vector[j + 1], vector[j + 2], vector[j + 3]
        one, two, three, four = weight[j], weight[j + 1], weight[j + 2], weight[j + 3]
        for i in range(len(into)):
            into[i] += (a * one[i] + b * two[i]) + (c * three[i] + d * four[i])
    for j in range(rows, len(vector)):
        a, one = vector[j], weight[j]
        for i in range(len(into)):
            into[i] += a * one[i]


@compiled
def _cell(raw, own, gate):
    D = own.shape[1]
    for d in range(D):
        i, f = raw[d], raw[D + d]
        z, o = tanh(raw[2 * D + d]), sigmoid(raw[3 * D + d])
        c, n = own[1, d], own[2, d]
        log_f = log_sigmoid(f) + own[3, d]
        # The larger of the two exponents becomes the unit, so that one factor is 1.
        gap = i - log_f
        small = exp(gap if gap < ZERO else -gap)
        write = small if gap < ZERO else ONE
        keep = ONE if gap < ZERO else small
        m = log_f if gap < ZERO else i
        empty = n == ZERO
        write = ONE if empty else write
        keep = ZERO if empty else keep
        m = i if empty else m
        c = keep * c + write * z
        n = keep * n + write
        own[0, d] = o * c / n
        own[1, d], own[2, d], own[3, d] = c, n, m
        gate[0, d], gate[1, d], gate[2, d], gate[3, d] = keep, write, z, o
        gate[4, d] = sigmoid(-f)
        gate[5, d], gate[6, d] = c, n


@compiled
def backward_tasks(first, end, heads, weight, starts, state, kept, dy, dstate, dx):
    """Gradients of some tasks; `dstate` (4, B, H, D) comes as the last and leaves as the first.

    weight (H, 4 * D out, D in), state (4, B, H, D) the one before the first position.
    """
    for task in range(first, end):
        b, h = task // heads, task % heads
        _backward(
            weight[h], starts[b], state[:, b, h], kept[b, h], dy[b, :, h], dstate[:, b, h],
            dx[b, :, :, h],
        )  # fmt: skip


@compiled
def _backward(weight, starts, state, kept, dy, dstate, dx):
    D = weight.shape[1]
    own = np.empty((4, D), np.float32)
    own[:] = dstate
    back, raw = own[0], np.empty(4 * D, np.float32)
    gate, before = np.empty((KEPT, D), np.float32), np.empty((2, D), np.float32)
    for t in range(len(dy) - 1, -1, -1):
        gate[:] = kept[t]
        if starts[t]:
            before[:] = ZERO
        elif t > 0:
            before[:] = kept[t - 1, 5:7]
        else:
            before[:] = state[1:3]
        for d in range(D):
            back[d] += dy[t, d]
        _cell_back(gate, before, own, raw)
        for g in range(4):
            for d in range(D):
                dx[t, g, d] = raw[g * D + d]
        back[:] = ZERO
        if starts[t]:
            own[:] = ZERO
        else:
            _add_product(back, weight, raw)
    dstate[:] = own


@compiled
def _cell_back(gate, before, own, raw):
    D = own.shape[1]
    for d in range(D):
        keep, write, z, o = gate[0, d], gate[1, d], gate[2, d], gate[3, d]
        c, n = gate[5, d], gate[6, d]
        slope, level = own[0, d], c / n
        dc = own[1, d] + slope * o / n
        dn = own[2, d] - slope * o * level / n
        by_keep = keep * (dc * before[0, d] + dn * before[1, d])
        by_write = write * (dc * z + dn)
        by_m = own[3, d] - by_keep - by_write
        # The unit is the exponent whose factor is 1.
        wrote = write >= ONE
        raw[d] = by_write + (by_m if wrote else ZERO)
        by_keep += ZERO if wrote else by_m
        raw[D + d] = by_keep * gate[4, d]
        raw[2 * D + d] = dc * write * (ONE - z * z)
        raw[3 * D + d] = slope * level * o * (ONE - o)
        own[1, d], own[2, d], own[3, d] = dc * keep, dn * keep, by_keep

"""The compiled loops of the selective scan."""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels, T
# positions of a chunk. The innermost loop runs over a block's channels, side by side in memory.
# The gates z are the last D columns of their rows, which may hold more.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..exponentials import LOG2_E, exp2, sigmoid

WIDTH = 64
CHUNK = 64
LN_2 = np.float32(0.6931471805599453)


@compiled
def _softplus(x):
    # log(1 + t) = 2 artanh(t / (2 + t)), right for small t too, where 1 + t would round it away.
    t = exp2(-LOG2_E * abs(x))
    s = t / (np.float32(2) + t)
    square = s * s
    series = np.float32(1 / 13)
    for odd in (11, 9, 7, 5, 3, 1):
        series = series * square + np.float32(1 / odd)
    return max(x, np.float32(0)) + np.float32(2) * s * series


@compiled
def _rows(number):
    """Rows of a block's width that start at a cache line, so that no vector straddles two."""
    room = np.empty((number + 1) * WIDTH, np.float32)
    first = -(room.ctypes.data // 4) % 16
    return room[first : first + number * WIDTH].reshape(number, WIDTH)


@compiled
def forward_tasks(first, end, extents, softplus, u, delta, A, B, C, D, bias, z, starts, y, kept, h):
    """Output and last state of some tasks.

    z is empty without a gate. The state before each chunk is kept where there is room for it.
    """
    num_blocks = len(extents)
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        _forward(
            extents[k], softplus, u[b], delta[b], A[k], B[b], C[b], D, bias, z[b], starts[b], y[b],
            kept[b, k], h[b, k],
        )  # fmt: skip


@compiled
def _forward(extent, softplus, u, delta, A, B, C, D, bias, z, starts, y, kept, h):
    start, width, group = extent[0], extent[1], extent[2]
    state, rows = _rows(len(A)), _rows(3)
    rows[:] = 0
    inflow, steps, out = rows[0], rows[1], rows[2]
    state[:] = h
    for t in range(len(u)):
        if t % CHUNK == 0 and len(kept) > 0:
            kept[t // CHUNK] = state
        if starts[t]:
            state[:] = 0
        _step_sizes(start, width, softplus, delta[t], bias, steps)
        for m in range(width):
            value = u[t, start + m]
            inflow[m] = steps[m] * value
            out[m] = D[start + m] * value
        for n in range(len(A)):
            b, c = B[t, group, n], C[t, group, n]
            for j in range(WIDTH):
                new = exp2(steps[j] * A[n, j]) * state[n, j] + inflow[j] * b
                state[n, j] = new
                out[j] += new * c
        if len(z) > 0:
            first = start + _first_gate(z, y)
            for m in range(width):
                gate = z[t, first + m]
                out[m] *= gate * sigmoid(gate)
        for m in range(width):
            y[t, start + m] = out[m]
    h[:] = state


@compiled
def _first_gate(z, y):
    return np.uintp(z.shape[1]) - np.uintp(y.shape[1])


@compiled
def _step_sizes(start, width, softplus, delta, bias, steps):
    if softplus:
        for m in range(width):
            steps[m] = _softplus(delta[start + m] + bias[start + m])
    else:
        for m in range(width):
            steps[m] = delta[start + m] + bias[start + m]


@compiled
def backward_tasks(
    first, end, extents, softplus, u, delta, A, B, C, D, bias, z, starts, dy, kept, dh,
    du, ddelta, dA, dB, dC, dD, dbias, dz,
):  # fmt: skip
    """Gradients of some tasks; dh comes as the last state's and leaves as the first one's."""
    num_blocks, size = len(extents), A.shape[1]
    states = _rows((CHUNK + 1) * size).reshape(CHUNK + 1, size, WIDTH)
    decays = _rows(CHUNK * size).reshape(CHUNK, size, WIDTH)
    steps, slopes = _rows(CHUNK), _rows(CHUNK)
    # Lanes without a channel: no step, so that nothing comes in, and no slope.
    steps[:] = 0
    slopes[:] = 0
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        if extents[k, 1] < WIDTH:
            steps[:] = 0
            slopes[:] = 0
        dA[b, k] = 0
        for chunk in range(len(kept[b, k]) - 1, -1, -1):
            t = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, u.shape[1]))
            states[0] = kept[b, k, chunk]
            _chunk_states(
                extents[k], softplus, u[b, t], delta[b, t], A[k], B[b, t], bias, starts[b, t],
                states, decays, steps,
            )  # fmt: skip
            _chunk_gate(
                extents[k], u[b, t], C[b, t], D, z[b, t], dy[b, t], states, slopes, dz[b, t]
            )
            _chunk_gradients(
                extents[k], u[b, t], A[k], B[b, t], C[b, t], D, states, decays, steps, slopes,
                dh[b, k], du[b, t], ddelta[b, t], dA[b, k], dB[b, k, t], dC[b, k, t], dD[b],
            )  # fmt: skip
            _chunk_steps(extents[k], softplus, delta[b, t], bias, ddelta[b, t], dbias[b])


@compiled
def _chunk_states(extent, softplus, u, delta, A, B, bias, starts, states, decays, steps):
    start, width, group = extent[0], extent[1], extent[2]
    inflow = _rows(1)[0]
    inflow[:] = 0
    for t in range(len(u)):
        _step_sizes(start, width, softplus, delta[t], bias, steps[t])
        for m in range(width):
            inflow[m] = steps[t, m] * u[t, start + m]
        for n in range(len(A)):
            b = B[t, group, n]
            for j in range(WIDTH):
                decay = exp2(steps[t, j] * A[n, j])
                decays[t, n, j] = decay
                states[t + 1, n, j] = decay * states[t, n, j] + inflow[j] * b
        if starts[t]:
            # A decay of zero keeps the state out, of the gradients as well.
            decays[t] = 0
            for n in range(len(A)):
                for j in range(WIDTH):
                    states[t + 1, n, j] = inflow[j] * B[t, group, n]


@compiled
def _chunk_gate(extent, u, C, D, z, dy, states, slopes, dz):
    """Gradient of the gate, and that of the output before it into the rows of slopes."""
    start, width, group = extent[0], extent[1], extent[2]
    out = _rows(1)[0]
    for t in range(len(u)):
        for m in range(width):
            slopes[t, m] = dy[t, start + m]
        if len(z) == 0:
            continue
        out[:] = 0
        for n in range(C.shape[2]):
            c = C[t, group, n]
            for j in range(WIDTH):
                out[j] += c * states[t + 1, n, j]
        first = start + _first_gate(z, u)
        for m in range(width):
            gate = z[t, first + m]
            open_ = sigmoid(gate)
            ungated = out[m] + D[start + m] * u[t, start + m]
            dz[t, first + m] = slopes[t, m] * ungated * open_ * (1 + gate * (1 - open_))
            slopes[t, m] *= gate * open_


@compiled
def _chunk_gradients(
    extent, u, A, B, C, D, states, decays, steps, slopes, dh, du, ddt, dA, dB, dC, dD
):
    start, width, group = extent[0], extent[1], extent[2]
    dstate, drate, rows = _rows(len(A)), _rows(len(A)), _rows(3)
    inflow, by_inflow, by_decay = rows[0], rows[1], rows[2]
    dstate[:] = dh
    drate[:] = dA
    rows[:] = 0
    for t in range(len(u) - 1, -1, -1):
        step, g = steps[t], slopes[t]
        for m in range(width):
            inflow[m] = step[m] * u[t, start + m]
        by_inflow[:] = 0
        by_decay[:] = 0
        for n in range(len(A)):
            b, c = B[t, group, n], C[t, group, n]
            sum_b = sum_c = np.float32(0)
            for j in range(WIDTH):
                d = dstate[n, j] + g[j] * c
                sum_c += g[j] * states[t + 1, n, j]
                sum_b += d * inflow[j]
                by_inflow[j] += d * b
                d *= decays[t, n, j]
                dstate[n, j] = d
                q = d * states[t, n, j]
                by_decay[j] += q * A[n, j]
                drate[n, j] += q * step[j]
            dB[t, n], dC[t, n] = sum_b, sum_c
        for m in range(width):
            value = u[t, start + m]
            du[t, start + m] = by_inflow[m] * step[m] + g[m] * D[start + m]
            # A comes in units of log2(e), and the gradient of an exponent does not.
            ddt[t, start + m] = by_inflow[m] * value + LN_2 * by_decay[m]
            dD[start + m] += g[m] * value
    dh[:] = dstate
    dA[:] = drate


@compiled
def _chunk_steps(extent, softplus, delta, bias, ddelta, dbias):
    """Gradient of the step sizes as they came, from that of the ones after bias and softplus."""
    start, width = extent[0], extent[1]
    for t in range(len(delta)):
        if softplus:
            for m in range(width):
                ddelta[t, start + m] *= sigmoid(delta[t, start + m] + bias[start + m])
        for m in range(width):
            dbias[start + m] += ddelta[t, start + m]

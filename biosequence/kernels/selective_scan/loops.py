"""The compiled loops of the selective scan."""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels, T
# positions of a chunk. The innermost loop runs over a block's channels, side by side in memory.

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..compiling import compiled

WIDTH = 64
CHUNK = 64
LN_2 = np.float32(0.6931471805599453)
# (2^f - 1) / f on [-1/2, 1/2], lowest power first: relative error 4.3e-7, so that a decay's rate is
# right to that and 2^0 is exactly 1. An error of 2^f itself would add up over a long memory.
POWERS_OF_2 = (
    0.6931471435051639,
    0.24022351343237064,
    0.055505002167730584,
    0.009666245419974172,
    0.0013333537386235443,
)


@intrinsic
def _exp2(typing_context: Any, x: Any) -> Any:
    """2^x in operations that fill vectors: the library's function takes one number at a time."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single, whole = ir.FloatType(), ir.IntType(32)

        def number(value: float) -> ir.Constant:
            return ir.Constant(single, float(np.float32(value)))

        (x,) = args
        # Within the exponents of float32. NaN becomes a bound, but reaches the state by the inflow.
        x = builder.select(builder.fcmp_ordered(">", x, number(-126)), x, number(-126))
        x = builder.select(builder.fcmp_ordered("<", x, number(127)), x, number(127))
        nearest = builder.call(builder.module.declare_intrinsic("llvm.rint", [single]), [x])
        f = builder.fsub(x, nearest)
        power = number(POWERS_OF_2[-1])
        for coefficient in (*POWERS_OF_2[-2::-1], 1.0):
            power = builder.fmul(power, f, flags=("contract",))
            power = builder.fadd(power, number(coefficient), flags=("contract",))
        exponent = builder.shl(builder.fptosi(nearest, whole), ir.Constant(whole, 23))
        return builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), single)

    return types.float32(types.float32), build


@compiled
def forward_tasks(first, end, extents, u, dt, A, B, C, D, starts, y, kept, h):
    """Output and last state of some tasks; kept is empty or takes the state before each chunk."""
    num_blocks = len(extents)
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        _forward(
            extents[k], u[b], dt[b], A[k], B[b], C[b], D, starts[b], y[b], kept[b, k], h[b, k]
        )


@compiled
def _forward(extent, u, dt, A, B, C, D, starts, y, kept, h):
    start, width, group = extent[0], extent[1], extent[2]
    inflow, steps = np.zeros(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    out = np.zeros(WIDTH, np.float32)
    for t in range(len(u)):
        if t % CHUNK == 0 and len(kept) > 0:
            kept[t // CHUNK] = h
        if starts[t]:
            h[:] = 0
        for j in range(width):
            value = u[t, start + j]
            steps[j] = dt[t, start + j]
            inflow[j] = steps[j] * value
            out[j] = D[start + j] * value
        for n in range(len(A)):
            b, c = B[t, group, n], C[t, group, n]
            for j in range(WIDTH):
                state = _exp2(steps[j] * A[n, j]) * h[n, j] + inflow[j] * b
                h[n, j] = state
                out[j] += state * c
        for j in range(width):
            y[t, start + j] = out[j]


@compiled
def backward_tasks(
    first, end, extents, u, dt, A, B, C, D, starts, dy, kept, dh, du, ddt, dA, dB, dC, dD
):
    """Gradients of some tasks; dh comes as the last state's and leaves as the first one's."""
    num_blocks, size = len(extents), A.shape[1]
    states = np.empty((CHUNK + 1, size, WIDTH), np.float32)
    decays = np.empty((CHUNK, size, WIDTH), np.float32)
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        for chunk in range(len(kept[b, k]) - 1, -1, -1):
            t = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, u.shape[1]))
            states[0] = kept[b, k, chunk]
            _chunk_states(extents[k], u[b, t], dt[b, t], A[k], B[b, t], starts[b, t], states, decays)
            _chunk_gradients(
                extents[k], u[b, t], dt[b, t], A[k], B[b, t], C[b, t], D, dy[b, t], states, decays,
                dh[b, k], du[b, t], ddt[b, t], dA[b, k], dB[b, k, t], dC[b, k, t], dD[b],
            )  # fmt: skip


@compiled
def _chunk_states(extent, u, dt, A, B, starts, states, decays):
    start, width, group = extent[0], extent[1], extent[2]
    inflow, steps = np.zeros(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    for t in range(len(u)):
        for j in range(width):
            steps[j] = dt[t, start + j]
            inflow[j] = steps[j] * u[t, start + j]
        if starts[t]:
            # A decay of zero is what keeps the state out, here and in the gradients.
            for n in range(len(A)):
                for j in range(WIDTH):
                    decays[t, n, j] = 0
                    states[t + 1, n, j] = inflow[j] * B[t, group, n]
            continue
        for n in range(len(A)):
            b = B[t, group, n]
            for j in range(WIDTH):
                decay = _exp2(steps[j] * A[n, j])
                decays[t, n, j] = decay
                states[t + 1, n, j] = decay * states[t, n, j] + inflow[j] * b


@compiled
def _chunk_gradients(
    extent, u, dt, A, B, C, D, dy, states, decays, dh, du, ddt, dA, dB, dC, dD
):
    start, width, group = extent[0], extent[1], extent[2]
    inflow, steps = np.zeros(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    g = np.zeros(WIDTH, np.float32)
    by_inflow, by_decay = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    for t in range(len(u) - 1, -1, -1):
        for j in range(width):
            steps[j] = dt[t, start + j]
            inflow[j] = steps[j] * u[t, start + j]
            g[j] = dy[t, start + j]
        by_inflow[:] = 0
        by_decay[:] = 0
        for n in range(len(A)):
            b, c = B[t, group, n], C[t, group, n]
            sum_b = sum_c = np.float32(0)
            for j in range(WIDTH):
                d = dh[n, j] + g[j] * c
                sum_c += g[j] * states[t + 1, n, j]
                sum_b += d * inflow[j]
                by_inflow[j] += d * b
                d *= decays[t, n, j]
                dh[n, j] = d
                q = d * states[t, n, j]
                by_decay[j] += q * A[n, j]
                dA[n, j] += q * steps[j]
            dB[t, n], dC[t, n] = sum_b, sum_c
        for j in range(width):
            value = u[t, start + j]
            du[t, start + j] = by_inflow[j] * steps[j] + g[j] * D[start + j]
            # A comes in units of log2(e), and the gradient of an exponent does not.
            ddt[t, start + j] = by_inflow[j] * value + LN_2 * by_decay[j]
            dD[start + j] += g[j] * value

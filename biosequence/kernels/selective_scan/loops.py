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
def _rows(number):
    """Rows of a block's width that start where a cache line does: vectors then never straddle two."""
    room = np.zeros((number + 1) * WIDTH, np.float32)
    first = -(room.ctypes.data // 4) % 16
    return room[first : first + number * WIDTH].reshape(number, WIDTH)


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
    # What a function allocates itself, the compiler knows to be nobody else's: twice as fast.
    state, rows = _rows(len(A)), _rows(3)
    inflow, steps, out = rows[0], rows[1], rows[2]
    state[:] = h
    for t in range(len(u)):
        if t % CHUNK == 0 and len(kept) > 0:
            kept[t // CHUNK] = state
        if starts[t]:
            state[:] = 0
        for m in range(width):
            value = u[t, start + m]
            steps[m] = dt[t, start + m]
            inflow[m] = steps[m] * value
            out[m] = D[start + m] * value
        for n in range(len(A)):
            b, c = B[t, group, n], C[t, group, n]
            for j in range(WIDTH):
                new = _exp2(steps[j] * A[n, j]) * state[n, j] + inflow[j] * b
                state[n, j] = new
                out[j] += new * c
        for m in range(width):
            y[t, start + m] = out[m]
    h[:] = state


@compiled
def backward_tasks(
    first, end, extents, u, dt, A, B, C, D, starts, dy, kept, dh, du, ddt, dA, dB, dC, dD
):
    """Gradients of some tasks; dh comes as the last state's and leaves as the first one's."""
    num_blocks = len(extents)
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        _backward(
            extents[k], u[b], dt[b], A[k], B[b], C[b], D, starts[b], dy[b], kept[b, k],
            dh[b, k], du[b], ddt[b], dA[b, k], dB[b, k], dC[b, k], dD[b],
        )  # fmt: skip


@compiled
def _backward(extent, u, dt, A, B, C, D, starts, dy, kept, dh, du, ddt, dA, dB, dC, dD):
    start, width, group = extent[0], extent[1], extent[2]
    size = len(A)
    states = _rows((CHUNK + 1) * size).reshape(CHUNK + 1, size, WIDTH)
    decays = _rows(CHUNK * size).reshape(CHUNK, size, WIDTH)
    dstate, drate, rows = _rows(size), _rows(size), _rows(5)
    inflow, steps, g, by_inflow, by_decay = rows[0], rows[1], rows[2], rows[3], rows[4]
    dstate[:] = dh
    for chunk in range(len(kept) - 1, -1, -1):
        begin, end = chunk * CHUNK, min((chunk + 1) * CHUNK, len(u))
        states[0] = kept[chunk]
        for t in range(begin, end):
            i = t - begin
            for m in range(width):
                steps[m] = dt[t, start + m]
                inflow[m] = steps[m] * u[t, start + m]
            for n in range(size):
                b = B[t, group, n]
                for j in range(WIDTH):
                    decay = _exp2(steps[j] * A[n, j])
                    decays[i, n, j] = decay
                    states[i + 1, n, j] = decay * states[i, n, j] + inflow[j] * b
            if starts[t]:
                # A decay of zero keeps the state out, of the gradients as well.
                decays[i] = 0
                for n in range(size):
                    for j in range(WIDTH):
                        states[i + 1, n, j] = inflow[j] * B[t, group, n]
        for t in range(end - 1, begin - 1, -1):
            i = t - begin
            for m in range(width):
                steps[m] = dt[t, start + m]
                inflow[m] = steps[m] * u[t, start + m]
                g[m] = dy[t, start + m]
            by_inflow[:] = 0
            by_decay[:] = 0
            for n in range(size):
                b, c = B[t, group, n], C[t, group, n]
                sum_b = sum_c = np.float32(0)
                for j in range(WIDTH):
                    d = dstate[n, j] + g[j] * c
                    sum_c += g[j] * states[i + 1, n, j]
                    sum_b += d * inflow[j]
                    by_inflow[j] += d * b
                    d *= decays[i, n, j]
                    dstate[n, j] = d
                    q = d * states[i, n, j]
                    by_decay[j] += q * A[n, j]
                    drate[n, j] += q * steps[j]
                dB[t, n], dC[t, n] = sum_b, sum_c
            for m in range(width):
                value = u[t, start + m]
                du[t, start + m] = by_inflow[m] * steps[m] + g[m] * D[start + m]
                # A comes in units of log2(e), and the gradient of an exponent does not.
                ddt[t, start + m] = by_inflow[m] * value + LN_2 * by_decay[m]
                dD[start + m] += g[m] * value
    dh[:] = dstate
    dA[:] = drate

"""Exponentials for compiled loops, in operations that fill vectors.

numba's own call the library's functions one number at a time, which keeps a whole loop from
becoming vectors. All are for float32, within 3e-7 of the true value, and hand a NaN on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# (2^f - 1) / f on [-1/2, 1/2], lowest power first: 2^0 is exactly 1, and a decay near 1 has the
# right rate. An error of 2^f itself would add up over a long memory.
POWERS_OF_2 = (
    0.6931471435051639,
    0.24022351343237064,
    0.055505002167730584,
    0.009666245419974172,
    0.0013333537386235443,
)
LOG2_E = np.float32(1.4426950408889634)
ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
# Odd powers of the series of tanh and of the inverse tanh.
TANH = (np.float32(-1 / 3), np.float32(2 / 15), np.float32(-17 / 315), np.float32(62 / 2835))
ARTANH = tuple(np.float32(1 / power) for power in (3, 5, 7, 9, 11, 13))


@intrinsic
def exp2(typing_context: Any, x: Any) -> Any:
    """2^x; below 2^-126 it stays there."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single, whole = ir.FloatType(), ir.IntType(32)

        def number(value: float) -> ir.Constant:
            return ir.Constant(single, float(np.float32(value)))

        (x,) = args
        # Unordered comparisons are true for NaN, which so stays what it is.
        x = builder.select(builder.fcmp_unordered(">", x, number(-126)), x, number(-126))
        x = builder.select(builder.fcmp_unordered("<", x, number(127)), x, number(127))
        nearest = builder.call(builder.module.declare_intrinsic("llvm.rint", [single]), [x])
        f = builder.fsub(x, nearest)
        power = number(POWERS_OF_2[-1])
        for coefficient in (*POWERS_OF_2[-2::-1], 1.0):
            power = builder.fmul(power, f, flags=("contract",))
            power = builder.fadd(power, number(coefficient), flags=("contract",))
        exponent = builder.shl(builder.fptosi(nearest, whole), ir.Constant(whole, 23))
        return builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), single)

    return types.float32(types.float32), build


@njit(inline="always")
def exp(x):
    """e^x."""
    return exp2(x * LOG2_E)


@njit(inline="always")
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return ONE / (ONE + exp2(-x * LOG2_E))


@njit(inline="always")
def tanh(x):
    """The hyperbolic tangent; a series near zero, where the quotient would lose its digits."""
    square = x * x
    series = TANH[2] + square * TANH[3]
    series = TANH[1] + square * series
    series = x + x * square * (TANH[0] + square * series)
    power = exp2(x * (TWO * LOG2_E))
    return series if square < np.float32(0.09) else ONE - TWO / (power + ONE)


@njit(inline="always")
def log_sigmoid(x):
    """log(1 / (1 + e^-x)), from log(1 + u) = 2 artanh(u / (2 + u))."""
    negative = x if x < np.float32(0) else -x
    u = exp2(negative * LOG2_E)
    s = u / (TWO + u)
    square = s * s
    series = ARTANH[4] + square * ARTANH[5]
    series = ARTANH[3] + square * series
    series = ARTANH[2] + square * series
    series = ARTANH[1] + square * series
    series = ARTANH[0] + square * series
    part = TWO * (s + s * square * series)
    return (x if x < np.float32(0) else np.float32(0)) - part

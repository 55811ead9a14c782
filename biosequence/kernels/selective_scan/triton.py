"""Selective scan on the GPU: sequential in time, states in registers, everything in one pass.

A program carries the states of a block of channels. Every few positions it puts them down, and
the backward pass walks from one such point to the one before: it computes the states in between
again, keeps them in registers, and goes through them in reverse.
"""

# Shapes: B batch, D channels, G groups of channels, L length, N state size; X a block of channels
# of one group, P the power of two that holds N, S positions between kept states (K of them).
# u, delta, z, y (B, L, D) and maps (B, G, L, N) by strides with the last axis dense.

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp2(x * -LOG2E))


@triton.jit
def _softplus(x):
    """log(1 + exp(x)) without a logarithm, which the hardware has to 22 bits near 1 only.

    log(1 + w) = 2 artanh(w / (2 + w)), whose series needs eight terms for w up to 1.
    """
    w = tl.exp2(tl.abs(x) * -LOG2E)
    s = w / (2.0 + w)
    q = s * s
    series = 1 / 13 + q * (1 / 15)
    series = 1 / 9 + q * (1 / 11 + q * series)
    series = 1 / 5 + q * (1 / 7 + q * series)
    series = 1.0 + q * (1 / 3 + q * series)
    return tl.maximum(x, 0.0) + 2.0 * s * series


@triton.jit
def _get(at, mask):
    """Values in fp32 where the mask is true, zeros elsewhere."""
    return tl.load(at, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _step_sizes(delta, cols, mask, bias_X, HAS_BIAS: tl.constexpr, SOFTPLUS: tl.constexpr):
    """Step sizes of one position, and what they were before softplus; zeros beyond the end."""
    raw_X = tl.load(delta + cols, mask=mask, other=0.0).to(tl.float32)
    if HAS_BIAS:
        raw_X += bias_X
    dt_X = _softplus(raw_X) if SOFTPLUS else raw_X
    return tl.where(mask, dt_X, 0.0), raw_X


@triton.jit
def _decay(dt_X, A2_XP, starts, inside, HAS_DOCUMENT: tl.constexpr):
    """exp(dt A), nothing where a document begins."""
    e_XP = tl.exp2(dt_X[:, None] * A2_XP)
    if HAS_DOCUMENT:
        e_XP *= 1.0 - tl.load(starts, mask=inside, other=0).to(tl.float32)
    return e_XP


@triton.jit
def forward_kernel(
    u, u_b, u_l, delta, dt_b, dt_l, z, z_b, z_l, B, B_b, B_g, B_l, C, C_b, C_g, C_l,
    A, D, bias, h0, starts, y, kept, last, channels, members, L, K,
    N: tl.constexpr, P: tl.constexpr, X: tl.constexpr, S: tl.constexpr, U: tl.constexpr,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr, SOFTPLUS: tl.constexpr,
    HAS_START: tl.constexpr, HAS_DOCUMENT: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Outputs with skip and gate, the last state, and the states every S positions."""
    b, blocks = tl.program_id(1).to(tl.int64), tl.cdiv(members, X)
    g, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    first = g * members + block * X
    cols, rows = tl.arange(0, X), tl.arange(0, P)
    width = members - block * X
    real, some = cols < width, rows < N
    both = real[:, None] & some[None, :]
    here = (first + cols)[:, None] * N + rows[None, :]
    u, delta, z = u + b * u_b + first, delta + b * dt_b + first, z + b * z_b + first
    B, C, starts = B + b * B_b + g * B_g, C + b * C_b + g * C_g, starts + b * L
    y += b * L * channels + first
    A2_XP = _get(A + here, both) * LOG2E
    D_X = _get(D + first + cols, real) if HAS_D else tl.zeros((X,), tl.float32)
    bias_X = _get(bias + first + cols, real) if HAS_BIAS else D_X
    h_XP = tl.zeros((X, P), tl.float32)
    if HAS_START:
        h_XP = _get(h0 + b * channels * N + here, both)
    for c in range(K):
        t0 = b * 0 + c * S
        if KEEP:
            tl.store(kept + (b * K + c) * channels * N + here, h_XP, mask=both)
        for part in tl.static_range(S // U):
            # Loads of several positions first: they wait for memory together.
            us, dts, Bs, Cs = (), (), (), ()
            for s in tl.static_range(part * U, part * U + U):
                inside = t0 + s < L
                dt_X, _ = _step_sizes(
                    delta + s * dt_l,
                    cols,
                    cols < tl.where(inside, width, 0),
                    bias_X,
                    HAS_BIAS,
                    SOFTPLUS,
                )
                us += (
                    tl.load(u + s * u_l + cols, mask=cols < tl.where(inside, width, 0), other=0.0),
                )
                dts += (dt_X,)
                Bs += (tl.load(B + s * B_l + rows, mask=rows < tl.where(inside, N, 0), other=0.0),)
                Cs += (tl.load(C + s * C_l + rows, mask=rows < tl.where(inside, N, 0), other=0.0),)
            for i in tl.static_range(U):
                s = part * U + i
                inside = t0 + s < L
                u_X, dt_X = us[i].to(tl.float32), dts[i]
                e_XP = _decay(dt_X, A2_XP, starts + s, inside, HAS_DOCUMENT)
                h_XP = e_XP * h_XP + (dt_X * u_X)[:, None] * Bs[i].to(tl.float32)[None, :]
                y_X = tl.sum(h_XP * Cs[i].to(tl.float32)[None, :], 1) + D_X * u_X
                if HAS_Z:
                    z_X = tl.load(
                        z + s * z_l + cols, mask=cols < tl.where(inside, width, 0), other=0.0
                    )
                    z_X = z_X.to(tl.float32)
                    y_X *= z_X * _sigmoid(z_X)
                tl.store(y + s * channels + cols, y_X, mask=cols < tl.where(inside, width, 0))
        u, delta, z, y = u + S * u_l, delta + S * dt_l, z + S * z_l, y + S * channels
        B, C, starts = B + S * B_l, C + S * C_l, starts + S
    tl.store(last + b * channels * N + here, h_XP, mask=both)


@triton.jit
def _reverse_step(
    dh_XP, h_XP, dy_X, u_X, dt_X, e_XP, B_P, C_P, A_XP, D_X, z_X,
    HAS_Z: tl.constexpr,
):  # fmt: skip
    """Gradients of one position from those of its output and of the state after it."""
    x_X = dt_X * u_X
    after_XP = e_XP * h_XP + x_X[:, None] * B_P[None, :]
    dz_X = dy_X
    if HAS_Z:
        sigmoid_X = _sigmoid(z_X)
        y_X = tl.sum(after_XP * C_P[None, :], 1) + D_X * u_X
        dz_X = dy_X * y_X * sigmoid_X * (1.0 + z_X * (1.0 - sigmoid_X))
        dy_X *= z_X * sigmoid_X
    d_XP = dh_XP + dy_X[:, None] * C_P[None, :]
    dC_P = tl.sum(dy_X[:, None] * after_XP, 0)
    dB_P = tl.sum(d_XP * x_X[:, None], 0)
    inflow_X = tl.sum(d_XP * B_P[None, :], 1)
    dh_XP = d_XP * e_XP
    q_XP = dh_XP * h_XP
    ddt_X = inflow_X * u_X + tl.sum(q_XP * A_XP, 1)
    return dh_XP, q_XP, inflow_X * dt_X + D_X * dy_X, ddt_X, dB_P, dC_P, dz_X, dy_X * u_X


@triton.jit
def backward_kernel(
    u, u_b, u_l, delta, dt_b, dt_l, z, z_b, z_l, B, B_b, B_g, B_l, C, C_b, C_g, C_l,
    dy, dy_b, dy_l, A, D, bias, starts, kept, dlast,
    du, ddelta, dz, dB, dC, dA, dD, dbias, dh0, channels, members, L, K,
    N: tl.constexpr, P: tl.constexpr, X: tl.constexpr, S: tl.constexpr,
    HAS_D: tl.constexpr, HAS_Z: tl.constexpr, HAS_BIAS: tl.constexpr, SOFTPLUS: tl.constexpr,
    HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Every gradient; those of the maps for this block of channels, summed by the caller."""
    b, blocks = tl.program_id(1).to(tl.int64), tl.cdiv(members, X)
    g, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    first = g * members + block * X
    cols, rows = tl.arange(0, X), tl.arange(0, P)
    width = members - block * X
    real, both = cols < width, (cols < width)[:, None] & (rows < N)[None, :]
    here = (first + cols)[:, None] * N + rows[None, :]
    A_XP = _get(A + here, both)
    D_X = _get(D + first + cols, real) if HAS_D else tl.zeros((X,), tl.float32)
    bias_X = _get(bias + first + cols, real) if HAS_BIAS else D_X
    dh_XP, dA_XP = _get(dlast + b * channels * N + here, both), tl.zeros((X, P), tl.float32)
    dD_X, dbias_X = tl.zeros((X,), tl.float32), tl.zeros((X,), tl.float32)
    # Partial gradients of the maps: (blocks of all groups, B, L, N).
    maps = (tl.program_id(0) * tl.num_programs(1) + b) * L * N + rows
    for done in range(K):
        t0 = b * 0 + (K - 1 - done) * S
        h_XP = _get(kept + (b * K + K - 1 - done) * channels * N + here, both)
        at_u, at_dt = u + b * u_b + t0 * u_l + first, delta + b * dt_b + t0 * dt_l + first
        at_z, at_dy = z + b * z_b + t0 * z_l + first, dy + b * dy_b + t0 * dy_l + first
        at_B, at_C = B + b * B_b + g * B_g + t0 * B_l, C + b * C_b + g * C_g + t0 * C_l
        at, at_starts = (b * L + t0) * channels + first, starts + b * L + t0
        states = ()
        for s in tl.static_range(S):
            states += (h_XP,)
            inside = t0 + s < L
            mask = cols < tl.where(inside, width, 0)
            dt_X, _ = _step_sizes(at_dt + s * dt_l, cols, mask, bias_X, HAS_BIAS, SOFTPLUS)
            x_X = dt_X * _get(at_u + s * u_l + cols, mask)
            B_P = _get(at_B + s * B_l + rows, rows < tl.where(inside, N, 0))
            e_XP = _decay(dt_X, A_XP * LOG2E, at_starts + s, inside, HAS_DOCUMENT)
            h_XP = e_XP * h_XP + x_X[:, None] * B_P[None, :]
        for s in tl.static_range(S - 1, -1, -1):
            inside = t0 + s < L
            mask = cols < tl.where(inside, width, 0)
            dt_X, raw_X = _step_sizes(at_dt + s * dt_l, cols, mask, bias_X, HAS_BIAS, SOFTPLUS)
            u_X = _get(at_u + s * u_l + cols, mask)
            dy_X = _get(at_dy + s * dy_l + cols, mask)
            B_P = _get(at_B + s * B_l + rows, rows < tl.where(inside, N, 0))
            C_P = _get(at_C + s * C_l + rows, rows < tl.where(inside, N, 0))
            z_X = _get(at_z + s * z_l + cols, mask) if HAS_Z else dy_X
            e_XP = _decay(dt_X, A_XP * LOG2E, at_starts + s, inside, HAS_DOCUMENT)
            dh_XP, q_XP, du_X, ddt_X, dB_P, dC_P, dz_X, dD_step_X = _reverse_step(
                dh_XP, states[s], dy_X, u_X, dt_X, e_XP, B_P, C_P, A_XP, D_X, z_X, HAS_Z
            )
            dA_XP += q_XP * dt_X[:, None]
            dD_X += dD_step_X
            if SOFTPLUS:
                ddt_X *= _sigmoid(raw_X)
            dbias_X += tl.where(mask, ddt_X, 0.0)
            tl.store(du + at + s * channels + cols, du_X, mask=mask)
            tl.store(ddelta + at + s * channels + cols, ddt_X, mask=mask)
            if HAS_Z:
                tl.store(dz + at + s * channels + cols, dz_X, mask=mask)
            tl.store(dB + maps + (t0 + s) * N, dB_P, mask=rows < tl.where(inside, N, 0))
            tl.store(dC + maps + (t0 + s) * N, dC_P, mask=rows < tl.where(inside, N, 0))
    tl.store(dh0 + b * channels * N + here, dh_XP, mask=both)
    tl.store(dA + b * channels * N + here, dA_XP, mask=both)
    tl.store(dD + b * channels + first + cols, dD_X, mask=real)
    tl.store(dbias + b * channels + first + cols, dbias_X, mask=real)

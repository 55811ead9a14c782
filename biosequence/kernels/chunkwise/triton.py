"""Kernels of gated linear attention in chunks, for weights that are given as factors of rows.

Inside a chunk position s weighs ``2 ** (row[t] + column[s])`` at position t. Between chunks
``C' = keep C + sum_s leave[s] k[s] v[s]^T`` and ``out[t] += enter[t] q[t] C``. The normaliser
takes a value of 1 for each key: its state is n, its output the divisor. A factor of the values
(the step sizes of SSD) is applied to them as they are read. Only plain pointers and
masks, as block pointers are gone from Triton 3.9.
"""

# Shapes: B batch, H heads, G groups of heads that share q and k, L length, N chunks,
# T positions of a chunk, K key width, V value width; X and Y blocks of K and V.
# q, k (B, G, L, K) and v, out (B, H, L, V) by strides with the last axis dense; gates, divisors
# and documents (B H or B, N T) padded, row and column as pairs (B H, N T, 2);
# scores (B G, N, T, T); states (B H, N + 1, K, V).

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ..gpu import interpreted


def dot_options(single: bool, half: bool) -> dict[str, Any]:
    """How products are formed.

    float16 inputs are multiplied as TF32, which has as many digits and the range of float32: states
    and their gradients would leave that of float16.
    """
    if half and not interpreted():
        return {"DOT": tl.bfloat16, "PRECISION": "tf32"}
    return {"DOT": tl.float32, "PRECISION": "tf32" if single else "tf32x3"}


@triton.jit
def _tile(base, rows, cols, stride, num_rows, num_cols):
    """Rows and columns from a pointer, zeros outside."""
    inside = (rows[:, None] < num_rows) & (cols[None, :] < num_cols)
    return tl.load(base + rows[:, None] * stride + cols[None, :], mask=inside, other=0.0)


@triton.jit
def _put(base, rows, cols, stride, num_rows, num_cols, value):
    """Write rows and columns that lie inside."""
    inside = (rows[:, None] < num_rows) & (cols[None, :] < num_cols)
    tl.store(base + rows[:, None] * stride + cols[None, :], value, mask=inside)


@triton.jit
def _weights(row, column, first, document, at, HAS_DOCUMENT: tl.constexpr):
    """What each position s counts at each t: (T, T), zeros where t may not see s.

    Exponents are sums of large numbers that cancel, so each comes as its value in fp32 and what
    that leaves out.
    """
    seen = at[:, None] >= at[None, :]
    if HAS_DOCUMENT:
        seen = seen & (document[:, None] == document[None, :])
    row, column = row + 2 * (first + at), column + 2 * (first + at)
    exponent = tl.load(row)[:, None] + tl.load(column)[None, :]
    exponent += tl.load(row + 1)[:, None] + tl.load(column + 1)[None, :]
    return tl.where(seen, tl.exp2(exponent), 0.0)


@triton.jit
def scores_kernel(
    q, q_b, q_h, q_l, k, k_b, k_h, k_l, scores, G, L, N,
    K: tl.constexpr, T: tl.constexpr, X: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Q k^T of each chunk, once for all heads of a group."""
    c, bg = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    b, g = bg // G, bg % G
    at, cols = tl.arange(0, T), tl.arange(0, X)
    q += b * q_b + g * q_h + c * T * q_l
    k += b * k_b + g * k_h + c * T * k_l
    left = L - c * T
    acc = tl.zeros((T, T), tl.float32)
    for first in range(0, K, X):
        q_TX = _tile(q + first, at, cols, q_l, left, K - first).to(DOT)
        k_TX = _tile(k + first, at, cols, k_l, left, K - first).to(DOT)
        acc = tl.dot(q_TX, tl.trans(k_TX), acc, input_precision=PRECISION)
    scores += (bg * N + c) * T * T
    tl.store(scores + at[:, None] * T + at[None, :], acc)


@triton.jit
def states_kernel(
    k, k_b, k_h, k_l, v, v_b, v_h, v_l, leave, keep, C0, n0, states, n, C_last, H, R, L, N,
    K: tl.constexpr, V: tl.constexpr, T: tl.constexpr, X: tl.constexpr, Y: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr, HAS_START: tl.constexpr, DIVISOR: tl.constexpr,
):  # fmt: skip
    """The states before each chunk and after the last; one program carries its block of them."""
    x0, y0, bh = tl.program_id(0) * X, tl.program_id(1) * Y, tl.program_id(2).to(tl.int64)
    b, h = bh // H, bh % H
    at, rows, cols = tl.arange(0, T), tl.arange(0, X), tl.arange(0, Y)
    k += b * k_b + (h // R) * k_h + x0
    v += b * v_b + h * v_h + y0
    leave += bh * N * T
    here = bh * K * V + x0 * V + y0
    C_XY = tl.zeros((X, Y), tl.float32)
    n_X = tl.zeros((X,), tl.float32)
    if HAS_START:
        C_XY = _tile(C0 + here, rows, cols, V, K - x0, V - y0)
        if DIVISOR:
            n_X = tl.load(n0 + bh * K + x0 + rows, mask=rows < K - x0, other=0.0)
    states += bh * (N + 1) * K * V + x0 * V + y0
    n += bh * (N + 1) * K + x0 + rows
    # n belongs to the first block of values.
    own = tl.where(y0 == 0, K - x0, 0)
    for c in range(N):
        _put(states, rows, cols, V, K - x0, V - y0, C_XY)
        if DIVISOR:
            tl.store(n, n_X, mask=rows < own)
        leave_T = tl.load(leave + c * T + at)
        left = L - c * T
        k_TX = _tile(k, at, rows, k_l, left, K - x0).to(tl.float32) * leave_T[:, None]
        v_TY = _tile(v, at, cols, v_l, left, V - y0).to(DOT)
        kept = tl.load(keep + bh * N + c)
        C_XY = tl.dot(tl.trans(k_TX.to(DOT)), v_TY, C_XY * kept, input_precision=PRECISION)
        if DIVISOR:
            n_X = n_X * kept + tl.sum(k_TX, 0)
        # The pointers walk, as a product with the stride could leave 32 bits.
        k += T * k_l
        v += T * v_l
        states += K * V
        n += K
    _put(states, rows, cols, V, K - x0, V - y0, C_XY)
    _put(C_last + here, rows, cols, V, K - x0, V - y0, C_XY)
    if DIVISOR:
        tl.store(n, n_X, mask=rows < own)


@triton.jit
def output_kernel(
    q, q_b, q_h, q_l, v, v_b, v_h, v_l, row, column, enter, factor, document, scores, states, n,
    out, o_b, o_h, o_l, den, floor, eps, H, R, L, N,
    K: tl.constexpr, V: tl.constexpr, T: tl.constexpr, X: tl.constexpr, Y: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
    HAS_FACTOR: tl.constexpr, DIVISOR: tl.constexpr, DIVIDE: tl.constexpr,
):  # fmt: skip
    """What each position reads from its chunk and from the state before it."""
    y0, c, bh = tl.program_id(0) * Y, tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    b, h = bh // H, bh % H
    at, rows, cols = tl.arange(0, T), tl.arange(0, X), tl.arange(0, Y)
    gate, left = bh * N * T + c * T, L - c * T
    q += b * q_b + (h // R) * q_h + c * T * q_l
    v += b * v_b + h * v_h + c * T * v_l + y0
    doc_T = tl.load(document + b * N * T + c * T + at) if HAS_DOCUMENT else at
    P_TT = _weights(row, column, gate, doc_T, at, HAS_DOCUMENT)
    group = (b * (H // R) + h // R) * N + c
    P_TT *= tl.load(scores + group * T * T + at[:, None] * T + at[None, :])
    if HAS_FACTOR:
        P_TT *= tl.load(factor + gate + at)[None, :]
    v_TY = _tile(v, at, cols, v_l, left, V - y0).to(DOT)
    acc = tl.dot(P_TT.to(DOT), v_TY, input_precision=PRECISION)
    den_T = tl.sum(P_TT, 1)
    enter_T = tl.load(enter + gate + at)
    slot = bh * (N + 1) + c
    for x0 in range(0, K, X):
        q_TX = _tile(q + x0, at, rows, q_l, left, K - x0).to(tl.float32) * enter_T[:, None]
        C_XY = _tile(states + (slot * K + x0) * V + y0, rows, cols, V, K - x0, V - y0)
        acc = tl.dot(q_TX.to(DOT), C_XY.to(DOT), acc, input_precision=PRECISION)
        if DIVISOR:
            n_X = tl.load(n + slot * K + x0 + rows, mask=rows < K - x0, other=0.0)
            den_T += tl.sum(q_TX * n_X[None, :], 1)
    if DIVISOR:
        tl.store(den + gate + at, den_T, mask=at < tl.where(y0 == 0, T, 0))
    if DIVIDE:
        acc /= (tl.maximum(tl.abs(den_T), tl.load(floor + gate + at)) + eps)[:, None]
    _put(out + b * o_b + h * o_h + c * T * o_l + y0, at, cols, o_l, left, V - y0, acc)


@triton.jit
def along_kernel(
    a, a_b, a_h, a_l, d, d_b, d_h, d_l, along, H, L, N,
    V: tl.constexpr, T: tl.constexpr, Y: tl.constexpr,
):  # fmt: skip
    """Inner product of each row of two tensors, such as an output with its gradient."""
    c, bh = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    b, h = bh // H, bh % H
    at, cols = tl.arange(0, T), tl.arange(0, Y)
    a += b * a_b + h * a_h + c * T * a_l
    d += b * d_b + h * d_h + c * T * d_l
    acc = tl.zeros((T,), tl.float32)
    for y0 in range(0, V, Y):
        a_TY = _tile(a + y0, at, cols, a_l, L - c * T, V - y0).to(tl.float32)
        acc += tl.sum(a_TY * _tile(d + y0, at, cols, d_l, L - c * T, V - y0).to(tl.float32), 1)
    tl.store(along + bh * N * T + c * T + at, acc)


@triton.jit
def states_back_kernel(
    q, q_b, q_h, q_l, d, d_b, d_h, d_l, enter, keep, inverse, d_den, states, n,
    dC_last, dn_last, d_states, dn, dC0, dn0, leaving, H, R, L, N,
    K: tl.constexpr, V: tl.constexpr, T: tl.constexpr, X: tl.constexpr, Y: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr, DIVISOR: tl.constexpr,
):  # fmt: skip
    """Gradients of the states after each chunk, and their inner products with those states."""
    x0, y0, bh = tl.program_id(0) * X, tl.program_id(1) * Y, tl.program_id(2).to(tl.int64)
    b, h = bh // H, bh % H
    at, rows, cols = tl.arange(0, T), tl.arange(0, X), tl.arange(0, Y)
    # n belongs to the first block of values.
    first_rows = rows < tl.where(y0 == 0, K - x0, 0)
    end = bh * 0 + (N - 1) * T
    q += b * q_b + (h // R) * q_h + x0 + end * q_l
    d += b * d_b + h * d_h + y0 + end * d_l
    here = x0 * V + y0
    G_XY = _tile(dC_last + bh * K * V + here, rows, cols, V, K - x0, V - y0)
    g_X = tl.zeros((X,), tl.float32)
    if DIVISOR:
        g_X = tl.load(dn_last + bh * K + x0 + rows, mask=rows < K - x0, other=0.0)
    blocks = tl.num_programs(0) * tl.num_programs(1)
    leaving += bh * N * blocks + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)
    for done in range(N):
        c = N - 1 - done
        slot = bh * (N + 1) + c
        _put(d_states + slot * K * V + here, rows, cols, V, K - x0, V - y0, G_XY)
        C_XY = _tile(states + (slot + 1) * K * V + here, rows, cols, V, K - x0, V - y0)
        left_XY = tl.sum(G_XY * C_XY.to(tl.float32))
        gate = bh * N * T + c * T + at
        q_TX = _tile(q, at, rows, q_l, L - c * T, K - x0).to(tl.float32)
        q_TX *= tl.load(enter + gate)[:, None]
        d_TY = _tile(d, at, cols, d_l, L - c * T, V - y0).to(tl.float32)
        d_TY *= tl.load(inverse + gate)[:, None]
        kept = tl.load(keep + bh * N + c)
        if DIVISOR:
            tl.store(dn + slot * K + x0 + rows, g_X, mask=first_rows)
            n_X = tl.load(n + (slot + 1) * K + x0 + rows, mask=first_rows, other=0.0)
            left_XY += tl.sum(g_X * n_X)
            g_X = g_X * kept + tl.sum(q_TX * tl.load(d_den + gate)[:, None], 0)
        tl.store(leaving + c * blocks, left_XY)
        G_XY = tl.dot(tl.trans(q_TX.to(DOT)), d_TY.to(DOT), G_XY * kept, input_precision=PRECISION)
        q -= T * q_l
        d -= T * d_l
    _put(dC0 + bh * K * V + here, rows, cols, V, K - x0, V - y0, G_XY)
    if DIVISOR:
        tl.store(dn0 + bh * K + x0 + rows, g_X, mask=first_rows)


@triton.jit
def values_back_kernel(
    k, k_b, k_h, k_l, v, v_b, v_h, v_l, d, d_b, d_h, d_l, dv, dv_b, dv_h, dv_l,
    row, column, leave, factor, inverse, d_den, document, scores, d_states, dn, write, H, R, L, N,
    K: tl.constexpr, V: tl.constexpr, T: tl.constexpr, X: tl.constexpr, Y: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
    HAS_FACTOR: tl.constexpr, DIVISOR: tl.constexpr,
):  # fmt: skip
    """Gradient of the values; and its product with them, as if each had the factor 1."""
    y0, c, bh = tl.program_id(0) * Y, tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    b, h = bh // H, bh % H
    at, rows, cols = tl.arange(0, T), tl.arange(0, X), tl.arange(0, Y)
    gate, left = bh * N * T + c * T, L - c * T
    k += b * k_b + (h // R) * k_h + c * T * k_l
    v += b * v_b + h * v_h + c * T * v_l + y0
    d += b * d_b + h * d_h + c * T * d_l + y0
    doc_T = tl.load(document + b * N * T + c * T + at) if HAS_DOCUMENT else at
    P_TT = _weights(row, column, gate, doc_T, at, HAS_DOCUMENT)
    group = (b * (H // R) + h // R) * N + c
    P_TT *= tl.load(scores + group * T * T + at[:, None] * T + at[None, :])
    d_TY = _tile(d, at, cols, d_l, left, V - y0).to(tl.float32)
    d_TY *= tl.load(inverse + gate + at)[:, None]
    acc = tl.dot(tl.trans(P_TT.to(DOT)), d_TY.to(DOT), input_precision=PRECISION)
    one_T = tl.zeros((T,), tl.float32)
    if DIVISOR:
        one_T += tl.sum(P_TT * tl.load(d_den + gate + at)[:, None], 0)
    leave_T = tl.load(leave + gate + at)
    slot = bh * (N + 1) + c
    for x0 in range(0, K, X):
        k_TX = _tile(k + x0, at, rows, k_l, left, K - x0).to(tl.float32) * leave_T[:, None]
        G_XY = _tile(d_states + (slot * K + x0) * V + y0, rows, cols, V, K - x0, V - y0)
        acc = tl.dot(k_TX.to(DOT), G_XY.to(DOT), acc, input_precision=PRECISION)
        if DIVISOR:
            g_X = tl.load(dn + slot * K + x0 + rows, mask=rows < K - x0, other=0.0)
            one_T += tl.sum(k_TX * g_X[None, :], 1)
    write_T = tl.sum(acc * _tile(v, at, cols, v_l, left, V - y0).to(tl.float32), 1)
    if HAS_FACTOR:
        acc *= tl.load(factor + gate + at)[:, None]
    _put(dv + b * dv_b + h * dv_h + c * T * dv_l + y0, at, cols, dv_l, left, V - y0, acc)
    # The column of ones belongs to one block of values only.
    write_T += tl.where(y0 == 0, one_T, 0.0)
    block = tl.program_id(0) * tl.num_programs(2) + bh
    tl.store(write + block * N * T + c * T + at, write_T)


@triton.jit
def keys_back_kernel(
    q, q_b, q_h, q_l, k, k_b, k_h, k_l, v, v_b, v_h, v_l, d, d_b, d_h, d_l,
    dq, dq_b, dq_h, dq_l, dk, dk_b, dk_h, dk_l,
    row, column, enter, leave, factor, inverse, d_den, document, states, n, d_states, dn,
    H, R, L, N,
    K: tl.constexpr, V: tl.constexpr, T: tl.constexpr, X: tl.constexpr, Y: tl.constexpr,
    DOT: tl.constexpr, PRECISION: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
    HAS_FACTOR: tl.constexpr, DIVISOR: tl.constexpr,
):  # fmt: skip
    """Gradients of queries and keys, summed over the heads of a group inside one program."""
    x0, c, bg = tl.program_id(0) * X, tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    b, g = bg // (H // R), bg % (H // R)
    at, rows, cols = tl.arange(0, T), tl.arange(0, X), tl.arange(0, Y)
    left = L - c * T
    doc_T = tl.load(document + b * N * T + c * T + at) if HAS_DOCUMENT else at
    S_TT = tl.zeros((T, T), tl.float32)
    dq_TX, dk_TX = tl.zeros((T, X), tl.float32), tl.zeros((T, X), tl.float32)
    for member in range(R):
        h = g * R + member
        first = (b * H + h) * N * T + c * T
        gate, slot = first + at, (b * H + h) * (N + 1) + c
        enter_T, leave_T = tl.load(enter + gate), tl.load(leave + gate)
        inverse_T = tl.load(inverse + gate)
        P_TT = tl.zeros((T, T), tl.float32)
        for y0 in range(0, V, Y):
            d_TY = _tile(d + b * d_b + h * d_h + c * T * d_l + y0, at, cols, d_l, left, V - y0)
            d_TY = d_TY.to(tl.float32) * inverse_T[:, None]
            v_TY = _tile(v + b * v_b + h * v_h + c * T * v_l + y0, at, cols, v_l, left, V - y0)
            P_TT = tl.dot(d_TY.to(DOT), tl.trans(v_TY.to(DOT)), P_TT, input_precision=PRECISION)
            C_XY = _tile(states + (slot * K + x0) * V + y0, rows, cols, V, K - x0, V - y0)
            G_XY = _tile(d_states + (slot * K + x0) * V + y0, rows, cols, V, K - x0, V - y0)
            d_TY = (d_TY * enter_T[:, None]).to(DOT)
            v_TY = (v_TY.to(tl.float32) * leave_T[:, None]).to(DOT)
            dq_TX = tl.dot(d_TY, tl.trans(C_XY.to(DOT)), dq_TX, input_precision=PRECISION)
            dk_TX = tl.dot(v_TY, tl.trans(G_XY.to(DOT)), dk_TX, input_precision=PRECISION)
        if DIVISOR:
            d_den_T = tl.load(d_den + gate)
            n_X = tl.load(n + slot * K + x0 + rows, mask=rows < K - x0, other=0.0)
            g_X = tl.load(dn + slot * K + x0 + rows, mask=rows < K - x0, other=0.0)
            P_TT += d_den_T[:, None]
            dq_TX += (d_den_T * enter_T)[:, None] * n_X[None, :]
            dk_TX += leave_T[:, None] * g_X[None, :]
        if HAS_FACTOR:
            P_TT *= tl.load(factor + gate)[None, :]
        S_TT += P_TT * _weights(row, column, first, doc_T, at, HAS_DOCUMENT)
    k_TX = _tile(k + b * k_b + g * k_h + c * T * k_l + x0, at, rows, k_l, left, K - x0).to(DOT)
    dq_TX = tl.dot(S_TT.to(DOT), k_TX, dq_TX, input_precision=PRECISION)
    q_TX = _tile(q + b * q_b + g * q_h + c * T * q_l + x0, at, rows, q_l, left, K - x0).to(DOT)
    dk_TX = tl.dot(tl.trans(S_TT.to(DOT)), q_TX, dk_TX, input_precision=PRECISION)
    _put(dq + b * dq_b + g * dq_h + c * T * dq_l + x0, at, rows, dq_l, left, K - x0, dq_TX)
    _put(dk + b * dk_b + g * dk_h + c * T * dk_l + x0, at, rows, dk_l, left, K - x0, dk_TX)

"""sLSTM on the GPU: one launch for the whole length, a program for each head and block of rows."""

# Shapes: B batch, L length, G the four gates i, f, z, o, H heads, D width of a head; R a block of
# rows of the batch, X the power of two that holds D. x, raw (B, L, G, H, D); states (B, L, H, D).

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp2(x * -LOG2E))


@triton.jit
def _tanh(x):
    return 2.0 * _sigmoid(2.0 * x) - 1.0


@triton.jit
def _log_sigmoid(x):
    """-log(1 + exp(-x)); the series of artanh, as the hardware's logarithm has 22 bits near 1."""
    w = tl.exp2(tl.abs(x) * -LOG2E)
    s = w / (2.0 + w)
    q = s * s
    series = 1 / 13 + q * (1 / 15)
    series = 1 / 9 + q * (1 / 11 + q * series)
    series = 1 / 5 + q * (1 / 7 + q * series)
    series = 1.0 + q * (1 / 3 + q * series)
    return tl.minimum(x, 0.0) - 2.0 * s * series


@triton.jit
def _get(base, at, mask):
    """Values where the mask is true, zeros elsewhere."""
    return tl.load(base + at, mask=mask, other=0.0)


@triton.jit
def _gates(i, f, n, m):
    """New unit m, what is kept and what is written; an empty cell takes its first input's unit."""
    log_f = _log_sigmoid(f) + m
    m_new = tl.where(n == 0.0, i, tl.maximum(i, log_f))
    keep = tl.where(n == 0.0, 0.0, tl.exp2((log_f - m_new) * LOG2E))
    return m_new, log_f, keep, tl.exp2((i - m_new) * LOG2E)


@triton.jit
def _recur(x, stride, weight, gate_size, y_RX, rows, cols, width, inside, PRECISION: tl.constexpr):
    """One gate: x + weight y, for a weight (out, in)."""
    both = (cols[:, None] < width) & (cols[None, :] < width)
    at = weight + gate_size + cols[None, :] * width + cols[:, None]
    weight_XX = tl.load(at, mask=both, other=0.0).to(tl.float32)
    raw_RX = tl.load(x + rows[:, None] * stride + cols[None, :], mask=inside, other=0.0)
    return tl.dot(y_RX, weight_XX, raw_RX.to(tl.float32), input_precision=PRECISION)


@triton.jit
def forward_kernel(
    x, x_b, x_l, x_g, x_h, weight, starts, y0, c0, n0, m0, ys, cs, ns, ms, B, L, H, D,
    R: tl.constexpr, X: tl.constexpr, PRECISION: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """States at every position."""
    h, rows = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64) * R + tl.arange(0, R)
    cols = tl.arange(0, X)
    inside = (rows[:, None] < B) & (cols[None, :] < D)
    state = (rows[:, None] * H + h) * D + cols[None, :]
    y_RX, c_RX = _get(y0, state, inside), _get(c0, state, inside)
    n_RX, m_RX = _get(n0, state, inside), _get(m0, state, inside)
    at = (rows[:, None] * L * H + h) * D + cols[None, :]
    x += h * x_h
    weight += h * D * D
    size = H * D * D
    for t in range(L):
        if HAS_DOCUMENT:
            new_R = tl.load(starts + rows * L + t, mask=rows < B, other=0) != 0
            stay_RX = tl.where(new_R, 0.0, 1.0)[:, None]
            y_RX, c_RX, n_RX, m_RX = y_RX * stay_RX, c_RX * stay_RX, n_RX * stay_RX, m_RX * stay_RX
        i = _recur(x, x_b, weight, 0, y_RX, rows, cols, D, inside, PRECISION)
        f = _recur(x + x_g, x_b, weight, size, y_RX, rows, cols, D, inside, PRECISION)
        z = _recur(x + 2 * x_g, x_b, weight, 2 * size, y_RX, rows, cols, D, inside, PRECISION)
        o = _recur(x + 3 * x_g, x_b, weight, 3 * size, y_RX, rows, cols, D, inside, PRECISION)
        m_RX, _, keep, write = _gates(i, f, n_RX, m_RX)
        c_RX = keep * c_RX + write * _tanh(z)
        n_RX = keep * n_RX + write
        y_RX = _sigmoid(o) * c_RX / n_RX
        tl.store(ys + at, y_RX, mask=inside)
        tl.store(cs + at, c_RX, mask=inside)
        tl.store(ns + at, n_RX, mask=inside)
        tl.store(ms + at, m_RX, mask=inside)
        x += x_l
        at += H * D


@triton.jit
def _cell_back(i, f, z, o, c_old, n_old, m_old, c, n, dy, dc, dn, dm):
    """Gradients of the four gates and of the state before, from those of the state after."""
    m, log_f, keep, write = _gates(i, f, n_old, m_old)
    out, cell = _sigmoid(o), _tanh(z)
    dc += dy * out / n
    dn -= dy * out * c / (n * n)
    d_o = dy * c / n * out * (1.0 - out)
    d_f, d_i = (dc * c_old + dn * n_old) * keep, (dc * cell + dn) * write
    dm -= d_f + d_i
    by_input = (n_old == 0.0) | (i > log_f)
    d_i += tl.where(by_input, dm, 0.0)
    d_f += tl.where(by_input, 0.0, dm)
    d_z = dc * write * (1.0 - cell * cell)
    return d_i, d_f * _sigmoid(-f), d_z, d_o, dc * keep, dn * keep, d_f


@triton.jit
def _through(weight, gate_size, d_RX, dy_RX, cols, width, PRECISION: tl.constexpr):
    """Gradient of the last output through one gate's weight (out, in)."""
    both = (cols[:, None] < width) & (cols[None, :] < width)
    at = weight + gate_size + cols[:, None] * width + cols[None, :]
    weight_XX = tl.load(at, mask=both, other=0.0).to(tl.float32)
    return tl.dot(d_RX, weight_XX, dy_RX, input_precision=PRECISION)


@triton.jit
def backward_kernel(
    raw, weight, starts, c0, n0, m0, cs, ns, ms, dys, dy_last, dc_last, dn_last, dm_last,
    draw, dy0, dc0, dn0, dm0, B, L, H, D,
    R: tl.constexpr, X: tl.constexpr, PRECISION: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Gradients of the gates at every position and of the first state."""
    h, rows = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64) * R + tl.arange(0, R)
    cols = tl.arange(0, X)
    inside = (rows[:, None] < B) & (cols[None, :] < D)
    state = (rows[:, None] * H + h) * D + cols[None, :]
    dy, dc = _get(dy_last, state, inside), _get(dc_last, state, inside)
    dn, dm = _get(dn_last, state, inside), _get(dm_last, state, inside)
    weight += h * D * D
    size, step = H * D * D, H * D
    for back in range(L):
        t = L - 1 - back
        at = ((rows[:, None] * L + t) * H + h) * D + cols[None, :]
        gate = ((rows[:, None] * L + t) * 4 * H + h) * D + cols[None, :]
        dy += _get(dys, at, inside).to(tl.float32)
        # At the first position the state before is the initial one.
        t_R1 = rows[:, None] * 0 + t
        old, start = inside & (t_R1 > 0), inside & (t_R1 == 0)
        c_old = _get(cs, at - step, old) + _get(c0, state, start)
        n_old = _get(ns, at - step, old) + _get(n0, state, start)
        m_old = _get(ms, at - step, old) + _get(m0, state, start)
        stay = inside
        if HAS_DOCUMENT:
            new_R = tl.load(starts + rows * L + t, mask=rows < B, other=0) != 0
            stay = inside & (new_R == 0)[:, None]
            c_old, n_old = tl.where(stay, c_old, 0.0), tl.where(stay, n_old, 0.0)
            m_old = tl.where(stay, m_old, 0.0)
        i, f = _get(raw, gate, inside), _get(raw, gate + step, inside)
        z = _get(raw, gate + 2 * step, inside)
        o = _get(raw, gate + 3 * step, inside)
        c = _get(cs, at, inside)
        n = tl.load(ns + at, mask=inside, other=1.0)
        d_i, d_f, d_z, d_o, dc, dn, dm = _cell_back(
            i, f, z, o, c_old, n_old, m_old, c, n, dy, dc, dn, dm
        )
        tl.store(draw + gate, d_i, mask=inside)
        tl.store(draw + gate + step, d_f, mask=inside)
        tl.store(draw + gate + 2 * step, d_z, mask=inside)
        tl.store(draw + gate + 3 * step, d_o, mask=inside)
        dy = _through(weight, 0, d_i, tl.zeros((R, X), tl.float32), cols, D, PRECISION)
        dy = _through(weight, size, d_f, dy, cols, D, PRECISION)
        dy = _through(weight, 2 * size, d_z, dy, cols, D, PRECISION)
        dy = _through(weight, 3 * size, d_o, dy, cols, D, PRECISION)
        dy, dc = tl.where(stay, dy, 0.0), tl.where(stay, dc, 0.0)
        dn, dm = tl.where(stay, dn, 0.0), tl.where(stay, dm, 0.0)
    tl.store(dy0 + state, dy, mask=inside)
    tl.store(dc0 + state, dc, mask=inside)
    tl.store(dn0 + state, dn, mask=inside)
    tl.store(dm0 + state, dm, mask=inside)

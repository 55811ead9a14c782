"""Short causal convolution on the GPU, with its bias and activation in the same pass."""

# Shapes: B batch, D channels, L length, W width of the window; X a block of channels, T one of
# positions. All tensors of positions by their strides, whichever axis is dense.

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _shifted(
    x, x_d, x_l, past, past_d, past_w, document, doc_T, cols, t, real, shift, L,
    W: tl.constexpr, HAS_PAST: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Input that lies `shift` positions before each one, zeros where that is another document."""
    at = t - shift
    seen = (at >= 0) & (t < L)
    before = (at < 0) & (t < L)
    if HAS_DOCUMENT:
        seen = seen & (tl.load(document + at, mask=seen, other=-1) == doc_T)
        # What came before belongs to the first document, whose number is 0.
        before = before & (doc_T == 0)
    x_XT = tl.load(
        x + cols[:, None] * x_d + at[None, :] * x_l, mask=real[:, None] & seen[None, :], other=0.0
    ).to(tl.float32)
    if HAS_PAST:
        x_XT += tl.load(
            past + cols[:, None] * past_d + (at + W - 1)[None, :] * past_w,
            mask=real[:, None] & before[None, :],
            other=0.0,
        ).to(tl.float32)
    return x_XT


@triton.jit
def forward_kernel(
    x, x_b, x_d, x_l, past, past_b, past_d, past_w, weight, bias, document, y, y_b, y_d, y_l,
    D, L, W: tl.constexpr, X: tl.constexpr, T: tl.constexpr,
    HAS_BIAS: tl.constexpr, SILU: tl.constexpr, HAS_PAST: tl.constexpr,
    HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Output of a block of channels and positions."""
    b = tl.program_id(2).to(tl.int64)
    cols = tl.program_id(0).to(tl.int64) * X + tl.arange(0, X)
    t = b * 0 + tl.program_id(1) * T + tl.arange(0, T)
    real = cols < D
    x, past, document = x + b * x_b, past + b * past_b, document + b * L
    doc_T = tl.load(document + t, mask=t < L, other=-1) if HAS_DOCUMENT else t
    acc = tl.zeros((X, T), tl.float32)
    if HAS_BIAS:
        acc += tl.load(bias + cols, mask=real, other=0.0).to(tl.float32)[:, None]
    for w in tl.static_range(W):
        weight_X = tl.load(weight + cols * W + w, mask=real, other=0.0).to(tl.float32)
        acc += weight_X[:, None] * _shifted(
            x, x_d, x_l, past, past_d, past_w, document, doc_T, cols, t, real, W - 1 - w, L,
            W, HAS_PAST, HAS_DOCUMENT,
        )  # fmt: skip
    if SILU:
        acc *= tl.sigmoid(acc)
    inside = real[:, None] & (t < L)[None, :]
    tl.store(y + b * y_b + cols[:, None] * y_d + t[None, :] * y_l, acc, mask=inside)


@triton.jit
def weights_back_kernel(
    x, x_b, x_d, x_l, past, past_b, past_d, past_w, weight, bias, document, dy, dy_b, dy_d, dy_l,
    dpre, p_b, p_d, p_l, dweight, dbias,
    D, L, W: tl.constexpr, X: tl.constexpr, T: tl.constexpr,
    HAS_BIAS: tl.constexpr, SILU: tl.constexpr, HAS_PAST: tl.constexpr,
    HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Gradient before the activation, and this block's part of those of weights and bias."""
    b = tl.program_id(2).to(tl.int64)
    cols = tl.program_id(0).to(tl.int64) * X + tl.arange(0, X)
    t = b * 0 + tl.program_id(1) * T + tl.arange(0, T)
    real = cols < D
    inside = real[:, None] & (t < L)[None, :]
    x, past, document = x + b * x_b, past + b * past_b, document + b * L
    doc_T = tl.load(document + t, mask=t < L, other=-1) if HAS_DOCUMENT else t
    at_dy = dy + b * dy_b + cols[:, None] * dy_d + t[None, :] * dy_l
    d_XT = tl.load(at_dy, mask=inside, other=0.0).to(tl.float32)
    if SILU:
        pre = tl.zeros((X, T), tl.float32)
        if HAS_BIAS:
            pre += tl.load(bias + cols, mask=real, other=0.0).to(tl.float32)[:, None]
        for w in tl.static_range(W):
            weight_X = tl.load(weight + cols * W + w, mask=real, other=0.0).to(tl.float32)
            pre += weight_X[:, None] * _shifted(
                x, x_d, x_l, past, past_d, past_w, document, doc_T, cols, t, real, W - 1 - w, L,
                W, HAS_PAST, HAS_DOCUMENT,
            )  # fmt: skip
        sigmoid = tl.sigmoid(pre)
        d_XT *= sigmoid * (1.0 + pre * (1.0 - sigmoid))
        tl.store(dpre + b * p_b + cols[:, None] * p_d + t[None, :] * p_l, d_XT, mask=inside)
    part = (b * tl.num_programs(1) + tl.program_id(1)) * D
    for w in tl.static_range(W):
        x_XT = _shifted(
            x, x_d, x_l, past, past_d, past_w, document, doc_T, cols, t, real, W - 1 - w, L,
            W, HAS_PAST, HAS_DOCUMENT,
        )  # fmt: skip
        tl.store(dweight + (part + cols) * W + w, tl.sum(d_XT * x_XT, 1), mask=real)
    tl.store(dbias + part + cols, tl.sum(d_XT, 1), mask=real)


@triton.jit
def inputs_back_kernel(
    dpre, p_b, p_d, p_l, weight, document, dx, dx_b, dx_d, dx_l, dpast,
    D, L, W: tl.constexpr, X: tl.constexpr, T: tl.constexpr,
    HAS_PAST: tl.constexpr, HAS_DOCUMENT: tl.constexpr,
):  # fmt: skip
    """Gradients of the inputs and of those before the first; block 0 begins W - 1 before it."""
    b = tl.program_id(2).to(tl.int64)
    cols = tl.program_id(0).to(tl.int64) * X + tl.arange(0, X)
    # Position of an input, counted so that the inputs before the first are negative.
    t = b * 0 + tl.program_id(1) * T + tl.arange(0, T) - (W - 1)
    real, valid = cols < D, (t >= 0) & (t < L)
    dpre, document = dpre + b * p_b, document + b * L
    doc_T = tl.load(document + t, mask=valid, other=0) if HAS_DOCUMENT else t
    acc = tl.zeros((X, T), tl.float32)
    for shift in tl.static_range(W):
        at = t + shift
        seen = (at >= 0) & (at < L)
        if HAS_DOCUMENT:
            seen = seen & (tl.load(document + at, mask=seen, other=-1) == doc_T)
        weight_X = tl.load(weight + cols * W + (W - 1 - shift), mask=real, other=0.0)
        at_d = dpre + cols[:, None] * p_d + at[None, :] * p_l
        d_XT = tl.load(at_d, mask=real[:, None] & seen[None, :], other=0.0).to(tl.float32)
        acc += weight_X.to(tl.float32)[:, None] * d_XT
    at_dx = dx + b * dx_b + cols[:, None] * dx_d + t[None, :] * dx_l
    tl.store(at_dx, acc, mask=real[:, None] & valid[None, :])
    if HAS_PAST:
        at_past = dpast + (b * D + cols)[:, None] * (W - 1) + (t + W - 1)[None, :]
        tl.store(at_past, acc, mask=real[:, None] & (t < 0)[None, :])

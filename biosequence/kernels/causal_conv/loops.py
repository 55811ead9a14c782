"""The compiled loops of the short causal convolution, with bias and SiLU in the same pass."""

# Shapes: B batch, L length, D channels, W width of the window, P = W - 1 positions before the
# first, E = P + L, K blocks of up to 256 channels. The innermost loop runs over a block's channels.

from __future__ import annotations

import numpy as np

from ..compiling import compiled
from ..exponentials import sigmoid

WIDTH = 256
ONE = np.float32(1)


@compiled
def forward_tasks(first, end, extents, silu, x, before, weight, bias, documents, y):
    """Output of some tasks: a task is a batch entry and a block of channels.

    before (B, 0, D) stands for zeros, bias (0,) and documents (B, 0) for none.
    """
    row = np.empty(WIDTH, np.float32)
    num_blocks = len(extents)
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        start, width = extents[k, 0], extents[k, 1]
        for t in range(x.shape[1]):
            _window(t, start, width, x[b], before[b], weight, bias, documents[b], row)
            out = y[b, t]
            for j in range(width):
                out[start + j] = row[j] * sigmoid(row[j]) if silu else row[j]


@compiled
def backward_tasks(
    first, end, extents, silu, x, before, weight, bias, documents, dy,
    dx, dbefore, dweight, dbias,
):  # fmt: skip
    """Gradients of some tasks; those of weights and bias are of each task apart: (B, K, W, 256).

    dx and dbefore must hold zeros.
    """
    row, slope = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    num_blocks, past = len(extents), len(weight) - 1
    for task in range(first, end):
        b, k = task // num_blocks, task % num_blocks
        start, width = extents[k, 0], extents[k, 1]
        for t in range(x.shape[1]):
            above = dy[b, t]
            for j in range(width):
                slope[j] = above[start + j]
            if silu:
                _window(t, start, width, x[b], before[b], weight, bias, documents[b], row)
                for j in range(width):
                    gate = sigmoid(row[j])
                    slope[j] *= gate * (ONE + row[j] * (ONE - gate))
            for j in range(width):
                dbias[b, k, j] += slope[j]
            for w in range(past + 1):
                if not _is_seen(t, w, past, before[b], documents[b]):
                    continue
                source = t + w - past
                seen = x[b, source] if source >= 0 else before[b, source + past]
                into = dx[b, source] if source >= 0 else dbefore[b, source + past]
                taps, sums = weight[w], dweight[b, k, w]
                for j in range(width):
                    into[start + j] += slope[j] * taps[start + j]
                    sums[j] += slope[j] * seen[start + j]


@compiled
def _is_seen(t, w, past, before, documents):
    """Whether the window at `t` has an input at its place `w`, of the same document."""
    if t + w < past and len(before) == 0:
        return False
    return len(documents) == 0 or documents[t + w] == documents[t + past]


@compiled
def _window(t, start, width, x, before, weight, bias, documents, row):
    """Sum over the window at `t`, with the bias, into `row`."""
    past = len(weight) - 1
    for j in range(width):
        row[j] = bias[start + j] if len(bias) > 0 else np.float32(0)
    for w in range(past + 1):
        if not _is_seen(t, w, past, before, documents):
            continue
        source = t + w - past
        seen = x[source] if source >= 0 else before[source + past]
        taps = weight[w]
        for j in range(width):
            row[j] += seen[start + j] * taps[start + j]

"""Both passes of the compiled convolution over plain tensors, for the functions around them."""

# Shapes: B batch, D channels, L length, W width of the window, P = W - 1, E = P + L, K blocks of
# channels, X >= D numbers beside each other that begin with the channels.

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..parallel import share_out
from .loops import WIDTH, backward_tasks, forward_tasks


def forward_pass(
    x_BLX: Tensor,
    weight_WD: Tensor,
    bias_D: Tensor | None,
    before_BPD: Tensor | None,
    documents_BE: Tensor | None,
    silu: bool,
) -> Tensor:
    """Output (B, L, D)."""
    batch, length, _ = x_BLX.shape
    y_BLD = x_BLX.new_empty(batch, length, weight_WD.shape[1])
    given = _arrays(x_BLX, weight_WD, bias_D, before_BPD, documents_BE)
    extents = _extents(weight_WD.shape[1])
    work = y_BLD.numel() * len(weight_WD)
    share_out(forward_tasks, batch * len(extents), work, extents, silu, *given, y_BLD.numpy())
    return y_BLD


def backward_pass(
    x_BLX: Tensor,
    weight_WD: Tensor,
    bias_D: Tensor | None,
    before_BPD: Tensor | None,
    documents_BE: Tensor | None,
    silu: bool,
    dy_BLD: Tensor,
    dx_BLX: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of weight, bias and what came before; those of x are added to dx."""
    batch, channels = len(x_BLX), weight_WD.shape[1]
    extents = _extents(channels)
    dbefore = torch.zeros_like(dy_BLD[:, :0] if before_BPD is None else before_BPD)
    dweight = torch.zeros(batch, len(extents), len(weight_WD), WIDTH)
    dbias = torch.zeros(batch, len(extents), WIDTH)
    given = _arrays(x_BLX, weight_WD, bias_D, before_BPD, documents_BE)
    results = (one.numpy() for one in (dy_BLD, dx_BLX, dbefore, dweight, dbias))
    work = 2 * dy_BLD.numel() * len(weight_WD)
    share_out(backward_tasks, batch * len(extents), work, extents, silu, *given, *results)
    dweight_WD = dweight.sum(0).transpose(0, 1).flatten(1)[:, :channels]
    return dweight_WD, dbias.sum(0).flatten()[:channels], dbefore


@cache
def _extents(channels: int) -> np.ndarray:
    """First channel and number of channels of each block (K, 2).

    Without a sign: numba lets a negative index count from the end, and a loop that has to ask for
    that does not become vectors.
    """
    starts = np.arange(0, channels, WIDTH)
    return np.stack([starts, np.minimum(WIDTH, channels - starts)], axis=1).astype(np.uintp)


def _arrays(
    x_BLX: Tensor,
    weight_WD: Tensor,
    bias_D: Tensor | None,
    before_BPD: Tensor | None,
    documents_BE: Tensor | None,
) -> tuple[np.ndarray, ...]:
    """What the loops read; what is not there has no length."""
    before = x_BLX[:, :0] if before_BPD is None else before_BPD
    bias = weight_WD[0, :0] if bias_D is None else bias_D
    documents = documents_BE
    if documents is None:
        documents = torch.zeros(len(x_BLX), 0, dtype=torch.int64)
    parts = (x_BLX, before, weight_WD, bias, documents)
    return tuple(np.ascontiguousarray(part.detach().numpy()) for part in parts)

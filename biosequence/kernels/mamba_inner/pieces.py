"""The mixer's inner part from this package's ops, each on its fastest back end."""

from __future__ import annotations

from torch import Tensor

from ..causal_conv import causal_conv1d
from ..selective_scan import selective_scan
from .naive import composed


def mamba_inner_pieces(*tensors: Tensor | None, seq_idx: Tensor | None = None) -> Tensor:
    """From ops; arguments as in :func:`biosequence.kernels.mamba_inner`."""
    return composed(causal_conv1d, selective_scan, *tensors, seq_idx=seq_idx)

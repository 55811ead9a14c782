"""Normalisation layers: over the width, over each head, and gated."""

# Shapes: B batch, T time, D width, H heads, P width of a head, G groups.

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerNorm(nn.Module):
    """Layer normalisation whose weight may be stored as published (gamma - 1) or plain.

    Parameters
    ----------
    width
        Size of the last dimension.
    eps
        Added to the variance.
    residual_weight
        Store gamma - 1, as the xLSTM code does, so that weight decay pulls gamma to one.
    bias
        Add a learned bias.

    Examples
    --------
    >>> import torch
    >>> LayerNorm(4, residual_weight=True)(torch.ones(1, 2, 4)).abs().max().item()
    0.0
    """

    no_decay: ClassVar[tuple[str, ...]] = ("weight", "bias")

    def __init__(
        self, width: int, *, eps: float = 1e-5, residual_weight: bool = False, bias: bool = False
    ) -> None:
        super().__init__()
        self.width, self.eps, self.residual_weight = width, eps, residual_weight
        self.weight = nn.Parameter(torch.zeros(width) if residual_weight else torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def gamma(self) -> Tensor:
        """The scale that is applied, (D,)."""
        return self.weight + 1 if self.residual_weight else self.weight

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Normalise the last dimension; shape and dtype stay."""
        x = x_BTD.to(_at_least_fp32(x_BTD.dtype))
        bias = None if self.bias is None else self.bias.to(x.dtype)
        y = F.layer_norm(x, (self.width,), self.gamma().to(x.dtype), bias, self.eps)
        return y.to(self.weight.dtype)


class RMSNorm(nn.Module):
    """Division by the root mean square, computed in fp32 at least.

    Examples
    --------
    >>> import torch
    >>> RMSNorm(2, eps=0.0)(torch.tensor([3.0, 3.0])).tolist()
    [1.0, 1.0]
    """

    no_decay: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, width: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.width, self.eps = width, eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Normalise the last dimension; the result has the weight's dtype."""
        x = x_BTD.to(_at_least_fp32(x_BTD.dtype))
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return (x * self.weight.to(x.dtype)).to(self.weight.dtype)


class HeadNorm(nn.Module):
    """Layer normalisation of each head by itself, one weight per channel.

    The mLSTM's and sLSTM's output norm: scale-invariant per head and position.

    Examples
    --------
    >>> import torch
    >>> HeadNorm(2, 4)(torch.randn(1, 3, 2, 4)).shape
    torch.Size([1, 3, 8])
    """

    no_decay: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self, num_heads: int, head_width: int, *, eps: float = 1e-5, residual_weight: bool = False
    ) -> None:
        super().__init__()
        self.num_heads, self.head_width, self.eps = num_heads, head_width, eps
        self.residual_weight = residual_weight
        width = num_heads * head_width
        self.weight = nn.Parameter(torch.zeros(width) if residual_weight else torch.ones(width))

    def forward(self, x_BTHP: Tensor) -> Tensor:
        """Normalise (..., H, P) over P and return (..., H * P)."""
        x = x_BTHP.to(_at_least_fp32(x_BTHP.dtype))
        y = F.layer_norm(x, (self.head_width,), None, None, self.eps).flatten(-2)
        gamma = self.weight + 1 if self.residual_weight else self.weight
        return (y * gamma.to(y.dtype)).to(self.weight.dtype)


class GatedRMSNorm(nn.Module):
    """Mamba-2's output norm: multiply by SiLU(gate), then normalise each group.

    Examples
    --------
    >>> import torch
    >>> GatedRMSNorm(8, num_groups=2)(torch.ones(1, 1, 8), torch.ones(1, 1, 8)).shape
    torch.Size([1, 1, 8])
    """

    no_decay: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, width: int, *, num_groups: int = 1, eps: float = 1e-5) -> None:
        super().__init__()
        self.width, self.num_groups, self.eps = width, num_groups, eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x_BTD: Tensor, gate_BTD: Tensor) -> Tensor:
        """Gate, then normalise within each group; shape stays."""
        dtype = _at_least_fp32(x_BTD.dtype)
        x = x_BTD.to(dtype) * F.silu(gate_BTD.to(dtype))
        x = x.unflatten(-1, (self.num_groups, -1))
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return (x.flatten(-2) * self.weight.to(dtype)).to(self.weight.dtype)


def _at_least_fp32(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)

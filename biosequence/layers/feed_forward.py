"""Gated feed-forward layers: GELU (xLSTM v1, DNA) and SwiGLU (xLSTM Large)."""

# Shapes: B batch, T time, D width, F hidden width.

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class GatedGELU(nn.Module):
    """``down(gelu(gate) * up)`` with gate and up in one matrix, the gate first; exact GELU.

    Examples
    --------
    >>> import torch
    >>> tuple(GatedGELU(8, 16)(torch.zeros(1, 2, 8)).shape)
    (1, 2, 8)
    """

    def __init__(self, width: int, hidden: int, *, bias: bool = False) -> None:
        super().__init__()
        self.hidden = hidden
        self.up = nn.Linear(width, 2 * hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        gate, up = self.up(x_BTD).chunk(2, dim=-1)
        return self.down(F.gelu(gate) * up)


class SwiGLU(nn.Module):
    """``down(silu(gate(x)) * up(x))``.

    Examples
    --------
    >>> import torch
    >>> tuple(SwiGLU(8, 16)(torch.zeros(1, 2, 8)).shape)
    (1, 2, 8)
    """

    def __init__(self, width: int, hidden: int, *, bias: bool = False) -> None:
        super().__init__()
        self.hidden = hidden
        self.gate = nn.Linear(width, hidden, bias=bias)
        self.up = nn.Linear(width, hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        return self.down(F.silu(self.gate(x_BTD)) * self.up(x_BTD))


def rounded_width(width: float, multiple: int, *, up: bool) -> int:
    """A width rounded to a multiple, at least one multiple.

    Examples
    --------
    >>> rounded_width(48 * 2, 64, up=True), rounded_width(48 * 2, 64, up=False)
    (128, 64)
    """
    whole = -(-width // multiple) if up else width // multiple
    return max(int(whole), 1) * multiple

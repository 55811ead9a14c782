"""Linear layers whose weight is block-diagonal."""

# Shapes: N blocks, O outputs and I inputs of a block.

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


class HeadwiseLinear(nn.Module):
    """A linear layer that mixes channels within equal blocks only; weight (N, O, I) as published.

    Examples
    --------
    >>> import torch
    >>> layer = HeadwiseLinear(16, 4, bias=False)
    >>> tuple(layer.weight.shape), tuple(layer(torch.zeros(2, 3, 16)).shape)
    ((4, 4, 4), (2, 3, 16))
    """

    no_decay: ClassVar[tuple[str, ...]] = ("bias",)

    def __init__(self, width: int, num_blocks: int, *, bias: bool) -> None:
        super().__init__()
        self.width, self.num_blocks = width, num_blocks
        block = width // num_blocks
        self.weight = nn.Parameter(torch.empty(num_blocks, block, block))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        nn.init.normal_(self.weight, std=(2 / (5 * width)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        blocks = x.unflatten(-1, (self.num_blocks, -1))
        y = torch.einsum("...ni,noi->...no", blocks, self.weight.to(x.dtype)).flatten(-2)
        return y if self.bias is None else y + self.bias

"""Positions: rotary tables at any length, two-part rotary, and scaled sinusoids."""

# Shapes: B batch, T time, H heads, K width that is rotated (even).

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


def rotary_table(
    position_ids_BT: Tensor, width: int, *, theta: float = 500_000.0, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, each (B, T, K/2).

    Parameters
    ----------
    position_ids_BT
        Integer positions; they need not be monotone, and no maximum is built in.
    width
        Width K that is rotated; an odd last channel stays as it is.
    theta
        Base of the frequencies ``theta ** (-2 j / K)``.
    dtype
        Dtype of the table; angles are computed in fp32 at least.

    Examples
    --------
    >>> import torch
    >>> cos, sin = rotary_table(torch.tensor([[0, 7]]), 4, dtype=torch.float32)
    >>> cos[0, 0].tolist(), sin[0, 0].tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    exact = torch.promote_types(dtype, torch.float32)
    even = torch.arange(0, width - width % 2, 2, device=position_ids_BT.device, dtype=exact)
    frequency = theta ** (-even / width)
    angle = position_ids_BT.to(exact)[..., None] * frequency
    return angle.cos().to(dtype), angle.sin().to(dtype)


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate interleaved channel pairs (2j, 2j+1) of `x` by the table's angles.

    `cos` and `sin` broadcast against ``x[..., ::2]``; channels past the table are left alone.

    Examples
    --------
    >>> import torch
    >>> quarter = torch.tensor([0.0]), torch.tensor([1.0])
    >>> apply_rotary(torch.tensor([1.0, 0.0]), *quarter).tolist()
    [0.0, 1.0]
    """
    turned = 2 * cos.shape[-1]
    first, second = x[..., 0:turned:2], x[..., 1:turned:2]
    pairs = torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1)
    rotated = pairs.flatten(-2)
    return rotated if turned == x.shape[-1] else torch.cat((rotated, x[..., turned:]), dim=-1)


def rotate_two_parts(
    x_BTK: Tensor,
    position_ids_BT: Tensor,
    seq_position_ids_BT: Tensor,
    *,
    parts: tuple[int, int],
    theta: float,
) -> Tensor:
    """Rotate the first channels by the position in a sequence, the rest by the sequence's number.

    Parameters
    ----------
    x_BTK
        Vectors to rotate, (B, T, K).
    position_ids_BT
        Position in the sequence.
    seq_position_ids_BT
        Number of the sequence in its context.
    parts
        The widths stand in this ratio (published: 2048 to 512); the first is rounded down to even.
    theta
        Base of each part's own frequencies.

    Examples
    --------
    >>> import torch
    >>> zero = torch.zeros(1, 2, dtype=torch.int64)
    >>> x = torch.ones(1, 2, 10)
    >>> torch.equal(rotate_two_parts(x, zero, zero, parts=(4, 1), theta=1e4), x)
    True
    """
    width = x_BTK.shape[-1]
    first = width * parts[0] // sum(parts)
    first -= first % 2
    head, tail = x_BTK[..., :first], x_BTK[..., first:]
    head = apply_rotary(head, *rotary_table(position_ids_BT, first, theta=theta, dtype=x_BTK.dtype))
    table = rotary_table(seq_position_ids_BT, width - first, theta=theta, dtype=x_BTK.dtype)
    return torch.cat((head, apply_rotary(tail, *table)), dim=-1)


class ScaledSinusoid(nn.Module):
    """Adds sinusoids of the position, times one learned scale (DNA-xLSTM's sLSTM models).

    Examples
    --------
    >>> import torch
    >>> layer = ScaledSinusoid(8)
    >>> layer(torch.zeros(1, 3, 8), torch.arange(3)[None]).shape
    torch.Size([1, 3, 8])
    """

    no_decay: ClassVar[tuple[str, ...]] = ("scale",)

    def __init__(self, width: int, *, theta: float = 100_000.0) -> None:
        super().__init__()
        self.width, self.theta = width, theta
        self.scale = nn.Parameter(torch.full((1,), width**-0.5))

    def forward(self, x_BTD: Tensor, position_ids_BT: Tensor) -> Tensor:
        """Add ``scale * cat[sin, cos](position * theta ** (-j / (D/2)))``; shape stays."""
        half = self.width // 2
        exact = torch.promote_types(x_BTD.dtype, torch.float32)
        index = torch.arange(half, device=x_BTD.device, dtype=exact)
        angle = position_ids_BT.to(exact)[..., None] * self.theta ** (-index / half)
        table = torch.cat((angle.sin(), angle.cos()), dim=-1).to(x_BTD.dtype)
        return x_BTD + self.scale * table

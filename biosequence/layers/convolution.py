"""Depth-wise causal convolution that hands on its window and looks through padding."""

# Shapes: B batch, T time, D channels, W kernel width.

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..kernels import causal_conv1d, causal_conv1d_step
from .place import last_real


class CausalConv(nn.Module):
    """A convolution over time, one filter per channel, that sees the past only.

    Parameters
    ----------
    channels
        Number of channels D.
    kernel_size
        Width W of each filter.
    bias
        Add a bias per channel.
    activation
        ``"silu"`` or None.

    Examples
    --------
    >>> import torch
    >>> conv = CausalConv(8, 4, activation="silu")
    >>> x = torch.randn(2, 5, 8)
    >>> whole, state = conv(x)
    >>> first, half = conv(x[:, :3])
    >>> rest, again = conv(x[:, 3:], half)
    >>> bool(torch.allclose(torch.cat((first, rest), 1), whole, atol=1e-6))
    True
    """

    no_decay: ClassVar[tuple[str, ...]] = ("bias",)

    def __init__(
        self, channels: int, kernel_size: int, *, bias: bool = True, activation: str | None = None
    ) -> None:
        super().__init__()
        self.channels, self.kernel_size, self.activation = channels, kernel_size, activation
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size))
        self.bias = nn.Parameter(torch.empty(channels)) if bias else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights and bias as torch draws them for a convolution of this fan-in."""
        bound = self.kernel_size**-0.5
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(
        self,
        x_BTD: Tensor,
        state_BDW: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """Convolve (B, T, D); the state is the last W-1 real inputs, (B, D, W-1)."""
        if mask is not None:
            x_BTD = x_BTD * mask[..., None].to(x_BTD.dtype)
        done = causal_conv1d(
            x_BTD.transpose(1, 2),
            self.weight.squeeze(1),
            self.bias,
            seq_idx=seq_idx,
            initial_states=state_BDW,
            return_final_states=need_state and mask is None,
            activation=self.activation,
        )
        if not need_state:
            return done.transpose(1, 2), None
        if mask is None:
            y_BDT, state = done
            return y_BDT.transpose(1, 2), state
        return done.transpose(1, 2), self._window(x_BTD, state_BDW, mask)

    def step(self, x_BD: Tensor, state_BDW: Tensor) -> tuple[Tensor, Tensor]:
        """One position: (B, D) and the window, to (B, D) and the next window."""
        return causal_conv1d_step(
            x_BD, self.weight.squeeze(1), self.bias, self.activation, state=state_BDW
        )

    def zero_state(self, batch: int, *, like: Tensor) -> Tensor:
        """The window before the first position, (B, D, W-1)."""
        return like.new_zeros(batch, self.channels, self.kernel_size - 1)

    def _window(self, x_BTD: Tensor, state_BDW: Tensor | None, mask_BT: Tensor) -> Tensor:
        batch, past = x_BTD.shape[0], self.kernel_size - 1
        if state_BDW is None:
            state_BDW = self.zero_state(batch, like=x_BTD)
        seen = torch.cat((state_BDW.transpose(1, 2).to(x_BTD.dtype), x_BTD), dim=1)
        index = last_real(mask_BT)[:, None] + torch.arange(past, device=x_BTD.device)
        window = seen.gather(1, index[..., None].expand(-1, -1, self.channels))
        return window.transpose(1, 2)

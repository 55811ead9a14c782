"""The sLSTM's layer: gates from convolved and plain input, recurrence within each head."""

# Shapes: B batch, T time, D width, H heads, P width of a head, 4 gates in the order i, f, z, o.

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...kernels import SLSTMState, slstm, slstm_step
from ..convolution import CausalConv
from ..headwise import HeadwiseLinear
from ..norms import HeadNorm
from ..place import SHUT, last_real


class SLSTMMixerState(NamedTuple):
    """What the layer keeps between calls."""

    conv: Tensor
    """(B, D, W-1), the convolution's window."""
    cell: SLSTMState
    """Output, cell, normaliser and stabiliser, each (B, H, P)."""


class SLSTMMixer(nn.Module):
    """Scalar-memory LSTM with exponential input gate and per-head recurrence.

    Parameters
    ----------
    width
        Width D of the model.
    num_heads
        Number of heads H.
    conv_kernel
        Width of the causal convolution before the input and forget gate.
    norm_eps
        Added to the variance in the per-head norm.
    dropout
        Dropout of the recurrence's output.
    legacy_rc_head_flip
        In the second half of the batch, which holds reverse-complement strands, flip the order of
        the heads before the norm: what the published parameter-sharing code computes.
    backend
        Name of the kernel; None picks.

    Examples
    --------
    >>> import torch
    >>> mixer = SLSTMMixer(8, 2)
    >>> y, state = mixer(torch.randn(2, 5, 8))
    >>> tuple(y.shape), tuple(state.cell.c.shape)
    ((2, 5, 8), (2, 2, 4))
    """

    no_decay: ClassVar[tuple[str, ...]] = ("bias",)

    def __init__(
        self,
        width: int,
        num_heads: int,
        *,
        conv_kernel: int = 4,
        norm_eps: float = 1e-5,
        dropout: float = 0.0,
        legacy_rc_head_flip: bool = False,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.width, self.num_heads, self.head_width = width, num_heads, width // num_heads
        self.legacy_rc_head_flip, self.backend = legacy_rc_head_flip, backend
        self.conv = CausalConv(width, conv_kernel, activation="silu")
        for name in ("igate", "fgate", "zgate", "ogate"):
            self.add_module(name, HeadwiseLinear(width, num_heads, bias=False))
        head = self.head_width
        self.recurrent = nn.Parameter(torch.zeros(4, num_heads, head, head))
        self.bias = nn.Parameter(torch.zeros(4, num_heads, head))
        self.dropout = nn.Dropout(dropout)
        self.norm = HeadNorm(num_heads, head, eps=norm_eps, residual_weight=True)
        self.reset_bias(0.0)

    @torch.no_grad()
    def reset_bias(self, depth: float) -> None:
        """Zero biases, but for the forget gate's: see :func:`forget_bias`."""
        nn.init.zeros_(self.bias)
        self.bias[1].copy_(forget_bias(self.head_width, depth).expand(self.num_heads, -1))

    def forward(
        self,
        x_BTD: Tensor,
        state: SLSTMMixerState | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, SLSTMMixerState | None]:
        """Mix over time; arguments and result as :meth:`MLSTMMixer.forward`; positions unused."""
        conv_BTD, window = self.conv(
            x_BTD,
            None if state is None else state.conv,
            mask=mask,
            seq_idx=seq_idx,
            need_state=need_state,
        )
        raw_BT4HP = self._gates(x_BTD, conv_BTD)
        if mask is not None:
            raw_BT4HP = self._shut(raw_BT4HP, mask)
        before = None if state is None else state.cell
        done = slstm(
            raw_BT4HP,
            self.recurrent,
            self.bias,
            initial_state=before,
            return_last_state=need_state,
            seq_idx=seq_idx,
            backend=self.backend,
        )
        y_BTHP, memory = done if need_state else (done, None)
        if mask is not None and memory is not None:
            memory = memory._replace(y=self._last_output(y_BTHP, before, mask))
        y_BTD = self._finish(y_BTHP)
        return y_BTD, None if memory is None else SLSTMMixerState(window, memory)

    def step(
        self,
        x_BD: Tensor,
        state: SLSTMMixerState,
        *,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
    ) -> tuple[Tensor, SLSTMMixerState]:
        """One position, (B, D); equal to `forward` at T = 1."""
        conv_BD, window = self.conv.step(x_BD, state.conv)
        raw_B4HP = self._gates(x_BD, conv_BD)
        y_BHP, memory = slstm_step(raw_B4HP, self.recurrent, self.bias, state=state.cell)
        return self._finish(y_BHP), SLSTMMixerState(window, memory)

    def zero_state(self, batch: int, *, like: Tensor) -> SLSTMMixerState:
        """The state before the first position."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        shape = (batch, self.num_heads, self.head_width)
        cell = [torch.zeros(shape, dtype=dtype, device=like.device) for _ in range(4)]
        return SLSTMMixerState(self.conv.zero_state(batch, like=like), SLSTMState(*cell))

    def _gates(self, x: Tensor, conv: Tensor) -> Tensor:
        gates = (self.igate(conv), self.fgate(conv), self.zgate(x), self.ogate(x))
        return torch.stack(gates, dim=-2).unflatten(-1, (self.num_heads, -1))

    def _shut(self, raw_BT4HP: Tensor, mask_BT: Tensor) -> Tensor:
        # With the output gate shut too, left padding feeds nothing back into the recurrence.
        shut = raw_BT4HP.new_tensor([-SHUT, SHUT, 0.0, -SHUT])[:, None, None]
        return torch.where(mask_BT.bool()[:, :, None, None, None], raw_BT4HP, shut)

    def _last_output(self, y_BTHP: Tensor, before: SLSTMState | None, mask_BT: Tensor) -> Tensor:
        first = torch.zeros_like(y_BTHP[:, 0]) if before is None else before.y.to(y_BTHP.dtype)
        seen = torch.cat((first[:, None], y_BTHP), dim=1)
        dtype = torch.promote_types(y_BTHP.dtype, torch.float32)
        return seen[torch.arange(len(seen), device=seen.device), last_real(mask_BT)].to(dtype)

    def _finish(self, y: Tensor) -> Tensor:
        y = self.dropout(y)
        if self.legacy_rc_head_flip:
            forward, back = y.chunk(2)
            y = torch.cat((forward, back.flip(-2)))
        return self.norm(y)


def forget_bias(head_width: int, depth: float) -> Tensor:
    """Forget biases of one head, falling from +5 to -7 over its channels: (P,).

    Parameters
    ----------
    head_width
        Number of channels P.
    depth
        0 in the first layer, 1 in the last; it bends the curve.

    Examples
    --------
    >>> [round(x, 1) for x in forget_bias(3, 0.0).tolist()]
    [5.0, -4.7, -7.0]
    """
    unit = torch.arange(head_width) / max(head_width - 1, 1)
    return 5 - 12 * unit ** (0.3 + 1.3 * depth)

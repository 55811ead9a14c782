"""What both mLSTM layers share: gates, recurrence, per-head norm, and their state."""

# Shapes: B batch, T time, D width, I inner width, H heads, K width of a query, V of a value.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...kernels import MLSTMState, mlstm, mlstm_bidirectional, mlstm_step
from ..norms import HeadNorm
from ..place import SHUT


class MLSTMMixerState(NamedTuple):
    """What a layer keeps between calls: the convolution's window and the cell's memory."""

    conv: Tensor | None
    """(B, I, W-1); None where the layer has no convolution."""
    cell: MLSTMState
    """Matrix memory, normaliser and stabiliser; 1/sqrt(K) is on the query, not in here."""


class MLSTMCell(nn.Module):
    """Gates, recurrence and per-head norm, as both layers share them.

    Parameters
    ----------
    gate_width
        Width of what the input and forget gate read.
    value_width
        Total width of the values, H * V.
    num_heads
        Number of heads H.
    soft_cap
        Cap gates as ``cap * tanh(gate / cap)``.
    input_gate
        ``"exp"`` or ``"sigmoid"``.
    normalize
        Divide by the normaliser; can be switched off with a sigmoid gate only.
    eps
        Added to the normaliser.
    norm_eps
        Added to the variance in the per-head norm.
    residual_weight
        The norm stores gamma - 1.
    bidirectional
        One recurrence over both directions with a common normaliser.
    backend
        Name of the kernel; None picks.
    """

    def __init__(
        self,
        gate_width: int,
        value_width: int,
        num_heads: int,
        *,
        soft_cap: float | None = None,
        input_gate: str = "exp",
        normalize: bool = True,
        eps: float = 1e-6,
        norm_eps: float = 1e-5,
        residual_weight: bool = True,
        bidirectional: bool = False,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.num_heads, self.soft_cap, self.eps = num_heads, soft_cap, eps
        self.input_gate, self.normalize = input_gate, normalize
        self.bidirectional, self.backend = bidirectional, backend
        self.igate = nn.Linear(gate_width, num_heads)
        self.fgate = nn.Linear(gate_width, num_heads)
        self.norm = HeadNorm(
            num_heads, value_width // num_heads, eps=norm_eps, residual_weight=residual_weight
        )
        self.reset_gates(input_bias=None)

    @torch.no_grad()
    def reset_gates(self, *, input_bias: float | None) -> None:
        """Shut-off weights, forget biases from 3 to 6, input biases N(0, 0.1) or a constant."""
        for gate in (self.igate, self.fgate):
            nn.init.zeros_(gate.weight)
        self.fgate.bias.copy_(torch.linspace(3.0, 6.0, self.num_heads))
        if input_bias is None:
            nn.init.normal_(self.igate.bias, std=0.1)
        else:
            nn.init.constant_(self.igate.bias, input_bias)

    def gates(self, x_BTG: Tensor, mask_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        """Pre-activations of input and forget gate, (B, H, T) each; padding changes no memory."""
        i_BHT = self._capped(self.igate(x_BTG)).transpose(1, 2)
        f_BHT = self._capped(self.fgate(x_BTG)).transpose(1, 2)
        if mask_BT is not None:
            padding = ~mask_BT.bool()[:, None]
            i_BHT = i_BHT.masked_fill(padding, -SHUT)
            f_BHT = f_BHT.masked_fill(padding, SHUT)
        return i_BHT, f_BHT

    def forward(
        self,
        q_BTQ: Tensor,
        k_BTQ: Tensor,
        v_BTV: Tensor,
        gates_BHT: tuple[Tensor, Tensor],
        state: MLSTMState | None = None,
        *,
        seq_idx: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, MLSTMState | None]:
        """Recur over time and normalise each head: (B, T, H * V) and the last memory."""
        q, k, v = (self._heads(x) for x in (q_BTQ, k_BTQ, v_BTV))
        if self.bidirectional:
            h_BHTV = mlstm_bidirectional(
                q, k, v, *gates_BHT, eps=self.eps, seq_idx=seq_idx, backend=self.backend
            )
            return self.norm(h_BHTV.transpose(1, 2)), None
        done = mlstm(
            q,
            k,
            v,
            *gates_BHT,
            initial_state=state,
            return_last_state=need_state,
            seq_idx=seq_idx,
            input_gate=self.input_gate,
            normalize=self.normalize,
            eps=self.eps,
            backend=self.backend,
        )
        h_BHTV, state = done if need_state else (done, None)
        return self.norm(h_BHTV.transpose(1, 2)), state

    def step(
        self, q_BQ: Tensor, k_BQ: Tensor, v_BV: Tensor, gate_BG: Tensor, state: MLSTMState
    ) -> tuple[Tensor, MLSTMState]:
        """One position: (B, H * V) and the next memory."""
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)) for x in (q_BQ, k_BQ, v_BV))
        h_BHV, state = mlstm_step(
            q,
            k,
            v,
            self._capped(self.igate(gate_BG)),
            self._capped(self.fgate(gate_BG)),
            state=state,
            input_gate=self.input_gate,
            normalize=self.normalize,
            eps=self.eps,
        )
        return self.norm(h_BHV), state

    def _capped(self, x: Tensor) -> Tensor:
        return x if self.soft_cap is None else self.soft_cap * torch.tanh(x / self.soft_cap)

    def _heads(self, x_BTQ: Tensor) -> Tensor:
        return x_BTQ.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def zero_memory(batch: int, heads: int, key: int, value: int, like: Tensor) -> MLSTMState:
    """The memory before the first position: C (B, H, K, V), n (B, H, K), m (B, H)."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    zeros = [
        torch.zeros(batch, heads, *shape, dtype=dtype, device=like.device)
        for shape in ((key, value), (key,), ())
    ]
    return MLSTMState(*zeros)

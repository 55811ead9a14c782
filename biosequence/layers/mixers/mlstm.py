"""The mLSTM's two layers: pre-up-projection (xLSTM v1, DNA, Prot) and post-up (Large)."""

# Shapes: B batch, T time, D width, I inner width, H heads, K width of a query, V of a value.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...kernels import MLSTMState, mlstm, mlstm_bidirectional, mlstm_step
from ..convolution import CausalConv
from ..headwise import HeadwiseLinear
from ..norms import HeadNorm
from ..place import SHUT, default_positions
from ..rotary import apply_rotary, rotary_table, rotate_two_parts


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


class MLSTMMixer(nn.Module):
    """Pre-up-projection mLSTM: widen, convolve, recur, gate with SiLU(z), narrow.

    Queries and keys come from the convolved path, values from the path before the convolution.

    Parameters
    ----------
    width
        Width D of the model.
    inner
        Inner width I.
    num_heads
        Number of heads.
    qkv_block
        Channels that a query, key or value block mixes (published: 4).
    conv_kernel
        Width of the causal convolution.
    gate_input
        ``"qkv_pre_rope"``: gates read queries and keys before rotation (v1, DNA);
        ``"qkv_post_rope"``: after it (Prot).
    rope
        ``"none"``, ``"per_head"`` (DNA), ``"inner"`` or ``"inner_2d"`` (Prot).
    rope_theta
        Base of the rotary frequencies.
    rope_parts
        Ratio of position to sequence channels under ``"inner_2d"``.
    bias
        Biases in the projections (DNA's ``m_bias``).
    cell
        Further arguments of :class:`MLSTMCell`.

    Examples
    --------
    >>> import torch
    >>> mixer = MLSTMMixer(8, 16, 2)
    >>> y, state = mixer(torch.randn(2, 5, 8))
    >>> tuple(y.shape), tuple(state.cell.C.shape), tuple(state.conv.shape)
    ((2, 5, 8), (2, 2, 8, 8), (2, 16, 3))
    """

    def __init__(
        self,
        width: int,
        inner: int,
        num_heads: int,
        *,
        qkv_block: int = 4,
        conv_kernel: int = 4,
        gate_input: str = "qkv_pre_rope",
        rope: str = "none",
        rope_theta: float = 500_000.0,
        rope_parts: tuple[int, int] = (2048, 512),
        bias: bool = False,
        **cell: object,
    ) -> None:
        super().__init__()
        self.width, self.inner, self.num_heads = width, inner, num_heads
        self.gate_input, self.rope = gate_input, rope
        self.rope_theta, self.rope_parts = rope_theta, rope_parts
        self.up = nn.Linear(width, 2 * inner, bias=bias)
        self.conv = CausalConv(inner, conv_kernel, activation="silu")
        self.q = HeadwiseLinear(inner, inner // qkv_block, bias=bias)
        self.k = HeadwiseLinear(inner, inner // qkv_block, bias=bias)
        self.v = HeadwiseLinear(inner, inner // qkv_block, bias=bias)
        self.cell = MLSTMCell(3 * inner, inner, num_heads, **cell)
        self.skip = nn.Parameter(torch.ones(inner))
        self.down = nn.Linear(inner, width, bias=bias)

    def forward(
        self,
        x_BTD: Tensor,
        state: MLSTMMixerState | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, MLSTMMixerState | None]:
        """Mix over time.

        Parameters
        ----------
        x_BTD
            Input, (B, T, D).
        state
            State after the positions before; None at the start.
        mask, seq_idx, position_ids, seq_position_ids
            See :class:`biosequence.layers.Place`.
        need_state
            Compute the state after the last position.

        Returns
        -------
        Output (B, T, D) and the state, None unless asked for (never in the two-way mode).
        """
        inner_BTI, z_BTI = self.up(x_BTD).chunk(2, dim=-1)
        conv_BTI, window = self.conv(
            inner_BTI,
            None if state is None else state.conv,
            mask=mask,
            seq_idx=seq_idx,
            need_state=need_state and not self.cell.bidirectional,
        )
        if self.rope != "none" and position_ids is None:
            position_ids = default_positions(
                *x_BTD.shape[:2], x_BTD.device, mask=mask, seq_idx=seq_idx
            )
        q, k, v = self.q(conv_BTI), self.k(conv_BTI), self.v(inner_BTI)
        q, k, seen = self._rotated(q, k, v, position_ids, seq_position_ids)
        h_BTI, memory = self.cell(
            q,
            k,
            v,
            self.cell.gates(seen, mask),
            None if state is None else state.cell,
            seq_idx=seq_idx,
            need_state=need_state,
        )
        y_BTD = self.down((h_BTI + self.skip * conv_BTI) * F.silu(z_BTI))
        return y_BTD, None if memory is None else MLSTMMixerState(window, memory)

    def step(
        self,
        x_BD: Tensor,
        state: MLSTMMixerState,
        *,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
    ) -> tuple[Tensor, MLSTMMixerState]:
        """One position, (B, D); equal to `forward` at T = 1. Positions are (B, 1)."""
        inner_BI, z_BI = self.up(x_BD).chunk(2, dim=-1)
        conv_BI, window = self.conv.step(inner_BI, state.conv)
        q, k, v = self.q(conv_BI), self.k(conv_BI), self.v(inner_BI)
        if self.rope != "none":
            ids, numbers = position_ids, seq_position_ids
            q, k, seen = self._rotated(q[:, None], k[:, None], v[:, None], ids, numbers)
            q, k, seen = q[:, 0], k[:, 0], seen[:, 0]
        else:
            seen = torch.cat((q, k, v), dim=-1)
        h_BI, memory = self.cell.step(q, k, v, seen, state.cell)
        y_BD = self.down((h_BI + self.skip * conv_BI) * F.silu(z_BI))
        return y_BD, MLSTMMixerState(window, memory)

    def zero_state(self, batch: int, *, like: Tensor) -> MLSTMMixerState:
        """The state before the first position."""
        head = self.inner // self.num_heads
        conv = self.conv.zero_state(batch, like=like)
        return MLSTMMixerState(conv, _zero_memory(batch, self.num_heads, head, head, like))

    def _rotated(
        self,
        q_BTI: Tensor,
        k_BTI: Tensor,
        v_BTI: Tensor,
        position_ids: Tensor | None,
        seq_position_ids: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys after rotation, and what the gates read."""
        before = (q_BTI, k_BTI)
        if self.rope == "per_head":
            width = self.inner // self.num_heads
            table = rotary_table(position_ids, width, theta=self.rope_theta, dtype=q_BTI.dtype)
            cos, sin = (part[:, :, None] for part in table)
            heads = (x.unflatten(-1, (self.num_heads, -1)) for x in before)
            q_BTI, k_BTI = (apply_rotary(x, cos, sin).flatten(-2) for x in heads)
        elif self.rope == "inner":
            table = rotary_table(position_ids, self.inner, theta=self.rope_theta, dtype=q_BTI.dtype)
            q_BTI, k_BTI = (apply_rotary(x, *table) for x in before)
        elif self.rope == "inner_2d":
            if seq_position_ids is None:
                seq_position_ids = torch.zeros_like(position_ids)
            ids, how = (position_ids, seq_position_ids), {"theta": self.rope_theta}
            q_BTI, k_BTI = (rotate_two_parts(x, *ids, parts=self.rope_parts, **how) for x in before)
        read = (q_BTI, k_BTI) if self.gate_input == "qkv_post_rope" else before
        return q_BTI, k_BTI, torch.cat((*read, v_BTI), dim=-1)


class MLSTMLargeMixer(nn.Module):
    """Post-up-projection mLSTM (xLSTM Large, 7B): dense q, k, v, capped gates, sigmoid output gate.

    Parameters
    ----------
    width
        Width D of the model.
    num_heads
        Number of heads.
    qk_width, v_width
        Total widths of queries and of values.
    bias
        Biases in the projections other than the gates.
    cell
        Further arguments of :class:`MLSTMCell`.

    Examples
    --------
    >>> import torch
    >>> mixer = MLSTMLargeMixer(16, 2, qk_width=8, v_width=16)
    >>> y, state = mixer(torch.randn(1, 3, 16))
    >>> tuple(y.shape), tuple(state.cell.C.shape)
    ((1, 3, 16), (1, 2, 4, 8))
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        *,
        qk_width: int,
        v_width: int,
        bias: bool = False,
        **cell: object,
    ) -> None:
        super().__init__()
        self.width, self.num_heads, self.qk_width, self.v_width = (
            width,
            num_heads,
            qk_width,
            v_width,
        )
        self.q = nn.Linear(width, qk_width, bias=bias)
        self.k = nn.Linear(width, qk_width, bias=bias)
        self.v = nn.Linear(width, v_width, bias=bias)
        self.ogate = nn.Linear(width, v_width, bias=bias)
        self.cell = MLSTMCell(width, v_width, num_heads, **{"residual_weight": False, **cell})
        self.down = nn.Linear(v_width, width, bias=bias)

    def forward(
        self,
        x_BTD: Tensor,
        state: MLSTMMixerState | None = None,
        *,
        mask: Tensor | None = None,
        seq_idx: Tensor | None = None,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
        need_state: bool = True,
    ) -> tuple[Tensor, MLSTMMixerState | None]:
        """Mix over time; arguments and result as :meth:`MLSTMMixer.forward`; positions unused."""
        h_BTV, memory = self.cell(
            self.q(x_BTD),
            self.k(x_BTD),
            self.v(x_BTD),
            self.cell.gates(x_BTD, mask),
            None if state is None else state.cell,
            seq_idx=seq_idx,
            need_state=need_state,
        )
        y_BTD = self.down(torch.sigmoid(self.ogate(x_BTD)) * h_BTV)
        return y_BTD, None if memory is None else MLSTMMixerState(None, memory)

    def step(
        self,
        x_BD: Tensor,
        state: MLSTMMixerState,
        *,
        position_ids: Tensor | None = None,
        seq_position_ids: Tensor | None = None,
    ) -> tuple[Tensor, MLSTMMixerState]:
        """One position, (B, D); equal to `forward` at T = 1."""
        h_BV, memory = self.cell.step(self.q(x_BD), self.k(x_BD), self.v(x_BD), x_BD, state.cell)
        return self.down(torch.sigmoid(self.ogate(x_BD)) * h_BV), MLSTMMixerState(None, memory)

    def zero_state(self, batch: int, *, like: Tensor) -> MLSTMMixerState:
        """The state before the first position."""
        key, value = self.qk_width // self.num_heads, self.v_width // self.num_heads
        return MLSTMMixerState(None, _zero_memory(batch, self.num_heads, key, value, like))


def _zero_memory(batch: int, heads: int, key: int, value: int, like: Tensor) -> MLSTMState:
    dtype = torch.promote_types(like.dtype, torch.float32)
    zeros = [
        torch.zeros(batch, heads, *shape, dtype=dtype, device=like.device)
        for shape in ((key, value), (key,), ())
    ]
    return MLSTMState(*zeros)

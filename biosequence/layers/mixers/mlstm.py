"""The pre-up-projection mLSTM layer of xLSTM v1, DNA-xLSTM and Prot-xLSTM."""

# Shapes: B batch, T time, D width, I inner width, H heads, K width of a query, V of a value.

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..convolution import CausalConv
from ..headwise import HeadwiseLinear
from ..place import default_positions
from ..rotary import apply_rotary, rotary_table, rotate_two_parts
from .mlstm_cell import MLSTMCell, MLSTMMixerState, zero_memory


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

    no_decay: ClassVar[tuple[str, ...]] = ("skip",)

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
        return MLSTMMixerState(conv, zero_memory(batch, self.num_heads, head, head, like))

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

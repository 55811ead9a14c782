"""The post-up-projection mLSTM layer of xLSTM Large (7B)."""

# Shapes: B batch, T time, D width, I inner width, H heads, K width of a query, V of a value.

from __future__ import annotations

import torch
from torch import Tensor, nn

from .mlstm_cell import MLSTMCell, MLSTMMixerState, zero_memory


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
        return MLSTMMixerState(None, zero_memory(batch, self.num_heads, key, value, like))

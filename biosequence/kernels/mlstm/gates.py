"""What surrounds the chunkwise mLSTM on every device: units of states, gradients of the gates."""

# Shapes: B batch, H heads, L length, K query and key width, V value width.

from __future__ import annotations

import torch

from ..shapes import document_starts
from .state import MLSTMState

Tensor = torch.Tensor


def with_unit(state: MLSTMState) -> MLSTMState:
    """The same state, whose C and n carry the gradient of m: C * exp(m) is what counts."""
    if not state.m.requires_grad:
        return state
    unit = torch.exp(state.m - state.m.detach())
    return MLSTMState(state.C * unit[..., None, None], state.n * unit[..., None], state.m.detach())


def with_last_unit(C: Tensor, n: Tensor, m: Tensor, m_slope: Tensor) -> MLSTMState:
    """The last state with the gradient of its unit, which the op itself takes for constant."""
    rise = m_slope - m_slope.detach()
    unit = torch.exp(-rise)
    return MLSTMState(C * unit[..., None, None], n * unit[..., None], m + rise)


def gate_slopes(
    d_log_i: Tensor,
    d_log_f: Tensor,
    i: Tensor,
    f: Tensor,
    seq_idx: Tensor | None,
    exponential: bool,
) -> tuple[Tensor, Tensor]:
    """Gradients of the gates before their activation, from those of their logarithms (B, H, L)."""
    if not exponential:
        d_log_i = d_log_i * torch.sigmoid(-i)
    if seq_idx is not None:
        # Nothing is left to forget where a document begins; the sums there are rounding errors.
        d_log_f = d_log_f.masked_fill(document_starts(seq_idx)[:, None], 0.0)
    return d_log_i.to(i.dtype), (d_log_f * torch.sigmoid(-f)).to(f.dtype)

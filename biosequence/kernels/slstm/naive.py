# Shapes: B batch, L length, G the four gates i, f, z, o, H heads, D width of a head.

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from ..shapes import document_starts, state_dtype
from .state import SLSTMState

Tensor = torch.Tensor


def _cell(raw_BGHD: Tensor, state: SLSTMState) -> SLSTMState:
    _, c, n, m = state
    i, f, z, o = raw_BGHD.unbind(1)
    log_f = logsigmoid(f) + m
    # An empty cell takes the unit of its first input: 0 / 0 cannot come up, however small that is.
    m_new = torch.where(n == 0, i, torch.maximum(i, log_f))
    # exp of an empty cell's old unit may overflow, and its gradient would be 0 * inf.
    keep = torch.exp(torch.where(n == 0, torch.full_like(log_f, -torch.inf), log_f - m_new))
    write = torch.exp(i - m_new)
    c = keep * c + write * torch.tanh(z)
    n = keep * n + write
    return SLSTMState(torch.sigmoid(o) * c / n, c, n, m_new)


def _recur(x_BGHD: Tensor, recurrent: Tensor, y_BHD: Tensor) -> Tensor:
    return x_BGHD + torch.einsum("ghoi,bhi->bgho", recurrent, y_BHD)


def slstm_step(
    x: Tensor, recurrent: Tensor, bias: Tensor | None = None, *, state: SLSTMState
) -> tuple[Tensor, SLSTMState]:
    """One position of the recurrence, without checks; see `biosequence.kernels.slstm_step`."""
    dtype = state_dtype(x, recurrent, bias)
    raw = x.to(dtype) if bias is None else x.to(dtype) + bias.to(dtype)
    state = SLSTMState(*(part.to(dtype) for part in state))
    state = _cell(_recur(raw, recurrent.to(dtype), state.y), state)
    return state.y.to(x.dtype), state


def slstm_recurrent(
    x: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    *,
    initial_state: SLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
) -> Tensor | tuple[Tensor, SLSTMState]:
    """The recurrence of the paper, position by position: the reference for all other back ends.

    Arguments and results are those of `biosequence.kernels.slstm`.

    Notes
    -----
    xLSTM: Extended Long Short-Term Memory (Beck et al. 2024), equations 8 to 17 and appendix A.2.

    Examples
    --------
    >>> x = torch.zeros(1, 3, 4, 2, 8)
    >>> slstm_recurrent(x, torch.zeros(4, 2, 8, 8)).shape
    torch.Size([1, 3, 2, 8])
    """
    dtype = state_dtype(x, recurrent, bias)
    B, _, _, H, D = x.shape
    raw = x.to(dtype) if bias is None else x.to(dtype) + bias.to(dtype)
    state = initial_state or SLSTMState.zeros(B, H, D, dtype=dtype, device=x.device)
    state = SLSTMState(*(part.to(dtype) for part in state))
    weight = recurrent.to(dtype)
    starts = None if seq_idx is None else document_starts(seq_idx)[:, :, None, None]
    y_t = []
    for t, x_BGHD in enumerate(raw.unbind(1)):
        if starts is not None:
            state = SLSTMState(*(torch.where(starts[:, t], 0.0, part) for part in state))
        state = _cell(_recur(x_BGHD, weight, state.y), state)
        y_t.append(state.y)
    y_BLHD = torch.stack(y_t, 1).to(x.dtype)
    return (y_BLHD, state) if return_last_state else y_BLHD

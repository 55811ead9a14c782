# Shapes: B batch, H heads, L length, K query and key width, V value width.

from __future__ import annotations

import math

import torch
from torch.nn.functional import logsigmoid

from ..shapes import document_starts, state_dtype
from .frame import SHUT
from .state import MLSTMState

Tensor = torch.Tensor


def floor_of(m: Tensor) -> Tensor:
    """The normaliser's least value exp(-m), kept finite: 1 in the plain units of the memory."""
    # Above this the output is nothing to working precision, and inf would turn gradients into NaN.
    limit = math.log(torch.finfo(m.dtype).max) - 8
    return torch.exp((-m).clamp(max=limit))


def _gated_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_i: Tensor,
    log_f: Tensor,
    state: MLSTMState,
    exponential: bool,
    normalize: bool,
    eps: float,
) -> tuple[Tensor, MLSTMState]:
    C, n, m = state
    m_new = torch.maximum(log_f + m, log_i) if exponential else m
    keep = torch.exp(log_f + m - m_new)
    write = torch.exp(log_i - m_new)
    C = keep[..., None, None] * C + write[..., None, None] * (k[..., :, None] * v[..., None, :])
    n = keep[..., None] * n + write[..., None] * k
    h = (q[..., None, :] @ C).squeeze(-2)
    if normalize:
        size = (q * n).sum(-1).abs()
        h = h / (torch.maximum(size, floor_of(m_new)) + eps)[..., None]
    return h, MLSTMState(C, n, m_new)


def mlstm_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    state: MLSTMState,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
) -> tuple[Tensor, MLSTMState]:
    """One position of the recurrence, without checks; see `biosequence.kernels.mlstm_step`."""
    dtype = state_dtype(q, k, v, i, f)
    state = MLSTMState(*(part.to(dtype) for part in state))
    exponential = input_gate == "exp"
    if not exponential:
        state = without_stabiliser(state)
    log_i = i.to(dtype) if exponential else logsigmoid(i.to(dtype))
    scale = q.shape[-1] ** -0.5
    h, state = _gated_step(
        q.to(dtype) * scale,
        k.to(dtype),
        v.to(dtype),
        log_i,
        logsigmoid(f.to(dtype)),
        state,
        exponential,
        normalize,
        eps,
    )
    return h.to(v.dtype), state


def without_stabiliser(state: MLSTMState) -> MLSTMState:
    """The same memory with m = 0, as the sigmoid input gate keeps it."""
    unit = torch.exp(state.m)
    return MLSTMState(
        state.C * unit[..., None, None], state.n * unit[..., None], torch.zeros_like(state.m)
    )


def mlstm_recurrent(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    initial_state: MLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
    chunk_size: int | None = None,
) -> Tensor | tuple[Tensor, MLSTMState]:
    """The recurrence of the paper, position by position: the reference for all other back ends.

    Arguments and results are those of `biosequence.kernels.mlstm`; `chunk_size` means nothing here.

    Notes
    -----
    xLSTM: Extended Long Short-Term Memory (Beck et al. 2024), equations 19 to 27.

    Examples
    --------
    >>> q = k = v = torch.ones(1, 1, 2, 4)
    >>> gates = torch.zeros(1, 1, 2)
    >>> mlstm_recurrent(q, k, v, gates, gates).shape
    torch.Size([1, 1, 2, 4])
    """
    dtype = state_dtype(q, k, v, i, f)
    exponential = input_gate == "exp"
    state = _start(q, v, initial_state, dtype, exponential)
    log_i = i.to(dtype) if exponential else logsigmoid(i.to(dtype))
    log_f = logsigmoid(f.to(dtype))
    # unbind once: a slice per step would cost a full-length gradient for each of them.
    parts = [
        tensor.unbind(2)
        for tensor in (q.to(dtype) * q.shape[-1] ** -0.5, k.to(dtype), v.to(dtype), log_i, log_f)
    ]
    starts = None if seq_idx is None else document_starts(seq_idx)
    h_t = []
    for t, (q_t, k_t, v_t, log_i_t, log_f_t) in enumerate(zip(*parts, strict=True)):
        if starts is not None:
            state = _emptied(state, starts[:, t])
        h, state = _gated_step(q_t, k_t, v_t, log_i_t, log_f_t, state, exponential, normalize, eps)
        h_t.append(h)
    h_BHLV = torch.stack(h_t, 2).to(v.dtype)
    return (h_BHLV, state) if return_last_state else h_BHLV


def _start(
    q: Tensor, v: Tensor, state: MLSTMState | None, dtype: torch.dtype, exponential: bool
) -> MLSTMState:
    if state is None:
        B, H, _, K = q.shape
        return MLSTMState.zeros(B, H, K, v.shape[-1], dtype=dtype, device=q.device)
    state = MLSTMState(*(part.to(dtype) for part in state))
    return state if exponential else without_stabiliser(state)


def _emptied(state: MLSTMState, rows_B: Tensor) -> MLSTMState:
    empty = [torch.zeros_like(part) for part in state]
    return MLSTMState(
        *(
            torch.where(rows_B.view(-1, *[1] * (part.dim() - 1)), zero, part)
            for part, zero in zip(state, empty, strict=True)
        )
    )


def mlstm_parallel(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    initial_state: MLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
    chunk_size: int | None = None,
) -> Tensor | tuple[Tensor, MLSTMState]:
    """The recurrence as one masked attention-like product: quadratic in length, no loop.

    Arguments and results are those of `biosequence.kernels.mlstm`; `chunk_size` means nothing here.

    Notes
    -----
    xLSTM (Beck et al. 2024), appendix A.3. Sums of log gates run in fp64: their differences decide
    the weights, and fp32 loses up to 2e-3 of the output with large gates.

    Examples
    --------
    >>> q = k = v = torch.ones(1, 1, 2, 4)
    >>> gates = torch.zeros(1, 1, 2)
    >>> mlstm_parallel(q, k, v, gates, gates).shape
    torch.Size([1, 1, 2, 4])
    """
    dtype = state_dtype(q, k, v, i, f)
    exponential = input_gate == "exp"
    state = _start(q, v, initial_state, dtype, exponential)
    log_i = i.double() if exponential else logsigmoid(i.double())
    b_BHL = logsigmoid(f.double()).clamp(min=SHUT).cumsum(-1)
    entry_BHL, log_D = _log_weights(log_i, b_BHL, state.m, seq_idx)
    if exponential:
        m_BHL = torch.maximum(log_D.amax(-1), entry_BHL)
        if seq_idx is not None:
            m_BHL = torch.maximum(m_BHL, _unit_of_new_documents(b_BHL, f, seq_idx))
    else:
        m_BHL = torch.zeros_like(b_BHL)
    D_BHLL = torch.exp(log_D - m_BHL[..., None]).to(dtype)
    carry_BHL = torch.exp(entry_BHL - m_BHL).to(dtype)
    q, k, value = q.to(dtype) * q.shape[-1] ** -0.5, k.to(dtype), v.to(dtype)
    S_BHLL = (q @ k.transpose(-1, -2)) * D_BHLL
    h_BHLV = S_BHLL @ value + carry_BHL[..., None] * (q @ state.C)
    if normalize:
        den = S_BHLL.sum(-1) + carry_BHL * (q @ state.n[..., None]).squeeze(-1)
        least = floor_of(m_BHL.to(dtype))
        h_BHLV = h_BHLV / (torch.maximum(den.abs(), least) + eps)[..., None]
    h_BHLV = h_BHLV.to(v.dtype)
    if not return_last_state:
        return h_BHLV
    weight, carry = D_BHLL[..., -1, :, None], carry_BHL[..., -1]
    C = carry[..., None, None] * state.C + (weight * k).transpose(-1, -2) @ value
    n = carry[..., None] * state.n + (weight * k).sum(-2)
    return h_BHLV, MLSTMState(C, n, m_BHL[..., -1].to(dtype))


def _log_weights(
    log_i: Tensor, b_BHL: Tensor, m0_BH: Tensor, seq_idx: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Log weight of the initial state at each position, and of each position at each other."""
    L = b_BHL.shape[-1]
    reach = torch.ones(L, L, dtype=torch.bool, device=b_BHL.device).tril()
    entry = b_BHL + m0_BH.double()[..., None]
    if seq_idx is not None:
        document = document_starts(seq_idx).cumsum(-1)
        reach = reach & (document[:, None, :, None] == document[:, None, None, :])
        entry = entry.masked_fill((document > 0)[:, None], -torch.inf)
    log_D = b_BHL[..., :, None] - b_BHL[..., None, :] + log_i[..., None, :]
    return entry, log_D.masked_fill(~reach, -torch.inf)


def _unit_of_new_documents(b_BHL: Tensor, f: Tensor, seq_idx: Tensor) -> Tensor:
    """What m would be at each position if its document had brought no key: it begins at 0."""
    document = document_starts(seq_idx).cumsum(-1)
    before = b_BHL - logsigmoid(f.double()).clamp(min=SHUT)
    first = torch.searchsorted(document, document, side="left")
    at_start = before.gather(-1, first[:, None].expand_as(before))
    return (b_BHL - at_start).masked_fill((document == 0)[:, None], -torch.inf)

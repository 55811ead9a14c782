# Shapes: B batch, H heads, L length, K query and key width, V value width.

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from ..shapes import document_starts, state_dtype
from .naive import floor_of

Tensor = torch.Tensor


def bidirectional_parallel(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    f_reverse: Tensor | None = None,
    eps: float = 1e-6,
    seq_idx: Tensor | None = None,
) -> Tensor:
    """Both directions as one full matrix of weights, quadratic in length: the reference."""
    dtype = state_dtype(q, k, v, i, f)
    ahead_BHL = logsigmoid(f.double()).cumsum(-1)
    log_r = logsigmoid((f if f_reverse is None else f_reverse).double())
    # On its way back a value fades once at each position it comes to, so not at its own.
    back_BHL = log_r.cumsum(-1) - log_r
    log_D = ahead_BHL[..., :, None] - ahead_BHL[..., None, :]
    log_back = back_BHL[..., None, :] - back_BHL[..., :, None]
    L = q.shape[-2]
    earlier = torch.ones(L, L, dtype=torch.bool, device=q.device).tril()
    log_D = torch.where(earlier, log_D, log_back) + i.double()[..., None, :]
    if seq_idx is not None:
        document = document_starts(seq_idx).cumsum(-1)
        same = document[:, None, :, None] == document[:, None, None, :]
        log_D = log_D.masked_fill(~same, -torch.inf)
    m_BHL = log_D.amax(-1)
    S_BHLL = q.to(dtype) @ k.to(dtype).transpose(-1, -2) * q.shape[-1] ** -0.5
    S_BHLL = S_BHLL * torch.exp(log_D - m_BHL[..., None]).to(dtype)
    divisor = torch.maximum(S_BHLL.sum(-1).abs(), floor_of(m_BHL.to(dtype))) + eps
    return (S_BHLL @ v.to(dtype) / divisor[..., None]).to(v.dtype)

# Shapes: B batch, H heads, L length, K query and key width, V value width.

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import logsigmoid

from ..shapes import document_starts, state_dtype
from .cpu import unnormalized
from .frame import SHUT
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
    ahead_BHL = logsigmoid(f.double()).clamp(min=SHUT).cumsum(-1)
    log_r = logsigmoid((f if f_reverse is None else f_reverse).double()).clamp(min=SHUT)
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
    m_BHL = log_D.amax(-1).clamp(min=SHUT)
    S_BHLL = q.to(dtype) @ k.to(dtype).transpose(-1, -2) * q.shape[-1] ** -0.5
    S_BHLL = S_BHLL * torch.exp(log_D - m_BHL[..., None]).to(dtype)
    divisor = torch.maximum(S_BHLL.sum(-1).abs(), floor_of(m_BHL.to(dtype))) + eps
    return (S_BHLL @ v.to(dtype) / divisor[..., None]).to(v.dtype)


def bidirectional_chunkwise(
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
    """Both directions from two chunkwise passes, at a cost linear in length."""
    return _from_two_passes(unnormalized, q, k, v, i, f, f_reverse, eps, seq_idx)


def bidirectional_triton(
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
    """The same two passes on the GPU."""
    from .triton import unnormalized

    return _from_two_passes(unnormalized, q, k, v, i, f, f_reverse, eps, seq_idx)


def _from_two_passes(
    unnormalized: Callable[..., tuple[Tensor, Tensor, Tensor]],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    f_reverse: Tensor | None,
    eps: float,
    seq_idx: Tensor | None,
) -> Tensor:
    dtype = state_dtype(q, k, v, i, f)
    f_reverse = f if f_reverse is None else f_reverse
    ahead = unnormalized(q, k, v, i, f, seq_idx)
    # A query reads the way back at the position after its own, where its own value is not in yet.
    later = [x.flip(2) for x in (q.roll(1, 2), k, v, i, f_reverse)]
    found = unnormalized(*later, None if seq_idx is None else seq_idx.flip(1))
    num_back, den_back, m_back = (x.flip(2).roll(-1, 2) for x in found)
    num, den, m_ahead = ahead
    log_r = logsigmoid(f_reverse.to(dtype))
    nothing = _last_of_documents(q, seq_idx)
    m = torch.maximum(m_ahead, (m_back + log_r.detach()).masked_fill(nothing, -torch.inf))
    # A constant m, as the passes have it: the output is the same in any unit.
    share_ahead = torch.exp(m_ahead - m)
    share_back = torch.exp((m_back + log_r - m).masked_fill(nothing, -torch.inf))
    den = den * share_ahead + den_back * share_back
    divisor = torch.maximum(den.abs(), floor_of(m)) + eps
    num = num * (share_ahead / divisor)[..., None] + num_back * (share_back / divisor)[..., None]
    return num.to(v.dtype)


def _last_of_documents(q: Tensor, seq_idx: Tensor | None) -> Tensor:
    """Positions with nothing of their document after them, (B or 1, 1, L)."""
    last = torch.zeros(1, 1, q.shape[2], dtype=torch.bool, device=q.device)
    if seq_idx is not None:
        last = document_starts(seq_idx).roll(-1, 1)[:, None]
    return torch.cat([last[..., :-1], torch.ones_like(last[..., :1])], -1)

"""Where each position stands: padding, documents and position ids, also read backwards."""

# Shapes: B batch, T time.

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor

# A gate at plus or minus this is shut or open exactly, in fp32 and in fp64; fp16 can hold it.
SHUT = 1e4


class Place(TypedDict, total=False):
    """Keywords that every mixer and block takes; each may be None."""

    mask: Tensor | None
    """(B, T) bool, False at padding. Padding stands at the ends of a row."""
    seq_idx: Tensor | None
    """(B, T) int, number of the document; no state crosses from one to the next."""
    position_ids: Tensor | None
    """(B, T) int, for rotary layers; None counts from zero within each document."""
    seq_position_ids: Tensor | None
    """(B, T) int, number of the sequence in its context, for two-part rotary layers."""


def default_positions(
    batch: int,
    length: int,
    device: torch.device,
    *,
    mask: Tensor | None = None,
    seq_idx: Tensor | None = None,
) -> Tensor:
    """Positions counted from zero in each document, padding left out: (B, T) int64.

    Examples
    --------
    >>> import torch
    >>> mask = torch.tensor([[0, 0, 1, 1]])
    >>> default_positions(1, 4, mask.device, mask=mask).tolist()
    [[0, 0, 0, 1]]
    >>> default_positions(1, 4, mask.device, seq_idx=torch.tensor([[0, 0, 1, 1]])).tolist()
    [[0, 1, 0, 1]]
    """
    if mask is None:
        count = torch.arange(length, device=device).expand(batch, length)
    else:
        count = (mask.long().cumsum(-1) - 1).clamp(min=0)
    if seq_idx is None:
        return count
    begins = torch.ones_like(count, dtype=torch.bool)
    begins[:, 1:] = seq_idx[:, 1:] != seq_idx[:, :-1]
    first = torch.where(begins, count, 0).cummax(-1).values
    return count - first


def reversed_place(place: Place) -> Place:
    """The same place read from the last position to the first; positions still count upwards."""
    mask, seq_idx = place.get("mask"), place.get("seq_idx")
    ids = place.get("position_ids")
    turned: Place = {
        "mask": None if mask is None else mask.flip(1),
        "seq_idx": None if seq_idx is None else seq_idx.flip(1),
        "position_ids": None,
        "seq_position_ids": _flipped(place.get("seq_position_ids")),
    }
    if ids is not None:
        top = ids if mask is None else ids.masked_fill(~mask.bool(), 0)
        turned["position_ids"] = (top.amax(-1, keepdim=True) - ids).clamp(min=0).flip(1)
    return turned


def both_strands_place(place: Place) -> Place:
    """The place of a batch in which the reversed strands follow the forward ones, (2B, T) each."""
    back = reversed_place(place)
    return {
        key: None if place.get(key) is None else torch.cat((place[key], back[key]))
        for key in ("mask", "seq_idx", "position_ids", "seq_position_ids")
    }


def last_real(mask_BT: Tensor) -> Tensor:
    """One more than the index of each row's last real position, 0 for a row of padding: (B,).

    Examples
    --------
    >>> import torch
    >>> last_real(torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]])).tolist()
    [2, 3, 0]
    """
    count = torch.arange(1, mask_BT.shape[1] + 1, device=mask_BT.device)
    return (mask_BT.long() * count).amax(-1)


def _flipped(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.flip(1)


def real_first(mask_BT: Tensor | None) -> Tensor | None:
    """An order of positions (B, T) in which padding comes last; None where it already does.

    A state that is handed on must meet the first real position at once: padding in between would
    move the window of a convolution on.

    Examples
    --------
    >>> import torch
    >>> real_first(torch.tensor([[0, 0, 1], [1, 1, 1]])).tolist()
    [[2, 0, 1], [0, 1, 2]]
    """
    if mask_BT is None:
        return None
    real = mask_BT.bool()
    if not bool((~real[:, :-1] & real[:, 1:]).any()):
        return None
    return (~real).int().argsort(dim=1, stable=True)


def in_order(x_BT: Tensor | None, order_BT: Tensor) -> Tensor | None:
    """Positions of a tensor (B, T, ...) in another order; None stays None."""
    if x_BT is None:
        return None
    index = order_BT.view(*order_BT.shape, *[1] * (x_BT.ndim - 2)).expand(-1, -1, *x_BT.shape[2:])
    return x_BT.gather(1, index)

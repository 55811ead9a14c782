"""One chunk of a state space duality: its output and next state, and their gradients."""

# Shapes: B batch, T positions of the chunk, G groups, R heads of a group, P head size, N state
# size, M = R P. The state (B, G, N, M) takes all heads of a group in one product.

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .decays import Chunk


class Maps(NamedTuple):
    """B and C of a chunk (B, G, T, N), and without what belongs to other documents' states."""

    B: Tensor
    C: Tensor
    B_leaving: Tensor
    C_entering: Tensor

    @classmethod
    def of(cls, B_BGLN: Tensor, C_BGLN: Tensor, chunk: Chunk) -> Maps:
        """Those of one chunk of a sequence."""
        B, C = B_BGLN[:, :, chunk.part], C_BGLN[:, :, chunk.part]
        return cls(B, C, _masked(B, chunk.leaves_BT), _masked(C, chunk.enters_BT))

    def scores(self, chunk: Chunk) -> Tensor:
        """What each position reads of the earlier ones, before any decay (B, G, T, T)."""
        return _seen(self.C @ self.B.transpose(2, 3), chunk)


def forward_chunk(
    x: Tensor, dt: Tensor, maps: Maps, chunk: Chunk, state: Tensor, out: Tensor
) -> Tensor:
    """Write the output without skip (B, T, G, R, P) into `out`, return the state after it.

    `x` is the input (B, T, G, R, P) and `dt` its step sizes (B, T, G, R).
    """
    weighed = flat(x * (dt * chunk.write_BTGR)[..., None])
    y = maps.C_entering @ scaled(chunk.arrive_BGR, state)
    if chunk.within_BGRTT is None:
        y += maps.scores(chunk) @ weighed
    torch.mul(_unflat(y, x), chunk.read_BTGR[..., None], out=out)
    if chunk.within_BGRTT is not None:
        pairs = chunk.within_BGRTT * maps.scores(chunk)[:, :, None]
        out += (pairs @ _by_head(x * dt[..., None])).permute(0, 3, 1, 2, 4)
    new = scaled(chunk.depart_BGR, maps.B_leaving.transpose(2, 3) @ weighed)
    return new.add_(scaled(chunk.over_BGR, state))


class ChunkSlopes(NamedTuple):
    """Gradients of a chunk's dt * x (B, T, G, R, P), of B and C, and of the state before it."""

    inflow: Tensor
    B: Tensor
    C: Tensor
    state: Tensor


def backward_chunk(
    x: Tensor, dt: Tensor, maps: Maps, chunk: Chunk, state: Tensor, dy: Tensor, dstate: Tensor
) -> ChunkSlopes:
    """Gradients of a chunk from those of its output without skip and of the state after it."""
    weighed = flat(x * (dt * chunk.write_BTGR)[..., None])
    slope = flat(dy * chunk.read_BTGR[..., None])
    before, after = scaled(chunk.arrive_BGR, state), scaled(chunk.depart_BGR, dstate)
    scores = maps.scores(chunk)
    dweighed = maps.B_leaving @ after
    if chunk.within_BGRTT is None:
        dscores = _seen(slope @ weighed.transpose(2, 3), chunk)
        dweighed += scores.transpose(2, 3) @ slope
    else:
        dy_heads, x_heads = _by_head(dy), _by_head(x * dt[..., None])
        dscores = (dy_heads @ x_heads.transpose(3, 4)).mul_(chunk.within_BGRTT).sum(2)
    dinflow = _unflat(dweighed, x) * chunk.write_BTGR[..., None]
    if chunk.within_BGRTT is not None:
        pairs = chunk.within_BGRTT.mul_(scores[:, :, None])
        dinflow += (pairs.transpose(3, 4) @ dy_heads).permute(0, 3, 1, 2, 4)
    dC = _masked(slope @ before.transpose(2, 3), chunk.enters_BT)
    dB = _masked(weighed @ after.transpose(2, 3), chunk.leaves_BT)
    dbefore = scaled(chunk.arrive_BGR, maps.C_entering.transpose(2, 3) @ slope)
    return ChunkSlopes(
        dinflow,
        dB.add_(dscores.transpose(2, 3) @ maps.C),
        dC.add_(dscores @ maps.B),
        dbefore.add_(scaled(chunk.over_BGR, dstate)),
    )


def flat(x_BTGRP: Tensor) -> Tensor:
    """All heads of a group side by side: (B, G, T, M)."""
    return x_BTGRP.flatten(3).transpose(1, 2)


def _unflat(x_BGTM: Tensor, like_BTGRP: Tensor) -> Tensor:
    return x_BGTM.transpose(1, 2).unflatten(3, like_BTGRP.shape[3:])


def _by_head(x_BTGRP: Tensor) -> Tensor:
    """Each head by itself: (B, G, R, T, P)."""
    return x_BTGRP.permute(0, 2, 3, 1, 4)


def scaled(factor_BGR: Tensor, state_BGNM: Tensor) -> Tensor:
    """The part of a state that is each head's, times the head's factor."""
    per_head = state_BGNM.unflatten(3, (factor_BGR.shape[-1], -1))
    return (per_head * factor_BGR[:, :, None, :, None]).flatten(3)


def _seen(pairs_BGTT: Tensor, chunk: Chunk) -> Tensor:
    """Without the pairs that do not see each other, in place."""
    pairs_BGTT.tril_()
    return pairs_BGTT if chunk.seen_BTT is None else pairs_BGTT.mul_(chunk.seen_BTT[:, None])


def _masked(maps_BGTN: Tensor, mask_BT: Tensor | None) -> Tensor:
    return maps_BGTN if mask_BT is None else maps_BGTN * mask_BT[:, None, :, None]

"""Both passes of the compiled scan over plain tensors, for the autograd functions around them."""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels (each of
# them within one group; the last one of a group may be partly empty), Z >= D numbers beside each
# other that end with the gates.

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..exponentials import LOG2_E
from ..parallel import share_out
from .loops import CHUNK, WIDTH, backward_tasks, forward_tasks


class Blocks:
    """How channels are cut into blocks, and put together again."""

    def __init__(self, channels: int, groups: int) -> None:
        self.groups, self.members = groups, channels // groups
        self.per_group = -(-self.members // WIDTH)
        self.number = groups * self.per_group
        self.padding = self.per_group * WIDTH - self.members
        self.extents = self._extents()

    def cut(self, x: Tensor) -> Tensor:
        """(..., D, N) -> (..., K, N, W), with zeros where a block has no channel."""
        *outer, _, size = x.shape
        x = x.reshape(*outer, self.groups, self.members, size)
        if self.padding:
            x = F.pad(x, (0, 0, 0, self.padding))
        return x.reshape(*outer, self.number, WIDTH, size).transpose(-1, -2).contiguous()

    def join(self, x: Tensor) -> Tensor:
        """(..., K, N, W) -> (..., D, N)."""
        *outer, _, size, _ = x.shape
        x = x.transpose(-1, -2).reshape(*outer, self.groups, self.per_group * WIDTH, size)
        return x[..., : self.members, :].reshape(*outer, self.groups * self.members, size)

    def _extents(self) -> np.ndarray:
        """First channel, number of channels and group of each block (K, 3).

        Without a sign: numba lets a negative index count from the end, and a loop that has to ask
        for that does not become vectors.
        """
        starts = np.arange(self.per_group) * WIDTH
        return np.array(
            [
                (group * self.members + start, min(WIDTH, self.members - start), group)
                for group in range(self.groups)
                for start in starts
            ],
            dtype=np.uintp,
        )


@cache
def blocks_of(channels: int, groups: int) -> Blocks:
    """The blocks of so many channels, made once."""
    return Blocks(channels, groups)


class Inputs(NamedTuple):
    """What both passes read: float32, side by side in memory, nothing left out."""

    u_BLD: Tensor
    delta_BLD: Tensor
    A_KNW: Tensor
    B_BLGN: Tensor
    C_BLGN: Tensor
    D_D: Tensor
    bias_D: Tensor
    z_BLZ: Tensor
    starts_BL: Tensor


def inputs(
    u_BLD: Tensor,
    delta_BLD: Tensor,
    A_DN: Tensor,
    B_BLGN: Tensor,
    C_BLGN: Tensor,
    D_D: Tensor | None,
    bias_D: Tensor | None,
    z_BLZ: Tensor | None,
    starts_BL: Tensor | None,
) -> Inputs:
    """The arguments as the passes take them: a gate that is not there has no length."""
    batch, length, channels = u_BLD.shape
    if starts_BL is None:
        starts_BL = torch.zeros(batch, length, dtype=torch.bool)
    return Inputs(
        u_BLD,
        delta_BLD,
        blocks_of(channels, B_BLGN.shape[2]).cut(A_DN.detach() * float(LOG2_E)),
        B_BLGN,
        C_BLGN,
        u_BLD.new_zeros(channels) if D_D is None else D_D,
        u_BLD.new_zeros(channels) if bias_D is None else bias_D,
        u_BLD.new_empty(batch, 0, channels) if z_BLZ is None else z_BLZ,
        starts_BL,
    )


def forward_pass(
    given: Inputs, softplus: bool, keep: bool, h_BDN: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Output (B, L, D), the last state (B, K, N, W), and the states that the way back needs."""
    batch, length, channels = given.u_BLD.shape
    groups, size = given.B_BLGN.shape[2:]
    blocks = blocks_of(channels, groups)
    if h_BDN is None:
        h_BKNW = given.u_BLD.new_zeros(batch, blocks.number, size, WIDTH)
    else:
        h_BKNW = blocks.cut(h_BDN.detach().clone())
    kept = h_BKNW.new_empty(batch, blocks.number, -(-length // CHUNK) * keep, size, WIDTH)
    y_BLD = torch.empty_like(given.u_BLD)
    tasks, work = batch * blocks.number, 2 * y_BLD.numel() * size
    arrays = _arrays(*given, y_BLD, kept, h_BKNW)
    share_out(forward_tasks, tasks, work, blocks.extents, softplus, *arrays)
    return y_BLD, h_BKNW, kept


class Gradients(NamedTuple):
    """Gradients of the inputs, and of the state before the first position."""

    u_BLD: Tensor
    delta_BLD: Tensor
    A_DN: Tensor
    B_BLGN: Tensor
    C_BLGN: Tensor
    D_D: Tensor
    bias_D: Tensor
    h_BKNW: Tensor


def backward_pass(
    given: Inputs,
    softplus: bool,
    kept: Tensor,
    dy_BLD: Tensor,
    dz_BLZ: Tensor,
    dh_BDN: Tensor | None = None,
) -> Gradients:
    """Gradients; those of the gates go where they are wanted."""
    batch, length, channels = given.u_BLD.shape
    groups, size = given.B_BLGN.shape[2:]
    blocks = blocks_of(channels, groups)
    dA = dy_BLD.new_empty(batch, *given.A_KNW.shape)
    dh = torch.zeros_like(dA) if dh_BDN is None else blocks.cut(dh_BDN.clone())
    du, ddelta = torch.empty_like(given.u_BLD), torch.empty_like(given.u_BLD)
    dB, dC = (dy_BLD.new_empty(batch, blocks.number, length, size) for _ in range(2))
    dD, dbias = (dy_BLD.new_zeros(batch, channels) for _ in range(2))
    arrays = _arrays(*given, dy_BLD, kept, dh, du, ddelta, dA, dB, dC, dD, dbias, dz_BLZ)
    tasks, work = batch * blocks.number, 3 * dy_BLD.numel() * size
    share_out(backward_tasks, tasks, work, blocks.extents, softplus, *arrays)
    per_group = (batch, groups, blocks.per_group, length, size)
    dB, dC = (maps.view(per_group).sum(2).transpose(1, 2) for maps in (dB, dC))
    return Gradients(du, ddelta, blocks.join(dA.sum(0)), dB, dC, dD.sum(0), dbias.sum(0), dh)


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]

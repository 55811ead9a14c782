"""Selective scan on the CPU: blocks of channels in compiled loops, gradients written by hand.

A task is one batch entry and one block of 64 channels, which the processor's vectors run over.
The state stays in cache from the first position to the last. It is kept every 64 positions;
the backward pass computes the states and decays of such a chunk again and walks it in reverse.
"""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels (each of
# them within one group; the last one of a group may be partly empty), T positions of a chunk.

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import share_out
from .loops import CHUNK, WIDTH, backward_tasks, forward_tasks
from .prepare import around

LOG2_E = 1.4426950408889634


def selective_scan_cpu(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    initial_state: Tensor | None = None,
    return_last_state: bool = False,
    *,
    seq_idx: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """The scan in float32; arguments as in :func:`biosequence.kernels.selective_scan`."""
    return around(
        _core,
        u,
        delta,
        A,
        B,
        C,
        D,
        z,
        delta_bias,
        delta_softplus,
        initial_state,
        return_last_state,
        seq_idx,
    )


def _core(*tensors: Tensor | None) -> tuple[Tensor, Tensor]:
    # Without gradients no state needs to be kept.
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    return _Scan.apply(keep, *tensors)


class _Blocks:
    """Tensors with channels, cut into blocks and put together again."""

    def __init__(self, channels: int, groups: int) -> None:
        self.groups, self.members = groups, channels // groups
        self.per_group = -(-self.members // WIDTH)
        self.number = groups * self.per_group
        self.padding = self.per_group * WIDTH - self.members

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

    def extents(self) -> np.ndarray:
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


class _Scan(torch.autograd.Function):
    """The scan with its skip, on channels-last tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        u_BLD: Tensor,
        dt_BLD: Tensor,
        A_DN: Tensor,
        B_BLGN: Tensor,
        C_BLGN: Tensor,
        D_D: Tensor | None,
        h0_BDN: Tensor | None,
        starts_BL: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        batch, length, channels = u_BLD.shape
        groups, size = B_BLGN.shape[2:]
        blocks = _Blocks(channels, groups)
        A_KNW = blocks.cut(A_DN * LOG2_E)
        if h0_BDN is None:
            h_BKNW = u_BLD.new_zeros(batch, blocks.number, size, WIDTH)
        else:
            h_BKNW = blocks.cut(h0_BDN)
            h_BKNW = h_BKNW.clone() if h_BKNW.data_ptr() == h0_BDN.data_ptr() else h_BKNW
        starts = u_BLD.new_zeros(batch, length, dtype=torch.bool) if starts_BL is None else starts_BL
        skip = u_BLD.new_zeros(channels) if D_D is None else D_D
        num_kept = -(-length // CHUNK) if keep else 0
        kept = u_BLD.new_empty(batch, blocks.number, num_kept, size, WIDTH)
        y_BLD = torch.empty_like(u_BLD)
        inputs = (u_BLD, dt_BLD, A_KNW, B_BLGN, C_BLGN, skip, starts)
        arrays = _arrays(*inputs, y_BLD, kept, h_BKNW)
        share_out(forward_tasks, batch * blocks.number, blocks.extents(), *arrays)
        ctx.save_for_backward(*inputs, kept)
        ctx.blocks, ctx.has_skip, ctx.has_state = blocks, D_D is not None, h0_BDN is not None
        ctx.set_materialize_grads(False)
        return y_BLD, blocks.join(h_BKNW)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, dy_BLD: Tensor | None, dlast_BDN: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        u_BLD, dt_BLD, A_KNW, B_BLGN, C_BLGN, skip, starts, kept = ctx.saved_tensors
        blocks, (batch, length, channels) = ctx.blocks, u_BLD.shape
        groups, size = B_BLGN.shape[2:]
        dy_BLD = torch.zeros_like(u_BLD) if dy_BLD is None else dy_BLD.contiguous()
        dA = u_BLD.new_zeros(batch, blocks.number, size, WIDTH)
        dh = torch.zeros_like(dA) if dlast_BDN is None else blocks.cut(dlast_BDN).clone()
        du_BLD, ddt_BLD = torch.empty_like(u_BLD), torch.empty_like(u_BLD)
        dB, dC = (u_BLD.new_empty(batch, blocks.number, length, size) for _ in range(2))
        dD = u_BLD.new_zeros(batch, channels)
        arrays = _arrays(
            u_BLD, dt_BLD, A_KNW, B_BLGN, C_BLGN, skip, starts, dy_BLD, kept, dh,
            du_BLD, ddt_BLD, dA, dB, dC, dD,
        )  # fmt: skip
        share_out(backward_tasks, batch * blocks.number, blocks.extents(), *arrays)
        per_group = (batch, groups, blocks.per_group, length, size)
        dB, dC = (maps.view(per_group).sum(2).transpose(1, 2) for maps in (dB, dC))
        return (
            None,
            du_BLD,
            ddt_BLD,
            blocks.join(dA.sum(0)),
            dB,
            dC,
            dD.sum(0) if ctx.has_skip else None,
            blocks.join(dh) if ctx.has_state else None,
            None,
        )


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]

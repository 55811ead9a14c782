"""Selective scan on the CPU: blocks of channels in compiled loops, gradients written by hand.

A task is one batch entry and one block of 64 channels, which the processor's vectors run over.
The state stays in cache from the first position to the last. It is kept every 64 positions;
the backward pass computes the states and decays of such a chunk again and walks it in reverse.
"""

# Shapes: B batch, L length, D channels, G groups, N state size, K blocks of W=64 channels (each of
# them within one group; the last one of a group may be partly empty), T positions of a chunk.

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..exponentials import LOG2_E
from ..parallel import share_out
from ..shapes import document_starts
from .loops import CHUNK, WIDTH, backward_tasks, forward_tasks
from .prepare import channels_last, maps_last

logging.getLogger("biosequence.kernels").info(
    "selective_scan: the first call on a machine compiles its loops, which takes some seconds"
)


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
    tensors = (
        channels_last(u, torch.float32),
        channels_last(delta, torch.float32),
        A.float().contiguous(),
        maps_last(B, torch.float32),
        maps_last(C, torch.float32),
        *(None if weights is None else weights.float().contiguous() for weights in (D, delta_bias)),
        None if z is None else channels_last(z, torch.float32),
        None if initial_state is None else initial_state.float(),
    )
    # Without gradients no state needs to be kept.
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    starts_BL = None if seq_idx is None else document_starts(seq_idx)
    y_BLD, h_BDN = _Scan.apply(keep, delta_softplus, starts_BL, *tensors)
    y_BDL = y_BLD.transpose(1, 2).to(u.dtype)
    return (y_BDL, h_BDN) if return_last_state else y_BDL


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
    """The whole scan on channels-last tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        keep: bool,
        softplus: bool,
        starts_BL: Tensor | None,
        u_BLD: Tensor,
        delta_BLD: Tensor,
        A_DN: Tensor,
        B_BLGN: Tensor,
        C_BLGN: Tensor,
        D_D: Tensor | None,
        bias_D: Tensor | None,
        z_BLD: Tensor | None,
        h0_BDN: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        batch, length, channels = u_BLD.shape
        groups, size = B_BLGN.shape[2:]
        blocks = _Blocks(channels, groups)
        if h0_BDN is None:
            h_BKNW = u_BLD.new_zeros(batch, blocks.number, size, WIDTH)
        else:
            h_BKNW = blocks.cut(h0_BDN.detach().clone())
        if starts_BL is None:
            starts_BL = torch.zeros(batch, length, dtype=torch.bool)
        gated = keep and z_BLD is not None
        ungated_BLD = u_BLD.new_empty(batch, length if gated else 0, channels)
        kept = u_BLD.new_empty(batch, blocks.number, -(-length // CHUNK) * keep, size, WIDTH)
        y_BLD = torch.empty_like(u_BLD)
        inputs = (
            u_BLD,
            delta_BLD,
            blocks.cut(A_DN.detach() * float(LOG2_E)),
            B_BLGN,
            C_BLGN,
            u_BLD.new_zeros(channels) if D_D is None else D_D,
            u_BLD.new_empty(batch, 0, channels) if z_BLD is None else z_BLD,
            u_BLD.new_zeros(channels) if bias_D is None else bias_D,
            starts_BL,
        )
        arrays = _arrays(*inputs, y_BLD, ungated_BLD, kept, h_BKNW)
        tasks, work = batch * blocks.number, 2 * u_BLD.numel() * size
        share_out(forward_tasks, tasks, work, blocks.extents(), softplus, *arrays)
        ctx.save_for_backward(*inputs, ungated_BLD, kept)
        ctx.blocks, ctx.softplus = blocks, softplus
        ctx.given = tuple(t is not None for t in (D_D, bias_D, z_BLD, h0_BDN))
        ctx.set_materialize_grads(False)
        return y_BLD, blocks.join(h_BKNW)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, dy_BLD: Tensor | None, dlast_BDN: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        *inputs, ungated_BLD, kept = ctx.saved_tensors
        u_BLD, A_KNW, B_BLGN, z_BLD = inputs[0], inputs[2], inputs[3], inputs[6]
        blocks, (batch, length, channels) = ctx.blocks, u_BLD.shape
        groups, size = B_BLGN.shape[2:]
        is_gated = ctx.given[2]
        # With a gate the loops overwrite it.
        dy_BLD = torch.zeros_like(u_BLD) if dy_BLD is None else dy_BLD.contiguous()
        dy_BLD = dy_BLD.clone() if is_gated else dy_BLD
        dA = A_KNW.new_empty(batch, *A_KNW.shape)
        dh = torch.zeros_like(dA) if dlast_BDN is None else blocks.cut(dlast_BDN.clone())
        du, ddelta, dz = (torch.empty_like(t) for t in (u_BLD, u_BLD, z_BLD))
        dB, dC = (u_BLD.new_empty(batch, blocks.number, length, size) for _ in range(2))
        dD, dbias = (u_BLD.new_zeros(batch, channels) for _ in range(2))
        arrays = _arrays(
            *inputs, ungated_BLD, dy_BLD, kept, dh, du, ddelta, dA, dB, dC, dD, dz, dbias
        )
        tasks, work = batch * blocks.number, 3 * u_BLD.numel() * size
        share_out(backward_tasks, tasks, work, blocks.extents(), ctx.softplus, *arrays)
        per_group = (batch, groups, blocks.per_group, length, size)
        dB, dC = (maps.view(per_group).sum(2).transpose(1, 2) for maps in (dB, dC))
        optional = (dD.sum(0), dbias.sum(0), dz, blocks.join(dh))
        return (
            *(None, None, None),
            du,
            ddelta,
            blocks.join(dA.sum(0)),
            dB,
            dC,
            *(x if given else None for x, given in zip(optional, ctx.given, strict=True)),
        )


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]

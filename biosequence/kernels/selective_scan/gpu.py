"""The selective scan on the GPU as a function with its gradient: strides, buffers and launches."""

# Shapes: B batch, D channels, G groups of M channels with a B and C each, L length, N state size,
# K states kept along the length, S positions from one to the next.

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..gpu import block, dense_last, on_device_of
from ..shapes import document_starts
from . import triton as kernels

# Positions between kept states: all of them lie in registers at once in the backward pass.
SPACING = 8
# Positions whose inputs the forward pass loads at once.
UNROLL = 4
# Numbers of a program's state, one warp: what the registers hold beside everything else. The
# backward pass has SPACING states in them.
TILE, TILE_BACK = 512, 256


class _Inputs(NamedTuple):
    """Arguments as the kernels take them: the axis of channels, or of the state, dense."""

    u_BLD: Tensor
    delta_BLD: Tensor
    z_BLD: Tensor | None
    B_BGLN: Tensor
    C_BGLN: Tensor
    A_DN: Tensor
    D_D: Tensor | None
    bias_D: Tensor | None
    starts_BL: Tensor | None

    def flags(self, softplus: bool) -> dict[str, bool]:
        return {
            "HAS_D": self.D_D is not None,
            "HAS_Z": self.z_BLD is not None,
            "HAS_BIAS": self.bias_D is not None,
            "HAS_DOCUMENT": self.starts_BL is not None,
            "SOFTPLUS": softplus,
        }

    def strided(self) -> tuple[Any, ...]:
        """Tensors of the positions with their strides; any pointer for what is not there."""
        z_BLD = self.u_BLD if self.z_BLD is None else self.z_BLD
        timed = [part for x in (self.u_BLD, self.delta_BLD, z_BLD) for part in (x, *x.stride()[:2])]
        maps = [part for x in (self.B_BGLN, self.C_BGLN) for part in (x, *x.stride()[:3])]
        return (*timed, *maps)

    def constants(self) -> tuple[Tensor, Tensor, Tensor]:
        A_DN = self.A_DN
        return A_DN, *(A_DN if x is None else x for x in (self.D_D, self.bias_D))


def selective_scan_triton(
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
    """The scan on the GPU; arguments as in :func:`biosequence.kernels.selective_scan`."""
    starts_BL = None if seq_idx is None else document_starts(seq_idx).to(torch.int8)
    timed = [None if x is None else x.transpose(1, 2) for x in (u, delta, z)]
    maps = [(m[:, None] if m.dim() == 3 else m).transpose(2, 3) for m in (B, C)]
    A_DN, D_D, bias_D, h0_BDN = (
        None if x is None else x.float() for x in (A, D, delta_bias, initial_state)
    )
    tensors = (*timed, *maps, A_DN, D_D, bias_D)
    keep = torch.is_grad_enabled() and any(
        x is not None and x.requires_grad for x in (*tensors, h0_BDN)
    )
    y_BLD, last_BDN = _Scan.apply(keep, delta_softplus, *tensors, starts_BL, h0_BDN)
    y_BDL = y_BLD.transpose(1, 2)
    return (y_BDL, last_BDN) if return_last_state else y_BDL


class _Sizes:
    """Sizes, blocks and launch options of one call."""

    def __init__(self, given: _Inputs, tile: int) -> None:
        self.batch, self.length, self.channels = given.u_BLD.shape
        self.groups, self.states = given.B_BGLN.shape[1], given.A_DN.shape[1]
        self.members = self.channels // self.groups
        P = block(self.states, 1, 1 << 30)
        X = block(self.members, 1, max(1, tile // P))
        self.blocks = -(-self.members // X)
        self.grid = (self.groups * self.blocks, self.batch)
        self.kept = -(-self.length // SPACING)
        self.numbers = (self.channels, self.members, self.length, self.kept)
        self.tiles = {"N": self.states, "P": P, "X": X, "S": SPACING}
        # One warp a program: reductions over channels and states then need no shared memory.
        self.launch = {"num_warps": max(1, X * P // tile), "num_stages": 1}


class _Scan(torch.autograd.Function):
    """Outputs with skip and gate, and the last state."""

    @staticmethod
    def forward(
        ctx: Any, keep: bool, softplus: bool, *tensors: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        *tensors, h0_BDN = tensors
        given = _Inputs(*(None if x is None else dense_last(x) for x in tensors))
        sizes, like = _Sizes(given, TILE), {"device": given.u_BLD.device, "dtype": torch.float32}
        batch, channels, states = sizes.batch, sizes.channels, sizes.states
        y_BLD = torch.empty(
            batch, sizes.length, channels, device=like["device"], dtype=given.u_BLD.dtype
        )
        last_BDN = torch.empty(batch, channels, states, **like)
        kept = torch.empty(batch, sizes.kept, channels, states, **like) if keep else last_BDN
        starts = given.A_DN if given.starts_BL is None else given.starts_BL
        start = last_BDN if h0_BDN is None else h0_BDN.contiguous()
        with on_device_of(y_BLD):
            kernels.forward_kernel[sizes.grid](
                *given.strided(), *given.constants(), start, starts, y_BLD, kept, last_BDN,
                *sizes.numbers, **sizes.tiles, U=UNROLL, **given.flags(softplus),
                HAS_START=h0_BDN is not None, KEEP=keep, **sizes.launch,
            )  # fmt: skip
        if keep:
            ctx.save_for_backward(*given, kept)
        ctx.softplus, ctx.has_start = softplus, h0_BDN is not None
        return y_BLD, last_BDN

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLD: Tensor, dlast_BDN: Tensor) -> tuple[Tensor | None, ...]:
        *given, kept = ctx.saved_tensors
        given, dy_BLD = _Inputs(*given), dense_last(dy_BLD)
        sizes, like = _Sizes(given, TILE_BACK), {"device": dy_BLD.device, "dtype": torch.float32}
        shape = (sizes.batch, sizes.length, sizes.channels)
        du, ddelta = (torch.empty(shape, **like | {"dtype": x.dtype}) for x in given[:2])
        dz = du if given.z_BLD is None else torch.empty_like(du, dtype=given.z_BLD.dtype)
        maps = (sizes.groups, sizes.blocks, sizes.batch, sizes.length, sizes.states)
        dB, dC = torch.empty(maps, **like), torch.empty(maps, **like)
        dA, dh0 = torch.empty_like(dlast_BDN), torch.empty_like(dlast_BDN)
        dD, dbias = (torch.empty(sizes.batch, sizes.channels, **like) for _ in range(2))
        starts = given.A_DN if given.starts_BL is None else given.starts_BL
        with on_device_of(dy_BLD):
            kernels.backward_kernel[sizes.grid](
                *given.strided(), dy_BLD, *dy_BLD.stride()[:2], *given.constants(), starts, kept,
                dlast_BDN.contiguous(), du, ddelta, dz, dB, dC, dA, dD, dbias, dh0,
                *sizes.numbers, **sizes.tiles, **given.flags(ctx.softplus), **sizes.launch,
            )  # fmt: skip
        dB, dC = (
            part.sum(1).transpose(0, 1).to(x.dtype)
            for part, x in ((dB, given.B_BGLN), (dC, given.C_BGLN))
        )
        return (
            None,
            None,
            du,
            ddelta,
            None if given.z_BLD is None else dz,
            dB,
            dC,
            dA.sum(0),
            None if given.D_D is None else dD.sum(0),
            None if given.bias_D is None else dbias.sum(0),
            None,
            dh0 if ctx.has_start else None,
        )

"""sLSTM on the GPU as a function with its gradient.

Only the recurrence itself runs position by position. The gates of all positions are formed again in
the backward pass as one product with the outputs that were kept, and so is the weights' gradient.
"""

# Shapes: B batch, L length, G the four gates i, f, z, o, H heads, D width of a head.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..gpu import block, dense_last, on_device_of
from ..shapes import document_starts
from . import triton as kernels
from .state import SLSTMState

# Rows of the batch in a program: the least that a tensor core multiplies.
ROWS = 16


def slstm_triton(
    x: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    *,
    initial_state: SLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
) -> Tensor | tuple[Tensor, SLSTMState]:
    """The whole length in one launch; arguments are those of `biosequence.kernels.slstm`."""
    batch, _, _, heads, width = x.shape
    raw = x if bias is None else x.float() + bias.float()
    state = initial_state or SLSTMState.zeros(batch, heads, width, device=x.device)
    starts_BL = None if seq_idx is None else document_starts(seq_idx).to(torch.int8)
    y_BLHD, *last = _Recurrence.apply(
        raw, recurrent.float(), *(part.float() for part in state), starts_BL, _precision(x)
    )
    y_BLHD = y_BLHD.to(x.dtype)
    return (y_BLHD, SLSTMState(*last)) if return_last_state else y_BLHD


def _precision(x: Tensor) -> str:
    return "tf32x3" if x.dtype == torch.float32 else "tf32"


def _launch(width: int, precision: str) -> dict[str, Any]:
    X = block(width, 16, 128)
    # The weights of a gate pass through registers.
    warps = 4 if X <= 32 else 8
    return {"R": ROWS, "X": X, "PRECISION": precision, "num_warps": warps, "num_stages": 1}


class _Recurrence(torch.autograd.Function):
    """Outputs and the parts of the last state."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        y0: Tensor,
        c0: Tensor,
        n0: Tensor,
        m0: Tensor,
        starts_BL: Tensor | None,
        precision: str,
    ) -> tuple[Tensor, ...]:
        x, weight = dense_last(x), weight.contiguous()
        batch, length, _, heads, width = x.shape
        start = [part.contiguous() for part in (y0, c0, n0, m0)]
        found = [
            torch.empty(batch, length, heads, width, device=x.device, dtype=torch.float32)
            for _ in range(4)
        ]
        with on_device_of(x):
            kernels.forward_kernel[heads, -(-batch // ROWS)](
                x, *x.stride()[:4], weight, weight if starts_BL is None else starts_BL, *start,
                *found, batch, length, heads, width, HAS_DOCUMENT=starts_BL is not None,
                **_launch(width, precision),
            )  # fmt: skip
        ctx.precision = precision
        ctx.save_for_backward(x, weight, *start, starts_BL, *found)
        return found[0].clone(), *(part[:, -1].clone() for part in found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLHD: Tensor, *dlast: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y0, c0, n0, m0, starts_BL, ys, cs, ns, ms = ctx.saved_tensors
        batch, length, _, heads, width = x.shape
        before_BLHD = torch.cat([y0[:, None], ys[:, :-1]], 1)
        if starts_BL is not None:
            before_BLHD = before_BLHD.masked_fill(starts_BL.bool()[..., None, None], 0.0)
        raw = torch.einsum("blhi,ghoi->blgho", before_BLHD, weight).add_(x).contiguous()
        draw = torch.empty_like(raw)
        dstart = [torch.empty_like(y0) for _ in range(4)]
        with on_device_of(x):
            kernels.backward_kernel[heads, -(-batch // ROWS)](
                raw, weight, weight if starts_BL is None else starts_BL, c0, n0, m0, cs, ns, ms,
                dy_BLHD.contiguous(), *(part.contiguous() for part in dlast), draw, *dstart,
                batch, length, heads, width, HAS_DOCUMENT=starts_BL is not None,
                **_launch(width, ctx.precision),
            )  # fmt: skip
        dweight = torch.einsum("blgho,blhi->ghoi", draw, before_BLHD)
        return draw.to(x.dtype), dweight, *dstart, None, None

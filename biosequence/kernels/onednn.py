"""Products of float32 matrices on the CPU, from the library that is faster there.

torch gives them to MKL, which uses half the width of an AMD processor's vectors. oneDNN, to which
torch gives its 16-bit products, uses all of it. Sums are in float32 in both.
"""

# Shapes: M rows, K summed over, N columns; I inputs and O outputs of a layer.

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Multiplications below which the call itself takes longer than they do.
LEAST_WORK = 1 << 21


@cache
def has_wider() -> bool:
    """Whether this machine's products are faster in oneDNN than as torch does them."""
    from llvmlite import binding

    return (
        binding.get_host_cpu_name().startswith("znver")
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def product(a_MK: Tensor, b_KN: Tensor, bias_N: Tensor | None = None) -> Tensor:
    """Product (M, N) of two float32 matrices on the CPU, outside autograd.

    Parameters
    ----------
    a_MK, b_KN
        The matrices; transposed views cost no copy.
    bias_N
        Added to each row.

    Examples
    --------
    >>> product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if a_MK.numel() * b_KN.shape[1] >= LEAST_WORK and has_wider():
        a_MK, b_NK = _dense(a_MK), _dense(b_KN.t())
        return torch.ops.mkldnn._linear_pointwise(a_MK, b_NK, bias_N, "none", [], "")
    return torch.mm(a_MK, b_KN) if bias_N is None else torch.addmm(bias_N, a_MK, b_KN)


def _dense(x: Tensor) -> Tensor:
    # For rows with gaps between them oneDNN has slow loops only, hundreds of times slower.
    return x if x.is_contiguous() or x.t().is_contiguous() else x.contiguous()


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """What ``torch.nn.functional.linear`` gives, with products as :func:`product` has them.

    Examples
    --------
    >>> linear(torch.ones(1, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 7.]])
    """
    tensors = (x, weight_OI) if bias_O is None else (x, weight_OI, bias_O)
    single = all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)
    if not single or torch.is_autocast_enabled("cpu") or not has_wider():
        return F.linear(x, weight_OI, bias_O)
    return _Linear.apply(x, weight_OI, bias_O)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight_OI)
        y_MO = product(x.reshape(-1, x.shape[-1]), weight_OI.t(), bias_O)
        return y_MO.view(*x.shape[:-1], len(weight_OI))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight_OI = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        dy_MO = dy.reshape(-1, dy.shape[-1])
        return (
            product(dy_MO, weight_OI).view_as(x) if wants_x else None,
            product(dy_MO.t(), x.reshape(-1, x.shape[-1])) if wants_weight else None,
            dy_MO.sum(0) if wants_bias else None,
        )

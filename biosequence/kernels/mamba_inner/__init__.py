"""What stands between the projections of a Mamba-1 mixer, with the second of them, as one op."""

# Shapes: B batch, L length, D channels, W width of the window, N state size, R rank of the step
# sizes, S = R + 2 N, H width of the model.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..compiled_loops import numba_missing
from ..dispatch import Backend, Dispatcher
from ..shapes import Shapes

if TYPE_CHECKING:
    from torch import Tensor


def _not_single_on_cpu(*args: Any, **options: Any) -> str | None:
    tensors = [value for value in args if hasattr(value, "dtype")]
    if any(tensor.device.type != "cpu" for tensor in tensors):
        return "a tensor is not on the CPU"
    others = [str(t.dtype) for t in tensors if str(t.dtype) != "torch.float32"]
    return f"it computes in float32 and a tensor holds {others[0]}" if others else None


_RUN = Dispatcher(
    "mamba_inner",
    [
        Backend("cpu", f"{__name__}.cpu:mamba_inner_cpu", numba_missing, _not_single_on_cpu),
        Backend("pieces", f"{__name__}.pieces:mamba_inner_pieces"),
        Backend("naive", f"{__name__}.naive:mamba_inner_naive"),
    ],
)

__all__ = ["mamba_inner"]


def mamba_inner(
    xz: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor | None,
    x_proj: Tensor,
    dt_proj: Tensor,
    dt_bias: Tensor | None,
    A: Tensor,
    D: Tensor | None,
    out_proj: Tensor,
    out_bias: Tensor | None = None,
    *,
    seq_idx: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    """Output of a Mamba-1 mixer from what its input projection gives.

    Convolution with SiLU, ``x_proj``, ``dt_proj``, softplus, selective scan, gate and ``out_proj``
    (Gu and Dao 2023, arXiv 2312.00752, section 3.4), without a state before or after. Every
    floating-point argument gets its gradient.

    Parameters
    ----------
    xz
        Input of the convolution, then gate (B, L, 2 D).
    conv_weight, conv_bias
        Window of each channel (D, W) and bias (D,).
    x_proj
        From channels to step sizes' factor, B and C (R + 2 N, D).
    dt_proj, dt_bias
        From the factor to step sizes (D, R), and what is added before the softplus (D,).
    A
        Rates (D, N), negative for a state that fades.
    D
        Skip weight (D,).
    out_proj, out_bias
        From channels to the model's width (H, D), and bias (H,).
    seq_idx
        Document number of each position (B, L); neither window nor state reaches into another
        document. None for one document.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    Output (B, L, H) in the type of xz.

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Examples
    --------
    >>> import torch
    >>> xz, ones = torch.ones(1, 3, 2), torch.ones(1, 1)
    >>> y = mamba_inner(xz, ones, None, torch.ones(3, 1), ones, None, -ones, None, ones)
    >>> y.shape
    torch.Size([1, 3, 1])
    """
    shapes = Shapes("mamba_inner")
    shapes.check("A", A, "DN")
    shapes.check("dt_proj", dt_proj, "DR")
    channels, (size, rank) = shapes.sizes["D"], (shapes.sizes["N"], shapes.sizes["R"])
    shapes.sizes |= {"S": rank + 2 * size, "X": 2 * channels}
    shapes.check("xz", xz, "BLX")
    shapes.check("x_proj", x_proj, "SD")
    shapes.check("conv_weight", conv_weight, "DW")
    shapes.check("out_proj", out_proj, "HD")
    shapes.check("out_bias", out_bias, "H")
    for name, weight in (("conv_bias", conv_bias), ("dt_bias", dt_bias), ("D", D)):
        shapes.check(name, weight, "D")
    shapes.check_documents(seq_idx)
    return _RUN(
        xz,
        conv_weight,
        conv_bias,
        x_proj,
        dt_proj,
        dt_bias,
        A,
        D,
        out_proj,
        out_bias,
        seq_idx=seq_idx,
        backend=backend,
    )

"""sLSTM: the scalar memory of xLSTM, whose gates see the last output, and its step."""

# Shapes: B batch, L length, G the four gates i, f, z, o, H heads, D width of a head.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..compiled_loops import not_single_on_cpu, numba_missing
from ..dispatch import Backend, Dispatcher
from ..gpu import triton_missing, unfit
from ..shapes import Shapes
from .state import SLSTMState

if TYPE_CHECKING:
    from torch import Tensor


def _unfit(x: Any, *others: Any, **options: Any) -> str | None:
    if x.shape[-1] > 128:
        return f"its kernel has heads of up to 128 numbers, not {x.shape[-1]}"
    return unfit(x, *others, *options.values())


_RUN = Dispatcher(
    "slstm",
    [
        Backend("triton", f"{__name__}.gpu:slstm_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.cpu:slstm_cpu", numba_missing, not_single_on_cpu),
        Backend("naive", f"{__name__}.naive:slstm_recurrent"),
    ],
)

__all__ = ["SLSTMState", "slstm", "slstm_step"]


def slstm(
    x: Tensor,
    recurrent: Tensor,
    bias: Tensor | None = None,
    *,
    initial_state: SLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, SLSTMState]:
    """Output of a gated scalar memory whose gates also see the output before.

    Parameters
    ----------
    x
        Gates before their activation, in the order i, f, z, o (B, L, 4, H, D).
    recurrent
        Weights of the last output in each gate (4, H, D, D), the output axis before the input
        axis: ``raw_g = x_g + recurrent_g @ y + bias_g``, each head by itself.
    bias
        Added to the gates (4, H, D).
    initial_state
        Memory before the first position; None for an empty one. It belongs to the document at
        position 0.
    return_last_state
        Also return the memory after the last position.
    seq_idx
        Document number of each position (B, L); each document begins with an empty memory. None
        for one document.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    y (B, L, H, D) in the type of x; with ``return_last_state`` also the state, in fp32 (fp64 for
    fp64 inputs).

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Notes
    -----
    xLSTM: Extended Long Short-Term Memory (Beck et al. 2024), equations 8 to 17, with the
    stabiliser of appendix A.2. A cell whose n is 0 takes m from its input gate. The published code
    does so only while every cell of the batch is empty; outputs agree, and no cell depends on
    another row's document.

    Examples
    --------
    >>> import torch
    >>> y, state = slstm(torch.ones(1, 3, 4, 2, 8), torch.zeros(4, 2, 8, 8), return_last_state=True)
    >>> y.shape, y[0, 0, 0, 0].item()
    (torch.Size([1, 3, 2, 8]), 0.5567...)
    """
    shapes = Shapes("slstm")
    shapes.check("x", x, "BLGHD")
    _check_weights(shapes, x, recurrent, bias)
    shapes.check_documents(seq_idx)
    _check_state("initial_state", initial_state, shapes)
    return _RUN(
        x,
        recurrent,
        bias,
        initial_state=initial_state,
        return_last_state=return_last_state,
        seq_idx=seq_idx,
        backend=backend,
    )


def slstm_step(
    x: Tensor, recurrent: Tensor, bias: Tensor | None = None, *, state: SLSTMState
) -> tuple[Tensor, SLSTMState]:
    """Output and new memory of one position: :func:`slstm` for a length of 1.

    Parameters
    ----------
    x
        Gates of this position before their activation, in the order i, f, z, o (B, 4, H, D).
    recurrent, bias
        As in :func:`slstm`.
    state
        Memory before this position; it is left as it is.

    Returns
    -------
    y (B, H, D) in the type of x, and the memory after this position.

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.

    Examples
    --------
    >>> import torch
    >>> state = SLSTMState.zeros(1, 2, 8)
    >>> y, state = slstm_step(torch.ones(1, 4, 2, 8), torch.zeros(4, 2, 8, 8), state=state)
    >>> y.shape, state.m[0, 0, 0].item()
    (torch.Size([1, 2, 8]), 1.0)
    """
    from .naive import slstm_step as step

    shapes = Shapes("slstm_step")
    shapes.check("x", x, "BGHD")
    _check_weights(shapes, x, recurrent, bias)
    _check_state("state", state, shapes)
    return step(x, recurrent, bias, state=state)


def _check_weights(shapes: Shapes, x: Tensor, recurrent: Tensor, bias: Tensor | None) -> None:
    if shapes.sizes["G"] != 4:
        raise InputError(
            f"`x` has the shape {tuple(x.shape)}: {shapes.sizes['G']} gates; {shapes.op} has four.",
            where=f"argument `x` of {shapes.op}",
            fix="Stack the gates i, f, z, o on the third axis from the end.",
        )
    shapes.check("recurrent", recurrent, "GHDD")
    shapes.check("bias", bias, "GHD")


def _check_state(name: str, state: SLSTMState | None, shapes: Shapes) -> None:
    if state is None:
        return
    for part, tensor in zip(SLSTMState._fields, state, strict=True):
        shapes.check(f"{name}.{part}", tensor, "BHD")

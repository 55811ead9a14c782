"""Short causal convolution of each channel by itself, as Mamba and xLSTM have it."""

# Shapes: B batch, D channels, L length, W width of the window.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..compiled_loops import not_single_on_cpu, numba_missing
from ..dispatch import Backend, Dispatcher
from ..gpu import triton_missing, unfit
from ..shapes import Shapes

if TYPE_CHECKING:
    from torch import Tensor


def _unfit(x: Any, weight: Any, *others: Any) -> str | None:
    if weight.shape[1] > 8:
        return f"its kernel has windows of up to 8 positions, not {weight.shape[1]}"
    return unfit(x, weight, *others)


_RUN = Dispatcher(
    "causal_conv1d",
    [
        Backend("triton", f"{__name__}.gpu:causal_conv1d_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.cpu:causal_conv1d_cpu", numba_missing, not_single_on_cpu),
        Backend("shifts", f"{__name__}.shifts:causal_conv1d_shifts"),
        Backend("naive", f"{__name__}.naive:causal_conv1d_naive"),
    ],
)

__all__ = ["causal_conv1d", "causal_conv1d_step"]


def causal_conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    seq_idx: Tensor | None = None,
    initial_states: Tensor | None = None,
    return_final_states: bool = False,
    activation: str | None = None,
    *,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Each channel convolved with its own W weights over this position and the W - 1 before it.

    Parameters
    ----------
    x
        Input (B, D, L).
    weight
        Weights (D, W), the last one for the position itself.
    bias
        Added to the output (D,).
    seq_idx
        Document number of each position (B, L); no window reaches into another document. None for
        one document.
    initial_states
        The W - 1 inputs before the first position (B, D, W - 1); None for zeros.
    return_final_states
        Also return the last W - 1 inputs; those of other documents than the last one are zeros.
    activation
        None or ``"silu"``.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    y (B, D, L) in the type of x; with ``return_final_states`` also the states (B, D, W - 1).

    Raises
    ------
    InputError
        A shape does not fit or the activation is unknown; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    >>> causal_conv1d(x, torch.tensor([[1.0, 10.0]])).flatten()
    tensor([10., 21., 32., 43.])
    """
    shapes = Shapes("causal_conv1d")
    shapes.check("x", x, "BDL")
    shapes.check("weight", weight, "DW")
    shapes.check("bias", bias, "D")
    shapes.check_documents(seq_idx)
    _check_window("initial_states", initial_states, x, weight)
    _check_activation(activation)
    return _RUN(
        x, weight, bias, seq_idx, initial_states, return_final_states, activation, backend=backend
    )


def causal_conv1d_step(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: str | None = None,
    *,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """Output and new state of one position: :func:`causal_conv1d` for a length of 1.

    Parameters
    ----------
    x
        Input of this position (B, D).
    weight, bias, activation
        As in :func:`causal_conv1d`.
    state
        The W - 1 inputs before this position (B, D, W - 1); it is left as it is.

    Returns
    -------
    y (B, D) and the last W - 1 inputs (B, D, W - 1).

    Raises
    ------
    InputError
        A shape does not fit or the activation is unknown; the message names the argument.

    Examples
    --------
    >>> import torch
    >>> state = torch.tensor([[[1.0]]])
    >>> y, state = causal_conv1d_step(
    ...     torch.tensor([[2.0]]), torch.tensor([[1.0, 10.0]]), state=state
    ... )
    >>> y.item(), state.item()
    (21.0, 2.0)
    """
    from .naive import step

    shapes = Shapes("causal_conv1d_step")
    shapes.check("x", x, "BD")
    shapes.check("weight", weight, "DW")
    shapes.check("bias", bias, "D")
    _check_window("state", state, x, weight)
    _check_activation(activation)
    return step(x, weight, bias, activation, state)


def _check_window(name: str, states: Tensor | None, x: Tensor, weight: Tensor) -> None:
    wanted = (x.shape[0], x.shape[1], weight.shape[1] - 1)
    if states is not None and tuple(states.shape) != wanted:
        raise InputError(
            f"`{name}` has the shape {tuple(states.shape)}; (B, D, W - 1) = {wanted} is needed.",
            where=f"argument `{name}` of causal_conv1d",
            fix="Pass the W - 1 inputs that came before; some caches hold W, of which drop the "
            "first.",
        )


def _check_activation(activation: str | None) -> None:
    if activation not in (None, "silu", "swish"):
        raise InputError(
            f"`activation` is {activation!r}; causal_conv1d knows None and 'silu'.",
            where="argument `activation` of causal_conv1d",
            fix="Pass None and apply another activation to the output.",
        )

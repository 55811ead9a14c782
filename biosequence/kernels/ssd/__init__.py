"""State space duality, the recurrence of Mamba-2 (Dao and Gu 2024, arXiv 2405.21060)."""

# Shapes: B batch, L length, H heads, P head size, N state size, G groups of heads with a B and C.

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..dispatch import Backend, Dispatcher
from ..gpu import triton_missing, unfit
from ..shapes import Shapes

if TYPE_CHECKING:
    from torch import Tensor


def _unfit(*args: Any, **options: Any) -> str | None:
    return unfit(*args, *options.values())


def _has_no_doubles(x: Tensor, *args: Any, **options: Any) -> str | None:
    return "its sums need float64, which MPS lacks" if x.device.type == "mps" else None


_RUN = Dispatcher(
    "ssd",
    [
        Backend("triton", f"{__name__}.triton:ssd_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.cpu:ssd_cpu", accepts=_has_no_doubles),
        Backend("naive", f"{__name__}.naive:ssd_naive"),
    ],
)

__all__ = ["ssd", "ssd_step"]


def ssd(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int | None = None,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    initial_states: Tensor | None = None,
    seq_idx: Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, inf),
    return_final_states: bool = False,
    *,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Output of ``S_t = exp(dt_t A) S_(t-1) + dt_t x_t B_t^T``, ``y_t = S_t C_t + D x_t``.

    Every floating-point argument gets its gradient, also through the final states. The state is
    float32 (float64 for float64 input).

    Parameters
    ----------
    x
        Input (B, L, H, P).
    dt
        Step sizes before bias, softplus and limits (B, L, H).
    A
        Rate of each head (H,), negative for a state that fades.
    B, C
        Input and output maps (B, L, G, N), for G groups of heads.
    chunk_size
        Positions that are computed at once; None for what suits the back end. The result is the
        same up to rounding.
    D
        Skip weight (H,) or (H, P).
    z
        Gate (B, L, H, P): the output is multiplied by silu(z).
    dt_bias
        Added to the step sizes (H,).
    initial_states
        States before the first position (B, H, P, N); None for zeros.
    seq_idx
        Document number of each position (B, L); the state is not carried from one document into
        the next. None for one document.
    dt_softplus
        Pass the step sizes through softplus.
    dt_limit
        Least and greatest step size.
    return_final_states
        Also return the states after the last position.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    y (B, L, H, P) in the type of x; with ``return_final_states`` also the states (B, H, P, N).

    Raises
    ------
    InputError
        A shape does not fit or the chunk size is below 1; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Examples
    --------
    >>> import torch
    >>> x, dt, maps = torch.ones(1, 3, 1, 1), torch.ones(1, 3, 1), torch.ones(1, 3, 1, 1)
    >>> ssd(x, dt, torch.zeros(1), maps, maps).flatten()
    tensor([1., 2., 3.])
    """
    shapes = Shapes("ssd")
    for name, tensor in (("x", x), ("z", z)):
        shapes.check(name, tensor, "BLHP")
    shapes.check("dt", dt, "BLH")
    shapes.check("A", A, "H")
    for name, tensor in (("B", B), ("C", C)):
        shapes.check(name, tensor, "BLGN")
    shapes.check_groups("B", "G", "H")
    shapes.check("D", D, "H", "HP")
    shapes.check("dt_bias", dt_bias, "H")
    shapes.check("initial_states", initial_states, "BHPN")
    shapes.check_documents(seq_idx)
    if chunk_size is not None and chunk_size < 1:
        raise InputError(
            f"`chunk_size` is {chunk_size}; ssd needs 1 or more.",
            where="argument `chunk_size` of ssd",
            fix="Leave it out to get the one that suits the back end.",
        )
    return _RUN(
        x,
        dt,
        A,
        B,
        C,
        chunk_size,
        D,
        z,
        dt_bias,
        initial_states,
        seq_idx,
        dt_softplus,
        dt_limit,
        return_final_states,
        backend=backend,
    )


def ssd_step(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, inf),
    *,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """Output and new state of one position: :func:`ssd` for a length of 1.

    Parameters
    ----------
    x, z
        Input and gate of this position (B, H, P).
    dt
        Step sizes of this position (B, H).
    A, D, dt_bias, dt_softplus, dt_limit
        As in :func:`ssd`.
    B, C
        Maps of this position (B, G, N).
    state
        State before this position (B, H, P, N); it is left as it is.

    Returns
    -------
    y (B, H, P) and the state after this position (B, H, P, N).

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.

    Examples
    --------
    >>> import torch
    >>> x, dt, state = torch.ones(1, 1, 1), torch.ones(1, 1), torch.full((1, 1, 1, 1), 2.0)
    >>> y, state = ssd_step(x, dt, torch.zeros(1), x, x, state=state)
    >>> y.item(), state.item()
    (3.0, 3.0)
    """
    from .naive import step

    shapes = Shapes("ssd_step")
    for name, tensor in (("x", x), ("z", z)):
        shapes.check(name, tensor, "BHP")
    shapes.check("dt", dt, "BH")
    shapes.check("A", A, "H")
    for name, tensor in (("B", B), ("C", C)):
        shapes.check(name, tensor, "BGN")
    shapes.check_groups("B", "G", "H")
    shapes.check("D", D, "H", "HP")
    shapes.check("dt_bias", dt_bias, "H")
    shapes.check("state", state, "BHPN")
    return step(x, dt, A, B, C, D, z, dt_bias, dt_softplus, dt_limit, state)

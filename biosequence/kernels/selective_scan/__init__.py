"""Selective scan, the recurrence of Mamba-1 (Gu and Dao 2023, arXiv 2312.00752, algorithm 2)."""

# Shapes: B batch, D channels, L length, N state size, G groups of channels with a B and C each.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..compiled_loops import not_single_on_cpu, numba_missing
from ..dispatch import Backend, Dispatcher
from ..gpu import triton_missing, unfit
from ..shapes import Shapes

if TYPE_CHECKING:
    from torch import Tensor


def _unfit(u: Any, delta: Any, A: Any, *others: Any, **options: Any) -> str | None:
    if A.shape[1] > 512:
        return f"its kernel holds states of up to 512 numbers a channel, not {A.shape[1]}"
    return unfit(u, delta, A, *others, *options.values())


_RUN = Dispatcher(
    "selective_scan",
    [
        Backend("triton", f"{__name__}.gpu:selective_scan_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.cpu:selective_scan_cpu", numba_missing, not_single_on_cpu),
        Backend("recompute", f"{__name__}.recompute:selective_scan_recompute"),
        Backend("naive", f"{__name__}.naive:selective_scan_naive"),
    ],
)

__all__ = ["selective_scan", "selective_scan_step"]


def selective_scan(
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
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Output of ``h_t = exp(dt_t A) h_(t-1) + dt_t B_t u_t``, ``y_t = C_t h_t + D u_t``.

    Every floating-point argument gets its gradient, also through the last state. The state is
    float32 (float64 for float64 input). Views whose channels lie last in memory,
    ``x_BLD.transpose(1, 2)``, cost no copy.

    Parameters
    ----------
    u
        Input (B, D, L).
    delta
        Step sizes before bias and softplus (B, D, L).
    A
        Rates (D, N), negative for a state that fades.
    B, C
        Input and output maps, (B, N, L) or (B, G, N, L) for G groups of channels.
    D
        Skip weight (D,).
    z
        Gate (B, D, L): the output is multiplied by silu(z).
    delta_bias
        Added to the step sizes (D,).
    delta_softplus
        Pass the step sizes through softplus.
    initial_state
        State before the first position (B, D, N); None for zeros.
    return_last_state
        Also return the state after the last position.
    seq_idx
        Document number of each position (B, L); the state is not carried from one document into
        the next. None for one document.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    y (B, D, L) in the type of u; with ``return_last_state`` also the state (B, D, N).

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Examples
    --------
    >>> import torch
    >>> u, maps = torch.ones(1, 1, 4), torch.ones(1, 1, 4)
    >>> y, state = selective_scan(u, u, torch.zeros(1, 1), maps, maps, return_last_state=True)
    >>> y.flatten().tolist(), state.item()
    ([1.0, 2.0, 3.0, 4.0], 4.0)
    """
    shapes = Shapes("selective_scan")
    for name, tensor in (("u", u), ("delta", delta), ("z", z)):
        shapes.check(name, tensor, "BDL")
    shapes.check("A", A, "DN")
    shapes.check("B", B, "BNL", "BGNL")
    shapes.check("C", C, "BNL" if B.dim() == 3 else "BGNL")
    if B.dim() == 4:
        shapes.check_groups("B", "G", "D")
    shapes.check("D", D, "D")
    shapes.check("delta_bias", delta_bias, "D")
    shapes.check("initial_state", initial_state, "BDN")
    shapes.check_documents(seq_idx)
    return _RUN(
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
        seq_idx=seq_idx,
        backend=backend,
    )


def selective_scan_step(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    *,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """Output and new state of one position: :func:`selective_scan` for a length of 1.

    Parameters
    ----------
    u, delta, z
        Input, step sizes and gate of this position (B, D).
    A, D, delta_bias
        As in :func:`selective_scan`.
    B, C
        Maps of this position, (B, N) or (B, G, N).
    delta_softplus
        Pass the step sizes through softplus.
    state
        State before this position (B, D, N); it is left as it is.

    Returns
    -------
    y (B, D) and the state after this position (B, D, N).

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.

    Examples
    --------
    >>> import torch
    >>> one, state = torch.ones(1, 1), torch.full((1, 1, 1), 2.0)
    >>> y, state = selective_scan_step(one, one, torch.zeros(1, 1), one, one, state=state)
    >>> y.item(), state.item()
    (3.0, 3.0)
    """
    from .naive import step

    shapes = Shapes("selective_scan_step")
    for name, tensor in (("u", u), ("delta", delta), ("z", z)):
        shapes.check(name, tensor, "BD")
    shapes.check("A", A, "DN")
    shapes.check("B", B, "BN", "BGN")
    shapes.check("C", C, "BN" if B.dim() == 2 else "BGN")
    if B.dim() == 3:
        shapes.check_groups("B", "G", "D")
    shapes.check("D", D, "D")
    shapes.check("delta_bias", delta_bias, "D")
    shapes.check("state", state, "BDN")
    return step(u, delta, A, B, C, D, z, delta_bias, delta_softplus, state)

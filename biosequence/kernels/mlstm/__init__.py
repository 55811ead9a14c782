"""mLSTM: the matrix memory of xLSTM, its step, and both directions under one normaliser."""

# Shapes: B batch, H heads, L length, K query and key width, V value width.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..dispatch import Backend, Dispatcher
from ..gpu import triton_missing, unfit
from ..shapes import Shapes
from .state import MLSTMState

if TYPE_CHECKING:
    from torch import Tensor


def _unfit(*args: Any, **options: Any) -> str | None:
    return unfit(*args, *options.values())


_RUN = Dispatcher(
    "mlstm",
    [
        Backend("triton", f"{__name__}.triton:mlstm_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.cpu:mlstm_chunkwise"),
        Backend("naive", f"{__name__}.naive:mlstm_recurrent"),
        Backend("parallel", f"{__name__}.naive:mlstm_parallel"),
    ],
)
_RUN_BOTH = Dispatcher(
    "mlstm_bidirectional",
    [
        Backend("triton", f"{__name__}.bidirectional:bidirectional_triton", triton_missing, _unfit),
        Backend("cpu", f"{__name__}.bidirectional:bidirectional_chunkwise"),
        Backend("parallel", f"{__name__}.bidirectional:bidirectional_parallel"),
    ],
)
GATES = ("exp", "sigmoid")

__all__ = ["MLSTMState", "mlstm", "mlstm_bidirectional", "mlstm_step"]


def mlstm(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    initial_state: MLSTMState | None = None,
    return_last_state: bool = False,
    seq_idx: Tensor | None = None,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
    chunk_size: int | None = None,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, MLSTMState]:
    """What each position reads from a matrix memory of all values so far, faded by the gates.

    Parameters
    ----------
    q, k
        Queries and keys (B, H, L, K); the factor 1/sqrt(K) is put on q here.
    v
        Values (B, H, L, V).
    i, f
        Gates before their activation (B, H, L). The forget gate is a sigmoid.
    initial_state
        Memory before the first position; None for an empty one. It belongs to the document at
        position 0.
    return_last_state
        Also return the memory after the last position.
    seq_idx
        Document number of each position (B, L); nothing is read from another document. None for
        one document.
    input_gate
        ``"exp"`` (the paper's) or ``"sigmoid"``, which needs no stabiliser: m stays 0.
    normalize
        Divide by the larger of abs(q n) and 1, in plain units. False only with the sigmoid gate.
    eps
        Added to the divisor; 1e-6 as in the published models, 0 for exact gradients.
    chunk_size
        Positions that are worked on at once; None chooses by the widths.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    h (B, H, L, V) in the type of v; with ``return_last_state`` also the state, in fp32 (fp64 for
    fp64 inputs).

    Raises
    ------
    InputError
        A shape does not fit or an option is unknown; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Notes
    -----
    xLSTM: Extended Long Short-Term Memory (Beck et al. 2024), equations 19 to 27. The gradient
    includes that of the divisor.

    Examples
    --------
    >>> import torch
    >>> q = k = v = torch.ones(1, 1, 3, 4)
    >>> i = f = torch.zeros(1, 1, 3)
    >>> h, state = mlstm(q, k, v, i, f, return_last_state=True)
    >>> h.shape, state.C.shape
    (torch.Size([1, 1, 3, 4]), torch.Size([1, 1, 4, 4]))
    """
    shapes = _checked("mlstm", q, k, v, i, f, "L", input_gate, normalize)
    shapes.check_documents(seq_idx)
    _check_state("initial_state", initial_state, shapes)
    if chunk_size is not None and chunk_size < 1:
        raise InputError(
            f"`chunk_size` is {chunk_size}; mlstm needs 1 or more.",
            where="argument `chunk_size` of mlstm",
            fix="Leave it out to have it chosen.",
        )
    return _RUN(
        q,
        k,
        v,
        i,
        f,
        initial_state=initial_state,
        return_last_state=return_last_state,
        seq_idx=seq_idx,
        input_gate=input_gate,
        normalize=normalize,
        eps=eps,
        chunk_size=chunk_size,
        backend=backend,
    )


def mlstm_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    state: MLSTMState,
    input_gate: str = "exp",
    normalize: bool = True,
    eps: float = 1e-6,
) -> tuple[Tensor, MLSTMState]:
    """Output and new memory of one position: :func:`mlstm` for a length of 1.

    Parameters
    ----------
    q, k, v
        Query and key (B, H, K) and value (B, H, V) of this position.
    i, f
        Gates before their activation (B, H).
    state
        Memory before this position; it is left as it is.
    input_gate, normalize, eps
        As in :func:`mlstm`.

    Returns
    -------
    h (B, H, V) in the type of v, and the memory after this position.

    Raises
    ------
    InputError
        A shape does not fit or an option is unknown; the message names the argument.

    Examples
    --------
    >>> import torch
    >>> state = MLSTMState.zeros(1, 1, 4, 4)
    >>> q = torch.ones(1, 1, 4)
    >>> h, state = mlstm_step(q, q, q, torch.zeros(1, 1), torch.zeros(1, 1), state=state)
    >>> h[0, 0, 0].item(), state.m.item()
    (0.9999995..., 0.0)
    """
    from .naive import mlstm_step as step

    shapes = _checked("mlstm_step", q, k, v, i, f, "", input_gate, normalize)
    _check_state("state", state, shapes)
    return step(q, k, v, i, f, state=state, input_gate=input_gate, normalize=normalize, eps=eps)


def mlstm_bidirectional(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    *,
    f_reverse: Tensor | None = None,
    eps: float = 1e-6,
    seq_idx: Tensor | None = None,
    backend: str | None = None,
) -> Tensor:
    """What each position reads from values on both sides, under one divisor.

    A position before t fades on its way forward as in :func:`mlstm`, one after t on its way
    backward in the same manner; position t itself counts once.

    Parameters
    ----------
    q, k, v, i, f
        As in :func:`mlstm`.
    f_reverse
        Forget gate of the way backward (B, H, L); None for the same gate.
    eps
        Added to the divisor.
    seq_idx
        Document number of each position (B, L); nothing is read from another document.
    backend
        Back end to insist on; None takes the fastest that can run the call.

    Returns
    -------
    h (B, H, L, V) in the type of v.

    Raises
    ------
    InputError
        A shape does not fit; the message names the argument.
    UsageError
        The back end does not exist or cannot run this call.

    Notes
    -----
    The native bidirectional mode of DNA-xLSTM (Schmidinger et al. 2024).

    Examples
    --------
    >>> import torch
    >>> q = k = torch.ones(1, 1, 3, 4)
    >>> gates = torch.zeros(1, 1, 3)
    >>> h = mlstm_bidirectional(q, k, torch.arange(12.0).view(1, 1, 3, 4), gates, gates)
    >>> h[0, 0, :, 0].round(decimals=3)
    tensor([2.2860, 4.0000, 5.7140])
    """
    shapes = _checked("mlstm_bidirectional", q, k, v, i, f, "L", "exp", True)
    shapes.check("f_reverse", f_reverse, "BHL")
    shapes.check_documents(seq_idx)
    return _RUN_BOTH(q, k, v, i, f, f_reverse=f_reverse, eps=eps, seq_idx=seq_idx, backend=backend)


def _checked(
    op: str,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    i: Tensor,
    f: Tensor,
    length: str,
    input_gate: str,
    normalize: bool,
) -> Shapes:
    shapes = Shapes(op)
    for name, tensor, axes in (
        ("q", q, f"BH{length}K"),
        ("k", k, f"BH{length}K"),
        ("v", v, f"BH{length}V"),
        ("i", i, f"BH{length}"),
        ("f", f, f"BH{length}"),
    ):
        shapes.check(name, tensor, axes)
    if input_gate not in GATES:
        raise InputError(
            f"`input_gate` is {input_gate!r}; {op} knows 'exp' and 'sigmoid'.",
            where=f"argument `input_gate` of {op}",
            fix="Pass one of the two.",
        )
    if not normalize and input_gate == "exp":
        raise InputError(
            "`normalize` is False with the exponential input gate, whose output has no bound "
            "without the divisor.",
            where=f"argument `normalize` of {op}",
            fix="Leave it True, or pass input_gate='sigmoid'.",
        )
    return shapes


def _check_state(name: str, state: MLSTMState | None, shapes: Shapes) -> None:
    if state is None:
        return
    for part, tensor, axes in zip("Cnm", state, ("BHKV", "BHK", "BH"), strict=True):
        shapes.check(f"{name}.{part}", tensor, axes)

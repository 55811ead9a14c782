"""Which of a file's matrices to read, and why."""

from __future__ import annotations

from collections.abc import Sequence

from biosequence.errors import InputError

from .normalise import NONFINITE_FIX
from .state import MatrixState

_RANK = {"counts": 0, "log1p_cp10k": 1, "log1p_other": 2, "linear": 2}
# Parts or guesses of the counts: splicing classes, imputed or smoothed values, presence calls.
_PARTIAL_WORDS = ("spliced", "ambiguous", "imputed", "magic", "denoised", "smooth", "binary")
_PARTIAL_NAMES = ("Ms", "Mu")  # scVelo's moments
_FULL_SHARE = 0.8
_SHORT = {
    "counts": "raw counts",
    "log1p_cp10k": "log1p CP10k values",
    "log1p_other": "log values",
    "linear": "normalised values that are not logged",
    "scaled": "scaled values",
    "empty": "nothing",
    "mixed": "counts and logs mixed",
}


def choose_matrix(
    states: Sequence[MatrixState], *, layer: str, where: str
) -> tuple[MatrixState, str]:
    """The matrix to read and one sentence that says why.

    ``"auto"`` takes the fullest gene set first (within a fifth of the largest), then counts before
    log1p CP10k before other logs and linear values, X before raw before layers.

    Raises
    ------
    InputError
        When no matrix, or not the one asked for, can be brought to log1p CP10k.
    """
    if layer != "auto":
        return _forced(states, layer, where)
    usable = [state for state in states if state.usable]
    if not usable:
        raise _nothing_usable(states, where)
    most = max(state.n_vars for state in usable)
    chosen = min(
        usable, key=lambda state: (state.n_vars < _FULL_SHARE * most, _partial(state), _rank(state))
    )
    return chosen, _reason(chosen, states)


def _rank(state: MatrixState) -> int:
    return 3 if state.rounded else _RANK[state.state]


def _partial(state: MatrixState) -> bool:
    if state.matrix in ("X", "raw"):
        return False
    if state.matrix in _PARTIAL_NAMES or state.maximum <= 1:
        return True
    return any(word in state.matrix.lower() for word in _PARTIAL_WORDS)


def _reason(chosen: MatrixState, states: Sequence[MatrixState]) -> str:
    said = f"Read {place(chosen.matrix)}: {_SHORT[chosen.state]} of {chosen.n_vars:,} columns"
    first = states[0]
    if chosen is first:
        return said + "."
    if not first.usable:
        found = "NaN or infinite values" if first.n_nonfinite else _SHORT[first.state]
        return f"{said}; {place(first.matrix)} holds {found}."
    if first.n_vars < _FULL_SHARE * chosen.n_vars:
        return f"{said}; {place(first.matrix)} has {first.n_vars:,} only."
    return f"{said}; {place(first.matrix)} holds {_SHORT[first.state]}."


def _forced(states: Sequence[MatrixState], layer: str, where: str) -> tuple[MatrixState, str]:
    chosen = next((state for state in states if state.matrix == layer), None)
    if chosen is None:
        named = ", ".join(state.matrix for state in states) or "none"
        msg = f"There is no matrix {layer!r}."
        raise InputError(msg, where=where, fix=f"-> rerun with --layer, one of: auto, {named}")
    if not chosen.usable:
        raise _unusable(chosen, states, where)
    return chosen, f"Read {place(layer)} as asked: {chosen.detail}"


def _unusable(state: MatrixState, states: Sequence[MatrixState], where: str) -> InputError:
    what = f"{state.detail[:-1]}; counts or log values are needed."
    others = [other for other in states if other.usable]
    if not others:
        return InputError(what, where=_nowhere(where), fix=_last_resort(state))
    best = min(others, key=lambda other: (_partial(other), _rank(other), -other.n_vars))
    found = f"{_SHORT[best.state]} found in: {place(best.matrix)}"
    return InputError(
        what,
        where=f"{where}: {found}" if where else found,
        fix=f'-> rerun with --layer {best.matrix}   (python: layer="{best.matrix}")',
    )


def _nothing_usable(states: Sequence[MatrixState], where: str) -> InputError:
    if not states:
        return InputError("The file holds no matrix.", where=where)
    broken = next((state for state in states if state.n_nonfinite), None)
    told = broken or next((state for state in states if state.state != "empty"), states[0])
    return _unusable(told, states, where)


def _nowhere(where: str) -> str:
    said = "no other matrix of the file holds counts or log values"
    return f"{where}: {said}" if where else said


def _last_resort(state: MatrixState) -> str:
    if state.n_nonfinite:
        return NONFINITE_FIX
    if state.state == "empty":
        return "-> check how the file was made; the counts have been lost"
    return (
        "-> put the counts, or log1p values of all genes, back before scaling: "
        'adata.layers["counts"] = ... or adata.raw = ...'
    )


def place(matrix: str) -> str:
    """How users write the matrix: ``X``, ``raw``, ``layers["counts"]``."""
    return matrix if matrix in ("X", "raw") else f'layers["{matrix}"]'

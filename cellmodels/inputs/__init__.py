"""What is in the matrix: its state, its genes, and how to bring it to log1p CP10k."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check import InputCheck, check_input
    from .normalise import check_block, to_cp10k, to_log1p_cp10k
    from .state import MatrixState, matrix_state

_HOMES = {
    "InputCheck": "check",
    "MatrixState": "state",
    "check_block": "normalise",
    "check_input": "check",
    "matrix_state": "state",
    "to_cp10k": "normalise",
    "to_log1p_cp10k": "normalise",
}

__all__ = [
    "InputCheck",
    "MatrixState",
    "check_block",
    "check_input",
    "matrix_state",
    "to_cp10k",
    "to_log1p_cp10k",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

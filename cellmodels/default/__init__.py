"""The embedded default model: weights, classes and the code that runs them without torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import DefaultModel, load_default

_HOMES = {"DefaultModel": "model", "load_default": "model"}

__all__ = ["DefaultModel", "load_default"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

"""Where cells come from: any single-cell file as row blocks, in bounded memory."""

from __future__ import annotations

from importlib import import_module

_HOMES = {"CellSource": "source", "open_cells": "opening", "prefetch": "prefetching"}

__all__ = ["CellSource", "open_cells", "prefetch"]


def __getattr__(name: str):
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

"""Results into files: all of it or nothing, and never into the input."""

from __future__ import annotations

from importlib import import_module

_HOMES = {
    "annotate_memory": "in_memory",
    "preflight": "checks",
    "write_annotated": "annotated",
    "write_table": "table",
}

__all__ = ["annotate_memory", "preflight", "write_annotated", "write_table"]


def __getattr__(name: str):
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

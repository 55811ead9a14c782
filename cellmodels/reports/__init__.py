"""The report: one self-contained HTML file about an annotation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import NameInfo
    from .html import write_report
    from .umap import compute_umap

_HOMES = {"NameInfo": "context", "compute_umap": "umap", "write_report": "html"}

__all__ = ["NameInfo", "compute_umap", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

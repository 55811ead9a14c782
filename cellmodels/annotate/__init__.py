"""The annotation pipeline: check, stream, score, calibrate, vote, write."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedding import embed_cells
    from .options import AnnotateOptions
    from .pipeline import annotate_cells, annotate_file
    from .result import AnnotationResult, AnnotationSummary, ClusterAnswer
    from .table import annotate_markers

_HOMES = {
    "AnnotateOptions": "options",
    "AnnotationResult": "result",
    "AnnotationSummary": "result",
    "ClusterAnswer": "result",
    "annotate_cells": "pipeline",
    "annotate_file": "pipeline",
    "annotate_markers": "table",
    "embed_cells": "embedding",
}

__all__ = [
    "AnnotateOptions",
    "AnnotationResult",
    "AnnotationSummary",
    "ClusterAnswer",
    "annotate_cells",
    "annotate_file",
    "annotate_markers",
    "embed_cells",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

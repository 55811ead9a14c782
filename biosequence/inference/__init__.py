"""Sequence models at work: they write, score and embed, streaming and in bounded memory."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import run_in_batches
    from .loading import LoadedModel, load_model
    from .resumable import ResumableRows, fingerprint

_HOMES = {
    "LoadedModel": "loading",
    "ResumableRows": "resumable",
    "fingerprint": "resumable",
    "load_model": "loading",
    "run_in_batches": "batches",
}

__all__ = [
    "LoadedModel",
    "ResumableRows",
    "fingerprint",
    "load_model",
    "run_in_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

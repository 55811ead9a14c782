"""Public data as training corpora: sources, checks, splits that respect biology, manifests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .download import fetch
    from .manifest import read_manifest
    from .preparing import prepare_corpus
    from .recipe import CorpusRecipe, Option, SourceFile
    from .registry import get_recipe, recipe_names
    from .verifying import verify_corpus

_HOMES = {
    "CorpusRecipe": "recipe",
    "Option": "recipe",
    "SourceFile": "recipe",
    "fetch": "download",
    "get_recipe": "registry",
    "prepare_corpus": "preparing",
    "read_manifest": "manifest",
    "recipe_names": "registry",
    "verify_corpus": "verifying",
}

__all__ = [
    "CorpusRecipe",
    "Option",
    "SourceFile",
    "fetch",
    "get_recipe",
    "prepare_corpus",
    "read_manifest",
    "recipe_names",
    "verify_corpus",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

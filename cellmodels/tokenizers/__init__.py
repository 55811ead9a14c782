"""Cells as tokens: genes by rank, on the shared tokenizer layer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from biosequence.tokenizers import register_tokenizer

if TYPE_CHECKING:
    from .binding import BoundRanks
    from .gene_rank import GeneRankTokenizer
    from .ranking import Ragged
    from .streaming import rank_cells

# Whoever opens a saved tokenizer by name alone imports this package first.
register_tokenizer("gene-rank", "cellmodels.tokenizers.gene_rank:GeneRankTokenizer")

_HOMES = {
    "BoundRanks": "binding",
    "GeneRankTokenizer": "gene_rank",
    "Ragged": "ranking",
    "rank_cells": "streaming",
}

__all__ = ["BoundRanks", "GeneRankTokenizer", "Ragged", "rank_cells"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Gene names: what a file calls its genes, in the official symbols of today."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .homology import orthologs, shared_names
    from .mapping import GeneMap, map_genes
    from .tables import ORGANISMS, GeneTable, gene_table, is_symbol, official_symbol

_HOMES = {
    "GeneMap": "mapping",
    "GeneTable": "tables",
    "ORGANISMS": "tables",
    "gene_table": "tables",
    "is_symbol": "tables",
    "map_genes": "mapping",
    "official_symbol": "tables",
    "orthologs": "homology",
    "shared_names": "homology",
}

__all__ = [
    "ORGANISMS",
    "GeneMap",
    "GeneTable",
    "gene_table",
    "is_symbol",
    "map_genes",
    "official_symbol",
    "orthologs",
    "shared_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

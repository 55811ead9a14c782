"""Splits that respect biology: nothing that belongs together sits in two of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fractions import Fractions, assign_groups, fill_largest_first, split_of_key
    from .homology import homology_clusters
    from .linking import linked_groups
    from .molecule_scaffolds import murcko_scaffold
    from .strands import strand_key

_HOMES = {
    "Fractions": "fractions",
    "assign_groups": "fractions",
    "fill_largest_first": "fractions",
    "homology_clusters": "homology",
    "linked_groups": "linking",
    "murcko_scaffold": "molecule_scaffolds",
    "split_of_key": "fractions",
    "strand_key": "strands",
}

__all__ = [
    "Fractions",
    "assign_groups",
    "fill_largest_first",
    "homology_clusters",
    "linked_groups",
    "murcko_scaffold",
    "split_of_key",
    "strand_key",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

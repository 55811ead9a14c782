"""Scores of embeddings: how well batches are mixed, and how well cell types are kept.

Definitions are those of the benchmark scib (Luecken et al. 2022, "Benchmarking atlas-level data
integration in single-cell genomics"), as far as scikit-learn can compute them. Everything here is
a function of arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clusterings import adjusted_rand, kmeans_clusterings, mutual_information
    from .integration import integration_scores
    from .isolated import isolated_f1, isolated_labels, isolated_silhouette
    from .mixing import graph_connectivity, pcr_comparison, principal_component_regression
    from .silhouettes import silhouette_batch, silhouette_label

_HOMES = {
    "adjusted_rand": "clusterings",
    "graph_connectivity": "mixing",
    "integration_scores": "integration",
    "isolated_f1": "isolated",
    "isolated_labels": "isolated",
    "isolated_silhouette": "isolated",
    "kmeans_clusterings": "clusterings",
    "mutual_information": "clusterings",
    "pcr_comparison": "mixing",
    "principal_component_regression": "mixing",
    "silhouette_batch": "silhouettes",
    "silhouette_label": "silhouettes",
}

__all__ = [
    "adjusted_rand",
    "graph_connectivity",
    "integration_scores",
    "isolated_f1",
    "isolated_labels",
    "isolated_silhouette",
    "kmeans_clusterings",
    "mutual_information",
    "pcr_comparison",
    "principal_component_regression",
    "silhouette_batch",
    "silhouette_label",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Cell types and tissues as ontology terms: look-up by free text, relations, coarse lineages."""

from __future__ import annotations

from .cells import CellOntology, cell_ontology

__all__ = ["CellOntology", "cell_ontology"]

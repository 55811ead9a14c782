"""Cell types and tissues as ontology terms: look-up by free text, relations, coarse lineages."""

from __future__ import annotations

from .cells import CellOntology, cell_ontology
from .match import Match
from .tissues import TissueOntology, tissue_ontology

__all__ = ["CellOntology", "Match", "TissueOntology", "cell_ontology", "tissue_ontology"]
